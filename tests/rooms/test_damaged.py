"""Rooms whose files are damaged, missing or not to be written: each is told of, and hides nothing else."""

import shutil

from tests.cli.team import Team
from tests.rooms.test_commands import create
from xw.layout import ROOM_LOCK


def test_a_missing_folder_hides_no_other_room(team: Team) -> None:
    """`room list` names a room whose record is gone, and lists the others."""
    create(team)
    create(team, "walk")
    shutil.rmtree(team.box("talk") / "sent")
    result = team.run("room", "list")
    assert (result.code, result.err.count("talk/sent"), result.err.count("\n")) == (1, 1, 1)
    assert result.out.startswith("walk open")
