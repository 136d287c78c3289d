"""The Agent's verbs, values and errors, alike on a hub in a directory and over SSH."""

import pickle
from itertools import islice
from pathlib import Path
from threading import Thread

import pytest

import xw
from tests.api.conftest import Open


def test_a_task_is_answered(either: Open, tmp_path: Path) -> None:
    """A task with a file gets there, is read, answered and done; nobody has to sync."""
    alice, bob = either("alice"), either("bob")
    (tmp_path / "log.txt").write_text("seven")
    task = alice.send("bob", "task", "Count", attach=str(tmp_path / "log.txt"), expires="2h")
    assert (task.delivered, task.waiting, task.returned) == (("bob",), (), ())
    inbox = bob.check()
    (message,) = inbox
    assert (len(inbox), inbox.total, message.id, message.sender) == (1, 1, task.id, "alice")
    (file,) = bob.read(message).enclosed
    assert (Path(file.path).read_text(), file.problem) == ("seven", None)
    answer = bob.reply(message, "It is 7")
    (finished,) = bob.done(message)
    assert (finished.moved, finished.error) == (True, None)
    assert not bob.check()
    assert alice.wait(re=task.id, timeout=30).id == answer.id
    assert [one.where for one in alice.trace(task.id).recipients] == ["done"]
    assert [line.message.body for line in alice.log(thread=answer.id)] == ["Count", "It is 7"]
    assert [opened.message.body for opened in alice.thread(task.id)] == ["Count", "It is 7"]
    assert (alice.notes, bob.notes) == ((), ())


def test_numbers_that_no_command_takes(either: Open) -> None:
    """A negative age removes nothing, and a heartbeat without an end is not written."""
    alice, bob = either("alice"), either("bob")
    task = alice.send("bob", "task", "Count")
    bob.done(*bob.check())
    with pytest.raises(xw.Usage, match="invalid days -5"):
        bob.gc(-5)
    assert bob.read(task.id).message.body == "Count"
    for seconds in (float("inf"), float("nan"), -1.0):
        with pytest.raises(xw.Usage, match="invalid ttl"):
            alice.notify.heartbeat("busy", ttl=seconds)


def test_a_question_is_asked_and_its_answer_is_done(either: Open) -> None:
    """`ask` returns the answer, which is done; `question` leaves it pending where the caller fails."""
    alice, bob = either("alice"), either("bob")
    answering = Thread(target=_answer, args=(bob, 2))
    answering.start()
    assert alice.ask("bob", "How many?", timeout=30).body == "7"
    assert not alice.check()
    with pytest.raises(ZeroDivisionError):  # noqa: SIM117  # the error is raised inside
        with alice.question("bob", "How many?", timeout=30) as asked:
            raise ZeroDivisionError
    answering.join()
    assert asked.reply.re == asked.sent.id
    assert [message.body for message in alice.check()] == ["7"]


def _answer(bob: xw.Agent, count: int) -> None:
    for message in islice(bob.arrivals("question"), count):
        bob.reply(message, "7")
        bob.done(message)


def test_arrivals_are_of_the_types_asked_for(either: Open) -> None:
    """Only messages of the types asked for are given, and the others stay as they are."""
    alice, bob = either("alice"), either("bob")
    for kind, body in (("info", "one"), ("task", "two"), ("question", "three"), ("task", "four")):
        alice.send("bob", kind, body)
    arriving = bob.arrivals(["task", "question"])
    assert [message.body for message in islice(arriving, 3)] == ["two", "three", "four"]
    arriving.close()
    assert bob.check(type="info").messages[0].body == "one"


def test_what_is_wrong_is_raised(either: Open) -> None:
    """Each mistake is an error of the one tree, and `done` finishes the others before it raises."""
    alice, bob = either("alice"), either("bob")
    with pytest.raises(xw.NotFound, match="nobody"):
        alice.send("nobody", "info", "x")
    with pytest.raises(xw.Usage, match="body is empty"):
        alice.send("bob", "info", "")
    with pytest.raises(xw.Usage, match="invalid limit 0"):
        alice.check(limit=0)
    with pytest.raises(xw.NotFound):
        alice.read("zzzzzzzz")
    with pytest.raises(xw.TimedOut):
        alice.wait(timeout=0)
    sent = alice.send("bob", "info", "x")
    bob.check()
    with pytest.raises(xw.Unfinished, match="zzzzzzzz") as caught:
        bob.done("zzzzzzzz", sent.id)
    assert [one.moved for one in caught.value.finished] == [False, True]
    assert (caught.value.code, caught.value.word) == (xw.NotFound.code, xw.NotFound.word)


def test_values_are_frozen(act: Open) -> None:
    """Nothing that a method returns can be changed by mistake."""
    alice = act("alice")
    inbox, sent = alice.check(), alice.send("bob", "info", "x")
    for value, name in ((inbox, "total"), (sent, "id"), (alice.who(), "name"), (alice, "notes")):
        with pytest.raises(AttributeError):
            setattr(value, name, "other")
    assert repr(inbox) == "Inbox(0 of 0 messages)"
    copied = pickle.loads(pickle.dumps(alice.check(limit=3)))
    assert (copied.messages, copied.total) == (inbox.messages, inbox.total)


def test_dead_letters_are_listed_and_sent_again(either: Open) -> None:
    """`dead_letters` returns what `check --failed` prints, and `retry` sends the message again."""
    alice, bob = either("alice"), either("bob")
    task = alice.send("bob", "task", "x")
    bob.check()
    bob._instance.mailbox.fail(f"{task.name}", "gone", "the program ended")
    (letter,), total = bob.dead_letters()
    assert (letter.message and letter.message.body, letter.why["kind"], total) == ("x", "gone", 1)
    repeated = bob.retry(task.id)
    (again,) = bob.check()
    assert (again.id, again.fields["retry_of"]) == (repeated.id, task.id)


def test_a_state_is_told(either: Open) -> None:
    """`notify` writes the presence, and tells the peers what is for them."""
    alice, bob = either("alice"), either("bob")
    alice.sync()
    told = alice.notify.status("working", task="the build", progress="80%")
    assert told.sent is not None
    assert told.sent.delivered == tuple(peer.name for peer in alice.peers())
    assert "the build" in told.text
    assert bob.check().messages[0].fields["protocol"]
    beat = bob.notify.heartbeat("busy", task="the tests")
    assert beat.sent is None
    given = bob.notify.handoff("Look at it", to="alice", priority="high")
    assert given.sent
    assert [message.type for message in alice.check(type="task")] == ["task"]
    assert bob.notify.error("It broke", recoverable=True).sent
    assert bob.notify.compaction("All of it", retained=["the plan"]).sent


def test_files_are_added_later(either: Open, tmp_path: Path) -> None:
    """`attach` adds files to what was sent; the `info` about it has them."""
    alice, bob = either("alice"), either("bob")
    sent = alice.send("bob", "task", "x")
    (tmp_path / "more.txt").write_text("more")
    added = alice.attach(sent.id, str(tmp_path / "more.txt"))
    bob.check()
    assert [Path(file.path).read_text() for file in bob.read(added.id).enclosed] == ["more"]


def test_a_room_is_spoken_to(either: Open) -> None:
    """`rooms` makes a room, looks at it, speaks in it and reads it."""
    alice, bob = either("alice"), either("bob")
    made = alice.rooms.create("lobby", ["alice", "bob"], policy="free", seed="The weather")
    assert (made.name, made.owner, made.members) == ("lobby", "alice", ("alice", "bob"))
    assert [room.name for room in bob.rooms.list().rooms] == ["lobby"]
    bob.sync()
    assert bob.rooms.say("lobby", "It rains").delivered == ("lobby",)
    assert bob.rooms.close("lobby").delivered == ("lobby",)
    assert bob.rooms.show("lobby").pending == 2
    assert list(bob.rooms.log("lobby", since="1h")) == []
    for call in (bob.rooms.show, bob.rooms.log):
        with pytest.raises(xw.NotFound):
            call("attic")


def test_a_disk_error_in_a_room_is_explained(act: Open) -> None:
    """An OSError while a room's transcript is read is an XwError, as everywhere."""
    alice = act("alice")
    alice.rooms.create("lobby", ["alice"], policy="free", seed="The weather")
    entries = alice.rooms.log("lobby")
    done = Path(alice.hub) / "lobby" / "inbox" / "done"
    done.rmdir()
    done.write_text("not a directory")
    with pytest.raises(xw.XwError, match="done"):
        list(entries)


def test_upkeep(either: Open) -> None:
    """`gc`, `doctor`, `sync`, `who` and `prompt` give what their commands print."""
    alice = either("alice")
    sent = alice.send("alice", "info", "x")
    alice.done(*alice.check())
    swept = alice.gc(0, dry_run=True)
    assert swept
    assert sent.name in " ".join(swept.messages)
    assert not [finding for finding in alice.doctor() if finding.level == "bad"]
    assert alice.sync().report.flushed.waiting == {}
    assert alice.who()[:2] == ("alice", alice.hub)
    assert "alice" in alice.prompt()
