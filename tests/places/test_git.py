"""The files that git removes, and `init` after that."""

import fcntl
import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.cli.team import XW, call
from tests.places.repository import Repository, git, hubs, init, instances, ok, run
from xw.actions import git_exclude


def _cleaned(repository: Repository, how: str) -> None:
    (repository.folder / "new.py").write_text("x")
    (repository.folder / "code.py").write_text("changed")
    if how == "stash":
        repository.git("stash", "-u", "-q")
    else:
        repository.git("clean", "-ffdq")


@pytest.mark.parametrize("how", ["stash", "clean"])
@pytest.mark.parametrize("hub", ["", "lab/hub"])
def test_neither_configuration_nor_mail_is_taken(bare_bones: Repository, how: str, hub: str) -> None:
    """`git stash -u` and `git clean -fd` leave xw.json and the hub, anywhere in the checkout."""
    for name in ("coder", "lead"):
        ok(bare_bones.folder, "init", "--name", name, *(("--hub", hub) if hub else ()))
    ok(bare_bones.folder, "send", "task", "one", "--to", "coder", by="lead")
    before = (bare_bones.folder / "xw.json").read_bytes()
    assert bare_bones.git("status", "--porcelain") == ""
    _cleaned(bare_bones, how)
    assert (bare_bones.folder / "xw.json").read_bytes() == before
    assert "one" in ok(bare_bones.folder, "check", by="coder")
    ok(bare_bones.folder, "send", "task", "two", "--to", "coder", by="lead")
    if how == "stash":
        bare_bones.git("stash", "pop", "-q")
    assert "two" in ok(bare_bones.folder, "check", by="coder")
    assert (bare_bones.folder / "new.py").exists() == (how == "stash")


def test_a_worktree_that_is_removed_takes_no_mail(repository: Repository) -> None:
    """`git worktree remove` of a worktree in which mail was read and sent leaves all of it."""
    repository.commit("xw.json")
    git(repository.linked, "merge", "-q", "master")
    ok(repository.linked, "send", "task", "one", "--to", "coder", by="lead")
    repository.git("worktree", "remove", str(repository.linked))
    assert not repository.linked.exists()
    assert "one" in ok(repository.folder, "check", by="coder")


@pytest.mark.parametrize("before", [None, b"", b"# comment\r\nbuild", b"build/\n", b"\xff\n"])
def test_the_exclude_file(bare_bones: Repository, before: bytes | None) -> None:
    """One line is added once, by two processes too, and nothing else changes."""
    exclude = bare_bones.folder / ".git/info/exclude"
    exclude.unlink()
    if before is None:
        exclude.parent.rmdir()
    else:
        exclude.write_bytes(before)
    started = [
        subprocess.Popen([XW, "init", "--name", f"a{number}"], cwd=folder, stdout=subprocess.DEVNULL)
        for number, folder in enumerate((bare_bones.folder, bare_bones.linked, bare_bones.folder))
    ]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    init(bare_bones.folder, "coder")
    whole = before or b""
    assert exclude.read_bytes() == whole + (b"\n" if whole[-1:] not in (b"", b"\n") else b"") + b"/xw.json\n"


def test_the_exclude_file_is_read_under_its_lock(
    bare_bones: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that another process adds while it holds the lock is seen, and not added again."""
    exclude = bare_bones.folder / ".git/info/exclude"
    exclude.write_bytes(b"")

    def flock(handle: int, kind: int) -> None:
        fcntl.flock(handle, kind)
        exclude.write_bytes(b"other\n/xw.json\n")  # as another did just before it let the lock go

    monkeypatch.setattr(git_exclude, "fcntl", SimpleNamespace(flock=flock, LOCK_EX=fcntl.LOCK_EX))
    assert git_exclude.exclude(str(bare_bones.folder), "xw.json") == ""
    assert exclude.read_bytes() == b"other\n/xw.json\n"


def test_a_line_that_is_there(bare_bones: Repository) -> None:
    """A line that the person wrote is not repeated."""
    exclude = bare_bones.folder / ".git/info/exclude"
    exclude.write_bytes(b"/xw.json\r\nother")
    init(bare_bones.folder, "coder")
    assert exclude.read_bytes() == b"/xw.json\r\nother"


def test_only_this_file_is_listed(bare_bones: Repository) -> None:
    """A project below the top is listed by its path, and git sees every other file of that name."""
    below = bare_bones.folder / "a*b [1]/c\nd"
    beside = bare_bones.folder / "axb 1/c d"
    for folder in (below, beside):
        folder.mkdir(parents=True)
    (below.parent.parent / ".git/info/exclude").write_bytes(b"")
    ok(below, "init", "--name", "coder")
    (beside / "xw.json").write_text("{}")
    assert (bare_bones.folder / ".git/info/exclude").read_bytes() == rb"/a\*b \[1]/c?d/xw.json" + b"\n"
    assert bare_bones.git("status", "--porcelain", "-uall") == '?? "axb 1/c d/xw.json"\n'


@pytest.mark.parametrize("program", ["installed", "missing"])
def test_a_bare_name_of_an_older_version(bare_bones: Repository, program: str) -> None:
    """It becomes the paths of the files that xw made, in each worktree; all other lines stay.

    Without git nobody knows what it hides, and it stays.
    """
    exclude = bare_bones.folder / ".git/info/exclude"
    for project in (bare_bones.folder / "one", bare_bones.linked / "two"):
        project.mkdir()
        ok(project, "init", "--name", "coder", "--hub", str(bare_bones.folder.parent / "hub"))
    schemas = bare_bones.folder / "docs/schemas"
    schemas.mkdir(parents=True)
    (schemas / "xw.json").write_text('{"$schema": "x"}')
    exclude.write_bytes(b"build/\nxw.json\n# mine")
    environ = {} if program == "installed" else {"PATH": "/nowhere"}
    call(bare_bones.folder, "init", "--name", "lead", environ=environ)
    if program == "missing":
        assert exclude.read_bytes() == b"build/\nxw.json\n# mine"
        return
    listed = ["/one/xw.json", "/two/xw.json", "/xw.json"]
    assert sorted(exclude.read_text().splitlines()) == ["# mine", *listed, "build/"]
    assert bare_bones.git("status", "--porcelain", "-uall") == "?? docs/schemas/xw.json\n"
    assert git(bare_bones.linked, "status", "--porcelain", "-uall") == ""


def test_a_tracked_configuration_is_not_listed(repository: Repository) -> None:
    """If git tracks xw.json, `init` leaves the exclude file alone; without git it lists the file."""
    exclude = repository.folder / ".git/info/exclude"
    exclude.write_bytes(b"")
    repository.commit("xw.json")
    init(repository.folder, "another")
    assert exclude.read_bytes() == b""
    call(repository.folder, "init", "--name", "more", environ={"PATH": "/nowhere"})
    assert exclude.read_bytes() == b"/xw.json\n"


@pytest.mark.parametrize("kind", ["folder", "link", "fifo", "info"])
def test_an_exclude_file_that_cannot_be_written(bare_bones: Repository, kind: str) -> None:
    """`init` then works all the same, and says that git may take xw.json away."""
    exclude = bare_bones.folder / ".git/info/exclude"
    exclude.unlink()
    if kind == "folder":
        exclude.mkdir()
    elif kind == "link":
        exclude.symlink_to(bare_bones.folder / "elsewhere")
    elif kind == "fifo":
        os.mkfifo(exclude)
    else:
        exclude.parent.rmdir()
        exclude.parent.write_text("")
    made = run(bare_bones.folder, "init", "--name", "coder")
    assert made.code == 0, made
    assert f"git does not ignore {bare_bones.folder}/xw.json" in made.out + made.err
    assert not (bare_bones.folder / "elsewhere").exists()


def test_a_configuration_that_is_lost(repository: Repository) -> None:
    """Without xw.json the advice is to write it again, and then everybody is in it."""
    before = instances(repository.folder)
    (repository.folder / "src").mkdir()
    for folder in (repository.folder, repository.folder / "src", repository.linked):
        (repository.folder / "xw.json").unlink()
        lost = run(folder, "check", by="coder")
        assert lost.code == 2
        assert f"a hub at {repository.hub}" in lost.err
        assert "xw init --name coder` writes it" in lost.err
        made = ok(folder, "init", "--name", "coder")
        assert "found    lead, tester: written into xw.json again" in made
        assert instances(repository.folder) == before
        assert run(folder, "check").code == 2  # which of them are you?
    assert hubs(repository.folder.parent) == ["main/.xw/hub"]


def test_a_lost_configuration_and_no_name(repository: Repository) -> None:
    """A bare `init` invents no fourth mailbox: it lists those that exist; a single one is used."""
    (repository.folder / "xw.json").unlink()
    refused = run(repository.folder, "init")
    assert refused.code == 2
    assert "has the mailboxes coder, lead, tester" in refused.err
    for name in ("lead", "tester"):
        os.rename(repository.hub / name, repository.folder / name)
    made = json.loads(ok(repository.folder, "init", "--json"))
    assert (made["name"], made["new_mailbox"]) == ("coder", False)


def test_what_a_card_says_comes_back(repository: Repository) -> None:
    """Description, kind, model and capabilities of the others are in the new xw.json; a room is not."""
    ok(
        repository.folder,
        "init",
        "--name",
        "human",
        "--kind",
        "human",
        "--describe",
        "Me.",
        "--capability",
        "decide",
    )
    ok(repository.folder, "room", "create", "den", "--members", "coder,lead")
    before = instances(repository.folder)
    (repository.folder / "xw.json").unlink()
    ok(repository.folder, "init", "--name", "lead")
    assert instances(repository.folder) == before


def test_a_shared_hub_is_only_listed(repository: Repository, tmp_path: Path) -> None:
    """Joining a hub that other projects use lists its instances, and takes none for one's own."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    made = ok(elsewhere, "init", "--name", "dora", "--hub", str(repository.hub))
    assert "others   coder, lead, tester" in made
    assert set(instances(elsewhere)) == {"dora"}
    (elsewhere / "xw.json").unlink()
    again = json.loads(ok(elsewhere, "init", "--name", "dora", "--hub", str(repository.hub), "--json"))
    assert again["there"] == ["coder", "lead", "tester"]
    assert set(instances(elsewhere)) == {"dora"}


def test_elsewhere_with_a_name(tmp_path: Path) -> None:
    """A named agent outside any project is sent to its project, and never advised to make a hub."""
    for command in ("check", "who", "peers", "send info x", "sync", "wait"):
        lost = run(tmp_path, *command.split(), by="coder")
        assert (lost.code, lost.out) == (2, "")
        assert "XW_NAME is coder: go to the project of coder" in lost.err
        assert "init" not in lost.err
    assert "`xw init`" in run(tmp_path, "check").err


def test_the_hub_of_another_worktree(bare_bones: Repository) -> None:
    """In the main worktree, `init` names the hub of a linked one, with the command that joins it."""
    ok(bare_bones.linked, "init", "--name", "coder", "--hub", str(bare_bones.linked / ".xw/hub"))
    lost = run(bare_bones.folder, "check", by="coder")
    assert f"`xw init --hub {bare_bones.linked}/.xw/hub --name coder` joins it" in lost.err
    ok(bare_bones.folder, "init", "--hub", f"{bare_bones.linked}/.xw/hub", "--name", "coder")
    ok(bare_bones.folder, "check", by="coder")


def test_two_unnamed_inits_at_once(tmp_path: Path) -> None:
    """Of two inits in folders of one name, one gets the mailbox and the other an error, in any order."""
    for number in range(6):
        folders = [tmp_path / f"{number}{place}" / "proj" for place in "xy"]
        for folder in folders:
            folder.mkdir(parents=True)
        command = [XW, "init", "--hub", f"../../hub{number}"]
        started = [
            subprocess.Popen(
                command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
            for folder in folders
        ]
        said = [process.communicate(timeout=60)[1] for process in started]
        assert sorted(process.returncode for process in started) == [0, 6], said
        assert "has an instance 'proj' already" in "".join(said)


def test_doctor_names_a_second_hub(repository: Repository) -> None:
    """A hub that an older xw made in a linked worktree is named, with the mail that waits there."""
    second = repository.linked / ".xw/hub"
    ok(repository.linked, "init", "--name", "coder", "--hub", str(second))
    ok(repository.linked, "send", "task", "x", "--to", "coder", by="coder")
    found = run(repository.folder, "doctor", by="coder").out
    assert f"its own hub, {second}, with 1 pending messages" in found
    assert "its own hub" not in run(repository.linked, "doctor", by="coder").out


def test_a_hub_that_only_a_worktree_has(bare_bones: Repository) -> None:
    """Mail in a hub that an older xw made in the worktree is found there until the main one has a hub."""
    linked = bare_bones.linked
    ok(linked, "init", "--name", "coder", "--hub", str(linked / ".xw/hub"))
    config = json.loads((linked / "xw.json").read_text()) | {"hub": ".xw/hub"}
    (linked / "xw.json").write_text(json.dumps(config))
    ok(linked, "send", "task", "old", "--to", "coder", by="coder")
    assert "old" in ok(linked, "check", by="coder")
    made = ok(bare_bones.folder, "init", "--name", "coder")
    assert f"with 1 pending messages: `xw check --hub {linked}/.xw/hub`" in made
    assert json.loads(ok(linked, "who", "--json", by="coder"))["hub"] == str(bare_bones.hub)
