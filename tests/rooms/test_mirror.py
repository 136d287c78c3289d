"""Rooms as seen from another host: made, spoken to, watched over SSH; run on the hub's host."""

import pytest

# A hub on a host with sshd, and machines that have joined it.
from tests.remote.conftest import Join, alice, hub, join  # noqa: F401
from tests.remote.machine import Machine
from tests.rooms.stage import Stage
from tests.ssh.conftest import home, keys, known, server  # noqa: F401


@pytest.fixture
def made(alice: Machine, stage: Stage) -> Machine:  # noqa: F811  # a fixture
    """Alice's machine, from which a room of herself and bob has been made."""
    stage.add("bob")
    seen = alice.ok("room", "create", "talk", "--members", "alice,bob", "--seed", "Tea?", "--quiet", "60")
    assert "room talk made on ssh://" in seen
    return alice


def test_a_room_is_made_and_seen_from_a_mirror(made: Machine, stage: Stage) -> None:
    """create, list, show, say and log work from a mirror; `log` has what was said between others."""
    assert made.ok("room", "list").startswith("talk open; round-robin; 0 of 100 turns")
    made.ok("room", "say", "talk", "hello from afar")  # of a room that no sync has seen yet
    made.send("talk", "and by plain send")
    room = stage.run("talk")
    room.step()
    stage.send("bob", "talk", "hello back")
    room.step()
    shown = made.ok("log", "--room", "talk")
    said = (
        "Tea?",
        "alice (verified): hello from afar",
        "alice (verified): and by plain send",
        "bob (unsigned): hello back",
    )
    assert [words for words in said if words not in shown] == []
    assert "has the floor" in made.ok("room", "show", "talk")


def test_following_from_a_mirror(made: Machine, stage: Stage) -> None:
    """`log --room --follow` prints what comes, and ends with the room."""
    room = stage.run("talk")
    following = made.start("log", "--room", "talk", "--follow", "--format", "json")
    assert following.stdout and "Tea?" in following.stdout.readline()
    stage.send("bob", "talk", "hello back")
    room.step()
    assert "hello back" in following.stdout.readline()
    stage.ask("alice", "talk", "close")
    room.step()
    assert "the room is closed" in following.communicate(timeout=30)[0]
    assert following.returncode == 0


def test_a_closed_room_from_a_mirror(made: Machine, stage: Stage) -> None:
    """Mail to a room that was closed comes back to a mirror too: at once, or when it is synced."""
    made.ok("sync")
    room = stage.run("talk")
    stage.ask("alice", "talk", "close")
    room.step()
    sent = made.run("send", "info", "late", "--to", "talk")
    made.run("sync")
    told = made.ok("check")
    assert "Not delivered to talk" in told and "the room 'talk'" in told and "closed" in told, sent
    again = made.run("room", "say", "talk", "later still")
    assert (again.code, "is closed" in again.err) == (3, True)


def test_running_a_room_from_afar_is_refused(made: Machine) -> None:
    """The coordinator runs on the hub's host; on another, it refuses with that reason."""
    result = made.run("room", "run", "talk")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "run this on the host of ssh://" in result.err


def test_no_way_to_the_hub(made: Machine) -> None:
    """Without the network, a command that needs the hub's files reports that in one line."""
    for words in (["log", "--room", "talk"], ["room", "show", "talk"], ["room", "list"]):
        result = made.run(*words, "--offline")
        assert (result.code, result.out) == (5, ""), words
        assert "--offline" in result.err
    assert made.run("log", "--room", "nowhere").code == 3
