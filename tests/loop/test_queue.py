"""The order in which a bridge takes pending mail, and what a long queue costs it."""

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from tests.loop.test_loop import states
from tests.loop.world import CrashingFiles, ScriptedChat, World
from xw.bridges.loop import Bridge
from xw.errors import Damaged, NoMessage
from xw.mailbox import Mailbox


class Looks:
    """Counts what a bridge asks of the files, and tells it of each message sent."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.listed: Counter[str] = Counter()
        self.read: Counter[str] = Counter()
        self._world = world
        listing, reading = CrashingFiles.list_folder, CrashingFiles.read_all

        def list_folder(files: CrashingFiles, folder: str) -> list[str]:
            self.listed[folder] += 1
            return listing(files, folder)

        def read_all(
            files: CrashingFiles, paths: Sequence[str], limit: int
        ) -> Iterator[bytes | OSError | Damaged]:
            self.read.update(map(os.path.basename, paths))
            return reading(files, paths, limit)

        monkeypatch.setattr(CrashingFiles, "list_folder", list_folder)
        monkeypatch.setattr(CrashingFiles, "read_all", read_all)

    def bridge(self) -> Bridge:
        """Return a bridge that hears of new mail as one with a kernel watch does."""
        world = self._world
        chat = ScriptedChat(world.program)
        return Bridge(
            world.instance("bob"), chat, world.told.append, lambda: world.seconds, lambda: world.time
        )


@pytest.fixture
def looks(world: World, monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Counters below a bridge for bob."""
    return Looks(world, monkeypatch)


def bodies(world: World) -> list[str]:
    """Return the line below the frame's first one, of the last message in each text."""
    return [text.split("\n")[-2] for text in world.program.shown]


def test_a_backlog_is_listed_once(world: World, looks: Looks) -> None:
    """Forty waiting messages take as many listings as one, and each is read as often."""
    for number in range(40):
        world.send(f"{number}")
    world.run(looks.bridge())
    assert bodies(world) == [str(number) for number in range(40)]
    assert looks.listed["bob/inbox/pending"] <= 2, "one look, of two listings"
    assert {count for name, count in looks.read.items() if name.endswith(".alice.json")} <= {3, 4}


def test_what_comes_meanwhile_is_seen(world: World, looks: Looks) -> None:
    """Urgent mail goes before a backlog at once, an arrival of another sender into its place."""
    for number in range(5):
        world.send(f"{number}")
    bridge = looks.bridge()
    said = iter(("carol's", "now!"))

    def answer(text: str) -> str:
        if "\n0\n" in text:
            world.send(next(said), by="carol")
        if "\n1\n" in text:
            world.send(next(said), "task", by="carol", urgent=True)
        return "well"

    world.program.answer = answer
    world.run(bridge)
    assert bodies(world) == ["0", "1", "now!", "2", "3", "4", "carol's"]
    assert "task from carol, URGENT, " in world.program.shown[2]
    assert "URGENT" not in world.program.shown[3]


def test_the_order_of_priorities(world: World) -> None:
    """Urgent before the rest, then the higher priority, then the order sent; odd values count as usual."""
    world.send("low", priority=2)
    world.send("first")
    world.send("odd", priority="9")
    world.send("high", priority=8)
    world.send("urgent and low", urgent=True, priority=0)
    world.send("urgent", by="carol", urgent=True)
    world.send("high too", by="carol", priority=8)
    world.send("not urgent", by="carol", urgent="yes")
    world.run(world.bridge())
    expected = ["urgent", "urgent and low", "high", "high too", "first", "odd", "not urgent", "low"]
    assert bodies(world) == expected


def test_settled_by_another_meanwhile(world: World, looks: Looks) -> None:
    """A listed message that another process claims, settles or withdraws is passed over."""
    names = [world.send(f"{number}") for number in range(6)]
    mailbox = Mailbox(world.files, "bob")

    def answer(text: str) -> str:
        if "\n0\n" in text:
            mailbox.settle(names[1])
            mailbox.start(names[3])
            mailbox.fail(names[4], "refused", "gone")
        return "well"

    world.program.answer = answer
    world.run(looks.bridge())
    assert bodies(world) == ["0", "2", "5"]
    assert [state for state, _ in states(world)] == ["done", "done", "done", "processing", "failed", "done"]


def test_urgent_mail_deep_in_a_backlog(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look searches a bounded number of messages for their rank; the next looks search the others."""
    monkeypatch.setattr("xw.bridges.queue.SEARCHED", 3)
    for number in range(10):
        world.send(f"{number}")
        if number == 3:
            world.send("urgent", urgent=True)
    world.run(world.bridge())
    assert bodies(world)[:4] == ["0", "1", "urgent", "2"]


def test_the_bytes_of_a_search_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look ends its search with the message that exceeds the bound of bytes."""
    monkeypatch.setattr("xw.bridges.queue.SEARCHED_SIZE", 1)
    for number in range(3):
        world.send(f"{number}")
    world.send("urgent", urgent=True)
    world.send("3")
    world.run(world.bridge())
    assert bodies(world)[:3] == ["0", "urgent", "1"]


def test_listings_under_a_stream_of_mail(world: World) -> None:
    """If each listing takes a second, a bridge with mail to show lists at most a tenth of the time."""
    now = [0.0]
    listed: list[float] = []

    class Slow(Mailbox):
        def pending(self, strays: list[tuple[str, NoMessage]] | None = None) -> list[str]:
            listed.append(now[0])
            now[0] += 1.0
            return super().pending(strays)

    def answer(text: str) -> str:
        now[0] += 1.0
        return "well"

    world.program.answer = answer
    for number in range(30):
        world.send(f"{number}")
    instance = world.instance("bob")._replace(mailbox=Slow(world.files, "bob"))
    world.run(Bridge(instance, ScriptedChat(world.program), world.told.append, lambda: now[0]))
    assert len(bodies(world)) == 30
    gaps = [after - before for before, after in itertools.pairwise(listed)]
    assert gaps[:3] == [10.0] * 3, "the last ones are of an empty queue"
