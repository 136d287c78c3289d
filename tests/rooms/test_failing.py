"""Members that fail: they rest, are asked again, and use up neither turns nor the room."""

import subprocess
import sys

import pytest

from tests.cli.team import Team, until
from tests.loop.processes import bridge, script
from tests.rooms.stage import Stage
from xw import failure
from xw.rooms import admission
from xw.rooms.coordinator import Coordinator
from xw.rooms.state import OPEN
from xw.words import Policy


def fail(stage: Stage, room: Coordinator, name: str, kind: failure.Kind = "failed") -> None:
    """Let a member's bridge report that its turn has no answer."""
    turn = stage.turn(name)
    assert turn, f"{name} has no turn"
    body = failure.notice(name, turn.message, kind, "You've hit your usage limit")
    protocol = failure.payload(kind, "You've hit your usage limit", turn.id)
    stage.send(name, room.state.name, body, re=turn.id, hops=1, protocol=protocol)
    stage.instance(name).mailbox.settle(turn.message.file_name)
    room.step()


def again(stage: Stage, room: Coordinator) -> None:
    """A new coordinator folds the files to the same state."""
    members, turns = dict(room.state.members), (room.state.turns, room.state.given, room.state.status)
    other = stage.run(room.state.name)
    assert dict(other.state.members) == members
    assert (other.state.turns, other.state.given, other.state.status) == turns


def test_a_failed_turn_is_not_used_up(stage: Stage) -> None:
    """A failed turn does not count, is reported, and is given again after a rest, with the same lines."""
    room = stage.run(stage.room("talk", "alice bob", seed="the seed", turns=2))
    room.step()
    fail(stage, room, "alice")
    assert room.state.turns == 1 and stage.floor("alice", "bob") == ["bob"]  # bob's, which counts
    assert any("alice cannot answer" in text and "asked again in 5s" in text for text in stage.events("bob"))
    again(stage, room)
    stage.answer("bob", "hello")
    room.step()
    assert room.state.status == "open" and stage.floor("alice", "bob") == []
    stage.wait(5)
    room.step()
    turn = stage.turn("alice")
    assert turn and "the seed" in turn.body and "bob: hello" in turn.body
    again(stage, room)
    stage.answer("alice", "here")
    room.step()
    assert (room.state.status, room.state.turns) == ("closed", 2)


@pytest.mark.parametrize("policy", ["round-robin", "free", "mention", "moderator"])
def test_three_that_fail_at_once(stage: Stage, policy: Policy) -> None:
    """Three rate-limited members use up no turn and do not end the room; it goes on when they can."""
    seed = "@all what do you say?" if policy == "mention" else "x"
    room = stage.run(stage.room("talk", "a b c", policy, seed=seed, turns=6, quiet_s=60, per_minute=0))
    room.step()
    for _ in range(4):
        for name in "abc":
            if stage.floor(name):
                fail(stage, room, name)
        stage.wait(45)
        room.step()
        assert room.state.status == "open"
        again(stage, room)
    spoke = 0
    while room.state.status == "open" and spoke < 20:
        for name in stage.floor("a", "b", "c"):
            stage.answer(name, "@b @c @a well")
            spoke += 1
        stage.wait(1)
        room.step()
        if not stage.floor("a", "b", "c"):
            stage.wait(320)
            room.step()
    assert spoke == 6


def test_the_rest_grows_and_ends(stage: Stage) -> None:
    """Each rest is twice as long as the last; after the tenth failure the member is passed over."""
    room = stage.run(stage.room("talk", "alice", seed="x", quiet_s=60))
    rests = []
    for _ in range(admission._FAILURES):
        room.step()
        fail(stage, room, "alice")
        member = room.state.members["alice"]
        rests.append(round((member.rests - stage.time) / 1_000_000) if member.rests else 0)
        stage.wait(rests[-1] + 1)
    assert room.state.turns == 0
    assert rests == [5, 10, 20, 40, 80, 160, 320, 600, 600, 0]
    assert "`xw room join talk --member alice`" in stage.events("alice")[-1]
    assert (
        len([text for text in stage.events("alice") if "cannot answer" in text]) == 2
    )  # the first, the last
    assert len([text for _, text in stage.said("talk") if "cannot answer" in text]) == admission._FAILURES
    assert room.state.status == OPEN
    stage.wait(60)
    room.step()
    status: str = room.state.status
    assert status == "closed" and "nobody spoke" in room.state.reason


def test_a_failed_turn_has_shown_nothing(stage: Stage) -> None:
    """The lines of a turn that failed are in the next one, however few a room remembers."""
    room = stage.run(stage.room("talk", "alice bob carol", seed="x", memory=1))
    for name, text in (("alice", "one"), ("bob", "two"), ("carol", "three")):
        room.step()
        stage.answer(name, text)
    room.step()
    fail(stage, room, "alice")
    for name, text in (("bob", "four"), ("carol", "five")):
        stage.answer(name, text)
        room.step()
    stage.wait(6)
    stage.answer("bob", "six")
    room.step()
    turn = stage.turn("alice")
    words = ["two", "three", "four", "five", "six"]
    assert turn and [word for word in words if f": {word}" in turn.body] == words
    again(stage, room)


@pytest.mark.parametrize("wake", ["person", "join", "itself"])
def test_what_ends_a_rest(stage: Stage, wake: str) -> None:
    """A person's word, joining again, and a word of its own make a member's next turn come at once."""
    stage.add("ann", "human")
    room = stage.run(stage.room("talk", "alice bob", seed="x"))
    room.step()
    fail(stage, room, "alice")
    stage.answer("bob", "hello")
    room.step()
    assert stage.floor("alice") == []
    if wake == "person":
        stage.send("ann", "talk", "Please go on.")
    elif wake == "join":
        stage.ask("owner" if stage.hub.knows("owner") else "alice", "talk", "join", "alice")
    else:
        stage.send("alice", "talk", "I am back.")
    room.step()
    assert stage.floor("alice") == ["alice"]
    assert room.state.members["alice"].failures == 0
    again(stage, room)


def test_an_agents_word_ends_no_rest(stage: Stage) -> None:
    """Other members' lines do not wake one that rests."""
    room = stage.run(stage.room("talk", "alice bob", seed="x", policy="free"))
    room.step()
    fail(stage, room, "alice")
    stage.answer("bob", "hello")
    stage.send("bob", "talk", "alice?")
    room.step()
    assert stage.floor("alice") == []


def test_an_older_record_folds_as_it_did(stage: Stage) -> None:
    """An event of an older xw, without `failed`, passes the member over, and its turn counts."""
    room = stage.run(stage.room("talk", "alice bob", seed="x"))
    room.step()
    turn = stage.turn("alice")
    assert turn
    room._tell({"event": "away", "member": "alice", "turn": turn.id}, "alice cannot answer (x): passed over")
    again(stage, room)
    assert room.state.turns == 1 and room.state.members["alice"].away
    stage.wait(3600)
    assert [m.name for m in room.state.scene(stage.time).present()] == ["bob"]


def test_who_does_not_answer_is_still_passed_over(stage: Stage) -> None:
    """A turn that is let pass counts, and is not given again by itself."""
    room = stage.run(stage.room("talk", "alice bob", seed="x", answer_s=30))
    room.step()
    stage.wait(31)
    room.step()
    assert room.state.turns == 2 and room.state.members["alice"].failures == 0
    stage.wait(20)
    assert [m.name for m in room.state.scene(stage.time).present()] == []


def test_bridged_members_that_fail_for_a_while(team: Team) -> None:
    """Programs that fail for some seconds take part again by themselves; `room show` tells of the rest."""
    broken = team.folder / "broken"
    broken.touch()
    program = script(team.folder, f'test -e {broken} && {{ echo "429" >&2; exit 1; }}; echo "I am well"')
    for name in ("bob", "carol"):
        bridge(team, name, "command", "--", program)
    team.ok("room", "create", "salon", "--members", "bob,carol", "--seed", "x", "--turns", "2")
    run = subprocess.Popen(
        [sys.executable, "-m", "xw", "room", "run", "salon", "--as", "alice"],
        cwd=team.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: team.ok("room", "show", "salon").count("rests: cannot answer (") == 2)
        assert " 0 of 2 turns" in team.ok("room", "show", "salon")
        broken.unlink()
        assert run.wait(60) == 0
    finally:
        run.kill()
        run.wait()
    log = team.ok("log", "--room", "salon")
    assert log.count("I am well") == 2 and "cannot answer" in log and "2 turns is reached" in log
