"""The implementations of `Hub` that the contract suite runs on: one line each in `STAGES`."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.files.memory import MemoryFiles
from tests.hub.ledger import LedgerHub, Server
from xw.files.contract import Files
from xw.files.local import LocalFiles
from xw.hub.contract import Hub, Move
from xw.hub.directory import DirectoryHub, found
from xw.layout import INBOX, STATES
from xw.mailbox import Mailbox, Place
from xw.words import State


class Stage(Protocol):
    """A hub, and the hands that do to it what recipients and networks do."""

    hub: Hub

    def settle(self, to: str, name: str, state: State) -> None:
        """A recipient moves a message on."""

    def held(self, to: str) -> dict[str, bytes]:
        """All messages of a recipient, whatever their state; an error if one is there twice."""

    def file(self, to: str, message_id: str, name: str) -> bytes:
        """An attachment, as the recipient finds it."""

    def close(self, to: str) -> None:
        """Let a recipient's mail be refused for now."""

    def open(self, to: str) -> None:
        """End that."""

    def cut(self) -> None:
        """Make the hub unreachable."""


class DirectoryStage:
    """A directory hub."""

    def __init__(self, files: Files, vanish: Callable[[], None]) -> None:
        found(files, "test", "", group=False, links=True)
        self.files = files
        self.hub: Hub = DirectoryHub(files, "test")
        self.cut = vanish

    def settle(self, to: str, name: str, state: State) -> None:
        """See `Stage.settle`."""
        mailbox = Mailbox(self.files, to)
        assert mailbox.start(name) if state == "processing" else mailbox.settle(name, state)

    def held(self, to: str) -> dict[str, bytes]:
        """See `Stage.held`."""
        mailbox = Mailbox(self.files, to)
        places = [Place(INBOX[state], name) for state in STATES for name in mailbox.names(INBOX[state])]
        assert len({place.name for place in places}) == len(places), places
        return {place.name: self.files.read(mailbox.at(*place), 1 << 20) for place in places}

    def file(self, to: str, message_id: str, name: str) -> bytes:
        """See `Stage.file`."""
        return self.files.read(Mailbox(self.files, to).attachment(message_id, name), 1 << 20)

    def close(self, to: str) -> None:
        """See `Stage.close`."""
        self.files.move(f"{to}/inbox/pending", f"{to}/inbox/away")

    def open(self, to: str) -> None:
        """See `Stage.open`."""
        self.files.move(f"{to}/inbox/away", f"{to}/inbox/pending")


class LedgerStage:
    """A hub without files."""

    def __init__(self) -> None:
        self.server = Server()
        self.hub: Hub = LedgerHub("ledger://test", self.server)

    def settle(self, to: str, name: str, state: State) -> None:
        """See `Stage.settle`."""
        self.hub.settle(to, [Move(name, "pending", state)])

    def held(self, to: str) -> dict[str, bytes]:
        """See `Stage.held`."""
        return {name: entry.data for name, entry in self.server.entries[to].items()}

    def file(self, to: str, message_id: str, name: str) -> bytes:
        """See `Stage.file`."""
        return self.server.files[to, message_id, name]

    def close(self, to: str) -> None:
        """See `Stage.close`."""
        self.server.closed.add(to)

    def open(self, to: str) -> None:
        """See `Stage.open`."""
        self.server.closed.discard(to)

    def cut(self) -> None:
        """See `Stage.cut`."""
        self.server.cut = True


def _local(root: Path) -> Stage:
    place = root / "hub"

    def vanish() -> None:
        place.rename(root / "unmounted")

    return DirectoryStage(LocalFiles(str(place)), vanish)


def _memory(root: Path) -> Stage:
    files = MemoryFiles(time.time)

    def vanish() -> None:
        for name in files.names(""):
            (files.remove_folder if files.look(name).kind == "folder" else files.remove)(name)

    return DirectoryStage(files, vanish)


STAGES: dict[str, Callable[[Path], Stage]] = {
    "directory": _local,
    "directory in memory": _memory,
    "ledger": lambda root: LedgerStage(),
}
