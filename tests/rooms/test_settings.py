"""Changing a room while it goes on, and continuing one that was closed."""

import errno
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.team import Team
from tests.rooms.stage import Stage
from tests.rooms.test_commands import create
from tests.rooms.test_failing import again, fail
from xw.actions import rooms
from xw.actions.gc import gc
from xw.errors import Unreachable, XwError
from xw.layout import CARD, SENT
from xw.message import Fields
from xw.rooms import payload
from xw.rooms.coordinator import Coordinator
from xw.rooms.state import CLOSED


def change(stage: Stage, sender: str, settings: Fields, deed: str = "set") -> None:
    """Ask the room for other settings, as any `xw room set` would."""
    fields: Fields = {"do": deed, "name": sender, "set": settings}
    stage.send(sender, "talk", deed, protocol=payload.write(payload.CONTROL, fields))


def ended(stage: Stage, **limits: float) -> Coordinator:
    """Return a room of two with a person at hand, once a limit has closed it."""
    stage.add("ann", "human")
    room = stage.run(stage.room("talk", "alice bob", "round-robin", "x", **limits))
    for _ in range(6):
        room.step()
        for name in stage.floor("alice", "bob"):
            stage.answer(name, f"{name} speaks")
    stage.wait(601)
    room.step()
    assert room.state.status == "closed" and not stage.hub.rooms().is_open("talk")
    return room


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        ({"turns": 7}, lambda room: room.state.definition.limits.turns == 7),
        ({"turns": "+20"}, lambda room: room.state.definition.limits.turns == 120),
        ({"per_minute": 0, "quiet_s": 1.5}, lambda room: room.state.definition.limits[3] == 1.5),
        ({"policy": "free"}, lambda room: room.state.definition.policy == "free"),
        ({"policy": "moderator"}, lambda room: room.state.definition.moderator == "alice"),
        (
            {"policy": "moderator", "moderator": "bob"},
            lambda room: room.state.definition.moderator == "bob",
        ),
        (
            {"personas": {"bob": "a cook"}},
            lambda room: room.state.definition.personas == (("bob", "a cook"),),
        ),
    ],
)
@pytest.mark.parametrize("sender", ["ann", "owner"])
def test_a_living_room_takes_settings(
    stage: Stage, sender: str, settings: dict[str, object], seen: Callable[[Coordinator], bool]
) -> None:
    """A person or the owner changes a room; an event in the transcript records it for every coordinator."""
    stage.add("ann", "human")
    stage.add("owner")
    room = stage.run(stage.room("talk", "alice bob", seed="x"))
    room.step()
    change(stage, sender, settings)
    room.step()
    assert seen(room) and seen(stage.run("talk"))
    again(stage, room)
    text = stage.said("talk")[-1][1]
    assert text.startswith(f"{sender} changed the room: ") and stage.events("bob")[-1].endswith(text)


@pytest.mark.parametrize(
    ("sender", "settings", "words"),
    [
        ("alice", {"turns": 7}, "alice may not set"),
        ("zoe", {"turns": 7}, "zoe may not set"),
        ("ann", {}, "nothing to set"),
        ("ann", {"turns": -1}, "turns -1"),
        ("ann", {"turns": "lots"}, "invalid limit turns 'lots'"),
        ("ann", {"turns": True}, "invalid limit turns"),
        ("ann", {"turns": [1]}, "invalid limit turns"),
        ("ann", {"answer_s": 0}, "answer_s 0"),
        ("ann", {"words": "+5"}, "no limit words"),
        ("ann", {"policy": "chaos"}, "unknown policy 'chaos'"),
        ("ann", {"moderator": "bob"}, "goes with the policy moderator"),
        ("ann", {"policy": "moderator", "moderator": "zoe"}, "'zoe' is not a member"),
        ("ann", {"personas": {"zoe": "x"}}, "'zoe', who is not a member"),
        ("ann", {"colour": "red"}, "unknown setting 'colour'"),
    ],
)
def test_settings_that_are_refused(
    stage: Stage, sender: str, settings: dict[str, object], words: str
) -> None:
    """A member that is no person may change nothing, and an invalid setting changes nothing; each is told."""
    stage.add("ann", "human")
    stage.add("zoe")
    room = stage.run(stage.room("talk", "alice bob", seed="x", words=0))
    before = room.state.definition
    change(stage, sender, settings)
    room.step()
    assert words in stage.events(sender)[-1]
    assert room.state.definition == before == stage.run("talk").state.definition


def test_a_new_moderator_begins(stage: Stage) -> None:
    """A moderator appointed in a silent room is asked at once, though it has heard everything."""
    stage.add("ann", "human")
    room = stage.run(stage.room("talk", "mod vex puck", "moderator", seed="x", answer_s=30))
    room.step()
    for _ in range(2):
        stage.answer("mod", "so")
        room.step()
    assert stage.floor("mod", "vex", "puck") == []
    change(stage, "ann", {"moderator": "puck"})
    room.step()
    turn = stage.turn("puck")
    assert turn and "You moderate: name the next speaker with @" in turn.body and "@mod, @vex" in turn.body
    again(stage, room)


def test_settings_of_a_newer_xw(stage: Stage) -> None:
    """A recorded setting that this version does not know is left out, and stops nothing."""
    room = stage.run(stage.room("talk", "alice bob", seed="x"))
    room._tell({"event": "set", "by": "owner", "set": {"colour": "red", "turns": 3}}, "changed")
    assert stage.run("talk").state.definition.limits.turns == 100


@pytest.mark.parametrize(
    ("limits", "settings", "left"),
    [
        ({"turns": 2}, {"turns": "+2"}, 2),
        ({"turns": 2}, {"turns": 5}, 3),
        ({"words": 3}, {"words": "+1"}, 1),
        ({"words": 3, "turns": 9}, {"words": 100}, 7),
    ],
)
def test_a_room_that_a_limit_closed_goes_on(
    stage: Stage, limits: dict[str, float], settings: dict[str, object], left: int
) -> None:
    """Once a person raises the limit, the same room continues under its name, with all that was said."""
    ended(stage, **limits)
    stage.hub.rooms().reopen("talk", {"name": "talk", "kind": "room"})
    change(stage, "ann", settings, "resume")
    room = stage.run("talk")
    lines, turns = len(room.state.lines), room.state.turns
    room.step()
    assert room.state.status == "open" and stage.hub.rooms().is_open("talk")
    again(stage, room)
    for _ in range(12):
        for name in stage.floor("alice", "bob"):
            stage.answer(name, "more")
        room.step()
    assert (room.state.status, room.state.turns) == ("closed", turns + left)
    assert len(room.state.lines) == lines + left and not stage.hub.rooms().is_open("talk")
    assert stage.run("talk").state.reason == room.state.reason


def test_what_was_open_at_the_end_is_asked_again(stage: Stage) -> None:
    """A turn whose answer the closed room refused is given again, and silenced members are back."""
    stage.add("ann", "human")
    room = stage.run(stage.room("talk", "alice bob", seed="x", answer_s=30))
    room.step()
    fail(stage, room, "alice")
    stage.ask("ann", "talk", "close")
    room.step()
    stage.hub.rooms().reopen("talk", {"name": "talk", "kind": "room"})
    change(stage, "ann", {}, "resume")
    room = stage.run("talk")
    room.step()
    assert not any(member.away for member in room.state.members.values())
    assert stage.floor("alice") == ["alice"] or len(stage.mail("bob", "question")) == 2
    again(stage, room)


@pytest.mark.parametrize("killed", ["before the request", "before the event", "after the event"])
def test_a_kill_while_a_room_is_reopened(stage: Stage, killed: str) -> None:
    """Wherever the steps are cut off, the room is open or closed as a whole, and resumed once."""
    ended(stage, turns=2)
    stage.hub.rooms().reopen("talk", {"name": "talk", "kind": "room"})
    if killed != "before the request":
        change(stage, "ann", {"turns": "+2"}, "resume")
    room = stage.run("talk")
    if killed == "before the event":
        room._send = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign]
    if killed == "after the event":
        room._mailbox.settle = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign]
    if killed == "before the request":
        room.step()
        assert (room.state.status, stage.hub.rooms().is_open("talk")) == ("closed", False)
        return
    with pytest.raises(KeyboardInterrupt):
        room.step()
    room = stage.run("talk")
    room.step()
    assert (room.state.status, stage.hub.rooms().is_open("talk")) == ("open", True)
    events = [text for _, text in stage.said("talk") if "resumed" in text]
    assert events == ["ann resumed the room: turns 4 (was 2)"] and room.state.definition.limits.turns == 4


def test_a_request_to_resume_that_comes_while_it_closes(stage: Stage) -> None:
    """If it arrives after the last look at the mail, the room is opened again, with its card."""
    stage.add("ann", "human")
    room = stage.run(stage.room("talk", "alice bob", seed="x"))
    stage.ask("ann", "talk", "close")
    remove = stage.files.remove

    def removes(path: str) -> None:
        if path == f"talk/{CARD}":
            del stage.files.remove
            change(stage, "ann", {}, "resume")
        remove(path)

    stage.files.remove = removes  # type: ignore[method-assign]
    assert room.step() == 0.0
    assert stage.hub.rooms().is_open("talk") and room.state.status == "open"
    room.step()
    assert stage.floor("alice", "bob") == ["alice"]


def test_a_room_without_its_beginning_stays_closed(stage: Stage) -> None:
    """A room of whose record gc has removed a part is not resumed: its state would be a guess."""
    ended(stage, turns=2)
    first = stage.instance("talk").mailbox.names(SENT)[0]
    stage.files.remove(f"talk/{SENT}/{first}")
    assert not stage.run("talk").state.whole
    stage.hub.rooms().reopen("talk", {"name": "talk", "kind": "room"})
    change(stage, "ann", {"turns": "+2"}, "resume")
    room = stage.run("talk")
    room.step()
    assert room.state.status == "closed" and not stage.hub.rooms().is_open("talk")
    assert "part of its record was removed by `xw gc`" in stage.events("ann")[-1]
    gc(stage.instance("talk"), 0)
    assert not stage.run("talk").state.whole


def question(team: Team, name: str) -> Any:
    """Wait for a member's turn; the events before it are done."""
    while True:
        asked = team.json("wait", "--timeout", "30", by=name)
        if asked["type"] == "question":
            return asked
        team.ok("done", asked["id"], by=name)


def test_the_commands(team: Team) -> None:
    """`room set` and `room resume` check at once what they can, and continue a closed room."""
    create(team, "talk", "--turns", "1")
    for words, code, error in (
        (["set", "talk"], 2, "nothing to set"),
        (["set", "talk", "--turns", "x"], 2, "invalid limit turns"),
        (["set", "talk", "--moderator", "bob"], 2, "goes with the policy moderator"),
        (["set", "talk", "--persona", "bob"], 2, "NAME=TEXT"),
        (["set", "talk", "--persona", "bob=bob.md"], 2, "no such file 'bob.md'"),
        (["set", "nowhere", "--turns", "5"], 3, "nowhere"),
        (["resume", "talk", "--turns", "1.5"], 2, "invalid limit turns"),
    ):
        result = team.run("room", *words)
        assert (result.code, error in result.err, result.err.count("\n")) == (code, True, 1), result
    assert "bob may not set" in team.run("room", "set", "talk", "--turns", "5", by="bob").err
    (team.folder / "cook.md").write_text("You cook.\nYou are loud.\n")
    idle = "xw: nobody runs the room yet: xw room run talk\n"
    words = ["--policy", "mention", "--persona", "bob=cook.md", "--quiet", "+60"]
    assert team.run("room", "set", "talk", *words)[::2] == (0, idle)
    running = team.start("room", "run", "talk")
    asked = question(team, "bob")
    assert "your part: You cook.\n  You are loud." in asked["body"]
    team.ok("reply", asked["id"], "Soup!", by="bob")
    running.communicate(timeout=30)
    shown = team.ok("room", "show", "talk")
    assert "`xw room resume talk --turns +20` continues it" in shown and "mention" in shown
    assert "bob; 1 turns, " in shown and ", 1 said" in shown and "persona  bob: You cook." in shown
    refused = team.run("room", "resume", "talk")
    assert (refused.code, "raise it, as in `xw room resume talk --turns +20`" in refused.err) == (6, True)
    assert team.run("room", "resume", "talk", "--turns", "+2", by="bob").code == 6
    assert team.run("room", "set", "talk", "--turns", "9").code == 6
    assert team.names("talk", "inbox/pending") == [] and not (team.box("talk") / "card.json").exists()
    assert team.run("room", "resume", "talk", "--turns", "+2")[::2] == (0, idle)
    assert team.run("room", "say", "talk", "@carol and you?", by="bob").code == 0
    running = team.start("room", "run", "talk")
    asked = question(team, "carol")
    assert "@carol and you?" in asked["body"] and "bob: Soup!" in asked["body"]
    team.ok("room", "close", "talk")
    running.communicate(timeout=30)
    room = team.json("room", "show", "talk")
    assert (room["turns"], room["limits"]["turns"], room["personas"]) == (
        2,
        3,
        {"bob": "You cook.\nYou are loud.\n"},
    )
    assert room["fed"] == sum(member["fed"] for member in room["members"]) > 0


@pytest.mark.parametrize("moved", [True, False])
def test_a_coordinator_whose_hub_is_gone_ends(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    """If the hub was moved or removed under a coordinator, it ends with that, instead of trying forever."""
    room = stage.instance(stage.room("talk", "alice bob", seed="x"))
    told: list[XwError] = []

    def step(_: Coordinator) -> float:
        """What a move over SSH does, which cannot see the coordinator's lock."""
        stage.files.remove_folder("talk")
        if moved:
            text = '{"format": 2, "name": "test", "moved": "ssh://there/hub"}'
            stage.files.replace(text.encode(), "", "hub.json")
        return 0.0

    monkeypatch.setattr(Coordinator, "step", step)
    with pytest.raises(Unreachable, match="ssh://there/hub" if moved else "was moved or removed"):
        rooms.run(room, told.append)
    assert told == []


def test_a_coordinator_reports_the_same_trouble_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is reported when it begins, and again if it returns, not at each try."""
    room = stage.instance(stage.room("talk", "alice bob", seed="x"))
    told: list[str] = []
    full = OSError(errno.ENOSPC, "No space left on device", "/tmp/a")
    plan: list[Exception | None] = [full, OSError(errno.ENOSPC, "No space left", "/tmp/b"), None, full]

    def step(running: Coordinator) -> float:
        """The next part of the plan, and then the end."""
        if not plan:
            running.state.status = CLOSED
            return 0.0
        trouble = plan.pop(0)
        if trouble:
            raise trouble
        return 0.0

    monkeypatch.setattr(Coordinator, "step", step)
    monkeypatch.setattr(rooms, "_AGAIN_S", 0.0)
    rooms.run(room, lambda error: told.append(str(error)))
    assert len(told) == 2
