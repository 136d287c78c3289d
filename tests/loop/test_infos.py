"""The infos that a bridge shows above a message: which are left out, and what becomes of those."""

import errno

import pytest

from tests.loop.test_loop import states
from tests.loop.world import START, CrashingFiles, World
from xw import clock


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
    real = CrashingFiles.move

    def move(files: CrashingFiles, source: str, target: str) -> None:
        if expired in source or (first in source and not world.program.shown):
            raise PermissionError(errno.EACCES, "Permission denied", source)
        real(files, source, target)

    monkeypatch.setattr(CrashingFiles, "move", move)
    world.run(world.bridge())
    (shown,) = world.program.shown
    assert "report 1." in shown and "report 0." not in shown and "lunch" not in shown
    assert [state for state, kind in states(world) if kind == "question"] == ["done"]
    assert states(world)[0] == ("pending", "info")
