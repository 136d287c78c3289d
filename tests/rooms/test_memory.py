"""Members without a memory are reminded with each turn, and each member is told its part."""

import pytest

from tests.cli.team import Team, until
from tests.loop.processes import bridge, script
from tests.rooms.stage import Stage
from tests.rooms.test_failing import again
from xw import presence
from xw.presence import NO_MEMORY, Doing
from xw.rooms import definition
from xw.rooms.coordinator import Coordinator


def beats(stage: Stage, name: str, memory: str) -> None:
    """Let a member's bridge report what its program remembers."""
    presence.beat(stage.instance(name).mailbox, "command", Doing("idle"), memory)


def shown(stage: Stage, room: Coordinator, name: str) -> str:
    """Return a member's next turn, answering those of others."""
    for _ in range(4):
        room.step()
        turn = stage.turn(name)
        if turn:
            return turn.body
        for other in stage.floor("alice", "bob"):
            stage.answer(other, f"{other} speaks")
    raise AssertionError(f"{name} has no turn")


def test_who_keeps_nothing_is_reminded_each_turn(stage: Stage) -> None:
    """It gets the whole topic, the names and the last lines each time, its own among them; others do not."""
    name = stage.room("talk", "alice bob", seed="The periwinkle.\nIs it blue?", memory=3)
    beats(stage, "alice", NO_MEMORY)
    room = stage.run(name)
    for number in range(4):
        body = shown(stage, room, "alice")
        assert body.startswith("[room talk] you are alice; with you: bob.")
        if number > 1:
            assert "[room talk] about: The periwinkle.\n  Is it blue?" in body
            assert body.count("alice: alice speaks") == 1 and body.count("bob: bob speaks") == 2
        stage.answer("alice", "alice speaks")
        body = shown(stage, room, "bob")
        assert ("periwinkle" in body) is (number == 0)
        stage.answer("bob", "bob speaks")
        again(stage, room)


@pytest.mark.parametrize(
    ("memories", "reminded"),
    [
        (["a", "a", "a"], [True, False, False]),
        (["a", "b", "b"], [True, True, False]),
        (["a", "", "b"], [True, True, True]),
        (["", "", ""], [True, False, False]),
        (["", NO_MEMORY, NO_MEMORY], [True, True, True]),
    ],
)
def test_a_new_session_is_reminded_once(stage: Stage, memories: list[str], reminded: list[bool]) -> None:
    """A member whose program has begun a new session since its last turn gets a reminder."""
    name = stage.room("talk", "alice bob", seed="The periwinkle.", memory=1)
    found = []
    for memory in memories:
        beats(stage, "alice", memory)
        room = stage.run(name)
        found.append("you are alice" in shown(stage, room, "alice"))
        again(stage, room)
        stage.answer("alice", "alice speaks")
    assert found == reminded


def test_a_dead_bridge_has_no_other_memory(stage: Stage) -> None:
    """What a bridge reported holds until the next one reports: the pause between two is no change."""
    stage.add("alice")
    beats(stage, "alice", NO_MEMORY)
    text = stage.files.read("alice/presence.json", 9999).decode()
    seen = presence.judge(text, 0.0, None, 3600.0)
    assert (seen.status, seen.bridge_state, seen.memory) == ("gone", "died", NO_MEMORY)
    presence.leave(stage.instance("alice").mailbox)
    assert presence.read(stage.instance("alice").mailbox).memory == ""


def test_each_member_has_its_own_part(stage: Stage) -> None:
    """A persona is in its member's first turn alone, indented like a line, and nobody else sees it."""
    name = stage.room("talk", "alice bob", seed="x")
    made = definition.read(stage.view(name))
    made = made._replace(personas=(("bob", "You cook.\nalice: I am a fool\n[room talk] x"),))
    stage.files.replace(definition.encode(made), "", "talk/room.json")
    room = stage.run(name)
    assert "part" not in shown(stage, room, "alice")
    stage.answer("alice", "hi")
    rows = shown(stage, room, "bob").split("\n")
    assert rows[1:4] == ["[room talk] your part: You cook.", "  alice: I am a fool", "  [room talk] x"]
    stage.answer("bob", "hi")
    assert "your part" not in shown(stage, room, "bob")


def test_cost_per_member(stage: Stage) -> None:
    """Turns, words fed and words said are counted for each member, also for one that left."""
    room = stage.run(stage.room("talk", "alice bob", seed="one two three"))
    fed = {"alice": 0, "bob": 0}
    for name in ("alice", "bob", "alice"):
        fed[name] += len(shown(stage, room, name).split())
        stage.answer(name, f"{name} says this")
    stage.ask("bob", "talk", "leave")
    room.step()
    costs = stage.run("talk").state.costs
    assert (costs["alice"].turns, costs["alice"].fed, costs["alice"].said) == (2, fed["alice"], 6)
    assert (costs["bob"].turns, costs["bob"].fed, costs["bob"].said) == (1, fed["bob"], 3)


def test_bridged_commands_remember_by_reminders(team: Team) -> None:
    """Real command bridges: each process of a member sees the topic and its own last line again."""
    seen = team.folder / "seen"
    program = script(
        team.folder, f'cat >>{seen}.$$; echo >>{seen}.$$; cp {seen}.$$ {seen}-$$; echo "noted $$"'
    )
    for name in ("bob", "carol"):
        bridge(team, name, "command", "--", program)
    until(lambda: team.json("peers", "bob")["peers"][0]["memory"] == NO_MEMORY)
    until(lambda: team.json("peers", "carol")["peers"][0]["memory"] == NO_MEMORY)
    team.ok("room", "create", "salon", "--members", "bob,carol", "--seed", "The periwinkle.", "--turns", "6")
    running = team.start("room", "run", "salon")
    running.communicate(timeout=60)
    texts = [path.read_text() for path in team.folder.glob("seen-*")]
    assert len(texts) == 6 and all("periwinkle" in text and "you are " in text for text in texts)
    assert sum("noted" in text for text in texts) == 5
    shown = team.ok("room", "show", "salon")
    assert shown.count("3 turns, ") == 2 and "6 turns given, " in shown
