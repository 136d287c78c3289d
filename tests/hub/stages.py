"""The implementations of `Hub` that the contract suite runs on: one line each in `STAGES`."""

import errno
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.files.memory import MemoryFiles
from tests.hub.ledger import LedgerHub, Server
from tests.hub.reach import Way, reached_over
from tests.served.host import host
from tests.served.members import Members
from xw.errors import Damaged, Unreadable
from xw.files.contract import Files
from xw.files.local import LocalFiles
from xw.hub.contract import Hub, Move
from xw.hub.directory import DirectoryHub
from xw.hub.making import create_hub
from xw.hub.ssh import SshHub
from xw.layout import HUB_ID, INBOX, MESSAGE_LIMIT, STATES
from xw.mailbox import Mailbox, Place
from xw.words import State


class Stage(Protocol):
    """A hub, and the hands that do to it what recipients, disks, time and networks do."""

    hub: Hub

    def again(self) -> Hub:
        """The hub as another machine reaches it."""

    def settle(self, to: str, name: str, state: State) -> None:
        """A recipient moves a message on."""

    def held(self, to: str) -> dict[str, bytes]:
        """All messages of a recipient, whatever their state; an error if one is there twice."""

    def file(self, to: str, message_id: str, name: str) -> bytes:
        """An attachment, as the recipient finds it."""

    def another(self) -> Hub:
        """An empty hub in another place."""

    def close(self, to: str) -> None:
        """Let a recipient's mail be refused for now."""

    def open(self, to: str) -> None:
        """End that."""

    def damage(self, to: str, name: str) -> None:
        """Make a pending message one that no xw can read."""

    def bar(self, to: str, name: str) -> None:
        """Make a pending message one that cannot be read now."""

    def stray(self, to: str) -> tuple[str, ...]:
        """Put something among the pending messages that is none; its name, where a hub can hold that."""

    def age(self, to: str, name: str, days: int) -> None:
        """Let a message, and its files, have been moved last so many days ago."""

    def lose_identity(self) -> None:
        """Let the hub have no id, as one that was restored from an older backup."""

    def cut(self) -> None:
        """Make the hub unreachable."""

    def end(self) -> None:
        """Clean up."""


class DirectoryStage:
    """A directory hub in `files`; `backdate` gives what lies at a path an older time."""

    def __init__(
        self,
        files: Files,
        url: str,
        connect: Callable[[], DirectoryHub],
        vanish: Callable[[], None],
        backdate: Callable[[str, float], None],
    ) -> None:
        create_hub(files, "test", "", group=False, links=True)
        self.files = files
        self.url = url
        self.ends = ExitStack()
        self.again = connect
        self.hub: Hub = connect()
        self.cut = vanish
        self._backdate = backdate

    def another(self) -> Hub:
        """See `Stage.another`."""
        in_memory = isinstance(self.files, MemoryFiles)
        files: Files = MemoryFiles(time.time) if in_memory else LocalFiles(f"{self.files.root}-new")
        create_hub(files, "new", "", group=False, links=True)
        return DirectoryHub(files, f"{self.url}-new")

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

    def damage(self, to: str, name: str) -> None:
        """See `Stage.damage`."""
        self.files.replace(b" " * (MESSAGE_LIMIT + 1), f"{to}/inbox/tmp", f"{to}/inbox/pending/{name}")

    def bar(self, to: str, name: str) -> None:
        """See `Stage.bar`. Root may read every local file, so the call fails in its place."""
        barred, read_all = f"{to}/inbox/pending/{name}", self.files.read_all

        def refused(paths: Sequence[str], limit: int) -> Iterator[bytes | OSError | Damaged]:
            for path, data in zip(paths, read_all(paths, limit), strict=True):
                yield PermissionError(errno.EACCES, "Permission denied", path) if path == barred else data

        patch = self.ends.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(self.files, "read_all", refused)

    def stray(self, to: str) -> tuple[str, ...]:
        """See `Stage.stray`."""
        self.files.replace(b"x", f"{to}/inbox/tmp", f"{to}/inbox/pending/rubbish")
        return ("rubbish",)

    def age(self, to: str, name: str, days: int) -> None:
        """See `Stage.age`."""
        mailbox = Mailbox(self.files, to)
        message_id = name.partition(".")[0]
        (path,) = [f"{to}/{INBOX[state]}/{name}" for state in STATES if name in mailbox.names(INBOX[state])]
        self._backdate(path, time.time() - days * 86400)
        if message_id in self.files.list_folder(f"{to}/attachments"):
            self._backdate(f"{to}/attachments/{message_id}", time.time() - days * 86400)

    def lose_identity(self) -> None:
        """See `Stage.lose_identity`."""
        self.files.remove(HUB_ID)

    def end(self) -> None:
        """See `Stage.end`."""
        self.hub.close()
        self.ends.close()


class SshStage(DirectoryStage):
    """A hub on another host, whose disk the stage's hands reach here."""

    def another(self) -> Hub:
        """See `Stage.another`."""
        super().another()
        return SshHub(f"{self.url}-new")

    def bar(self, to: str, name: str) -> None:
        """See `Stage.bar`."""
        os.chmod(f"{self.files.root}/{to}/inbox/pending/{name}", 0)


class ServedStage(SshStage):
    """A served hub, whose disk the stage's hands reach here; a member for each call."""

    def __init__(self, place: Path, url: str) -> None:
        made: list[Members] = []

        def connect() -> Members:
            made.append(Members(host(), place, url))
            self.ends.callback(made[-1].close)
            return made[-1]

        def cut() -> None:
            for one in made:
                one.cut()

        def backdate(path: str, at: float) -> None:
            os.utime(place / path, (at, at))

        super().__init__(LocalFiles(str(place)), url, connect, cut, backdate)  # type: ignore[arg-type]

    def another(self) -> Hub:
        """See `Stage.another`: where a served hub moves to, members reach it served again."""
        DirectoryStage.another(self)
        return Members(host(), Path(f"{self.files.root}-new"), f"{self.url}-new")


class LedgerStage:
    """A hub without files."""

    def __init__(self) -> None:
        self.server = Server()
        self.server.made = True
        self.hub: Hub = self.again()

    def again(self) -> Hub:
        """See `Stage.again`."""
        return LedgerHub("ledger://test", self.server)

    def another(self) -> Hub:
        """See `Stage.another`."""
        server = Server()
        server.made = True
        return LedgerHub("ledger://new", server)

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

    def damage(self, to: str, name: str) -> None:
        """See `Stage.damage`."""
        self.server.entries[to][name].ails = Damaged("it has come to harm")

    def bar(self, to: str, name: str) -> None:
        """See `Stage.bar`."""
        self.server.entries[to][name].ails = Unreadable("its disk is away")

    def stray(self, to: str) -> tuple[str, ...]:  # it holds nothing but messages
        """See `Stage.stray`."""
        return ()

    def age(self, to: str, name: str, days: int) -> None:
        """See `Stage.age`."""
        self.server.entries[to][name].since = time.time() - days * 86400

    def lose_identity(self) -> None:
        """See `Stage.lose_identity`."""
        self.server.identity = ""

    def cut(self) -> None:
        """See `Stage.cut`."""
        self.server.cut = True
        self.server.touch()

    def end(self) -> None:
        """See `Stage.end`."""
        self.hub.close()


def _local(root: Path) -> Stage:
    place = root / "hub"
    files = LocalFiles(str(place))

    def vanish() -> None:
        place.rename(root / "unmounted")

    def backdate(path: str, at: float) -> None:
        os.utime(place / path, (at, at))

    return DirectoryStage(files, str(place), lambda: DirectoryHub(files, str(place)), vanish, backdate)


def _memory(root: Path) -> Stage:
    files = MemoryFiles(time.time)

    def vanish() -> None:
        for name in files.list_folder(""):
            (files.remove_folder if files.stat(name).kind == "folder" else files.remove)(name)

    def backdate(path: str, at: float) -> None:
        files._nodes[path].mtime = at

    return DirectoryStage(files, "test", lambda: DirectoryHub(files, "test"), vanish, backdate)


def _ssh(root: Path) -> Stage:
    place, way = root / "hub", Way()

    def vanish() -> None:
        way.cut = True

    def backdate(path: str, at: float) -> None:
        os.utime(place / path, (at, at))

    ends = ExitStack()
    ends.enter_context(reached_over(way))
    url = f"ssh://host{place}"
    made = SshStage(LocalFiles(str(place)), url, lambda: SshHub(url), vanish, backdate)
    made.ends = ends
    return made


STAGES: dict[str, Callable[[Path], Stage]] = {
    "directory": _local,
    "directory in memory": _memory,
    "ssh": _ssh,
    "served": lambda root: ServedStage(root / "hub", f"ssh://host{root}/hub"),
    "ledger": lambda root: LedgerStage(),
}
OWNERS = [name for name in STAGES if name != "served"]
"""Those on which whoever reaches the hub may also move it, and give it an id."""
PUSHING = [name for name in STAGES if name != "directory in memory"]
"""Those whose hub can push: nobody can watch the directory of the other."""
