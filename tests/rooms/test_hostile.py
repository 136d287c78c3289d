"""Members that forge, flood, hide words or have a wrong clock: the room goes on."""

from typing import Any

import pytest

from tests.rooms.stage import Stage
from xw import clock
from xw.layout import INBOX, MESSAGE_LIMIT
from xw.rooms import coordinator, record

TURN, HEARD = {"kind": "ROOM_TURN", "turn": 9}, {"kind": "ROOM_EVENT", "event": "heard"}


def test_no_words_are_hidden_from_the_transcript(stage: Stage) -> None:
    """An answer that claims to be a room's own PASS is shown to nobody, unless the transcript has it too."""
    room = stage.run(stage.room("talk", "alice bob", seed="x"))
    room.step()
    turn = stage.turn("alice")
    assert turn
    stage.send("alice", "talk", "psst, bob", "reply", turn.id, protocol=HEARD)
    stage.send("alice", "talk", "aloud")
    room.step()
    stage.answer("alice", "PASS")
    room.step()
    given = stage.turn("bob")
    assert given and "psst" not in given.body and "aloud" in given.body


def test_who_claims_to_be_a_room_keeps_within_its_rate(stage: Stage) -> None:
    """Turns are given by members that are rooms; an agent's are words like any other, and counted."""
    room = stage.run(stage.room("talk", "alice bob", policy="mention", per_minute=2))
    for number in range(4):
        stage.send("alice", "talk", f"bob: {number}", "question", protocol=TURN)
    room.step()
    assert stage.said("talk")[:2] == [("alice", "bob: 0"), ("alice", "bob: 1")]
    assert [author for author, _ in stage.said("talk")[2:]] == ["talk"], "that it is over its rate"
    assert stage.mail("alice", "reply") == []


@pytest.mark.parametrize(
    "fields",
    [{"room": "other", "author": "bob"}, {"author": "talk", "hops": 7}, {"protocol": {"kind": "ROOM_WHAT"}}],
)
def test_forged_fields_change_no_author(stage: Stage, fields: dict[str, Any]) -> None:
    """The author of a line is its mailbox, whatever the message claims."""
    room = stage.run(stage.room("talk", "alice bob"))
    stage.send("alice", "talk", "it is me", "task", **fields)
    room.step()
    assert stage.said("talk") == [("alice", "it is me")]


@pytest.mark.parametrize("whole", [95_000, 160_000])
@pytest.mark.parametrize("letter", ["x", "\x01", '"', "\U0001f600", "\n", "\u2028"])
def test_long_lines_never_make_a_turn_too_large(stage: Stage, letter: str, whole: int) -> None:
    """With any number of lines of any content, the turn that shows them fits into a message."""
    room = stage.run(stage.room("talk", "alice bob carol", policy="mention", per_minute=0, words=0))
    for _ in range(10):
        stage.send("alice", "talk", f"a{whole * letter}z")
    stage.send("alice", "talk", f"a{whole * letter} @bob")
    stage.send("alice", "talk", "the end")
    room.step()
    turn = stage.turn("bob")
    assert turn and "alice: the end" in turn.body
    assert "lines omitted" in turn.body
    assert len(turn.body.encode()) < MESSAGE_LIMIT


def test_lines_without_end_are_named_in_parts(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many lines between two turns: what the room sends stays small, and their order stays exact."""
    monkeypatch.setattr(coordinator, "_NAMED", 4)
    monkeypatch.setattr(record, "_AT_ONCE", 3)
    room = stage.run(stage.room("talk", "alice bob", policy="mention", per_minute=0))
    expected = []
    for number in range(23):
        name = ("alice", "bob")[number % 2]
        stage.send(name, "talk", str(number))
        expected.append((name, str(number)))
        if number % 5 == 0:
            room.step()
    room.step()
    assert stage.said("talk") == expected
    assert [(line.author, line.text) for line in stage.run("talk").state.lines] == expected
    room.step()
    assert stage.instance("talk").mailbox.pending() == []


def test_names_of_any_length_are_refused_in_few_words(stage: Stage) -> None:
    """A person's request about an invalid name is refused, however long the name."""
    room = stage.run(stage.room("talk", "alice bob"))
    stage.add("anna", "human")
    for deed in ("join", "leave"):
        stage.ask("anna", "talk", deed, 400_000 * "\\")
    room.step()
    assert [len(body) < 300 for body in stage.events("anna")] == [True, True]


def test_a_text_that_has_passed_many_rooms_is_dropped(stage: Stage) -> None:
    """More rooms than anybody chains are an error or a forgery."""
    room = stage.run(stage.room("talk", "alice bob"))
    stage.send("alice", "talk", "hi", rooms=[f"r{number}" for number in range(20_000)])
    room.step()
    (name,) = stage.instance("talk").mailbox.names(INBOX["failed"])
    assert stage.instance("talk").mailbox.why(name)["kind"] == "looped"


@pytest.mark.parametrize("ahead", [-86_400, 86_400])
def test_a_wrong_clock_stops_nobody(stage: Stage, ahead: int) -> None:
    """A member whose clock is a day off neither escapes the rate of its turns nor holds up the room."""
    room = stage.run(stage.room("talk", "alice bob", policy="free", seed="x", per_minute=2, quiet_s=60))

    def answer(name: str) -> None:
        stage.wait(ahead if name == "bob" else 0)
        stage.answer(name, f"{name} speaks")
        stage.wait(-ahead if name == "bob" else 0)

    for _ in range(5):
        room.step()
        for name in stage.floor("alice", "bob"):
            answer(name)
    room.step()
    assert [author for author, _ in stage.said("talk")].count("bob") == 2
    room = stage.run("talk")
    stage.wait(61)
    room.step()
    assert sorted(stage.floor("alice", "bob")) == ["alice", "bob"], "also after a restart"


def test_what_has_expired_is_shown_to_nobody(stage: Stage) -> None:
    """A line that has expired when the room reads it is refused with a notice; one in time is not."""
    name = stage.room("talk", "alice bob")
    late, early = (clock.rfc3339(stage.time + seconds * clock.SECOND) for seconds in (60, 3600))
    stage.send("alice", name, "in a minute", expires=late)
    stage.send("alice", name, "in an hour", expires=early)
    stage.wait(120)
    room = stage.run(name)
    room.step()
    assert stage.said(name) == [("alice", "in an hour")]
    assert "expired" in stage.events("alice")[0]
    (dead,) = room.instance.mailbox.names(INBOX["failed"])
    assert room.instance.mailbox.why(dead)["kind"] == "expired"


def test_who_leaves_in_its_own_turn(stage: Stage) -> None:
    """The turn goes to the next one; what the one who left says then is refused."""
    room = stage.run(stage.room("talk", "alice bob carol", seed="x"))
    room.step()
    stage.ask("alice", "talk", "leave")
    room.step()
    assert stage.floor("bob", "carol") == ["bob"]
    stage.answer("alice", "I am still here")
    room.step()
    assert "not a member" in stage.events("alice")[-1]
    assert all("still here" not in text for _, text in stage.said("talk"))


def test_two_who_pause_and_close_at_once(stage: Stage) -> None:
    """The second of two equal requests is refused with the reason; a later request reopens a closed room."""
    room = stage.run(stage.room("talk", "alice bob", seed="x"))
    for name in ("anna", "otto"):
        stage.add(name, "human")
    for deed in ("pause", "close", "resume"):
        stage.ask("anna", "talk", deed)
        stage.ask("otto", "talk", deed)
    room.step()
    assert [body.partition("refused: ")[2] for body in stage.events("otto")] == [
        "the room is paused already",
        "the room is closed: anna closed it; `xw room resume talk` continues it",
        "the room is open already",
    ]
    assert room.state.status == "open"


@pytest.mark.parametrize("memory", [0, 1])
def test_the_smallest_limits(stage: Stage, memory: int) -> None:
    """One turn, one word, one message a minute, no memory: each limit is kept, and the room ends."""
    room = stage.run(
        stage.room("talk", "alice bob", seed="x", turns=1, words=1, per_minute=1, memory=memory, quiet_s=1)
    )
    room.step()
    assert stage.floor("alice", "bob") == ["alice"]
    stage.answer("alice", "done")
    room.step()
    assert room.state.reason == "the limit of 1 turns is reached"
