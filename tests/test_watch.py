"""Wake-ups: from the kernel, by polling without a kernel watch, and errors that name the folder."""

import ctypes
import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from watchdog.observers import inotify_c

from xw import watch
from xw.watch import Arrivals

# In a process of its own: watchdog keeps one inotify handle for all watches of a process.
_WITHOUT_HANDLES = """
import os, resource, sys
from xw.watch import Arrivals
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
highest = max(int(name) for name in os.listdir("/proc/self/fd"))
resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
while True:
    try:
        os.dup(0)
    except OSError:
        break
with Arrivals([sys.argv[1]], rescan=3600.0) as woken:
    os.close(0)  # a handle to make files and list folders with
    open(sys.argv[1] + "/one", "w").close()
    woken.wait()
    os.mkdir(sys.argv[1] + "/another")
    woken.wait()
    woken.also(sys.argv[1] + "/another")
    woken.wait()
    open(sys.argv[1] + "/another/two", "w").close()
    woken.wait()
print("woke four times")
"""


def test_a_file_wakes(tmp_path: Path) -> None:
    """A file that appears ends a wait long before the rescan time."""
    with Arrivals([str(tmp_path)], rescan=3600.0) as woken:
        threading.Timer(0.05, (tmp_path / "one").touch).start()
        woken.wait()
        assert (tmp_path / "one").exists()


def test_a_name_with_a_leading_dot_wakes_nobody(tmp_path: Path) -> None:
    """Notes and locks wake nobody when written, linked or renamed into place; a message does."""
    (tmp_path / "source").touch()
    box = tmp_path / "box"
    box.mkdir()
    with watch.Arrivals([str(box)], rescan=3600.0) as woken:
        before = woken._woken.count
        for number in range(20):
            (box / f".made-{number}").touch()
            os.link(tmp_path / "source", box / f".linked-{number}")
            os.replace(box / f".made-{number}", box / ".note.json")
            (box / f".folder-{number}").mkdir()
        (box / "message").touch()
        woken.wait()  # the kernel tells of changes in their order
        assert woken._woken.count == before + 1


def test_a_watched_folder_that_is_removed_wakes(tmp_path: Path) -> None:
    """The end of a watched folder is news, also where its own name has a leading dot."""
    (tmp_path / ".box").mkdir()
    with Arrivals([str(tmp_path / ".box")], rescan=3600.0) as woken:
        threading.Timer(0.05, (tmp_path / ".box").rmdir).start()
        woken.wait()


def test_a_folder_that_is_watched_later(tmp_path: Path) -> None:
    """A folder added while the watch is on is to be looked into at once, and wakes from then on."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with Arrivals([str(tmp_path / "a")], rescan=3600.0) as woken:
        woken.also(str(tmp_path / "b"))
        woken.wait()
        threading.Timer(0.05, (tmp_path / "b" / "one").touch).start()
        woken.wait()
        assert (tmp_path / "b" / "one").exists()


def test_wake_ends_a_wait(tmp_path: Path) -> None:
    """`wake` from another thread ends a wait."""
    with Arrivals([str(tmp_path)], rescan=3600.0) as woken:
        threading.Timer(0.05, woken.wake).start()
        woken.wait()


def test_polling_where_the_kernel_has_no_watch_left(tmp_path: Path) -> None:
    """Without a handle for inotify a wait ends soon after a name appears, also in a folder added later."""
    command = [sys.executable, "-c", _WITHOUT_HANDLES, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.stdout, ended.stderr) == ("woke four times\n", "")


_REFUSALS = [
    errno.ENOSYS,
    errno.EPERM,
    errno.EOPNOTSUPP,
    errno.EMFILE,
    errno.ENOSPC,
    errno.EACCES,
    errno.EINVAL,
]


def _refuse(number: int) -> Callable[..., int]:
    """Return a system call that fails with this errno, as the C library reports it."""

    def call(*_: object) -> int:
        ctypes.set_errno(number)
        return -1

    return call


@pytest.mark.parametrize("number", _REFUSALS)
@pytest.mark.parametrize("call", ["inotify_init", "inotify_add_watch"])
def test_polling_where_inotify_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """Whatever errno the kernel or a sandbox refuses inotify with, a file wakes, and a note does not."""
    monkeypatch.setattr(watch._Reader, "shared", None)
    monkeypatch.setattr(watch, "_POLL_S", 0.005)
    monkeypatch.setattr(inotify_c, call, _refuse(number))
    with Arrivals([str(tmp_path)], rescan=3600.0) as woken:
        (tmp_path / ".note").touch()
        assert not woken.wait(0.02)
        (tmp_path / "one").touch()
        assert woken.wait()
        (tmp_path / "one").unlink()
        assert not woken.wait(0.02)


def test_polling_where_inotify_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If reading the first event fails, the wait ends at once, and polling goes on; nothing is printed."""
    monkeypatch.setattr(watch._Reader, "shared", None)
    monkeypatch.setattr(watch, "_POLL_S", 0.005)

    def read(handle: int, size: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    printed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", printed.append)
    with Arrivals([str(tmp_path)], rescan=3600.0) as woken:
        monkeypatch.setattr(inotify_c, "os", SimpleNamespace(read=read))
        (tmp_path / "one").touch()
        assert woken.wait()
        (tmp_path / "two").touch()
        assert woken.wait()
    assert printed == []


def test_polling_where_no_thread_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may not start a thread polls too."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(watch._Reader, "shared", None)
    monkeypatch.setattr(watch, "_POLL_S", 0.005)
    monkeypatch.setattr(threading.Thread, "start", start)
    with Arrivals([str(tmp_path)], rescan=3600.0) as woken:
        (tmp_path / "one").touch()
        assert woken.wait()


def test_polling_lists_a_folder_only_after_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle poll costs one stat for each folder, however many files it holds."""
    monkeypatch.setattr(watch._Reader, "shared", None)
    monkeypatch.setattr(watch, "_POLL_S", 0.001)
    monkeypatch.setattr(inotify_c, "inotify_init", _refuse(errno.ENOSYS))
    listed: list[object] = []
    with Arrivals([str(tmp_path)], rescan=3600.0) as woken:
        real = os.listdir

        def noted(path: str) -> list[str]:
            listed.append(path)
            return real(path)

        monkeypatch.setattr(os, "listdir", noted)
        woken.wait(0.05)
        assert listed == []
        (tmp_path / "one").touch()
        assert woken.wait()
        assert listed == [str(tmp_path)]


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    """The error names the folder that is missing."""
    with pytest.raises(FileNotFoundError) as caught, Arrivals([str(tmp_path), str(tmp_path / "gone")]):
        pass
    assert caught.value.filename == str(tmp_path / "gone")
