"""A chat whose program has ended for good: what was shown is settled, and nothing else is begun."""

import pytest

from tests.loop.world import Crash, World
from xw.bridges.chat import ChatGone, NotPresented


@pytest.mark.parametrize(
    ("tells", "fails", "answers", "kind"),
    [
        (True, ChatGone("it ended"), True, "gone"),
        (True, None, False, "gone"),
        (False, ChatGone("it ended"), True, "uncertain"),
        (True, None, True, ""),
    ],
)
def test_what_was_shown(world: World, tells: bool, fails: Exception | None, answers: bool, kind: str) -> None:
    """Its answer is filed if it is there, else its sender is told; the next message stays pending."""
    world.program.answers, world.program.dies = False, "after"
    world.send("how are you?")
    with pytest.raises(Crash):
        world.run(world.bridge())
    world.program.tells, world.program.fails, world.program.answers = tells, fails, answers
    world.program.busy = "it has ended"
    world.send("and now?")
    world.run(world.bridge(over=True))
    assert [filed.state for filed in world.inbox("bob")] == ["failed" if kind else "done", "pending"]
    (letter,) = (filed.message for filed in world.inbox("alice"))
    assert (letter.type, f"({kind})" in letter.body) == ("info" if kind else "reply", bool(kind))
    assert world.seconds < 10 and len(world.program.shown) == 1 and world.turns() == []


def test_what_was_not_shown(world: World) -> None:
    """It is let go, and whoever takes the mail next gets it."""
    world.program.raises, world.program.then_busy = [NotPresented("not now")], "it has ended"
    world.send("how are you?")
    bridge = world.bridge()
    bridge.step()
    assert len(world.turns()) == 1
    world.run(world.bridge(over=True))
    assert world.turns() == [] and world.program.shown == [] and world.inbox("alice") == []
    world.program.busy = None
    world.run(world.bridge())
    assert [filed.state for filed in world.inbox("bob")] == ["done"]
    assert [filed.message.type for filed in world.inbox("alice")] == ["reply"]
