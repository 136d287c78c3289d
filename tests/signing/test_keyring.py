"""Where this machine's keys lie, and which files it refuses."""

import os
from pathlib import Path

import pytest
from platformdirs import user_config_dir

from tests.signing.conftest import ALICE, BOB, HUB
from xw import config, keyring
from xw.errors import Refused
from xw.keyring import Keyring
from xw.signing.keys import private_text


def test_the_users_folder_is_platformdirs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is computed by hand for speed, and is the same."""
    for given in (str(tmp_path), "", " "):
        monkeypatch.setenv("XDG_CONFIG_HOME", given)
        assert config.user_folder(os.environ) == user_config_dir("xw", appauthor=False)
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert config.user_folder(os.environ) == user_config_dir("xw", appauthor=False)


def test_a_key_is_kept_and_found(folders: tuple[str, ...]) -> None:
    """In the first folder, private, once; XW_KEY names another file."""
    ring = Keyring(HUB, folders)
    assert ring.find("alice") is None
    path = ring.keep("alice", ALICE)
    assert path == f"{folders[0]}/alice"
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert ring.find("alice") == ALICE
    with pytest.raises(FileExistsError):
        ring.keep("alice", BOB)
    assert ring.replace("alice", BOB) == path
    assert ring.find("alice") == BOB
    named = Keyring(HUB, folders, path)
    assert named.find("bob") == BOB


def test_a_closed_folder_leaves_the_projects(tmp_path: Path) -> None:
    """Where the user's folder cannot be made, as in a sandbox, the key is in the project's."""
    (tmp_path / "file").write_text("")
    ring = Keyring(HUB, (str(tmp_path / "file/keys"), str(tmp_path / "project")))
    assert ring.keep("alice", ALICE) == str(tmp_path / "project/alice")
    assert ring.find("alice") == ALICE


@pytest.mark.parametrize("what", ["readable", "folder", "damaged", "fifo"])
def test_an_unusable_key_is_refused(folders: tuple[str, ...], what: str) -> None:
    """The sentence names the file; a key that others can read is no proof of anything."""
    path = Path(folders[0], "alice")
    if what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    else:
        path.write_text(private_text(ALICE) if what == "readable" else "nothing")
        path.chmod(0o644 if what == "readable" else 0o600)
    with pytest.raises(Refused, match=str(path)):
        Keyring(HUB, folders).find("alice")


@pytest.mark.root
def test_another_users_key_is_refused(folders: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner can sign too; root acts for its user, and may."""
    path = Path(folders[0], "alice")
    path.write_text(private_text(ALICE))
    path.chmod(0o600)
    os.chown(path, 12345, 12345)
    assert Keyring(HUB, folders).find("alice") == ALICE
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(Refused, match="another user"):
        Keyring(HUB, folders).find("alice")


def test_the_noted_id_of_a_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is noted by path, and replaced only by another call."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert keyring.known_hub("/hub") == ""
    keyring.note_hub("/hub", HUB)
    assert keyring.known_hub("/hub") == HUB
    assert keyring.known_hub("/other") == ""
    keyring.note_hub("/hub", "b" * 26)
    assert keyring.known_hub("/hub") == "b" * 26


def test_a_key_in_a_project_is_nobodys(folders: tuple[str, ...]) -> None:
    """Whoever put it there has it too; where the user's folder can be written, xw makes another one."""
    path = Path(folders[1], "alice")
    path.write_text(private_text(ALICE))
    path.chmod(0o600)
    assert Keyring(HUB, folders).find("alice") is None


def test_what_killed_processes_left_goes(folders: tuple[str, ...]) -> None:
    """It lies where no name is looked for, and is removed after an hour."""
    ring = Keyring(HUB, folders)
    ring.keep("alice", ALICE)
    left = Path(folders[0], ".tmp", "a" * 24)
    left.write_text(private_text(BOB))
    ring.replace("alice", BOB)
    assert left.exists()
    os.utime(left, (1, 1))
    ring.replace("alice", ALICE)
    assert not left.exists()
    assert keyring.names(ring) == ["alice"]


def test_a_hub_is_known_by_any_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A link to it, and a path with `..`, lead to the same note."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    hub = tmp_path / "hub"
    hub.mkdir()
    (tmp_path / "link").symlink_to(hub)
    keyring.note_hub(str(tmp_path / "link"), HUB)
    for path in (hub, tmp_path / "link", f"{hub}/../hub", f"{hub}/"):
        assert keyring.known_hub(str(path)) == HUB
