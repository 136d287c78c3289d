"""The infos that a bridge shows above a message: which are left out, and what becomes of those."""

import errno

import pytest

from tests.loop.test_loop import states
from tests.loop.test_queue import Looks, looks
from tests.loop.world import START, CrashingFiles, World
from xw import clock
from xw.bridges.infos import SIZE
from xw.files.walk import Walk

__all__ = ["looks"]


@pytest.mark.parametrize("kind", ["STATUS_UPDATE", "HEARTBEAT", "CONTEXT_COMPACTION"])
def test_a_later_report_settles_the_earlier(world: World, kind: str) -> None:
    """Of a sender's reports of one kind the latest is shown, whatever is between; the earlier are done."""
    for number in range(30):
        world.send(f"report {number}.", "info", protocol={"kind": kind})
    world.send("for your information", "info")
    world.send("of carol", "info", by="carol", protocol={"kind": kind})
    world.send("an error", "info", protocol={"kind": "ERROR_NOTICE"})
    world.send("another error", "info", protocol={"kind": "ERROR_NOTICE"})
    world.send("and now?")
    world.run(world.bridge())
    (shown,) = world.program.shown
    assert [word for word in shown.split("\n") if word.startswith("report")] == ["report 29."]
    assert all(body in shown for body in ("for your information", "of carol", "an error", "another error"))
    assert {state for state, _ in states(world)} == {"done"}


def test_a_report_that_is_uncertain_takes_no_other_with_it(world: World) -> None:
    """The earlier reports are done; the sender of the one that may not have been shown gets a notice."""
    for number in range(2):
        world.send(f"report {number}.", "info", by="carol", protocol={"kind": "HEARTBEAT"})
    world.send("and now?")
    world.program.raises = [OSError("broken")]
    world.run(world.bridge())
    assert states(world) == [("done", "info"), ("failed", "info"), ("failed", "question")]
    assert len(world.inbox("carol")) == 1


def test_infos_that_cannot_be_moved_hold_nothing_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If an expired info or an earlier report cannot be moved, the question is answered all the same."""
    expired = world.send("lunch", "info", expires=clock.rfc3339(START + 3 * clock.SECOND))
    first = world.send("report 0.", "info", protocol={"kind": "HEARTBEAT"})
    world.send("report 1.", "info", protocol={"kind": "HEARTBEAT"})
    world.time += 10 * clock.SECOND
    world.send("and now?")
    real = CrashingFiles._rename

    def rename(files: CrashingFiles, walk: Walk, source: str, target: str) -> None:
        if expired in source or (first in source and not world.program.shown):
            raise PermissionError(errno.EACCES, "Permission denied", source)
        real(files, walk, source, target)

    monkeypatch.setattr(CrashingFiles, "_rename", rename)
    world.run(world.bridge())
    (shown,) = world.program.shown
    assert "report 1." in shown and "report 0." not in shown and "lunch" not in shown
    assert [state for state, kind in states(world) if kind == "question"] == ["done"]
    assert states(world)[0] == ("pending", "info")


def test_only_older_infos(world: World) -> None:
    """An info is shown above the first message younger than it; a younger one waits for the next."""
    for number in range(3):
        world.send(f"task {number}", "task")
        world.send(f"info {number}", "info")
    world.run(world.bridge())
    lines = [[line for line in text.split("\n") if line[0] != "["] for text in world.program.shown]
    assert lines == [["task 0"], ["info 0", "task 1"], ["info 1", "task 2"]]
    assert states(world)[-1] == ("pending", "info")
    world.send("task 3", "task")
    world.run(world.bridge())
    assert "info 2" in world.program.shown[-1]


def test_no_info_overtakes_its_senders_task(world: World) -> None:
    """Above urgent mail, an info that is younger than a waiting task of its own sender is not shown."""
    world.send("before", "info")
    world.send("the task", "task")
    world.send("forget that task", "info")
    world.send("of carol", "info", by="carol")
    world.send("now!", "task", by="carol", urgent=True)
    world.run(world.bridge())
    first, second = world.program.shown
    assert all(word in first for word in ("before", "of carol", "now!")) and "forget" not in first
    assert "the task" in second and states(world)[2] == ("pending", "info")


def test_infos_are_read_as_far_as_they_are_shown(world: World, looks: Looks) -> None:
    """Of 60 small infos each turn reads and shows the next 20, in order, and no others."""
    infos = [world.send(f"{number}", "info") for number in range(60)]
    world.send("a", "task")
    world.send("b", "task")
    world.run(looks.bridge())
    assert [text.count("[mail ") for text in world.program.shown] == [21, 21]
    assert [looks.read[name] for name in infos] == [1] * 40 + [0] * 20


def test_large_infos(world: World, looks: Looks) -> None:
    """Of large infos so many are read and shown as have a megabyte, but at least one."""
    infos = [world.send("x" * (SIZE // size), "info") for size in (3, 3, 2, 2, 2)]
    infos += [world.send("x" * (SIZE // 2), "info") for _ in range(30)]
    for number in range(2):
        world.send(f"{number}", "task")
    world.run(looks.bridge())
    assert [text.count("[mail ") for text in world.program.shown] == [3, 3]
    assert sum(looks.read[name] for name in infos) == 6


def test_a_flood_of_reports(world: World, looks: Looks) -> None:
    """At most a hundred infos are read for one message, however many later ones replace."""
    infos = [world.send(f"{number}", "info", protocol={"kind": "HEARTBEAT"}) for number in range(120)]
    world.send("a", "task")
    world.send("b", "task")
    world.run(looks.bridge())
    assert ["\n99\n" in world.program.shown[0], "\n119\n" in world.program.shown[1]] == [True, True]
    assert {looks.read[name] for name in infos} == {1}
