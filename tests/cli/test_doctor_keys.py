"""`xw doctor` finds what is wrong with keys, each with its fix."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.team import Team
from xw.hub.identity import new_identity
from xw.instance import Options, open_instance
from xw.trust import pins

CODES = {
    "no-key",
    "unusable-key",
    "unpublished-key",
    "key-in-git",
    "key-changed",
    "team-file",
    "hub-id",
    "damaged",
    "forged-mail",
}


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def signing(team: Team) -> Team:
    """The team with keys in a configuration of its own."""
    for name in ("alice", "bob", "carol"):
        (team.box(name) / "key").unlink()
        team.ok("init", "--name", name, by=name)
    return team


def found(team: Team, by: str = "alice") -> dict[str, str]:
    """Return the findings about keys: their codes, with sentence and fix."""
    listed = json.loads(team.run("doctor", "--json", by=by).out)["findings"]
    return {one["code"]: f"{one['what']}: {one['fix']}" for one in listed if one["code"] in CODES}


def key_of(team: Team, name: str) -> Path:
    """Return the file of an instance's private key."""
    instance = open_instance(Options(name, config=str(team.folder / "xw.json")))
    return Path(str(instance.credentials.keyring.path(name)))


def test_nothing_is_wrong(signing: Team) -> None:
    """Keys as `init` and `keys new` make them are in order, before and after mail."""
    assert found(signing) == {}
    signing.ok("keys", "new")
    signing.send("hello")
    assert found(signing) == found(signing, "bob") == {}


def test_ones_own_key(signing: Team) -> None:
    """It is missing, can be read by others, or is not published."""
    key = key_of(signing, "alice")
    published = signing.box("alice") / "key"
    whole = published.read_text()
    published.unlink()
    assert "xw sync" in found(signing)["unpublished-key"]
    published.write_text(whole)
    key.chmod(0o644)
    assert f"chmod 600 {key}" in found(signing)["unusable-key"]
    key.chmod(0o600)
    data = key.read_text()
    key.unlink()
    assert "xw keys import FILE" in found(signing)["no-key"]
    key.write_text(data)
    key.chmod(0o600)
    signing.ok("init", "--name", "alice")
    assert found(signing) == {}


def test_another_key(signing: Team, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another instance's published key is not the pinned one, nor that of the team's file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "carols"))
    signing.ok("keys", "new", "--lost", by="carol")
    line = signing.ok("keys", "show", "--allowed-signers", by="carol")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert "xw trust carol" in found(signing)["key-changed"]
    (signing.folder / "allowed_signers").write_text(line)
    assert found(signing) == {}
    (signing.folder / "allowed_signers").write_text(line + line.replace("carol ", "bob ", 1))
    assert "the key that bob publishes" in found(signing)["key-changed"]
    (signing.folder / "allowed_signers").write_text(f"{line}bob ssh-rsa AAAA\n")
    assert "a line for bob that xw cannot use" in found(signing)["team-file"]


def test_keys_in_git(signing: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A private key that git tracks or would add is found, one that it ignores is not."""
    subprocess.run(["git", "init", "-q"], cwd=signing.folder, check=True)
    key = signing.folder / "alice.key"
    assert signing.run("keys", "export", str(key)).code == 0
    monkeypatch.setenv("XW_KEY", str(key))
    assert str(key) in found(signing)["key-in-git"]
    (signing.folder / ".gitignore").write_text("*.key\n")
    assert found(signing) == {}
    subprocess.run(["git", "add", "-f", "alice.key"], cwd=signing.folder, check=True)
    assert "xw keys new --lost" in found(signing)["key-in-git"]


def test_notes_that_do_not_count(signing: Team) -> None:
    """A damaged file of pins, and a hub with another id than before, are found."""
    signing.send("hello")
    (file,) = Path(os.environ["XDG_CONFIG_HOME"]).rglob(pins.FILE)
    text = file.read_text()
    file.write_text("{")
    assert str(file) in found(signing)["damaged"]
    file.write_text(text)
    (signing.hub / "hub.id").write_text(f"{new_identity()}\n")
    assert "xw init --name alice" in found(signing)["hub-id"]


def test_forged_mail(signing: Team) -> None:
    """Mail that its sender did not send is counted, with its short id."""
    token = signing.send("hello")
    (file,) = (signing.box("bob") / "inbox/pending").glob(f"{token}*")
    signing.ok("done", token, by="bob")
    data = (signing.box("bob") / "inbox/done" / file.name).read_bytes()
    signing.ok("gc", "--days", "0", by="bob")
    file.write_bytes(data)
    assert "1 pending messages are not their senders'" in found(signing, "bob")["forged-mail"]
