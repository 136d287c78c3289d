"""Hubs to run every command on, in this process: one line each in `WORLDS`."""

import io
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.cli.team import until
from tests.hub import ledger
from tests.hub.reach import Way, reached_over
from tests.remote.machine import Machine
from tests.served.host import host
from tests.served.members import Members, ServedWay
from xw import agent, config, schemes
from xw.files.local import LocalFiles
from xw.hub import opening, ssh
from xw.hub.contract import Hub
from xw.hub.making import create_hub
from xw.hub.served import client
from xw.layout import INBOX
from xw.mirror.mirror import Mirror
from xw.mirror.notes import Notes
from xw.mirror.watcher import MirrorWatcher

SOON_S = (0.02, 0.1)  # between two looks at the hub, so that waiting takes no test's time


class World(Protocol):
    """A hub that nobody has made yet, and what happens to it besides commands; whether it has `rooms`."""

    url: str
    rooms: bool

    def hub(self, end: str = "") -> Hub:
        """Return a separate connection to the hub, or to the one whose URL has another end."""

    def let_in(self, machine: Machine) -> None:
        """Do what must be done before a machine's instance can join the hub."""

    def cut(self) -> None:
        """Take the hub off the network."""

    def back(self) -> None:
        """End that."""

    def vanish(self) -> None:
        """Let nothing of the hub be left in its place, as after a move."""

    def remove(self, name: str) -> None:
        """Let an instance leave the hub."""

    def age(self, to: str, days: int) -> None:
        """Let all that lies in a mailbox on the hub have been moved last so many days ago."""

    def lose(self, to: str) -> None:
        """Let a mailbox on the hub lose all its mail, as in a restore from an older backup."""


class OpenWorld:
    """A hub that whoever reaches it may join."""

    url: str

    def hub(self, end: str = "") -> Hub:
        """See `World.hub`."""
        return opening.open_hub(self.url + end)

    def let_in(self, machine: Machine) -> None:
        """See `World.let_in`."""


class LedgerWorld(OpenWorld):
    """The hub without files."""

    url = "ledger://test"
    rooms = False

    def __init__(self) -> None:
        self.server = ledger.SERVERS[self.url] = ledger.Server()

    def cut(self) -> None:
        """See `World.cut`."""
        self.server.cut = True
        self.server.touch()

    def back(self) -> None:
        """See `World.back`."""
        self.server.cut = False

    def vanish(self) -> None:
        """See `World.vanish`."""
        self.server.made = False

    def remove(self, name: str) -> None:
        """See `World.remove`."""
        del self.server.cards[name], self.server.entries[name]

    def age(self, to: str, days: int) -> None:
        """See `World.age`."""
        for entry in self.server.entries[to].values():
            entry.since = time.time() - days * 86400

    def lose(self, to: str) -> None:
        """See `World.lose`."""
        self.server.entries[to].clear()
        self.server.files = {key: data for key, data in self.server.files.items() if key[0] != to}


class SshWorld(OpenWorld):
    """A directory on another host."""

    rooms = True

    def __init__(self, root: Path, way: Way) -> None:
        self.root = root
        self.url = f"ssh://host{root}"
        self._way = way

    def cut(self) -> None:
        """See `World.cut`."""
        self._way.cut = True
        self._way.close()

    def back(self) -> None:
        """See `World.back`."""
        self._way.cut = False

    def vanish(self) -> None:
        """See `World.vanish`."""
        shutil.rmtree(self.root)

    def remove(self, name: str) -> None:
        """See `World.remove`."""
        (self.root / name).rename(self.root.parent / f"removed-{name}")

    def age(self, to: str, days: int) -> None:
        """See `World.age`."""
        backdate(self.root / to, days)

    def lose(self, to: str) -> None:
        """See `World.lose`."""
        for folder in (*INBOX.values(), "attachments"):
            for path in (self.root / to / folder).iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()


class ServedWorld(SshWorld):
    """The same, served: each member has a key, and reaches the hub by it alone."""

    rooms = False

    def __init__(self, root: Path, way: ServedWay) -> None:
        super().__init__(root, way)  # type: ignore[arg-type]  # it has what is used of a Way
        self._served = way

    def hub(self, end: str = "") -> Hub:
        """See `World.hub`."""
        members = Members(host(), Path(f"{self.root}{end}"), self.url + end)
        if self._served.cut:
            members.cut()
        self._served.others.append(members)
        return members

    def let_in(self, machine: Machine) -> None:
        """See `World.let_in`."""
        mirror = config.mirror(self.url, config.load(None)._replace(path=str(machine.folder / "xw.json")), {})
        files = LocalFiles(mirror)
        files.make_folder("")
        Notes(files, self.url).note_served(machine.name, f"{self._served.keys}/{machine.name}")


def backdate(mailbox: Path, days: int) -> None:
    """Let what was handled in a mailbox, and its files, be so many days old."""
    at = time.time() - days * 86400
    for folder in (INBOX["done"], INBOX["failed"], "attachments"):
        for path in (mailbox / folder).iterdir():
            os.utime(path, (at, at))


@contextmanager
def _ledger(root: Path) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(schemes.SCHEMES, "ledger", ledger.__name__)
        patch.setattr(ledger, "LOOK_AGAIN_S", SOON_S)
        patch.setattr(ledger, "SERVERS", {})
        yield LedgerWorld()


@contextmanager
def _ssh(root: Path) -> Iterator[World]:
    way = Way()
    with pytest.MonkeyPatch.context() as patch, reached_over(way):
        patch.setattr(ssh, "LOOK_AGAIN_S", SOON_S)
        yield SshWorld(root / "hub", way)


@contextmanager
def _served(root: Path) -> Iterator[World]:
    way = ServedWay(host(), root / "keys")
    (root / "keys").mkdir()
    create_hub(LocalFiles(str(root / "hub")), "test", "", group=False, links=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "LOOK_AGAIN_S", SOON_S)
        patch.setattr(ssh, "link_to", way.link_to)
        yield ServedWorld(root / "hub", way)
    way.close()


WORLDS: dict[str, Callable[[Path], AbstractContextManager[World]]] = {
    "ledger": _ledger,
    "ssh": _ssh,
    "served": _served,
}
OWNERS = [name for name in WORLDS if name != "served"]
"""Those whose hub anybody may make, move, and give an id."""
by_owners = pytest.mark.parametrize("world", OWNERS, indirect=True)


def hub_of(world: World, end: str = "") -> Hub:
    """Return a separate connection to the hub, or to the one whose URL has another end."""
    return world.hub(end)


# While a command runs in this process's main thread, others act in threads of their own, by `xw.open`.


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[None]:
    """Do something in a thread while the body runs; what it raises is raised here."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001  # raised again below
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if raised:
        raise raised[0]


@contextmanager
def ended_once(condition: Callable[[], object], number: int = signal.SIGINT) -> Iterator[None]:
    """End the command that the body runs by a signal, as soon as the condition holds, or fails to come."""
    main, running = threading.main_thread().ident, True
    assert main is not None

    def end() -> None:
        try:
            until(condition)
        finally:
            signal.pthread_kill(main, number)

    def interrupt(_number: int, _frame: object) -> None:
        if running:
            raise KeyboardInterrupt

    handlers = {one: signal.signal(one, interrupt) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        with meanwhile(end):
            yield
            running = False  # a command that has failed is not interrupted, nor is the test
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)


def printed() -> str:
    """Return the output so far of the running command."""
    buffer = sys.stdout.buffer
    return buffer.getvalue().decode() if isinstance(buffer, io.BytesIO) else ""  # which `call` puts there


def acting(machine: Machine) -> agent.Agent:
    """Return the instance of a machine, for another thread than the one that runs commands.

    Not to be closed: the command has the same connection.
    """
    return agent.open(machine.name, config=str(machine.folder / "xw.json"))


@contextmanager
def kept_in_step(machine: Machine, mirror: Mirror | None = None) -> Iterator[list[str]]:
    """Keep a machine's mirror in step while the body runs, as `xw sync --watch` does; what it tells.

    With `mirror`, by a process that has opened it before.
    """
    mirror = mirror or machine.instance().carrier.mirror
    assert mirror
    told: list[str] = []
    watching = MirrorWatcher([mirror], told.append)
    with meanwhile(watching.run):
        try:
            yield told
        finally:
            watching.stop()
