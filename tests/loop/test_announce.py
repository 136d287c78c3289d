"""`--notify` announces mail in a chat, once, and claims nothing."""

import json
from pathlib import Path

import pytest

from tests.loop.world import Crash, ScriptedChat, World
from xw import clock
from xw.bridges.announce import Announcer
from xw.bridges.chat import ChatFailed, ChatGone, NotPresented, Uncertain
from xw.mailbox import Mailbox
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


@pytest.mark.parametrize("note", ["", "{}", "[1, null]", "[" * 100_000, '{"announced": 7}'])
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
    """Mail that arrives together is announced together, with the number that waits; an info alone is not."""
    world.send("by the way", "info")
    one = announcer(world)
    rest(one)
    assert world.program.shown == []
    for number in range(4):
        world.send(f"{number}")
    rest(one)
    (shown,) = world.program.shown
    assert shown.count("[mail ") == 5 and shown.count("you have mail, 5 pending; run: xw read ") == 5
    assert shown.index("question from alice") < shown.index("info from alice")


def test_many_in_one_notice(world: World) -> None:
    """Forty messages at once are one notice, that names the first, counts all and names the command."""
    names = [world.send(f"{number}") for number in range(40)]
    one = announcer(world)
    rest(one)
    (shown,) = world.program.shown
    short = names[0].partition(".")[0].rpartition("-")[2]
    assert shown.startswith(f"[mail {short}] question") and shown.count("[mail ") == 1
    assert "you have mail, 40 pending; run: xw check" in shown
    assert one.doing == Doing("idle", note="40 wait, announced", delivery="push")
    world.send("another")
    rest(announcer(world))
    assert "you have mail, 41 pending; run: xw read " in world.program.shown[1]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_lost_notice(world: World, restarted: bool) -> None:
    """One that may be lost is made once more when the input is empty, and no third time; peers are told."""
    world.send("one")
    world.program.tells = False
    world.program.raises, world.program.then_busy = [Uncertain("Enter was lost")] * 2, "a half-typed line"
    one = announcer(world)
    for _ in range(5):
        one.step()
    assert "may not have arrived" in one.doing.waits_for and one.doing.note == "1 wait, 1 not announced"
    if restarted:
        one = announcer(world)
        one.step()
        assert "a half-typed line" in one.doing.waits_for
    assert len(world.program.raises) == 1, "not while a line is half typed"
    world.program.busy, world.program.then_busy = None, None
    rest(one)
    assert world.program.raises == [] and one.doing == Doing(
        "idle", note="1 wait, 1 perhaps not announced", delivery="push"
    )
    rest(announcer(world))
    world.send("two")
    rest(one)
    (shown,) = world.program.shown
    assert "2 pending" in shown and one.doing.note == "2 wait, 1 perhaps not announced"


@pytest.mark.parametrize("dies", ["before", "after"])
@pytest.mark.parametrize("tells", [True, False])
def test_killed_while_it_announces(world: World, dies: str, tells: bool) -> None:
    """A chat that can tell gets the notice once; one that cannot, once more at most."""
    world.send("one")
    world.program.dies, world.program.tells = dies, tells
    with pytest.raises(Crash):
        rest(announcer(world))
    rest(announcer(world))
    rest(announcer(world))
    assert len(world.program.shown) == (1 if tells or dies == "before" else 2)


def test_read_before_anybody_could_tell(world: World) -> None:
    """A doubtful notice of mail that has been read meanwhile is not repeated, and holds nothing up."""
    name = world.send("one")
    world.program.tells = False
    world.program.raises, world.program.then_busy = [Uncertain("hm")], "busy"
    one = announcer(world)
    one.step()
    Mailbox(world.files, "bob").settle(name)
    for _ in range(3):
        one.step()
    assert one.doing == Doing("idle", delivery="push") and world.program.shown == []


def test_a_note_of_an_older_version(world: World) -> None:
    """What a version without doubts has announced is not announced again."""
    name = world.send("one")
    Path(world.root, "bob/bridge").mkdir(exist_ok=True)
    Path(world.root, "bob/bridge/announced.json").write_text(json.dumps([name]))
    rest(announcer(world))
    assert world.program.shown == []


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
    assert one.doing == Doing("alive", waits_for="working", note="1 wait, 1 not announced", delivery="push")
    assert world.program.shown == []
    world.program.busy = None
    rest(one)
    assert len(world.program.shown) == 1 and one.doing == Doing(
        "idle", note="1 wait, announced", delivery="push"
    )


def test_not_presented_is_tried_again(world: World) -> None:
    """An announcement that certainly did not go in is made again, as often as needed."""
    world.send("one")
    world.program.raises = [NotPresented("no")]
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
