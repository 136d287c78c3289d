"""claim, release, fail, arrivals(claim=True) and work, alike on a hub in a directory and over SSH."""

from itertools import islice

import pytest

import xw
from tests.api.conftest import Open
from tests.remote.conftest import Join


def test_claim_release_and_fail(either: Open) -> None:
    """The recipient's claim and failure are what the sender's `trace` and `wait` show."""
    alice, bob = either("alice"), either("bob")
    task = alice.send("bob", "task", "Build it")
    (message,) = bob.check()
    assert (bob.claim(message).moved, bob.claim(task.id).moved) == (True, False)
    assert bob.check().claimed == (task.id,) and bob.who().claimed == 1
    assert alice.trace(task.id).recipients[0].where == "processing"
    assert (bob.release(message).moved, bob.release(message).moved) == (True, False)
    assert bob.claim(message).moved
    failed = bob.fail(message, "the build host is down")
    assert failed.moved and failed.notice
    (one,) = alice.trace(task.id).recipients
    assert (one.where, one.reason) == ("failed", "the build host is down")
    with pytest.raises(xw.NoAnswer, match="the build host is down") as caught:
        alice.wait(re=task.id, timeout=30)
    assert caught.value.asked == task.id and len(caught.value.notices) == 1
    with pytest.raises(xw.NotFound, match="dead letter"):
        bob.claim(task.id)


def test_arrivals_are_claimed(either: Open) -> None:
    """Each message is claimed before it is given out; what an iterator left is the next one's."""
    alice, bob = either("alice"), either("bob")
    sent = [alice.send("bob", kind, kind).id for kind in ("task", "info", "question")]
    first = bob.arrivals(("task", "question"), sender="alice", claim=True)
    assert [message.id for message in islice(first, 2)] == [sent[0], sent[2]]
    with pytest.raises(xw.Refused, match="watch --claim"):
        bob.claim(sent[0])
    bob.done(sent[0])
    first.close()
    again = bob.arrivals(("task", "question"), claim=True)
    assert next(again).id == sent[2]
    again.close()
    assert [message.id for message in bob.check()] == [sent[1]]


def test_work(either: Open) -> None:
    """A command is run for each message, and settles it by its exit code."""
    alice, bob = either("alice"), either("bob")
    good, bad = (alice.send("bob", "task", body).id for body in ("good", "bad"))
    worked = list(islice(bob.work("grep -q good"), 2))
    assert [(one.message.id, one.code, one.state) for one in worked] == [
        (good, 0, "done"),
        (bad, 1, "failed"),
    ]
    assert [alice.trace(one).recipients[0].where for one in (good, bad)] == ["done", "failed"]


def test_arguments(act: Open) -> None:
    """Wrong arguments are named, and change nothing."""
    bob = act("bob")
    for call in (bob.claim, bob.release):
        with pytest.raises(TypeError, match="message must be"):
            call(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="why must be a string"):
        bob.fail("k7f3q2m9", None)  # type: ignore[arg-type]
    with pytest.raises(xw.Usage, match="unknown message type"):
        bob.arrivals("letter")


def test_two_machines_with_one_name(join: Join) -> None:
    """One machine's claim is the other's to take only once it was released; offline nobody claims."""
    machines = [join("alice"), join("bob"), join("bob", "another")]
    configs = [str(machine.folder / "xw.json") for machine in machines]
    with (
        xw.open("alice", config=configs[0]) as alice,
        xw.open("bob", config=configs[1]) as one,
        xw.open("bob", config=configs[2]) as two,
        xw.open("bob", config=configs[2], offline=True) as offline,
    ):
        task = alice.send("bob", "task", "Build it").id
        assert one.check()[0].id == two.check()[0].id == task
        with pytest.raises(xw.Unreachable):
            offline.claim(task)
        assert one.claim(task).moved
        with pytest.raises(xw.Refused, match="another machine"):
            two.claim(task)
        two.sync()
        for call in (two.claim, two.release):
            with pytest.raises(xw.Refused, match="another"):
                call(task)
        assert one.release(task).moved
        assert two.claim(task).moved
        with pytest.raises(xw.Refused, match="another machine"):
            one.claim(task)
        two.done(task)
        assert alice.trace(task).recipients[0].where == "done"
