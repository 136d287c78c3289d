"""A hub on another host, from a linked git worktree."""

import os
from pathlib import Path

import pytest

from tests.cli.team import Result, until
from tests.places.repository import Repository, confined, git
from tests.remote.machine import Machine
from tests.remote.watching import Watch
from tests.ssh.sshd import Sshd


@pytest.fixture
def worktree(alice: Machine, bob: Machine) -> Machine:
    """Alice in a linked worktree of her checkout."""
    main = Repository(alice.folder)
    main.git("init", "-q")
    (main.folder / "code.py").write_text("")
    main.commit("code.py")
    linked = Machine(alice.folder.with_name("linked"), "alice", alice.url)
    main.git("worktree", "add", "-q", "-f", str(linked.folder))
    return linked


def _inside(alice: Machine, worktree: Machine, *arguments: str) -> Result:
    return confined(alice.folder, worktree.folder, *arguments, by="alice")


@pytest.mark.parametrize("committed", [False, True])
def test_the_mirror_lies_in_the_main_worktree(
    alice: Machine, bob: Machine, worktree: Machine, committed: bool
) -> None:
    """A worktree uses the main one's mirror, so that none of its mail goes with the worktree."""
    if committed:
        Repository(alice.folder).commit("xw.json")
        git(worktree.folder, "merge", "-q", "master")
    bob.send("alice", "one")
    assert "one" in worktree.ok("check")
    assert len(alice.pending()) == 1
    worktree.ok("send", "info", "kept", "--to", "bob", "--offline")
    assert not (worktree.folder / ".xw/mirror").exists()
    git(alice.folder, "worktree", "remove", str(worktree.folder))
    assert alice.ok("sync").startswith("1 delivered")


@pytest.mark.root
def test_where_the_mirror_cannot_be_written(
    alice: Machine, bob: Machine, worktree: Machine, known: Sshd, tmp_path: Path
) -> None:
    """The worktree's own mirror takes over: with the mail of the main one, and with what is sent inside."""
    (bob.folder / "numbers").write_text("1 2 3")
    bob.send("alice", "one", "--attach", "numbers")
    alice.ok("check")
    known.stop()
    checked = _inside(alice, worktree, "check")
    assert "one" in checked.out
    how = f"outside the sandbox must run `cd {worktree.folder} && xw sync --watch`"
    assert how in checked.err
    sent = _inside(alice, worktree, "send", "info", "from inside", "--to", "bob")
    assert (sent.code, "in the outbox for bob" in sent.out, how in sent.err) == (0, True, True)
    assert how in _inside(alice, worktree, "who").out
    (path,) = (worktree.folder / ".xw/mirror").glob("*/alice/attachments/*/numbers")
    assert path.read_text() == "1 2 3"
    assert git(worktree.folder, "status", "--porcelain") == ""
    known.start()
    watch = Watch(worktree)
    until(lambda: bob.pending() or "from inside" in bob.run("check").out)
    watch.end()
    os.unlink(worktree.folder / "said")
