"""A sandboxed agent in a worktree, whose hub it can read and not write: a read-only bind mount."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.team import PATIENCE, XW, Result, until
from tests.places.repository import Repository, confined, git, ok

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("measured")]


def inside(repository: Repository, *arguments: str, by: str = "coder") -> Result:
    """Run `xw` in the linked worktree, where all of the main one is read-only."""
    return confined(repository.folder, repository.linked, *arguments, by=by)


@contextmanager
def watching(folder: Path, by: str = "coder") -> Iterator[None]:
    """`xw sync --watch` runs in a folder, outside the sandbox."""
    environ = {**os.environ, "XW_NAME": by}
    process = subprocess.Popen(
        [XW, "sync", "--watch"], cwd=folder, env=environ, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        assert process.stdout.readline().startswith("connected: ")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def _mail(shown: str) -> list[str]:
    return [message["body"] for message in json.loads(shown)["messages"]]


@pytest.mark.parametrize("committed", [False, True])
def test_the_worktrees_own_mirror_carries_the_mail(repository: Repository, committed: bool) -> None:
    """Mail is read and sent there, says who must sync, and arrives once somebody outside does."""
    main, linked = repository.folder, repository.linked
    if committed:
        repository.commit("xw.json")
        git(linked, "merge", "-q", "master")
    (main / "numbers").write_text("1 2 3")
    ok(main, "send", "task", "one", "--to", "coder", "--attach", "numbers", by="lead")
    checked = inside(repository, "check", "--json")
    assert (checked.code, _mail(checked.out)) == (0, ["one"])
    sent = inside(repository, "send", "info", "from inside", "--to", "lead")
    assert sent.code == 0
    assert "in the outbox for lead" in sent.out
    how = f"somebody outside the sandbox must run `cd {linked} && xw sync --watch`"
    assert how in sent.err
    assert how in inside(repository, "who").out
    task = json.loads(checked.out)["messages"][0]["id"]
    read = inside(repository, "read", task).out
    assert f"file: {linked}/.xw/mirror/" in read
    assert inside(repository, "reply", task, "done so").code == 0
    assert inside(repository, "done", task).code == 0
    assert git(linked, "status", "--porcelain") == ""
    with watching(linked):
        until(lambda: _mail(ok(main, "check", "--json", by="lead")) == ["from inside", "done so"])
        until(lambda: os.listdir(repository.hub / "coder/inbox/done"))
        ok(main, "send", "task", "two", "--to", "coder", by="lead")
        assert "two" in inside(repository, "wait", "--timeout", "30").out
        until(lambda: _mail(inside(repository, "check", "--json").out) == ["two"])
        quiet = inside(repository, "send", "info", "quietly", "--to", "lead")
        assert (quiet.code, quiet.err) == (0, "")
        until(lambda: "quietly" in ok(main, "check", by="lead"))


def test_a_hub_that_moves(repository: Repository) -> None:
    """The mirror follows, and then needs the old place no more; doctor finds nothing wrong."""
    main, linked = repository.folder, repository.linked
    inside(repository, "check")
    new = main.parent / "elsewhere"
    ok(main, "hub", "move", str(new), by="lead")
    inside(repository, "send", "info", "from inside", "--to", "lead")
    for _ in range(2):
        ok(linked, "sync", by="coder")
    (note,) = (linked / ".xw/mirror").glob("*/mirror.json")
    assert json.loads(note.read_text())["moved"] == [str(repository.hub)]
    doctor = json.loads(ok(linked, "doctor", "--json", by="coder"))
    assert "bad" not in [one["level"] for one in doctor["findings"]]
    repository.hub.rename(main.parent / "gone")
    ok(linked, "send", "info", "without the old place", "--to", "lead", by="coder")
    shown = _mail(ok(main, "check", "--json", "--hub", str(new), by="lead"))
    assert shown == ["from inside", "without the old place"]


def test_outside_the_same_mirror_is_used(repository: Repository) -> None:
    """Once made, the mirror is used outside too: mail left in it goes out with the next command there."""
    sent = inside(repository, "send", "info", "from inside", "--to", "lead")
    assert sent.code == 0
    ok(repository.linked, "sync", by="coder")
    assert _mail(ok(repository.folder, "check", "--json", by="lead")) == ["from inside"]
    assert "\nmirror " not in ok(repository.linked, "who", by="lead")


def test_a_mirror_that_cannot_be_made(repository: Repository) -> None:
    """If the worktree is not writable either, mail is read, and sending blames the sandbox: exit 5."""
    ok(repository.folder, "send", "task", "one", "--to", "coder", by="lead")
    nested = Repository(repository.folder)
    nested.linked = repository.folder / "nested"
    repository.git("worktree", "add", "-q", str(nested.linked))
    assert "one" in inside(nested, "check").out
    refused = inside(nested, "send", "info", "x", "--to", "lead")
    assert (refused.code, "Read-only file system: a sandbox" in refused.err) == (5, True)


def test_init_in_a_sandbox(repository: Repository) -> None:
    """`init` for a hub that cannot be written makes nothing, and says where to run it."""
    refused = inside(repository, "init", "--name", "newcomer", by="newcomer")
    assert refused.code == 6
    assert "outside the sandbox" in refused.err
    assert not (repository.linked / "xw.json").exists()


def test_a_named_hub(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub elsewhere on this machine is carried by the checkout's own mirror, in a main worktree too."""
    monkeypatch.setenv("XDG_DATA_HOME", str(repository.folder))  # which is read-only inside
    other = Repository(repository.folder)
    other.linked = tmp_path / "other"
    other.linked.mkdir()
    for name in ("coder", "lead"):
        ok(other.linked, "init", "--name", name, "--hub", "team")
    assert inside(other, "send", "info", "from inside", "--to", "lead").code == 0
    ok(other.linked, "sync", by="coder")
    assert "from inside" in ok(other.linked, "check", by="lead")
