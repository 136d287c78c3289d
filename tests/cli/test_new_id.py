"""`xw hub new-id` and `xw hub move`: keys, and what is known of others', follow the hub."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.team import Team
from xw.instance import Options, open_instance
from xw.trust import former


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def signing(team: Team) -> Team:
    """The team with keys in a configuration of its own; alice's is a second one."""
    for name in ("alice", "bob", "carol"):
        (team.box(name) / "key").unlink()
        team.ok("init", "--name", name, by=name)
    team.ok("keys", "new")
    return team


def judged(team: Team, token: str, name: str = "bob", folder: str = "inbox/pending") -> str:
    """Return what a mailbox's owner makes of the sender of a message."""
    box = open_instance(Options(name, config=str(team.folder / "xw.json"))).mailbox
    status = box.judged(box.read(box.find(token)), folder).status
    assert status is not None
    return status.word


def test_a_new_id(signing: Team) -> None:
    """Mail from before and after it is verified, with the same keys; later mail of the old id is not."""
    before = signing.send("before")
    keys = signing.json("keys")["keys"]
    signing.ok("hub", "new-id")
    after = signing.send("after")
    assert [judged(signing, token) for token in (before, after)] == ["verified", "verified"]
    found = signing.json("keys")["keys"]
    assert [(one["name"], one["key"]) for one in found] == [(one["name"], one["key"]) for one in keys]
    alice = open_instance(Options("alice", config=str(signing.folder / "xw.json")))
    folders = alice.credentials.keyring.folders
    note = Path(folders[0], former.FILE)
    ids = json.loads(note.read_text())
    ids["ids"][0]["until"] = "20200101T000000000000Z"
    note.write_text(json.dumps(ids))
    assert [judged(signing, token) for token in (before, after)] == ["FORGED", "verified"]


def test_another_machine(signing: Team, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It sees a sentence with the command that accepts the new id; then its pins count as before."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "bobs"))
    (signing.box("bob") / "key").unlink()
    signing.ok("init", "--name", "bob", by="bob")
    signing.ok("trust", "alice", by="bob")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    before = signing.send("before")
    signing.ok("hub", "new-id")
    after = signing.send("after")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "bobs"))
    box = open_instance(Options("bob", config=str(signing.folder / "xw.json"))).mailbox
    status = box.judged(box.read(box.find(after))).status
    assert status and (status.word, "`xw init` accepts it" in status.why) == ("NEW KEY", True)
    signing.ok("init", "--name", "bob", by="bob")
    assert [judged(signing, token) for token in (before, after)] == ["verified", "verified"]
    known = signing.json("keys", by="bob")["keys"]
    assert {one["how"] for one in known if one["name"] == "alice"} == {"trusted"}


def test_a_new_reader(signing: Team, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who has seen no key of alice's takes the present one: what led to it named the former id."""
    signing.ok("hub", "new-id")
    token = signing.send("after")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "new"))
    assert judged(signing, token) == "verified, first seen"


def test_a_hub_made_again(signing: Team) -> None:
    """A new hub at the path of a removed one has new keys: nobody's pins are carried into it."""
    old = signing.json("keys", "show")["keys"]
    shutil.rmtree(signing.hub)
    signing.ok("init", "--name", "alice")
    signing.ok("init", "--name", "bob", by="bob")
    assert signing.json("keys", "show")["keys"] != old
    assert judged(signing, signing.send("hello")) == "verified"


def test_a_moved_hub(signing: Team, tmp_path: Path) -> None:
    """The keys are published at the new place, too, and mail from before and after the move is verified."""
    before = signing.send("before")
    published = (signing.box("alice") / "key").read_text()
    signing.ok("hub", "move", str(tmp_path / "moved"))
    assert (tmp_path / "moved/alice/key").read_text() == published
    after = signing.send("after")
    assert [judged(signing, token) for token in (before, after)] == ["verified", "verified"]
    dead = signing.send("no", kind="task")
    signing.ok("fail", dead, "no", by="bob")
    again = str(signing.json("retry", dead, by="bob")["id"])
    assert judged(signing, again) == "verified"


def test_sent_again_under_a_new_id(signing: Team) -> None:
    """What a restored hub has lost, and its sender sends again, is as it was written."""
    lost = signing.send("lost")
    (file,) = (signing.box("bob") / "inbox/pending").glob(f"{lost}*")
    file.unlink()
    signing.ok("hub", "new-id")
    assert signing.run("resend", lost, "--force", lost).code == 0
    assert judged(signing, lost) == "verified"
