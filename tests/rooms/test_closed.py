"""After a room is closed, its senders learn it at once, its record stays, its name is not reused."""

import pytest

from tests.cli.team import Team
from tests.rooms.stage import Stage
from tests.rooms.test_commands import create, finish
from xw import outbox
from xw.actions.gc import gc
from xw.errors import NotFound, Refused
from xw.layout import CARD, INBOX, SENT


def ended(stage: Stage) -> None:
    """A room whose owner has closed it."""
    stage.add("owner")
    room = stage.run(stage.room("talk", "alice bob", seed="x"))
    stage.ask("owner", "talk", "close")
    room.step()
    assert room.state.status == "closed"


@pytest.mark.parametrize(
    "words",
    [
        ["send", "info", "late", "--to", "talk"],
        ["room", "say", "talk", "late"],
        ["room", "join", "talk"],
        ["room", "close", "talk"],
    ],
)
def test_mail_to_a_closed_room_fails_at_once(team: Team, words: list[str]) -> None:
    """Sending to a closed room fails in the command itself, and nothing is sent."""
    create(team)
    finish(team)
    result = team.run(*words, by="bob")
    assert (result.code, result.out) == (3, "")
    assert "the room 'talk'" in result.err and "is closed" in result.err
    assert (
        "did you mean" not in result.err and "peers:" not in result.err and "nothing was sent" in result.err
    )
    assert team.pending("talk") == [] and team.names("bob", "sent") == []


def test_a_late_answer_is_told(team: Team) -> None:
    """The answer to a turn that was open when the room was closed fails with the reason."""
    create(team)
    running = team.start("room", "run", "talk")
    turn = team.json("wait", "--timeout", "30", by="bob")
    team.ok("room", "close", "talk")
    running.communicate(timeout=30)
    result = team.run("reply", turn["id"], "so late", by="bob")
    assert (result.code, "is closed" in result.err) == (3, True)


def test_what_came_before_the_end_is_answered(stage: Stage) -> None:
    """Mail behind the request to close, and mail that comes while no coordinator runs, gets its refusal."""
    stage.add("owner")
    room = stage.run(stage.room("talk", "alice bob", seed="x"))
    stage.ask("owner", "talk", "close")
    stage.send("alice", "talk", "one more thing")
    room.step()
    assert "refused: the room is closed" in stage.events("alice")[-1]
    # As if it had been on its way while the room was taken off the hub.
    stage.hub.register("late", {"name": "late", "kind": "agent"})
    stage.files.replace(b"{}", "", f"talk/{CARD}")
    stage.send("late", "talk", "too late")
    stage.files.remove(f"talk/{CARD}")
    stage.run("talk").step()
    assert "refused: the room is closed" in stage.events("late")[-1]
    assert stage.instance("talk").mailbox.pending() == []
    assert len(stage.events("alice")) == 2, "the closing and the refusal, once"


def test_what_comes_while_it_closes_is_answered(stage: Stage) -> None:
    """Mail that arrives after the last look at the mail, and before the card is gone, gets its refusal."""
    stage.add("owner")
    room = stage.run(stage.room("talk", "alice bob", seed="x"))
    stage.ask("owner", "talk", "close")
    remove = stage.files.remove

    def removes(path: str) -> None:
        if path == f"talk/{CARD}":
            del stage.files.remove
            stage.send("alice", "talk", "one more thing")
        remove(path)

    stage.files.remove = removes  # type: ignore[method-assign]
    room.step()
    assert "refused: the room is closed" in stage.events("alice")[-1]
    assert stage.instance("talk").mailbox.pending() == []


def test_who_is_gone_is_not_told(stage: Stage) -> None:
    """A refusal for somebody who has left the hub is kept with the dead letter, and stops nothing."""
    ended(stage)
    stage.files.replace(b"{}", "", f"talk/{CARD}")
    stage.add("gone")
    stage.send("gone", "talk", "bye")
    stage.files.remove(f"talk/{CARD}")
    stage.files.remove_folder("gone")
    stage.run("talk").step()
    mailbox = stage.instance("talk").mailbox
    (name,) = mailbox.names(INBOX["failed"])
    assert "closed" in mailbox.why(name)["reason"]


def test_mail_from_an_outbox_comes_back(stage: Stage) -> None:
    """Mail that was in an outbox when the room was closed comes back from postmaster, with the reason."""
    writable = stage.files.writable
    stage.add("owner")
    room = stage.run(stage.room("talk", "alice bob", seed="x"))
    stage.files.writable = lambda folder: "talk" not in folder and writable(folder)  # type: ignore[method-assign]
    stage.send("alice", "talk", "waits")
    del stage.files.writable
    stage.ask("owner", "talk", "close")
    room.step()
    alice = stage.instance("alice")
    assert outbox.flush(alice.mailbox, alice.hub).returned
    (told,) = [body for body in stage.events("alice") if body.startswith("Not delivered")]
    assert "the room 'talk'" in told and "is closed" in told


def test_broadcasts_pass_a_closed_room_by(team: Team) -> None:
    """`--to all` names no closed room; so nothing piles up there."""
    create(team)
    finish(team)
    team.ok("notify", "status", "idle")
    assert team.pending("talk") == []
    assert "talk" not in team.ok("peers")


def test_its_name_and_record_stay(team: Team) -> None:
    """A closed room is listed, shown and printed as before; neither a room nor an instance takes its name."""
    create(team)
    finish(team)
    assert team.ok("room", "list").startswith("talk closed (alice closed it)")
    assert "Tea?" in team.ok("log", "--room", "talk")
    assert "Tea?" in team.ok("log", "--room", "talk", "--follow"), "it ends, since the room has"
    again = team.run("room", "create", "talk", "--members", "bob")
    assert (again.code, "the room 'talk' exists already" in again.err) == (6, True)
    taken = team.run("init", "--name", "talk", by=None)
    assert (taken.code, "or was" in taken.err) == (6, True)
    assert team.ok("room", "list").startswith("talk closed")


def test_an_open_rooms_card_is_safe(stage: Stage) -> None:
    """Registering an open room's name anew makes no instance of it; a room's own card may be repaired."""
    stage.room("talk", "alice")
    with pytest.raises(Refused, match="room"):
        stage.hub.register("talk", {"name": "talk", "kind": "agent"})
    stage.hub.register("talk", {"name": "talk", "kind": "room"})


def test_gc_keeps_the_record_of_an_open_room(stage: Stage) -> None:
    """gc of an open room's mailbox leaves all that its state is folded from, with the files of its lines."""
    name = stage.room("talk", "alice bob", seed="x")
    room = stage.run(name)
    for _ in range(3):
        room.step()
        for member in stage.floor("alice", "bob"):
            stage.answer(member, f"{member} speaks")
    stage.send("alice", name, "a picture", files=(__file__,))
    room.step()
    stage.add("zoe")
    stage.send("zoe", name, "let me in")
    room.step()
    mailbox = room.instance.mailbox
    before = {folder: mailbox.names(folder) for folder in (SENT, INBOX["done"])}
    attachments = sorted(stage.files.list_folder(f"{name}/attachments"))
    swept = gc(room.instance, 0)
    assert swept.attachments == []
    assert all(path.startswith(f"{INBOX['failed']}/") for path in swept.messages)
    assert before == {folder: mailbox.names(folder) for folder in before}
    assert attachments == sorted(stage.files.list_folder(f"{name}/attachments"))
    assert stage.run(name).state.members == room.state.members


def test_gc_of_a_closed_room(stage: Stage) -> None:
    """gc removes a closed room's record; the rest is still closed, and is not begun again."""
    ended(stage)
    swept = gc(stage.instance("talk"), 0)
    assert swept.messages
    room = stage.run("talk")
    room.step()
    assert (room.state.status, room.state.reason) == ("closed", "its record was removed")
    assert stage.instance("talk").mailbox.names(SENT) == []


def test_a_coordinator_killed_before_the_card_goes(stage: Stage) -> None:
    """If the coordinator died right after closing the room, the next one takes it off the hub."""
    ended(stage)
    stage.files.replace(b'{"kind": "room"}', "", f"talk/{CARD}")
    stage.run("talk").step()
    assert not stage.hub.rooms().is_open("talk")
    with pytest.raises(NotFound, match="is closed"):
        stage.send("alice", "talk", "late")
