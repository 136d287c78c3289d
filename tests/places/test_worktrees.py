"""The xw.json and the hub in force in a git worktree, and the error if there are none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places.repository import Repository, git, hubs, init, instances, ok, run


def _who(folder: Path, by: str = "coder") -> tuple[str, str | None]:
    found = json.loads(ok(folder, "who", "--json", by=by))
    return found["hub"], found["config"]


@pytest.mark.parametrize("inner", ["", "src/deep"])
def test_a_linked_worktree_uses_the_main_ones(repository: Repository, inner: str) -> None:
    """From a linked worktree, and from a folder in it, configuration and hub are the main worktree's."""
    folder = repository.linked / inner
    folder.mkdir(parents=True, exist_ok=True)
    ok(repository.folder, "send", "task", "look here", "--to", "coder", by="lead")
    assert "look here" in ok(folder, "check", by="coder")
    assert _who(folder) == (str(repository.hub), str(repository.folder / "xw.json"))
    ok(folder, "send", "info", "seen", "--to", "lead", by="coder")
    assert "seen" in ok(repository.folder, "check", by="lead")
    assert hubs(repository.folder.parent) == ["main/.xw/hub"]


def test_init_in_a_linked_worktree_joins_the_main_one(repository: Repository) -> None:
    """`xw init` there adds to the main worktree's xw.json, and makes no second hub."""
    init(repository.linked, "newcomer")
    assert set(instances(repository.folder)) == {"coder", "lead", "tester", "newcomer"}
    assert hubs(repository.folder.parent) == ["main/.xw/hub"]
    assert not (repository.linked / "xw.json").exists()


def test_init_in_a_linked_worktree_first(bare_bones: Repository) -> None:
    """The first `xw init` of a repository, in a linked worktree, makes the hub in the main one."""
    init(bare_bones.linked, "coder")
    assert hubs(bare_bones.folder.parent) == ["main/.xw/hub"]
    assert _who(bare_bones.folder) == _who(bare_bones.linked)
    for folder in (bare_bones.folder, bare_bones.linked):
        assert git(folder, "status", "--porcelain") == ""


def test_a_committed_configuration(repository: Repository) -> None:
    """A relative hub in a worktree's own, committed xw.json is the main worktree's."""
    repository.commit("xw.json")
    git(repository.linked, "merge", "-q", "master")
    ok(repository.folder, "send", "task", "look here", "--to", "coder", by="lead")
    assert "look here" in ok(repository.linked, "check", by="coder")
    assert _who(repository.linked) == (str(repository.hub), str(repository.linked / "xw.json"))
    init(repository.linked, "newcomer")
    assert hubs(repository.folder.parent) == ["main/.xw/hub"]
    (repository.linked / "src").mkdir()
    config = os.path.join("..", "xw.json")
    there = json.loads(ok(repository.linked / "src", "who", "--json", "--as", "coder", "--config", config))
    assert there["hub"] == str(repository.hub)


def test_a_committed_configuration_in_a_folder(bare_bones: Repository) -> None:
    """A committed xw.json below the top uses the hub in the same folder of the main worktree."""
    part = bare_bones.folder / "part"
    part.mkdir()
    init(part, "coder")
    bare_bones.commit("part/xw.json")
    git(bare_bones.linked, "merge", "-q", "master")
    assert _who(bare_bones.linked / "part")[0] == str(part / ".xw/hub")


def test_an_uncommitted_configuration_in_a_folder(bare_bones: Repository) -> None:
    """The nearest xw.json of the main worktree, seen from the corresponding folder, is in force."""
    for place, name in ((bare_bones.folder, "coder"), (bare_bones.folder / "part", "lead")):
        place.mkdir(exist_ok=True)
        ok(place, "init", "--name", name, "--config", "xw.json")
        (bare_bones.linked / "part").mkdir(exist_ok=True)
    assert _who(bare_bones.linked)[1] == str(bare_bones.folder / "xw.json")
    assert _who(bare_bones.linked / "part", by="lead")[1] == str(bare_bones.folder / "part/xw.json")


def test_a_committed_configuration_without_a_hub(repository: Repository) -> None:
    """If the main worktree has no hub: exit 5, the place, and no advice to make another."""
    repository.commit("xw.json")
    git(repository.linked, "merge", "-q", "master")
    repository.hub.rename(repository.folder / "elsewhere")
    gone = run(repository.linked, "check", by="coder")
    assert (gone.code, gone.out) == (5, "")
    assert f"no hub at {repository.hub}" in gone.err
    assert "init" not in gone.err


def test_a_nested_worktree(repository: Repository) -> None:
    """A linked worktree inside the main one finds the file above it."""
    nested = repository.folder / ".claude" / "worktrees" / "x"
    repository.git("worktree", "add", "-q", str(nested))
    assert _who(nested) == (str(repository.hub), str(repository.folder / "xw.json"))


def test_a_worktree_of_a_worktree(repository: Repository, tmp_path: Path) -> None:
    """A worktree that was made from a linked one belongs to the same main one."""
    git(repository.linked, "worktree", "add", "-q", str(tmp_path / "third"))
    assert _who(tmp_path / "third")[0] == str(repository.hub)


@pytest.mark.parametrize("relative", [False, True])
def test_a_worktree_that_was_moved(repository: Repository, tmp_path: Path, relative: bool) -> None:
    """`git worktree move` changes nothing, nor does a relative path in `.git`, as new gits write it."""
    place = tmp_path / "far" / "away"
    place.parent.mkdir()
    repository.git("worktree", "move", str(repository.linked), str(place))
    if relative:
        target = os.path.relpath(repository.folder / ".git/worktrees/linked", place)
        (place / ".git").write_text(f"gitdir: {target}\n")
    assert _who(place)[0] == str(repository.hub)


def test_the_nearest_file_decides(repository: Repository) -> None:
    """An xw.json above a worktree comes before the main worktree's."""
    above = repository.linked.parent
    init(above, "other")
    assert _who(repository.linked, by="other") == (str(above / ".xw/hub"), str(above / "xw.json"))


def test_the_environment_of_git_says_nothing(repository: Repository, tmp_path: Path) -> None:
    """GIT_DIR, which hooks export, moves nobody's mail."""
    git(tmp_path, "init", "-q", "other")
    environ = {"GIT_DIR": str(tmp_path / "other/.git"), "GIT_WORK_TREE": str(tmp_path / "other")}
    shown = run(repository.linked, "who", by="coder", **environ)
    assert str(repository.hub) in shown.out


def test_a_submodule_is_no_worktree(repository: Repository, tmp_path: Path) -> None:
    """A submodule's own checkout is not followed to a superproject, not even one in a linked worktree."""
    git(tmp_path, "clone", "-q", str(repository.folder), "library")
    for folder in (repository.folder, repository.linked):
        git(folder, "submodule", "add", "-q", str(tmp_path / "library"), "sub")
    assert (repository.linked / "sub/.git").is_file()
    none = run(repository.linked / "sub", "check", by="coder")
    assert (none.code, none.out) == (2, "")
    # In the main worktree the superproject's is the nearest upward.
    assert _who(repository.folder / "sub")[0] == str(repository.hub)


def test_a_worktree_of_a_submodule(bare_bones: Repository, tmp_path: Path) -> None:
    """A linked worktree of a submodule uses the submodule's main worktree, not the superproject."""
    git(tmp_path, "clone", "-q", str(bare_bones.folder), "library")
    git(bare_bones.folder, "submodule", "add", "-q", str(tmp_path / "library"), "sub")
    git(bare_bones.folder / "sub", "worktree", "add", "-q", str(tmp_path / "subtree"))
    init(bare_bones.folder, "coder")
    assert run(tmp_path / "subtree", "check", by="coder").code == 2
    ok(bare_bones.folder / "sub", "init", "--name", "inner", "--config", "xw.json")
    assert _who(tmp_path / "subtree", by="inner")[0] == str(bare_bones.folder / "sub/.xw/hub")


@pytest.mark.parametrize("place", ["project.git", "project/.git"])
def test_a_bare_repository(bare_bones: Repository, tmp_path: Path, place: str) -> None:
    """Worktrees of a bare repository share `<git dir>/xw/`, which `init` makes, also from the worktree."""
    (tmp_path / place).parent.mkdir(exist_ok=True)
    git(tmp_path, "clone", "-q", "--bare", str(bare_bones.folder), place)
    trees = [tmp_path / "one", tmp_path / "two"]
    for tree in trees:
        git(tmp_path / place, "worktree", "add", "-q", str(tree))
    init(trees[0], "coder")
    for tree in trees:
        assert _who(tree) == (str(tmp_path / place / "xw/.xw/hub"), str(tmp_path / place / "xw/xw.json"))
        assert git(tree, "status", "--porcelain") == ""
    git(tmp_path / place, "worktree", "remove", str(trees[0]))
    assert _who(trees[1])[0] == str(tmp_path / place / "xw/.xw/hub")


def test_a_git_directory_elsewhere(bare_bones: Repository, tmp_path: Path) -> None:
    """A clone with its git directory elsewhere is not a linked worktree: only folders near it count."""
    apart = tmp_path / "apart"
    git(tmp_path, "clone", "-q", f"--separate-git-dir={tmp_path}/gd", str(bare_bones.folder), str(apart))
    assert run(apart, "check", by="coder").code == 2
    init(apart, "coder")
    assert _who(apart) == (str(apart / ".xw/hub"), str(apart / "xw.json"))
    assert git(apart, "status", "--porcelain") == ""


def test_a_core_worktree(repository: Repository, tmp_path: Path) -> None:
    """If git is configured with another place for the main worktree, that is the main one."""
    repository.folder.rename(tmp_path / "moved")
    bones = tmp_path / "bones"
    (tmp_path / "moved/.git").rename(bones)
    (tmp_path / "moved/.git").write_text(f"gitdir: {bones}\n")
    git(tmp_path / "moved", "config", "core.worktree", "../moved")
    (repository.linked / ".git").write_text(f"gitdir: {bones}/worktrees/linked\n")
    assert _who(repository.linked)[0] == str(tmp_path / "moved/.xw/hub")


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"gitdir: ")
        file.truncate(1 << 40)


@pytest.mark.parametrize(
    "make",
    [
        _fifo,
        _huge,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.symlink_to(path),
        *(lambda path, text=text: path.write_bytes(text) for text in (
            b"", b"gitdir: ", b"gitdir: \0\n", b"gitdir: \xff\n", b"gitdir: .\n", b"gitdir: .git\n",
            b"\xff" * 99,
            b"gitdir: /nowhere/.git/worktrees/x\n", b"gitdir: /dev/zero\n", b"gitdir: " + b"x/" * 30000,
        )),
    ],
)  # fmt: skip
def test_a_git_file_that_is_none(tmp_path: Path, make: "object") -> None:
    """Any invalid `.git` file gives one line, no traceback and no hang."""
    make(tmp_path / ".git")  # type: ignore[operator]
    wrong = run(tmp_path, "check", by="coder")
    assert (wrong.code, wrong.out, wrong.err.count("\n")) == (2, "", 1)


def test_a_link_to_a_git_directory(repository: Repository, tmp_path: Path) -> None:
    """A `.git` that is a link to the directory is a main worktree as any other."""
    (repository.folder / ".git").rename(tmp_path / "bones")
    (repository.folder / ".git").symlink_to(tmp_path / "bones")
    assert _who(repository.folder)[0] == str(repository.hub)


def test_a_main_worktree_that_is_gone(repository: Repository, tmp_path: Path) -> None:
    """If the main worktree was moved by hand, the error names that, and advises no second hub."""
    repository.folder.rename(tmp_path / "moved")
    gone = run(repository.linked, "check", by="coder")
    assert gone.code == 2
    assert "does not exist (`git worktree repair` helps)" in gone.err
    assert "init" not in gone.err
    refused = run(repository.linked, "init", "--name", "coder")
    assert (refused.code, hubs(repository.linked)) == (6, [])


@pytest.mark.root
@pytest.mark.parametrize("what", ["xw.json", ".git", ".git/worktrees/linked"])
def test_what_another_user_owns_is_not_followed(repository: Repository, what: str) -> None:
    """Another user's git directory or xw.json never decides where mail goes, and the error names it."""
    os.chown(repository.folder / what, 65534, 65534)
    refused = run(repository.linked, "check", by="coder")
    assert refused.code == 2
    assert f"{repository.folder / what} belongs to user 65534: not followed" in refused.err
    assert run(repository.linked, "init", "--name", "coder").code == 6
    assert hubs(repository.linked) == []
    named = str(repository.folder / "xw.json")
    assert run(repository.linked, "check", by="coder", XW_CONFIG=named).code == 0


@pytest.mark.root
def test_a_git_file_of_another_user(repository: Repository) -> None:
    """Nor does a `.git` file; a committed, relative hub is then refused instead of taken from elsewhere."""
    os.chown(repository.linked / ".git", 65534, 65534)
    assert "belongs to user 65534: not followed" in run(repository.linked, "check", by="coder").err
    (repository.linked / "xw.json").write_bytes((repository.folder / "xw.json").read_bytes())
    refused = run(repository.linked, "check", by="coder")
    assert (refused.code, "not followed" in refused.err) == (6, True)


@pytest.mark.root
def test_the_users_own_instead_is_said(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the user's configuration is in force instead of a foreign one, stderr says so."""
    home = repository.folder.parent / "home"
    (home / "xw").mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    ok(home / "xw", "init", "--name", "coder", "--hub", "mine")
    os.chown(repository.folder / "xw.json", 65534, 65534)
    shown = run(repository.linked, "check", by="coder")
    assert shown.code == 0
    assert f"belongs to user 65534: not followed; {home}/xw/xw.json is in force" in shown.err


def test_a_main_worktree_costs_no_import(repository: Repository) -> None:
    """`xw check` where xw.json and hub are its own reads no worktree's files: neither module is loaded."""
    code = "import sys; from xw.__main__ import run; run(['check', '--as', 'coder'])\n"
    code += "print(sorted({'xw.places', 'xw.sandbox'} & {*sys.modules}))"
    for folder, loaded in ((repository.folder, []), (repository.linked, ["xw.places", "xw.sandbox"])):
        ran = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
        )
        assert ran.stdout.splitlines()[-1] == str(loaded)
