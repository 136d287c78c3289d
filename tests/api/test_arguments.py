"""Wrong arguments: each ends in an error that names the argument, before anything is done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import xw
from tests.api.conftest import Open

NOT_TEXT = (3, b"x", Path("x"), ["x"])
NOT_NAMED = (None, 3, b"x", Path("x"), ["x"])
NOT_SEVERAL = (None, 3, b"x", {"x": 1}, [3], [None])

WRONG: dict[str, tuple[Callable[[Any, Any], object], tuple[object, ...]]] = {
    "to": (lambda agent, value: agent.send(value, "info", "x"), NOT_SEVERAL),
    "type": (lambda agent, value: agent.send("bob", value, "x"), (None, *NOT_TEXT)),
    "body": (lambda agent, value: agent.send("bob", "info", value), (None, *NOT_TEXT)),
    "re": (lambda agent, value: agent.send("bob", "info", "x", re=value), NOT_NAMED[1:]),
    "attach": (lambda agent, value: agent.send("bob", "info", "x", attach=value), NOT_SEVERAL),
    "expires": (lambda agent, value: agent.send("bob", "info", "x", expires=value), NOT_TEXT),
    "message": (lambda agent, value: agent.read(value), NOT_NAMED),
    "messages": (lambda agent, value: agent.done(value), NOT_NAMED),
    "timeout": (lambda agent, value: agent.ask("bob", "x", timeout=value), (None, "1", True)),
    "sent": (lambda agent, value: agent.question("bob", "x", sent=value).__enter__(), (None, 3)),
    "limit": (lambda agent, value: agent.check(limit=value), ("1", 1.5, True)),
    "sender": (lambda agent, value: agent.check(sender=value), NOT_TEXT),
    "types": (lambda agent, value: agent.arrivals(value), NOT_SEVERAL),
    "since": (lambda agent, value: agent.log(since=value), NOT_TEXT),
    "thread": (lambda agent, value: agent.log(thread=value), NOT_NAMED[1:]),
    "adopt": (lambda agent, value: agent.sync(adopt=value), (3, b"x")),
    "days": (lambda agent, value: agent.gc(value), ("1", 1.5)),
    "state": (lambda agent, value: agent.notify.status(value), (None, *NOT_TEXT)),
    "retained": (lambda agent, value: agent.notify.compaction("x", retained=value), NOT_SEVERAL),
    "ttl": (lambda agent, value: agent.notify.heartbeat(ttl=value), (None, "1")),
    "members": (lambda agent, value: agent.rooms.create("lobby", value), NOT_SEVERAL),
    "limits": (lambda agent, value: agent.rooms.create("lobby", limits=value), (None, 3)),
    "name": (lambda agent, value: agent.rooms.show(value), (None, *NOT_TEXT)),
    "text": (lambda agent, value: agent.rooms.say("lobby", value), (None, *NOT_TEXT)),
    "report": (lambda agent, value: xw.open("alice", report=value), ("x",)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_type_is_named(act: Open, name: str) -> None:
    """A value of the wrong type is a TypeError that names its argument, and nothing is sent."""
    alice = act("alice")
    call, values = WRONG[name]
    for value in values:
        with pytest.raises(TypeError, match=rf"^{name} must be .*, not {type(value).__name__}$|^{name} must"):
            call(alice, value)
    assert not list(alice.log())


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_an_impossible_number_is_refused(act: Open, value: float) -> None:
    """Negative and infinite numbers of seconds, and NaN, are refused as on the command line."""
    alice = act("alice")
    for call in (
        lambda: alice.ask("bob", "x", timeout=value),
        lambda: alice.wait(timeout=value),
        lambda: alice.notify.heartbeat(ttl=value),
        lambda: xw.open("alice", timeout=value),
    ):
        with pytest.raises(xw.Usage, match=r"invalid (timeout|ttl)"):
            call()
    assert not list(alice.log())
    with pytest.raises(xw.Usage, match="invalid days -1"):
        alice.gc(-1)


def test_an_unknown_type_is_refused(act: Open) -> None:
    """A misspelled type of message would never match: `check` and `arrivals` refuse it at once."""
    alice = act("alice")
    for call in (
        lambda: alice.check(type="tasks"),
        lambda: alice.dead_letters(type="tasks"),
        lambda: alice.arrivals(["task", "tasks"]),
    ):
        with pytest.raises(xw.Usage, match="unknown message type 'tasks'"):
            call()
    with pytest.raises(xw.NotFound, match="an id needs"):
        alice.wait(re="", timeout=0)


def test_attach_needs_a_file(act: Open) -> None:
    """Without a file, `attach` sends no `info` about nothing."""
    alice = act("alice")
    sent = alice.send("bob", "info", "x")
    with pytest.raises(xw.Usage, match="no file to attach"):
        alice.attach(sent)
    assert len(list(alice.log())) == 1


def test_text_that_is_not_unicode_is_refused(act: Open) -> None:
    """A lone surrogate, as from a damaged file name, is refused wherever it would be written."""
    alice = act("alice")
    for call in (
        lambda: alice.send("bob", "info", "\ud800"),
        lambda: alice.notify.status("idle", task="\ud800"),
        lambda: alice.sync(adopt="\ud800"),
    ):
        with pytest.raises(xw.Usage, match="not valid"):
            call()


def test_what_was_sent_names_a_message(either: Open, tmp_path: Path) -> None:
    """The result of `send` stands for its message, and paths may be Path objects."""
    alice, bob = either("alice"), either("bob")
    (tmp_path / "x.txt").write_text("x")
    sent = alice.send("bob", "task", "x", attach=tmp_path / "x.txt")
    alice.attach(sent, tmp_path / "x.txt")
    assert alice.read(sent).message.body == "x"
    assert [one.where for one in alice.trace(sent).recipients] == ["pending"]
    inbox = bob.check()
    assert inbox[0].id == sent.id
    assert [file.file.name for file in bob.files(sent.id)] == ["x.txt"]
    answer = bob.reply(inbox[0], "y")
    assert alice.wait(re=sent, timeout=30).id == answer.id


def test_errors_of_ask_name_the_question(act: Open) -> None:
    """TimedOut and NoAnswer have the id of the question, so that a program can wait on."""
    alice, bob = act("alice"), act("bob")
    with pytest.raises(xw.TimedOut) as late:
        alice.ask("bob", "x", timeout=0)
    (question,) = bob.check()
    assert late.value.asked == question.id
    bob.reply(question, "y")
    assert alice.wait(re=late.value.asked, timeout=0).body == "y"
    bob.done(question)
    with pytest.raises(xw.NoAnswer) as none, alice.question("bob", "z", timeout=30, sent=bob_is_done(bob)):
        pass
    assert none.value.asked == bob.read(none.value.asked).message.id


def bob_is_done(bob: xw.Agent) -> Callable[[xw.Sent], None]:
    """Return a function that marks a question as done without an answer."""

    def sent(question: xw.Sent) -> None:
        bob.done(question)

    return sent


def test_a_report_that_fails_is_kept(act: Open) -> None:
    """A `report` function that raises costs the program no result: the sentence is in the notes."""

    def fail(sentence: str) -> None:
        raise BrokenPipeError("gone")

    bob = act("bob", report=fail)
    act("alice").send("bob", "info", "x")
    stray = Path(bob.hub) / "bob" / "inbox" / "pending" / "20261129T092031368275Z-g7apmqj8.info.alice.json"
    stray.write_text("junk")
    assert next(bob.arrivals()).body == "x"
    (note,) = bob.notes
    assert note.startswith("set aside in failed/") and note.endswith("(`report` failed: gone)")
