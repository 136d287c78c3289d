"""Files with a leading dot, which the Finder, NFS and editors make anywhere: never mail, never moved."""

from pathlib import Path

import pytest

from tests.cli.team import Team, call
from xw import layout
from xw.files.local import LocalFiles
from xw.hub.directory import DirectoryHub
from xw.mailbox import Mailbox
from xw.sweep import sweep

HIDDEN = (".DS_Store", ".nfs000000000001f4a300000001", ".note.txt.swp", ".#20261121", ".localized")
FOLDERS = ("", "inbox", "outbox", "outbox/bob", "sent", "attachments", *layout.FOLDERS)


def _plant(hub: Path, owner: str) -> list[Path]:
    """Put such files into the hub's folder and each folder of a mailbox, also a folder; all of them."""
    (hub / owner / "outbox" / "bob").mkdir(parents=True, exist_ok=True)
    paths = [hub / name for name in HIDDEN]
    paths += [hub / owner / folder / name for folder in dict.fromkeys(FOLDERS) for name in HIDDEN]
    for path in paths:
        path.write_text("not mail")
    folder = hub / owner / "inbox/pending/.Trashes"
    folder.mkdir()
    return [*paths, folder]


def test_hidden_files_are_ignored_everywhere(team: Team) -> None:
    """No command shows, counts, moves or removes them, and mail goes on; gc leaves even old ones alone."""
    planted = _plant(team.hub, "alice")
    sent = team.send("hello", by="bob", to="alice")
    for _ in range(2):
        found = team.json("check")
        assert [message["id"] for message in found["messages"]] == [sent]
        assert found["total"] == 1
    assert team.json("check", "--failed")["dead_letters"] == []
    assert team.json("who")["pending"] == 1
    assert [peer["name"] for peer in team.json("peers")["peers"]] == ["bob", "carol"]
    doctor = team.run("doctor")
    assert doctor.code == 0, doctor
    assert not any(name in doctor.out for name in HIDDEN), doctor
    assert team.json("wait", "--timeout", "1")["id"] == sent
    assert team.ok("done", sent)
    swept = sweep(Mailbox(LocalFiles(str(team.hub)), "alice"), -1, dry_run=False)
    assert [path.rpartition("/")[2][:26] for path in swept.messages] == [sent[:26]]
    assert swept.scratch == swept.attachments == []
    assert team.ok("sync").startswith("0 delivered")
    assert all(path.exists() for path in planted), [path for path in planted if not path.exists()]
    assert team.names("alice", "inbox/failed") == sorted(HIDDEN)


def test_a_survey_counts_none_as_strays(team: Team) -> None:
    """A mirror's sync, which asks the hub to set strays aside, is told of none; the other strays stay so."""
    _plant(team.hub, "alice")
    (team.box("alice") / "inbox/pending/note.txt").write_text("a stray")
    found = DirectoryHub(LocalFiles(str(team.hub)), str(team.hub)).survey("alice", {}, everyone=True)
    assert found.strays == ("note.txt",)
    assert [peer.name for peer in found.peers] == ["alice", "bob", "carol"]


@pytest.mark.parametrize("name", HIDDEN[:2])
def test_a_hub_can_be_made_beside_them(tmp_path: Path, name: str) -> None:
    """A new folder that the Finder has looked at is still empty enough for a hub."""
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / name).write_text("")
    made = call(tmp_path, "init", "--name", "dora", "--hub", str(tmp_path / "hub"))
    assert made.code == 0, made
