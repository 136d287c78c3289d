"""Rooms whose files are damaged, missing or not writable: each is reported, and hides nothing else."""

import json
import shutil

from tests.cli.team import Team
from tests.rooms.test_commands import create, finish
from xw.layout import ROOM_LOCK


def test_a_missing_folder_hides_no_other_room(team: Team) -> None:
    """`room list` names a room whose record is gone, and lists the others."""
    create(team)
    create(team, "walk")
    shutil.rmtree(team.box("talk") / "sent")
    result = team.run("room", "list")
    assert (result.code, result.err.count("talk/sent"), result.err.count("\n")) == (1, 1, 1)
    assert result.out.startswith("walk open")


def test_a_definition_of_another_version(team: Team) -> None:
    """A time with an offset is printed in UTC, an invalid one is damage, and a newer format has its code."""
    team.ok("room", "create", "tea", "--members", "alice,bob")
    path = team.box("tea") / "room.json"
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(whole | {"created": "2026-11-21T05:30:12+02:00"}))
    assert team.json("room", "show", "tea")["created"] == "2026-11-21T03:30:12.000000Z"
    for changed, code in (
        ({"created": "xxxx-11-21T05:30:12.123456Z"}, "failed"),
        ({"format": 2}, "newer-format"),
    ):
        path.write_text(json.dumps(whole | changed))
        assert json.loads(team.run("room", "show", "tea", "--json").out)["code"] == code


def test_a_lock_that_cannot_be_opened(team: Team) -> None:
    """If the lock is another user's, a room is shown, but not whether it runs."""
    create(team)
    (team.box("talk") / ROOM_LOCK).symlink_to("nowhere")
    assert team.ok("room", "list").rstrip().endswith("members bob, carol")
    assert team.json("room", "show", "talk")["running"] is None


def test_a_damaged_line_is_named(team: Team) -> None:
    """`log --room` prints all that can be read, and names on stderr what cannot."""
    create(team)
    for name in ("bob", "carol"):
        team.run("room", "say", "talk", f"words of {name}", by=name)
    finish(team)
    path = next((team.box("talk") / "inbox" / "done").glob("*.bob.json"))
    path.write_text("{")
    told = team.run("log", "--room", "talk")
    assert (told.code, "words of bob" in told.out, "words of carol" in told.out) == (0, False, True)
    assert told.err.startswith(f"xw: left out: {path.name}: ") and told.err.count("\n") == 1


def test_mail_that_is_left_in_a_closed_rooms_outbox(team: Team) -> None:
    """Running a room to its end reports members with undelivered mail; running it again delivers it."""
    create(team)
    pending = team.box("bob") / "inbox" / "pending"
    pending.rmdir()
    team.ok("room", "close", "talk")
    ended = team.run("room", "run", "talk")
    told = "xw: mail for bob waits in the outbox: `xw room run talk` tries again\n"
    assert (ended.code, ended.err) == (0, told)
    pending.mkdir()
    assert "closed" in team.ok("room", "run", "talk")
    assert len(team.pending("bob")) == 1


def test_who_looks_at_a_room_moves_nothing(team: Team) -> None:
    """Only the room itself sets aside files in its mailbox that are not mail; a reader moves nothing."""
    create(team)
    stray = team.box("talk") / "inbox" / "pending" / "stray"
    stray.touch()
    assert team.json("room", "show", "talk", by="bob")["pending"] == 0
    team.ok("room", "list", by="bob")
    assert stray.exists() and team.names("talk", "inbox/failed") == []
