"""A file that cannot be set aside is named and left: another user's file or a full disk hides no mail."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.guarantees import scene, traced
from tests.guarantees.scene import Ground
from tests.guarantees.test_disk import fill, xw
from tests.guarantees.test_disk import small_disk as small_disk  # a fixture
from xw.files.local import LocalFiles
from xw.hub.directory import DirectoryHub
from xw.hub.making import create_hub
from xw.layout import INBOX

BOB, MAL, GROUP = 61001, 61002, 61000


class Shared:
    """A group hub of two real Unix users, bob and mal, each with a mailbox."""

    def __init__(self, work: Path) -> None:
        self.work = work
        files = LocalFiles(f"{work}/hub", group=True)
        create_hub(files, "test", "a hub\n", group=True, links=True)
        for name in ("bob", "mal"):
            DirectoryHub(files, f"{work}/hub").register(name, {"name": name, "kind": "agent"})
        (work / "xw.json").write_text('{"format": 1, "hub": "./hub", "instances": {"bob": {}, "mal": {}}}\n')
        for path in (work, *work.rglob("*")):
            os.chown(path, MAL if "/hub/mal" in str(path) else BOB, GROUP)
        self.pending = work / "hub/bob/inbox/pending"

    def run(self, user: int, *words: str) -> traced.Run:
        """Run `xw` as a user: bob's or mal's instance."""
        name = "bob" if user == BOB else "mal"
        return self.shell(user, [scene.XW, *words], XW_NAME=name)

    def shell(self, user: int, command: Sequence[str], **environ: str) -> traced.Run:
        """Run a command as a user."""
        done = subprocess.run(
            self.command(user, command),
            cwd=self.work,
            env=traced.environment(HOME=str(self.work), **environ),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return traced.Run(done.returncode, done.stdout, done.stderr, [])

    def command(self, user: int, command: Sequence[str]) -> list[str]:
        """Return a command that runs another as a user."""
        return ["setpriv", f"--reuid={user}", f"--regid={GROUP}", "--clear-groups", *command]

    def touch(self, path: Path, text: str = "x", mode: int = 0o644) -> None:
        """Let mal write a file of his own."""
        path.write_text(text)
        os.chown(path, MAL, GROUP)
        path.chmod(mode)


@pytest.fixture
def shared() -> Iterator[Shared]:
    work = Path(tempfile.mkdtemp(prefix="xw-shared-", dir="/tmp"))  # where another user comes through
    work.chmod(0o755)
    try:
        yield Shared(work)
    finally:
        shutil.rmtree(work)


LOOKING = (["check"], ["who"], ["wait", "--timeout", "5"], ["doctor"], ["log"], ["peers"])


@pytest.mark.root
@pytest.mark.parametrize("kind", ["stray", "private stray", "damaged", "folder", "unreadable", "full folder"])
def test_a_file_of_another_user(shared: Shared, kind: str) -> None:
    """Whatever mal puts into bob's pending folder, bob sees his mail and can finish it."""
    sent = shared.run(MAL, "send", "task", "hello bob", "--to", "bob")
    assert sent.code == 0, sent
    (message,) = shared.pending.iterdir()
    if kind == "stray":
        shared.touch(shared.pending / "note.txt")
    elif kind == "private stray":
        shared.touch(shared.pending / "note.txt", mode=0o600)
    elif kind == "damaged":
        shared.touch(shared.pending / f"0{message.name[1:]}", "{", mode=0o640)
    elif kind == "unreadable":
        second = shared.run(MAL, "send", "task", "a secret", "--to", "bob")
        assert second.code == 0, second
        other = next(path for path in shared.pending.iterdir() if path != message)
        other.chmod(0o600)
    else:
        folder = shared.pending / "folder"
        folder.mkdir(mode=0o700)
        if kind == "full folder":
            (folder / "file").write_text("x")
        os.chown(folder, MAL, GROUP)
    for command in LOOKING:
        shown = shared.run(BOB, *command)
        assert shown.code == 0 or command[0] == "doctor", (command, shown)
        if command[0] in ("check", "wait", "log"):
            assert "hello bob" in shown.out, shown
    done = shared.run(BOB, "done", message.name)
    assert done.code == 0, done
    assert (shared.work / "hub/bob" / INBOX["done"] / message.name).exists()


@pytest.mark.root
def test_what_is_left_is_named(shared: Shared) -> None:
    """A folder of another's cannot be moved: each look names it and says why; the mail is not hidden."""
    folder = shared.pending / "folder"
    folder.mkdir(mode=0o700)
    os.chown(folder, MAL, GROUP)
    shown = shared.run(BOB, "check")
    assert "no mail" not in shown.out
    assert "left in pending/: folder: " in shown.err
    assert "Permission denied" in shown.err
    assert json.loads(shared.run(BOB, "check", "--json").out)["newer"][0]["name"] == "folder"
    assert folder.exists()
    assert list((shared.work / "hub/bob/inbox/failed").iterdir()) == []


@pytest.mark.root
def test_done_where_only_the_rename_is_allowed(shared: Shared) -> None:
    """A message that its sender made unreadable can be finished, and gc does not count it as old."""
    shared.run(MAL, "send", "task", "hello bob", "--to", "bob")
    (message,) = shared.pending.iterdir()
    message.chmod(0o600)
    os.utime(message, (0, 0))
    done = shared.run(BOB, "done", message.name)
    assert done.code == 0, done
    assert shared.run(BOB, "gc", "--days", "1").code == 0
    assert (shared.work / "hub/bob" / INBOX["done"] / message.name).exists()


@pytest.mark.root
def test_gc_goes_on_past_what_it_may_not_remove(shared: Shared) -> None:
    """A foreign folder that cannot be emptied is named with its path; the rest is removed."""
    shared.run(MAL, "send", "info", "old", "--to", "bob")
    (message,) = shared.pending.iterdir()
    shared.run(BOB, "done", message.name)
    folders = shared.work / "hub/bob/attachments"
    for name in ("a", "b"):
        folder = folders / name
        folder.mkdir(mode=0o700)
        (folder / "file").write_text("x")
        os.chown(folder / "file", MAL if name == "a" else BOB, GROUP)
        os.chown(folder, MAL if name == "a" else BOB, GROUP)
        os.utime(folder, (0, 0))
    swept = shared.run(BOB, "gc", "--days", "0")
    assert (swept.code, swept.err.count("\n")) == (6, 1), swept
    assert f"{folders}/a: Permission denied" in swept.err
    assert sorted(os.listdir(folders)) == ["a"], swept
    assert not (shared.work / "hub/bob" / INBOX["done"] / message.name).exists()


@pytest.mark.root
@pytest.mark.parametrize("state", ["full", "read-only"])
@pytest.mark.parametrize("kind", ["stray", "damaged", "folder"])
def test_a_disk_that_takes_nothing(small_disk: Path, state: str, kind: str) -> None:
    """On a full or read-only disk, files that are not mail are named and left, and the mail is shown."""
    ground = Ground(small_disk / "work")
    ground.build()
    pending = ground.work / "hub/bob/inbox/pending"
    if kind == "folder":
        (pending / "folder").mkdir()
    else:
        name = "note.txt" if kind == "stray" else f"0{next(pending.iterdir()).name[1:]}"
        (pending / name).write_text("{")
    if state == "full":
        fill(small_disk / "filler")
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    try:
        for words in (["check"], ["who"], ["wait", "--timeout", "5"], ["log"], ["peers"]):
            shown = xw(ground, "bob", *words)
            assert shown.code == 0, (words, shown)
            if words[0] in ("check", "wait"):
                assert "was pending" in shown.out, shown
        assert "left in pending/: " in xw(ground, "bob", "check").err
        assert len(list((ground.work / "hub/bob/inbox/failed").iterdir())) == 0
    finally:
        if state == "read-only":
            subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)


def test_a_flood_is_counted(tmp_path: Path) -> None:
    """Of many files that are not mail, a few are named, and the others counted."""
    ground = Ground(tmp_path / "work")
    ground.build()
    for number in range(40):
        (ground.work / f"hub/bob/inbox/pending/note-{number}.txt").write_text("x")
    shown = xw(ground, "bob", "check")
    assert "was pending" in shown.out
    assert shown.err.count("\n") <= 12, shown.err
    assert "and 30 more" in shown.err
    assert len(list((ground.work / "hub/bob/inbox/failed").glob("note-*.txt"))) == 40
