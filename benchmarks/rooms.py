"""A room's costs: the coordinator's own time for a turn, and reading a long conversation."""

import os
import sys
from collections.abc import Callable, Iterator

from benchmarks import bare
from benchmarks.project import plain
from benchmarks.timing import Result, compare, scratch, timed
from xw import layout, post
from xw.actions import rooms
from xw.actions.setup import init
from xw.instance import Instance, Options
from xw.layout import INBOX
from xw.mailbox import Place
from xw.rooms.coordinator import Coordinator
from xw.rooms.scene import Limits

_MEMBERS = ("a", "b", "c", "d", "e")
_ALLOWED = 1.5
_SPARE_S = 0.002
_LIMITS = Limits(0, 0, 0, 0.0, 300.0)


def turns() -> Iterator[Result]:
    """From a reply that lies there to the next turn that lies there, beside the same bare file operations.

    Allowed are 1.5 times these and 2 ms; so the baseline is shown with what makes 2 ms of 1.5 times itself.
    """
    with scratch() as folder:
        for name in bare.FOLDERS:
            os.mkdir(f"{folder}/{name}")
        room, members = _room(folder)
        with rooms.coordinator(room) as running:
            yield compare(
                "room turn (baseline +1.33 ms)",
                lambda: _turn(running, members),
                lambda: timed(lambda: _bare(folder)) + _SPARE_S / _ALLOWED,
                _ALLOWED,
                500,
            )


def history() -> Iterator[Result]:
    """Ten thousand messages of a room as `xw log --room` gets them, beside reading and parsing the files."""
    with scratch() as folder:
        room, members = _room(folder)
        with rooms.coordinator(room) as running:
            for _ in range(5000):  # a turn and an answer each
                _turn(running, members)
        yield compare(
            "room history of 10,000",
            lambda: timed(lambda: sum(1 for _ in rooms.transcript(room))),
            lambda: timed(lambda: _read_all(room)),
            2.0,
            5,
        )


def _room(folder: str) -> tuple[Instance, dict[str, Instance]]:
    options = Options(config=f"{folder}/xw.json")
    members = {name: init(options, name, {}, environ=plain()).instance for name in _MEMBERS}
    maker = Options("a", config=options.config)
    rooms.create(maker, "room", _MEMBERS, "round-robin", "go", _LIMITS)
    return rooms.open_to_run(maker, "room"), members


def _turn(running: Coordinator, members: dict[str, Instance]) -> float:
    """Let the member who has the floor answer; the time of the coordinator's step that follows."""
    for member in running.state.members.values():
        if member.open:
            _answer(members[member.name])
    return timed(running.step)


def _answer(member: Instance) -> None:
    (name,) = member.mailbox.pending()
    turn = member.mailbox.read(Place(INBOX["pending"], name))
    draft = post.Draft("reply", (turn.sender,), 100 * "x", turn.id, turn.thread)
    post.send(member.mailbox, member.hub, draft, member.now)
    member.mailbox.settle(name)


def _bare(folder: str) -> None:
    """A message published to two folders, and one moved to another: what a turn and an answer need."""
    name = os.urandom(8).hex()
    bare.publish(folder, name)
    os.rename(f"{folder}/pending/{name}", f"{folder}/processing/{name}")
    for changed in ("processing", "pending"):
        handle = os.open(f"{folder}/{changed}", os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(handle)
        os.close(handle)


def _read_all(room: Instance) -> None:
    for folder in (INBOX["done"], layout.SENT):
        for name in room.mailbox.names(folder):
            room.mailbox.read(Place(folder, name))


ALL: dict[str, Callable[[], Iterator[Result]]] = {"turns": turns, "history": history}


if __name__ == "__main__":
    for chosen in sys.argv[1:] or ALL:
        for result in ALL[chosen]():
            figures = f"{result.ours * 1e3:9.2f} ms {result.baseline * 1e3:9.2f} ms {result.ratio:5.2f}"
            print(
                f"{result.name:30} {figures} of {result.limit}  {'ok' if result.ok else 'OVER'}", flush=True
            )
