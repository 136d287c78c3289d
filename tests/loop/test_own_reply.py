"""An agent that runs `xw reply`, `xw done` or `xw fail` in the turn that shows it the message."""

import shlex
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.team import Team, until
from tests.loop.processes import XW, bridge, script
from tests.loop.test_crashes import _die_and_go_on
from tests.loop.test_loop import states
from tests.loop.world import Crash, World
from xw import layout, post
from xw.actions import claiming, inbox, sending, transcript
from xw.bridges.chat import ChatFailed, ChatGone, NoAnswer
from xw.bridges.loop import Bridge
from xw.mailbox import Mailbox
from xw.post import Draft


def reply(world: World, name: str, text: str = "my own") -> str:
    """Answer a message as bob's `xw reply` does; the file name of the reply."""
    return sending.send(world.instance("bob"), "reply", text, re=layout.short_id(name)).name


def answering(world: World, act: Callable[[str], object]) -> None:
    """Let the program do something with each message that it is shown, once, before it answers."""
    done: set[str] = set()

    def answer(text: str) -> str:
        short = text.rpartition("[end ")[2].partition("]")[0]
        if short not in done:
            done.add(short)
            act(short)
        return "I answered alice"

    world.program.answer = answer


def being_asked(world: World) -> tuple[Bridge, str]:
    """Show a question to the program, which does not answer yet; return its bridge and the short id."""
    world.send("what is up?")
    world.program.answers = False
    worker = world.bridge()
    worker.step()
    return worker, world.inbox("bob")[0].message.short


def heard(world: World, by: str = "alice") -> list[tuple[str, str]]:
    """Return the types and bodies of what somebody has received."""
    return [(filed.message.type, filed.message.body) for filed in world.inbox(by)]


def bob_replies(world: World, short: str) -> None:
    sending.send(world.instance("bob"), "reply", "my own", re=short)


@pytest.mark.parametrize("room", [{}, {"room": "alice"}], ids=["question", "room's turn"])
def test_an_own_reply_is_the_answer(world: World, room: dict[str, Any]) -> None:
    """The text of the turn is not sent; the message is done, the log says why, `trace` names the reply."""
    name = world.send("what is up?", **room)
    answering(world, lambda short: bob_replies(world, short))
    world.run(world.bridge())
    assert heard(world) == [("reply", "my own")] and states(world) == [("done", "question")]
    (filed,) = world.inbox("alice")
    assert any(f"`xw reply` ({filed.message.short})" in line for line in world.told), world.told
    _, (traced,) = transcript.trace(world.instance("alice"), name.partition(".")[0])
    assert (traced.where, traced.reply) == ("done", filed.message.id)


def test_two_own_replies_stay(world: World) -> None:
    """An agent that replies twice means it."""
    world.send("what is up?")

    def twice(short: str) -> None:
        bob_replies(world, short)
        bob_replies(world, short)

    answering(world, twice)
    world.run(world.bridge())
    assert heard(world) == [("reply", "my own")] * 2


def test_another_reply_is_not_the_answer(world: World) -> None:
    """Nor one to another message, nor to somebody else, nor an info, nor one sent before the text went in."""
    other = world.send("an older one", by="carol")
    Mailbox(world.files, "bob").settle(other)
    asked = world.send("what is up?")
    reply(world, asked, "I will look at it")
    bob, message_id = world.instance("bob"), asked.partition(".")[0]

    def act(short: str) -> None:
        reply(world, other)
        sending.send(bob, "reply", "to carol", to=["carol"], re=short)
        sending.send(bob, "info", "by the way", re=short)

    answering(world, act)
    world.run(world.bridge())
    assert heard(world) == [
        ("reply", "I will look at it"),
        ("info", "by the way"),
        ("reply", "I answered alice"),
    ]
    assert {filed.message.re for filed in world.inbox("alice")} == {message_id}


def test_a_reply_that_waits_in_the_outbox(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply on its way to a hub that is away is the answer too, and also without its copy in `sent/`."""
    name = world.send("what is up?")
    bob = Mailbox(world.files, "bob")

    def act(short: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(type(world.hub), "publisher", lambda hub, name: None)
            own = reply(world, name)
        world.files.remove(bob.at(layout.SENT, own))
        assert bob.outbox("alice") == [own]

    answering(world, act)
    world.run(world.bridge())
    assert states(world) == [("done", "question")]
    post.send(bob, world.hub, Draft("info", ("alice",), "next"), lambda: world.time)  # delivers the outbox
    assert heard(world) == [("reply", "my own"), ("info", "next")]


def test_done_is_no_answer(world: World) -> None:
    """`xw done` in the turn: the text of the turn is the answer all the same."""
    worker, short = being_asked(world)
    bob = world.instance("bob")
    inbox.done(bob, [short])
    assert sending.send(bob, "info", "on", to=["carol"]).id and world.inbox("carol")[0].message.hops == 1
    worker.step()
    world.program.answers = True
    world.run(worker)
    assert [kind for kind, _ in heard(world)] == ["reply"] and states(world) == [("done", "question")]
    assert world.turns() == []


@pytest.mark.parametrize("error", [ChatGone("ended"), ChatFailed("quota"), NoAnswer("late")])
@pytest.mark.parametrize("act", ["reply", "done"])
def test_a_turn_that_fails_after_that(world: World, error: Exception, act: str) -> None:
    """No report of a failure follows the agent's own reply, or a message that it has marked done."""
    worker, short = being_asked(world)
    bob = world.instance("bob")
    sending.send(bob, "reply", "my own", re=short) if act == "reply" else inbox.done(bob, [short])
    world.program.fails = error
    world.run(worker)
    assert heard(world) == ([("reply", "my own")] if act == "reply" else [])
    assert states(world) == [("done", "question")] and world.turns() == []


def test_failed_by_the_agent(world: World) -> None:
    """`xw fail` in the turn: its notice is all that the sender gets."""
    world.send("what is up?")
    answering(world, lambda short: None)
    world.program.answers = False
    worker = world.bridge()
    worker.step()
    claiming.fail(world.instance("bob"), world.inbox("bob")[0].message.short, "I cannot")
    world.program.answers = True
    world.run(worker)
    assert [kind for kind, _ in heard(world)] == ["info"] and states(world) == [("failed", "question")]


@pytest.mark.parametrize("when", ["before", "within", "after"])
@pytest.mark.parametrize("act", ["reply", "fail"])
def test_killed_at_every_step(world: World, when: str, act: str) -> None:
    """Bridge, or agent and bridge, killed at any change to a file: one word to the sender, and no turn is
    left. A killed `xw reply` may have sent nothing, or left no copy here; then the text is sent as well.
    """
    bob = world.instance("bob")

    def own(short: str) -> None:
        if act == "reply":
            bob_replies(world, short)
        else:
            claiming.fail(bob, short, "I cannot")

    step = 1
    while True:
        told = len(world.inbox("alice"))
        world.send("what is up?")
        answering(world, own)
        reached = _die_and_go_on(world, (step, when))
        new = world.inbox("alice")[told:]
        sent = Mailbox(world.files, "bob").names(layout.SENT)
        known = [filed for filed in new if filed.message.file_name in sent]
        assert len(known) == 1 and (len(new) == 1 or when == "within"), (step, new)
        assert world.turns() == [] and len(world.program.shown) == step
        if not reached and step > 8:  # more changes than a turn has
            break
        step += 1


def test_killed_while_presenting_to_a_chat_that_cannot_tell(world: World) -> None:
    """The agent's reply shows that the text went in: the message is not uncertain."""
    name = world.send("what is up?")
    world.program.dies, world.program.tells = "after", False
    with pytest.raises(Crash):
        world.run(world.bridge())
    reply(world, name)
    world.run(world.bridge())
    assert heard(world) == [("reply", "my own")] and states(world) == [("done", "question")]


def test_only_new_mail_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent mail is listed only if something was sent in the turn."""
    world.send("older")
    answering(world, lambda short: None)
    worker = world.bridge()
    world.run(worker)
    real, listed = Mailbox.names, []

    def names(mailbox: Mailbox, folder: str) -> list[str]:
        listed.append((mailbox.owner, folder))
        return real(mailbox, folder)

    monkeypatch.setattr(Mailbox, "names", names)
    world.send("what is up?")
    world.run(worker)
    assert ("bob", layout.SENT) not in listed and len(world.inbox("alice")) == 2


PROGRAM = """
id=$(sed -n 's/^\\[end \\([0-9a-z]*\\)\\] answer .*/\\1/p')
{xw} --as bob {act} >&2
echo "I answered alice"
"""


@pytest.mark.parametrize(
    ("act", "answer"), [("reply $id 'my own'", "my own"), ("done $id", "I answered alice")]
)
def test_a_program_that_runs_xw(team: Team, act: str, answer: str) -> None:
    """With real processes: `ask` gets one reply, and nothing stays in the inbox."""
    program = script(team.folder, PROGRAM.format(xw=shlex.join(XW), act=act))
    running = bridge(team, "bob", "command", "--", program)
    asked = team.run("ask", "--to", "bob", "--timeout", "30", "what is up?")
    assert asked.code == 0 and answer in asked.out, asked
    until(lambda: not team.names("bob", "inbox/processing"))
    assert running.end() == 0
    assert team.names("alice", "inbox/pending") == [] and len(team.names("alice", "inbox/done")) == 1
