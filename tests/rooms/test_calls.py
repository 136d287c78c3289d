"""Members called by name: a person's call under every policy, calls that reach nobody, a dead moderator."""

import pytest

from tests.rooms.stage import Stage
from tests.rooms.test_failing import again, fail
from xw.rooms.coordinator import Coordinator
from xw.words import Policy

EVERY: tuple[Policy, ...] = ("free", "round-robin", "mention", "moderator")


def led(stage: Stage, **limits: float) -> Coordinator:
    """Return a moderated room whose moderator `mod` has the floor."""
    room = stage.run(stage.room("talk", "mod vex puck", "moderator", seed="Tea?", **limits))
    room.step()
    assert stage.floor("mod", "vex", "puck") == ["mod"]
    return room


@pytest.mark.parametrize("policy", EVERY)
def test_whom_a_person_names_is_next(stage: Stage, policy: Policy) -> None:
    """A person's @name gets the next turn once the floor is free, whoever else would have had it."""
    stage.add("ann", "human")
    room = stage.run(stage.room("talk", "orla vex puck", policy, seed="Tea?", per_minute=0))
    room.step()
    stage.send("ann", "talk", "@puck answer me first")
    for name in stage.floor("orla", "vex", "puck"):
        stage.answer(name, "@vex what do you say?")
    room.step()
    turn = stage.turn("puck")
    assert turn and "ann: @puck answer me first" in turn.body
    if policy != "free":
        assert stage.floor("orla", "vex", "puck") == ["puck"]
    again(stage, room)


@pytest.mark.parametrize("policy", EVERY)
def test_a_person_wakes_whom_it_names(stage: Stage, policy: Policy) -> None:
    """A member that was passed over because it did not answer gets a turn when a person names it."""
    stage.add("ann", "human")
    room = stage.run(stage.room("talk", "orla vex", policy, seed="@orla Tea?", answer_s=30, quiet_s=0))
    room.step()
    stage.wait(31)
    room.step()
    stage.send("ann", "talk", "anybody?")
    room.step()
    assert "orla" in [name for name, member in room.state.members.items() if member.away]
    stage.send("ann", "talk", "@orla are you there?")
    if stage.floor("vex"):
        stage.answer("vex", "PASS")
    room.step()
    assert len(stage.mail("orla", "question")) == 2
    again(stage, room)


@pytest.mark.parametrize(
    "words", ["vex, what do you say?", "@nobody go on", "@mod I wonder", "PASS", "@vxe?"]
)
def test_a_moderator_that_names_nobody_is_asked_once_more(stage: Stage, words: str) -> None:
    """It gets one more turn, with the names; after a second such answer the room waits for somebody else."""
    room = led(stage)
    stage.answer("mod", words)
    room.step()
    turn = stage.turn("mod")
    assert turn and stage.floor("mod", "vex", "puck") == ["mod"]
    assert "nobody has the turn now; name the next speaker with @: @vex, @puck" in turn.body
    again(stage, room)
    stage.answer("mod", words)
    room.step()
    assert stage.floor("mod", "vex", "puck") == []
    again(stage, room)
    stage.add("ann", "human")
    stage.send("ann", "talk", "go on")
    room.step()
    stage.answer("mod", words)
    room.step()
    assert stage.floor("mod") == ["mod"], "it may be asked again, since somebody spoke"
    stage.answer("mod", "@puck then")
    room.step()
    assert stage.floor("vex", "puck") == ["puck"]


def test_each_turn_of_the_moderator_has_the_names(stage: Stage) -> None:
    """From its second turn on too, the moderator is told to name a member, and who can speak."""
    room = led(stage)
    stage.answer("mod", "@vex?")
    room.step()
    stage.answer("vex", "yes")
    room.step()
    turn = stage.turn("mod")
    assert turn and turn.body.split("\n")[:2] == [
        "[room talk] your turn, mod",
        "[room talk] name the next speaker with @: @vex, @puck",
    ]


@pytest.mark.parametrize("how", ["passes", "silent", "fails", "gone", "left"])
def test_who_was_named_says_nothing(stage: Stage, how: str) -> None:
    """If the member that the moderator named says nothing, the moderator is asked again, without it."""
    room = led(stage, answer_s=30)
    stage.answer("mod", "@vex?")
    room.step()
    if how == "passes":
        stage.answer("vex", "PASS")
    elif how == "silent":
        stage.wait(31)
    elif how == "fails":
        fail(stage, room, "vex")
    elif how == "gone":
        stage.files.remove_folder("vex")
        stage.wait(31)
    else:
        stage.ask("vex", "talk", "leave")
    room.step()
    turn = stage.turn("mod")
    assert turn and turn.body.split("\n")[1].endswith("@vex, @puck" if how == "passes" else "with @: @puck")
    again(stage, room)


@pytest.mark.parametrize("words", ["@vxe go", "@vex go"])
def test_a_mention_that_reaches_nobody(stage: Stage, words: str) -> None:
    """Under `mention`, who names only strangers, or members that do not answer, is asked once more."""
    room = stage.run(stage.room("talk", "orla vex puck", "mention", seed="Tea?", answer_s=30))
    room.step()
    stage.answer("orla", words)
    room.step()
    stage.wait(31)
    room.step()
    turn = stage.turn("orla")
    assert turn and "nobody has the turn now; name the next speaker with @" in turn.body
    again(stage, room)
    stage.answer("orla", "@vxe go")
    room.step()
    assert stage.floor("orla", "puck") == []


def test_a_person_who_mentions_nobody(stage: Stage) -> None:
    """Under `mention`, a person's or the seed's wrong name leaves the word to the first who can speak."""
    stage.add("ann", "human")
    room = stage.run(stage.room("talk", "orla vex puck", "mention", seed="@vex Tea?", answer_s=30))
    room.step()
    stage.wait(31)
    room.step()
    assert stage.floor("orla", "puck") == ["orla"]
    stage.answer("orla", "well")
    stage.send("ann", "talk", "@pukc, and you?")
    room.step()
    assert stage.floor("orla", "puck") == ["orla"]


@pytest.mark.parametrize("how", ["fails", "silent", "left", "gone"])
def test_a_dead_moderator_does_not_silence_the_room(stage: Stage, how: str) -> None:
    """Without the moderator the members speak in turn, the event tells how to replace it, and it returns."""
    room = led(stage, answer_s=30)
    if how == "fails":
        fail(stage, room, "mod")
    elif how == "silent":
        stage.wait(31)
    elif how == "left":
        stage.ask("mod", "talk", "leave")
    else:
        stage.files.remove_folder("mod")
        stage.wait(31)
        room.step()
        stage.send("vex", "talk", "mod?")
    room.step()
    assert "`xw room set talk --moderator NAME` names another moderator" in " ".join(stage.events("puck"))
    spoke = []
    for _ in range(3):
        (name,) = stage.floor("vex", "puck")
        stage.answer(name, "so")
        spoke.append(name)
        room.step()
        if how == "fails":
            assert not stage.floor("mod")
    assert sorted(set(spoke)) == ["puck", "vex"]
    again(stage, room)
    if how == "fails":
        stage.wait(6)
        stage.answer(stage.floor("vex", "puck")[0], "and so")
        room.step()
        assert stage.floor("mod", "vex", "puck") == ["mod"]


def test_a_late_failure_counts(stage: Stage) -> None:
    """A bridge that gives up after its member was passed over lets the member be asked again."""
    room = stage.run(stage.room("talk", "alice bob", seed="x", answer_s=30))
    room.step()
    stage.wait(31)
    room.step()
    assert room.state.members["alice"].away
    fail(stage, room, "alice", "timeout")
    assert room.state.members["alice"].failures == 1
    again(stage, room)
    stage.answer("bob", "hello")
    stage.wait(6)
    room.step()
    turn = stage.turn("alice")
    assert turn and "bob: hello" in turn.body and "talk: x" in turn.body
    assert room.state.turns == 2
