"""Locks between processes: filelock's, `send`'s short one, and those who only ask."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import filelock
import pytest

from xw.errors import Busy
from xw.files import locks
from xw.files.local import LocalFiles

WAYS = ("locked", "locked_briefly")
# Each prints "held" once it has the lock, or "busy"; it then holds the lock until its input ends.
OURS = """
import sys
from xw.errors import Busy
from xw.files.local import LocalFiles
try:
    with getattr(LocalFiles(sys.argv[1]), sys.argv[2])("a/.lock", timeout=0):
        print("held", flush=True)
        sys.stdin.read()
except Busy:
    print("busy", flush=True)
"""
THEIRS = """
import sys, filelock
try:
    with filelock.FileLock(sys.argv[1] + "/a/.lock", timeout=0):
        print("held", flush=True)
        sys.stdin.read()
except filelock.Timeout:
    print("busy", flush=True)
"""
# Asks until its input ends, and says how often the lock was held.
ASK = """
import select, sys
from xw.files.local import LocalFiles
files, found = LocalFiles(sys.argv[1]), 0
print("asks", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    found += files.held("a/.lock")
print(found, flush=True)
"""


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    made = LocalFiles(str(tmp_path))
    made.make_folder("a")
    return made


@contextmanager
def process(files: LocalFiles, program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that runs a program; kill it at the end."""
    words = [sys.executable, "-c", program, files.root, *arguments]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as ran:
        try:
            yield ran
        finally:
            ran.kill()


def said(ran: subprocess.Popen[str]) -> str:
    assert ran.stdout is not None
    return ran.stdout.readline().strip()


@pytest.mark.parametrize(("program", "way"), [(OURS, "locked"), (OURS, "locked_briefly"), (THEIRS, "")])
def test_processes_exclude_each_other(files: LocalFiles, program: str, way: str) -> None:
    """The holder of a lock, by either way of xw or by filelock itself, excludes all others while it lives."""
    with process(files, program, way) as holder:
        assert said(holder) == "held"
        for ours in WAYS:
            with pytest.raises(Busy, match="fuser"), getattr(files, ours)("a/.lock", timeout=0.01):
                pytest.fail("two processes hold the lock")
        with pytest.raises(filelock.Timeout):
            filelock.FileLock(files.path("a/.lock"), timeout=0).acquire()
        assert files.held("a/.lock")
        holder.kill()  # -9: nothing is tidied
        holder.wait()
        assert not files.held("a/.lock")
        for ours in WAYS:
            with getattr(files, ours)("a/.lock", timeout=0), process(files, program, way) as late:
                assert said(late) == "busy"


def test_a_note_outlives_its_holder(files: LocalFiles) -> None:
    """The short lock's note is there for its next holder, even after a long lock in between."""
    with files.locked_briefly("a/.lock") as note:
        note.keep("kept by the dead")
    with process(files, OURS, "locked") as holder:
        assert said(holder) == "held"
        holder.kill()
        holder.wait()
    with files.locked_briefly("a/.lock", timeout=0) as note:
        assert note.recall() == "kept by the dead"


@pytest.mark.parametrize("way", WAYS)
def test_a_lock_is_not_a_link(tmp_path: Path, files: LocalFiles, way: str) -> None:
    """A link at the lock's name is an error, and no file appears at its target."""
    (tmp_path / "a/.lock").symlink_to(tmp_path / "a/elsewhere")
    with pytest.raises(OSError, match=r"\.lock"), getattr(files, way)("a/.lock", timeout=0):
        pytest.fail("locked through a link")
    assert files.list_folder("a") == [".lock"]


def test_many_who_ask_and_one_who_starts(files: LocalFiles) -> None:
    """Processes that ask without a pause see no holder in each other, and keep no holder out."""
    with files.locked("a/.lock"):
        pass  # the file is there
    with ExitStack() as running:
        asking = [running.enter_context(process(files, ASK)) for _ in range(4)]
        assert [said(one) for one in asking] == ["asks"] * 4
        for _ in range(2000):
            assert not files.held("a/.lock")
        for one in asking:
            assert one.stdin is not None
            one.stdin.close()
        assert [said(one) for one in asking] == ["0"] * 4
    with ExitStack() as running:
        asking = [running.enter_context(process(files, ASK)) for _ in range(4)]
        assert [said(one) for one in asking] == ["asks"] * 4
        for number in range(200):
            with getattr(files, WAYS[number % 2])("a/.lock", timeout=0):
                assert files.held("a/.lock")


@pytest.mark.parametrize("way", WAYS)
def test_who_meets_one_that_asks_tries_again(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Without any patience for a holder, one still gets the lock when the other has asked."""
    with files.locked("a/.lock"):
        pass
    asks = os.open(files.path("a/.lock"), os.O_RDONLY)
    fcntl.flock(asks, fcntl.LOCK_SH)
    tries: list[float] = []

    def sleep(seconds: float) -> None:
        tries.append(seconds)
        if len(tries) == 3:
            os.close(asks)

    monkeypatch.setattr(time, "sleep", sleep)
    with getattr(files, way)("a/.lock", timeout=0):
        assert len(tries) == 3


@pytest.mark.parametrize("way", WAYS)
def test_who_asks_and_is_stopped_holds_nobody_up_for_ever(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A stopped asker makes a starter Busy after a while, and does not hang it."""
    with files.locked("a/.lock"):
        pass
    monkeypatch.setattr(locks, "_ASKED_S", 0.01)
    with open(files.path("a/.lock")) as asks:
        fcntl.flock(asks, fcntl.LOCK_SH)
        with pytest.raises(Busy), getattr(files, way)("a/.lock", timeout=0):
            pytest.fail("an asker's lock was ignored")
