"""`--notify` announces mail in a chat, once, and claims nothing."""

from pathlib import Path

import pytest

from tests.loop.world import ScriptedChat, World
from xw import clock
from xw.bridges.announce import Announcer
from xw.bridges.chat import ChatFailed, ChatGone, NotPresented, Uncertain
from xw.presence import Doing


def announcer(world: World) -> Announcer:
    """Return a new announcer for bob, as a new process would make it."""
    return Announcer(world.instance("bob"), ScriptedChat(world.program), world.told.append)


def rest(one: Announcer) -> None:
    """Step until it waits for mail."""
    for _ in range(100):
        if one.step() is None:
            return
    raise AssertionError("it does not come to rest")


def test_told_and_not_claimed(world: World) -> None:
    """The text names the message and how to read it, not its body; the message stays pending."""
    name = world.send("secret words", "task")
    rest(announcer(world))
    short = name.partition(".")[0].rpartition("-")[2]
    (shown,) = world.program.shown
    assert f"xw read {short}" in shown and "task from alice" in shown and "secret" not in shown
    assert [filed.state for filed in world.inbox("bob")] == ["pending"] and world.inbox("alice") == []


def test_told_once(world: World) -> None:
    """The same mail is not announced again, not even by another process."""
    world.send("one")
    one = announcer(world)
    rest(one)
    rest(one)
    rest(announcer(world))
    assert len(world.program.shown) == 1
    world.send("two")
    rest(announcer(world))
    assert len(world.program.shown) == 2 and world.program.shown[1].count("[mail ") == 1


@pytest.mark.parametrize("note", ["", "{}", "[1, null]", "[" * 100_000])
def test_note_that_cannot_be_understood(world: World, note: str) -> None:
    """After an unreadable note, an announcement is repeated at most once."""
    world.send("one")
    rest(announcer(world))
    Path(world.root, "bob/bridge/announced.json").write_text(note)
    one = announcer(world)
    rest(one)
    rest(one)
    assert len(world.program.shown) == 2


def test_several_in_one_turn(world: World) -> None:
    """Mail that arrives together is announced together, five at a time; an info alone is not announced."""
    world.send("by the way", "info")
    one = announcer(world)
    rest(one)
    assert world.program.shown == []
    for number in range(6):
        world.send(f"{number}")
    rest(one)
    assert [text.count("[mail ") for text in world.program.shown] == [5, 2]
    assert "info from alice" in world.program.shown[1]


def test_expired_is_not_announced(world: World) -> None:
    """Expired mail is not announced, and delays nothing."""
    world.send("late", "task", expires=clock.rfc3339(world.time + 2 * clock.SECOND))
    world.time += 10 * clock.SECOND
    rest(announcer(world))
    assert world.program.shown == []


def test_busy_chat(world: World) -> None:
    """A busy chat gets the announcement later."""
    world.send("one")
    one = announcer(world)
    world.program.busy = "working"
    for _ in range(5):
        assert one.step()
    assert one.doing == Doing("alive", waits_for="working") and world.program.shown == []
    world.program.busy = None
    rest(one)
    assert len(world.program.shown) == 1 and one.doing == Doing("idle")


def test_not_presented_is_tried_again(world: World) -> None:
    """An announcement that certainly did not go in is made again; one that may have is not."""
    world.send("one")
    world.program.raises = [NotPresented("no")]
    rest(announcer(world))
    assert len(world.program.shown) == 1
    world.send("two")
    world.program.raises = [Uncertain("perhaps")]
    rest(announcer(world))
    assert len(world.program.shown) == 1


def test_chat_that_cannot_be_started(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """That a chat is gone is for the loop to tell, once, and to try again at longer and longer intervals."""
    world.send("one")
    one = announcer(world)
    with monkeypatch.context() as patch:
        patch.setattr(ScriptedChat, "mark", lambda _: (_ for _ in ()).throw(ChatGone("no agent")))
        with pytest.raises(ChatGone, match="no agent"):
            one.step()
    rest(one)
    assert len(world.program.shown) == 1 and all(line.startswith("announced ") for line in world.told)


def test_waits_for_the_turn_to_end(world: World) -> None:
    """While the agent works on one announcement, the next waits; a turn that fails has ended too."""
    world.send("one")
    world.program.answers = False
    one = announcer(world)
    one.step()
    world.send("two")
    for _ in range(5):
        assert one.step()
    assert len(world.program.shown) == 1 and one.doing[0] == "busy"
    world.program.fails = ChatFailed("no")
    for _ in range(3):
        one.step()
    assert len(world.program.shown) == 2
