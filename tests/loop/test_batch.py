"""Replies that wait are shown together: one turn for up to ten, and the same promises for each."""

import errno
import json
from collections import Counter
from pathlib import Path

import pytest

from tests.loop.test_crashes import _die_and_go_on
from tests.loop.test_loop import states
from tests.loop.world import START, Crash, ScriptedChat, World
from xw import clock
from xw.bridges import present, turn
from xw.bridges.chat import ChatFailed, ChatGone, NotPresented, Uncertain
from xw.bridges.frame import Mail
from xw.errors import Newer
from xw.instance import Instance
from xw.mailbox import Mailbox, Place
from xw.message import Message
from xw.mirror.carrier import Direct
from xw.words import State


def bodies(world: World) -> list[list[str]]:
    """Return the bodies, of one line each, that each text has."""
    return [[line for line in text.split("\n") if line[0] != "["] for text in world.program.shown]


def replies(world: World, count: int, by: str = "alice") -> list[str]:
    """Send replies; their file names."""
    return [world.send(f"{by} {number}", "reply", by) for number in range(count)]


def test_five_replies_are_one_turn(world: World) -> None:
    """They are shown in one text, in the order sent, whoever sent them, and done; nobody is written to."""
    world.send("by the way", "info")
    for number, by in enumerate(("alice", "carol", "alice", "alice", "carol")):
        world.send(f"{number}", "reply", by)
    world.send("later", "info")
    world.program.answers = False
    bridge = world.bridge()
    bridge.step()
    assert bridge.doing.task.endswith("from alice and 4 more")
    world.program.answers = True
    world.run(bridge)
    assert bodies(world) == [["by the way", "0", "1", "2", "3", "4"]]
    assert world.program.shown[0].count("no answer needed") == 6
    assert states(world) == [("done", "info"), *[("done", "reply")] * 5, ("pending", "info")]
    assert world.turns() == [] and world.inbox("alice") == [] == world.inbox("carol")


def test_what_is_not_shown_together(world: World) -> None:
    """Tasks, a room's turns, and what a sender sent after one of those; urgent and expired replies."""
    world.send("alice 0", "reply")
    world.send("expired", "reply", by="carol", expires=clock.rfc3339(START + 3 * clock.SECOND))
    world.send("alice 1", "reply")
    world.send("your turn", "reply", by="carol", room="carol")
    world.send("alice's task", "task")
    world.send("alice 2", "reply")
    world.send("carol 0", "reply", by="carol")
    world.send("urgent", "reply", by="carol", urgent=True)
    world.time += 10 * clock.SECOND
    world.run(world.bridge())
    assert bodies(world) == [
        ["urgent"], ["alice 0", "alice 1"], ["your turn"], ["alice's task"], ["alice 2", "carol 0"],
    ]  # fmt: skip
    assert Counter(states(world))["failed", "reply"] == 1


def test_at_most_ten(world: World) -> None:
    """Of 23 replies the first ten are one turn, then the next."""
    replies(world, 23)
    world.run(world.bridge())
    assert [len(text) for text in bodies(world)] == [10, 10, 3]


def test_at_most_32_kilobytes(world: World) -> None:
    """So many are shown together as fit into 32 kB with their frames; a longer one is shown alone."""
    for size in (15_000, 15_000, 3_000, 40_000, 10):
        world.send("x" * size, "reply")
    world.run(world.bridge())
    assert [[len(body) for body in text] for text in bodies(world)] == [
        [15_000, 15_000], [3_000], [40_000], [10],
    ]  # fmt: skip
    assert len(world.program.shown[0].encode()) <= 32 * 1024


def test_a_chat_with_a_limit(world: World) -> None:
    """So many are shown together as the chat takes at once, and none is cut for it."""
    world.program.limit = 230
    replies(world, 5)
    world.run(world.bridge())
    assert [len(text) for text in bodies(world)] == [2, 2, 1]
    assert all(len(text.encode()) <= 230 for text in world.program.shown)


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("when", ["before", "within", "after"])
def test_killed_at_every_step(world: World, when: str, tells: bool) -> None:
    """Each reply is shown once; or, if the chat cannot tell, perhaps not, and then its sender hears of it."""
    world.program.tells = tells
    step = 1
    while True:
        world.program.shown.clear()
        told = {by: len(world.inbox(by)) for by in ("alice", "carol")}
        senders = enumerate(("alice", "carol", "alice"))
        sent = [(world.send(f"{step}-{number}", "reply", by), by) for number, by in senders]
        reached = _die_and_go_on(world, (step, when))
        world.run(world.bridge())
        shown = Counter(body for text in bodies(world) for body in text)
        notices = Counter(filed.message.re for by in told for filed in world.inbox(by)[told[by] :])
        for number, (name, by) in enumerate(sent):
            state = next(f.state for f in world.inbox("bob") if f.message.file_name == name)
            heard = notices[name.partition(".")[0]]
            assert shown[f"{step}-{number}"] <= 1, f"step {step}: {by}"
            assert (state, heard) in (("done", 0), ("failed", 1)), f"step {step}: {by}"
            assert state == "failed" or shown[f"{step}-{number}"] == 1
            assert state == "done" or (not tells and world.why(name)["kind"] == "uncertain")
        assert world.turns() == []
        if not reached and step > 20:  # more changes than such a turn has
            break
        step += 1


@pytest.mark.parametrize("dies", ["before", "after"])
@pytest.mark.parametrize("tells", [True, False])
def test_killed_while_presenting(world: World, dies: str, tells: bool) -> None:
    """The note lists all before the text goes in; a chat that cannot tell makes all of them uncertain."""
    names = [*replies(world, 2), *replies(world, 1, "carol")]
    world.program.dies, world.program.tells = dies, tells
    with pytest.raises(Crash):
        world.run(world.bridge())
    note = json.loads(Path(world.root, f"bob/inbox/processing/{names[0]}.turn.json").read_text())
    assert note["stage"] == "presenting" and note["riders"] == names[1:] and len(world.turns()) == 3
    world.run(world.bridge())
    assert len(world.program.shown) == (1 if tells or dies == "after" else 0) and world.turns() == []
    kinds = [world.why(name).get("kind") for name in names]
    heard = [[filed.message.re for filed in world.inbox(by)] for by in ("alice", "carol")]
    if tells:
        assert kinds == [None] * 3 and heard == [[], []]
    else:
        assert kinds == ["uncertain"] * 3
        assert heard == [[name.partition(".")[0] for name in part] for part in (names[:2], names[2:])]


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ChatFailed("quota"), "failed"), (ChatGone("ended"), "gone"), (Uncertain("hm"), "uncertain")],
)
def test_a_turn_that_fails(world: World, error: Exception, kind: str) -> None:
    """All in it fail alike, each with its own report to its own sender; later replies are shown."""
    names = [*replies(world, 2), *replies(world, 1, "carol")]
    if kind == "uncertain":
        world.program.raises = [error]
    else:
        world.program.fails = error
    bridge = world.bridge()
    world.run(bridge)
    world.program.fails = None
    assert [world.why(name)["kind"] for name in names] == [kind] * 3
    assert [len(world.inbox(by)) for by in ("alice", "carol")] == [2, 1]
    assert {filed.message.re for filed in world.inbox("carol")} == {names[2].partition(".")[0]}
    replies(world, 1)
    world.run(bridge)
    assert states(world)[-1] == ("done", "reply") and world.turns() == []


def test_tried_again_together(world: World) -> None:
    """A text that did not go in is tried again as it was, also by the next bridge."""
    replies(world, 3)
    world.program.raises = [NotPresented("no")] * 2
    world.bridge().step()
    world.run(world.bridge())
    assert bodies(world) == [["alice 0", "alice 1", "alice 2"]]


def test_rejected_together(world: World) -> None:
    """If a text of several is rejected three times, the first fails, and each other has tries of its own."""
    names = replies(world, 3)
    world.program.raises = [NotPresented("no")] * 3
    world.run(world.bridge())
    assert world.why(names[0])["kind"] == "failed" and bodies(world) == [["alice 1"], ["alice 2"]]
    assert len(world.inbox("alice")) == 1 and world.turns() == []


def test_settled_by_its_owner_meanwhile(world: World) -> None:
    """What the owner finishes while the chat works is left alone; the others of the text are done."""
    names = replies(world, 3)
    mailbox = Mailbox(world.files, "bob")
    world.program.answer = lambda text: str(mailbox.settle(names[0])) + str(mailbox.settle(names[2]))
    world.run(world.bridge())
    assert [state for state, _ in states(world)] == ["done"] * 3
    assert len(world.program.shown) == 1 and world.turns() == [] and world.inbox("alice") == []


@pytest.mark.parametrize("state", ["done", "failed"])
def test_the_head_is_settled_while_it_is_shown(world: World, state: State) -> None:
    """An info above a message that its owner finishes meanwhile was shown, and is not shown again."""
    world.send("above", "info")
    names = replies(world, 2)
    world.program.answers = False
    bridge = world.bridge()
    bridge.step()
    Mailbox(world.files, "bob").settle(names[0], state)
    world.send("and now?")
    world.program.answers = True
    world.run(bridge)
    assert bodies(world) == [["above", "alice 0", "alice 1"], ["and now?"]]
    assert {one for one, _ in states(world)} == {"done", state} and world.turns() == []


def test_a_claim_that_another_wins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that another machine of this name claims is not shown; the link may break at the next one."""
    names = replies(world, 4)
    real = Direct.claim

    def claim(carrier: Direct, name: str) -> bool:
        if name == names[3] and not world.program.shown:
            raise OSError(errno.EIO, "the link broke")
        return name != names[1] and real(carrier, name)

    monkeypatch.setattr(Direct, "claim", claim)
    world.run(world.bridge())
    assert bodies(world) == [["alice 0", "alice 2"], ["alice 3"]]
    assert states(world)[1] == ("pending", "reply") and world.turns() == []


def test_a_damaged_note(world: World) -> None:
    """Under a damaged note of the first, all that may have been shown with it fail as uncertain."""
    names = replies(world, 3)
    world.program.dies = "after"
    with pytest.raises(Crash):
        world.run(world.bridge())
    Path(world.root, f"bob/inbox/processing/{names[0]}.turn.json").write_text("{")
    world.run(world.bridge())
    assert [world.why(name)["kind"] for name in names] == ["uncertain"] * 3
    assert len(world.program.shown) == 1 and len(world.inbox("alice")) == 3 and world.turns() == []


@pytest.mark.parametrize("ended", [True, False])
def test_a_head_that_an_older_xw_has_failed(world: World, ended: bool) -> None:
    """An older bridge takes the first one's note for damaged; what was shown with it is not shown again."""
    names = replies(world, 3)
    world.program.dies = "after"
    with pytest.raises(Crash):
        world.run(world.bridge())
    mailbox = world.instance("bob").mailbox
    # As it notes the end, without riders, and then carries it out; it is killed before or after that.
    ending = turn.Ending("failed", "uncertain", "what was noted of its turn cannot be understood")
    turn.save(mailbox, turn.Turn(names[0], turn.ENDED, ending=ending))
    if ended:
        mailbox.fail(names[0], "uncertain", ending.reason, "processing")
        turn.remove(mailbox, turn.Turn(names[0]))
    world.run(world.bridge())
    assert [world.why(name)["kind"] for name in names] == ["uncertain"] * 3
    assert len(world.program.shown) == 1 and len(world.inbox("alice")) == 2 and world.turns() == []


def test_not_shown_with_a_head_that_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that did not fit does not end as the first one, even if the bridge is killed then."""
    names = replies(world, 3)
    real = present.show

    def show(
        instance: Instance, message: Message, above: list[Message], limit: int, riders: list[Message]
    ) -> present.Presentation:
        return real(instance, message, above, limit, riders[:1])

    monkeypatch.setattr(present, "show", show)
    world.program.raises = [Uncertain("broken")]
    bridge = world.bridge()
    while not world.why(names[0]):
        bridge.step()
    monkeypatch.undo()
    world.run(world.bridge())
    assert states(world) == [("failed", "reply"), ("failed", "reply"), ("done", "reply")]
    assert bodies(world)[-1] == ["alice 2"]


def test_a_head_that_is_left_to_a_newer_xw(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was shown with it stays with it, and is not shown again; later mail is."""
    names = replies(world, 3)
    world.program.dies = "after"
    with pytest.raises(Crash):
        world.run(world.bridge())
    real = Mailbox.read

    def read(mailbox: Mailbox, place: Place) -> Message:
        if place.name == names[0]:
            raise Newer("upgrade xw")
        return real(mailbox, place)

    monkeypatch.setattr(Mailbox, "read", read)
    world.send("and now?")
    world.run(world.bridge())
    assert bodies(world)[1:] == [["and now?"]] and len(world.turns()) == 3


def test_a_bug_in_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that triggers a bug fails alone, in its own turn; the others are shown."""
    names = replies(world, 3)
    real = present.as_mail

    def as_mail(instance: Instance, message: Message) -> Mail:
        if message.file_name == names[1]:
            raise RuntimeError("a bug of ours")
        return real(instance, message)

    monkeypatch.setattr(present, "as_mail", as_mail)
    world.run(world.bridge())
    assert bodies(world) == [["alice 0"], ["alice 2"]]
    assert "a bug of ours" in world.why(names[1])["reason"] and len(world.inbox("alice")) == 1


def test_a_bug_after_they_are_claimed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a bug fails the first before its text goes in, the others still have their turns."""
    names = replies(world, 3)
    real = ScriptedChat.mark
    raises = [RuntimeError("a bug of ours")]

    def mark(chat: ScriptedChat) -> str:
        if raises:
            raise raises.pop()
        return real(chat)

    monkeypatch.setattr(ScriptedChat, "mark", mark)
    world.run(world.bridge())
    assert bodies(world) == [["alice 1"], ["alice 2"]] and world.turns() == []
    assert "a bug of ours" in world.why(names[0])["reason"]
