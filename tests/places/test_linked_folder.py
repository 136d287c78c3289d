"""A project's `.xw` that is a symbolic link, to another disk for example."""

import os
from pathlib import Path

import pytest

from tests.places.repository import Repository, init, instances, ok, run


def test_all_works_behind_the_link(tmp_path: Path) -> None:
    """Init, mail, sync, doctor and gc work; an existing `.gitignore` stays unchanged."""
    project, disk = tmp_path / "project", tmp_path / "disk"
    for folder in (project, disk):
        folder.mkdir()
    (disk / ".gitignore").write_text("build\n")
    (project / ".xw").symlink_to("../disk")
    init(project, "alice", "bob")
    ok(project, "send", "task", "one", "--to", "bob", by="alice")
    assert "one" in ok(project, "check", by="bob")
    ok(project, "sync", by="bob")
    assert "bob" in instances(project) and "alice" in ok(project, "peers", by="bob")
    assert "\nbad " not in ok(project, "doctor", by="bob")
    ok(project, "gc", by="bob")
    assert (disk / "hub/bob/card.json").exists() and (project / ".xw").is_symlink()
    assert (disk / ".gitignore").read_text() == "build\n"


@pytest.mark.parametrize("command", [("stash", "-u", "-q"), ("clean", "-ffdq")])
def test_git_does_not_take_the_link_away(bare_bones: Repository, command: tuple[str, ...]) -> None:
    """Git sees a link as a file, so it is listed in `info/exclude`."""
    (bare_bones.folder.parent / "disk").mkdir()
    (bare_bones.folder / ".xw").symlink_to("../disk")
    init(bare_bones.folder, "coder", "lead")
    (bare_bones.folder / "code.py").write_text("changed")
    ok(bare_bones.folder, "send", "task", "one", "--to", "coder", by="lead")
    bare_bones.git(*command)
    assert (bare_bones.folder / ".xw").is_symlink()
    assert "one" in ok(bare_bones.folder, "check", by="coder")


def test_a_link_to_a_disk_that_is_not_there(tmp_path: Path) -> None:
    """The error names the link and its target; nothing is made there."""
    (tmp_path / ".xw").symlink_to("/nowhere/disk")
    made = run(tmp_path, "init", "--name", "bob")
    assert made.code == 5
    assert f"{tmp_path}/.xw is a link to /nowhere/disk, which is not a folder" in made.err
    assert os.listdir(tmp_path) == [".xw"]


def test_root_follows_no_link_of_another_user(tmp_path: Path) -> None:
    """It could lead to a folder of the system's."""
    if os.geteuid():
        return  # only root can make such a link
    victim, project = tmp_path / "victim", tmp_path / "project"
    for folder in (victim, project):
        folder.mkdir()
    (project / ".xw").symlink_to(victim)
    for path in (project, project / ".xw"):
        os.chown(path, 4711, 4711, follow_symlinks=False)
    made = run(project, "init", "--name", "bob")
    assert made.code == 6 and "another user's link" in made.err, made
    assert os.listdir(victim) == [] and os.listdir(project) == [".xw"]
