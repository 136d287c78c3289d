"""A copy of mail that gc has removed shows as FORGED, in a mailbox on its hub and in a mirror."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.cli.team import Team
from xw.instance import Options, open_instance
from xw.sender_status import FORGED


def judged(team: Team, token: str) -> str:
    """Return what bob makes of the sender of a message."""
    box = open_instance(Options("bob", config=str(team.folder / "xw.json"))).mailbox
    status = box.judged(box.read(box.find(token))).status
    assert status is not None
    return status.word


@pytest.mark.parametrize("state", ["done", "failed"])
def test_a_copy_of_removed_mail(team: Team, tmp_path: Path, state: str) -> None:
    """Copied before gc and put back, it is FORGED; what carol has not handled yet, and newer mail, is not."""
    token = str(team.json("send", "task", "once", "--to", "bob", "--to", "carol")["id"])
    (file,) = (team.box("bob") / "inbox/pending").glob(f"{token}*")
    shutil.copy(file, tmp_path / file.name)
    team.ok(*(["done", token] if state == "done" else ["fail", token, "no"]), by="bob")
    later = team.send("later")
    team.ok("gc", "--days", "0", "--dry-run", by="bob")
    shutil.copy(tmp_path / file.name, file)
    assert judged(team, later) != FORGED
    file.unlink()
    team.ok("gc", "--days", "0", by="bob")
    assert not list(team.box("bob").glob(f"inbox/*/{token}*"))
    shutil.copy(tmp_path / file.name, file)
    assert judged(team, token) == FORGED
    assert judged(team, later) != FORGED
    box = open_instance(Options("carol", config=str(team.folder / "xw.json"))).mailbox
    status = box.judged(box.read(box.find(token))).status
    assert status and status.is_verified


def test_gc_without_a_place_for_keys(team: Team, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """gc removes mail all the same where no note can be written."""
    token = team.send("once")
    team.ok("done", token, by="bob")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    (team.folder / ".xw/keys").write_text("")
    team.ok("gc", "--days", "0", by="bob")
    assert not list(team.box("bob").glob(f"inbox/*/{token}*"))
    assert json.loads((team.folder / "xw.json").read_text()) and os.path.isdir(team.hub)
