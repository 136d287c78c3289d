"""Folders that another user of a group hub closes or plants are named and left; they delay nothing else."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.team import Result
from tests.guarantees.owners import GROUP, OTHER, USER, as_user, ok, run
from xw import config, layout
from xw.bridges.chat import Reply
from xw.bridges.loop import Bridge
from xw.files.local import LocalFiles
from xw.hub.directory import DirectoryHub
from xw.instance import Instance
from xw.mailbox import Mailbox
from xw.mirror.carrier import Direct
from xw.rooms import definition
from xw.rooms.coordinator import Coordinator
from xw.rooms.state import State
from xw.rooms.view import RoomView

pytestmark = pytest.mark.root

BOB, MAL = USER, OTHER
TRIES = 8
FAKE = "20261128T224524651476Z-gg5ry4tf.task.mal.json"


class Shared(NamedTuple):
    """A group hub of bob and carl, who are one user, and mal, who is another."""

    ground: Path

    @property
    def hub(self) -> Path:
        return self.ground / "bob/hub"

    def run(self, name: str, *words: str) -> Result:
        """Run a command in the name of an instance."""
        return run(self.ground / self._home(name), self._user(name), name, *words, groups=[GROUP])

    def ok(self, name: str, *words: str) -> str:
        """Run a command that must succeed with nothing on stderr; what it printed."""
        return ok(self.ground / self._home(name), self._user(name), name, *words, groups=[GROUP])

    def chmod(self, name: str, mode: int) -> None:
        """Let the owner of a path in the hub change its mode."""
        (self.hub / name).chmod(mode)

    def states(self, owner: str) -> dict[str, str]:
        """Return the folder of each message in an inbox."""
        return {
            name: state
            for state, folder in layout.INBOX.items()
            for name in os.listdir(self.hub / owner / folder)
            if layout.is_message(name)
        }

    def _user(self, name: str) -> int:
        return MAL if name == "mal" else BOB

    def _home(self, name: str) -> str:
        return "mal" if name == "mal" else "bob"


@pytest.fixture
def shared(ground: Path) -> Shared:
    for name, user in (("bob", BOB), ("mal", MAL)):
        (ground / name).mkdir()
        os.chown(ground / name, user, GROUP)
    made = Shared(ground)
    made.ok("bob", "init", "--name", "bob", "--hub", str(made.hub), "--group", str(GROUP))
    made.ok("bob", "init", "--name", "carl")
    made.ok("mal", "init", "--name", "mal", "--hub", str(made.hub))
    return made


class Parrot:
    """A chat that answers each text at once."""

    limit = 300

    def ready(self) -> str | None:
        return None

    def mark(self) -> str:
        return "0"

    def present(self, mark: str, text: str) -> None:
        """Take any text."""

    def seen(self, mark: str, text: str) -> bool | None:
        return True

    def capture(self, mark: str, text: str) -> Reply | None:
        return Reply("an answer")

    def close(self) -> None:
        """Nothing is open."""


def instance(hub: str, name: str) -> Instance:
    """Return an instance of the hub, opened by the process's own user."""
    files = LocalFiles(hub, group=True)
    mailbox, there = Mailbox(files, name), DirectoryHub(files, hub)
    return Instance(mailbox, there, Direct(mailbox, there), config.NONE, hub)


def bridged(shared: Shared) -> list[str]:
    """Run bob's bridge as bob until nothing is left to do, past errors too; return its reports."""

    def serve() -> list[str]:
        told: list[str] = []
        bridge = Bridge(instance(str(shared.hub), "bob"), Parrot(), told.append)
        failed = 0
        while failed < TRIES:
            try:
                if bridge.step() is None:
                    break
            except Exception as error:  # noqa: BLE001  # as `serve` does
                told.append(repr(error))
                failed += 1
        return told

    told = as_user(BOB, serve, [GROUP])
    assert isinstance(told, list)
    return told


def test_a_closed_mailbox(shared: Shared) -> None:
    """Mail for a mailbox that its owner closed waits, all other mail goes; opened again, it is delivered."""
    shared.chmod("mal", 0o700)
    assert "in the outbox for mal" in shared.ok("bob", "send", "task", "one", "--to", "mal")
    sent = shared.ok("bob", "send", "info", "two", "--to", "all")
    assert "delivered to carl; in the outbox for mal" in sent
    assert "cannot be read: Permission denied" in shared.ok("bob", "peers")
    synced = shared.run("bob", "sync")
    assert (synced.code, "still in the outbox for mal" in synced.err) == (1, True), synced
    assert list((shared.hub / "bob/outbox/failed").iterdir()) == [], "it is closed, not unknown"
    shared.chmod("mal", 0o2770)
    assert "2 delivered" in shared.ok("bob", "sync")
    assert shared.ok("mal", "check").index("one") < shared.ok("mal", "check").index("two")


def test_a_bridge_and_a_closed_mailbox(shared: Shared) -> None:
    """The answer to one who closed its mailbox waits; the others are answered."""
    shared.ok("mal", "send", "task", "from mal", "--to", "bob")
    shared.chmod("mal", 0o700)
    shared.ok("carl", "send", "task", "from carl", "--to", "bob")
    bridged(shared)
    assert list(shared.states("bob").values()) == ["done", "done"]
    assert "an answer" in shared.ok("carl", "check")
    shared.chmod("mal", 0o2770)
    shared.ok("bob", "sync")
    assert "an answer" in shared.ok("mal", "check")


def test_a_room_and_a_closed_mailbox(shared: Shared) -> None:
    """A member who closes its mailbox gets its turns later; the others get theirs at once."""
    shared.ok("bob", "room", "create", "talk", "--members", "bob,carl,mal", "--policy", "free")
    shared.chmod("mal", 0o700)
    assert shared.run("carl", "room", "say", "talk", "hello").code == 0

    def step() -> None:
        room = instance(str(shared.hub), "talk")
        running = Coordinator(room, State("talk", definition.read(RoomView(room.hub.rooms(), "talk"))))
        running.begin()
        running.step()

    as_user(BOB, step, [GROUP])
    assert "question talk" in shared.ok("bob", "check")
    assert len(os.listdir(shared.hub / "talk/outbox/mal")) == 1


def _full_folder(path: Path) -> None:
    path.mkdir(mode=0o755)
    (path / "x").write_text("x")


def _closed_file(path: Path) -> None:
    path.write_text("{")
    path.chmod(0o600)


PLANTS: dict[str, Callable[[Path], None]] = {
    "a closed folder": lambda path: path.mkdir(mode=0),
    "a full folder": _full_folder,
    "a closed file": _closed_file,
    "a FIFO": lambda path: os.mkfifo(path, 0o600),
}
PLACES = (
    "outbox/eve",
    f"outbox/carl/{FAKE}",
    f"inbox/processing/{FAKE}.turn.json",
    f"inbox/done/{FAKE}",
    f"inbox/failed/{FAKE}",
    f"inbox/failed/{FAKE}.why.json",
    "sent/20261128T224524651476Z-gg5ry4tf.task.bob.json",
    "attachments/x",
    "inbox/tmp/x",
)


def plant(shared: Shared, place: str, kind: str) -> None:
    """Put something of mal's into bob's mailbox."""
    path = shared.hub / "bob" / place
    if not path.parent.exists():
        path.parent.mkdir()
        os.chown(path.parent, BOB, GROUP)
    PLANTS[kind](path)
    for one in (path, *path.rglob("*")):
        os.chown(one, MAL, GROUP)


@pytest.mark.parametrize("kind", PLANTS)
def test_what_another_plants(shared: Shared, kind: str) -> None:
    """Wherever it is in bob's mailbox, none of his commands fails for it, except one about it."""
    shared.ok("mal", "send", "task", "hello bob", "--to", "bob")
    for place in PLACES:
        plant(shared, place, kind)
    for words in (
        ("check",), ("who",), ("log",), ("wait", "--timeout", "0"), ("sync",), ("gc",), ("doctor",),
        ("send", "info", "x", "--to", "mal"), ("send", "info", "x", "--to", "all"), ("check", "--failed"),
    ):  # fmt: skip
        shown = shared.run("bob", *words)
        assert "bug in xw" not in shown.err + shown.out, (words, shown)
        assert shown.code == 0 or words == ("doctor",), (words, shown)
        if words in (("check",), ("log",), ("wait", "--timeout", "0")):
            assert "hello bob" in shown.out, (words, shown)
    assert "to carl" in shared.run("bob", "send", "info", "y", "--to", "carl").out


@pytest.mark.parametrize("kind", PLANTS)
@pytest.mark.parametrize(
    "place", ["inbox/processing/NAME.turn.json", "attachments/ID", "attachments/ID/body.txt"]
)
def test_a_bridge_whose_message_is_in_disorder(shared: Shared, place: str, kind: str) -> None:
    """A folder that another user puts in the way of one turn fails that message; the next is answered."""
    shared.ok("mal", "send", "task", "the first " * 100, "--to", "bob")
    shared.ok("mal", "send", "task", "the second", "--to", "bob")
    first, second = sorted(os.listdir(shared.hub / "bob/inbox/pending"))
    plant(shared, place.replace("NAME", first).replace("ID", first.partition(".")[0]), kind)
    told = bridged(shared)
    states = shared.states("bob")
    assert states[second] == "done", told
    assert states[first] in ("done", "failed"), told
    assert sorted(line.split()[1] for line in shared.ok("mal", "check").splitlines()) in (
        ["reply", "reply"],
        ["info", "reply"],
    )


def test_a_message_that_is_closed_in_its_turn(shared: Shared) -> None:
    """A message whose sender makes it unreadable while the chat answers fails; the next is answered."""
    for body in ("one", "two"):
        shared.ok("mal", "send", "task", body, "--to", "bob")
    first, second = sorted(os.listdir(shared.hub / "bob/inbox/pending"))

    def serve() -> None:
        bridge = Bridge(instance(str(shared.hub), "bob"), Parrot())
        bridge.step()  # which claims and shows it

    as_user(BOB, serve, [GROUP])
    (shared.hub / "bob/inbox/processing" / first).chmod(0o600)
    told = bridged(shared)
    assert shared.states("bob") == {first: "failed", second: "done"}, told
