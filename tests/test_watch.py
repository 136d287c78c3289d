"""Wake-ups: from the kernel, by polling where it has no watch left, and errors that name the folder."""

import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from xw.watch import Arrivals


@pytest.fixture
def no_handles() -> Iterator[None]:
    """No file can be opened any more, so inotify gives none either (EMFILE)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    spare = [os.dup(0) for _ in range(64)]
    for handle in spare:
        os.close(handle)
    # Every number below the limit is in use: open up to it.
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    filled = []
    while True:
        try:
            filled.append(os.dup(0))
        except OSError:
            break
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for handle in filled:
        os.close(handle)


def test_a_file_wakes(tmp_path: Path) -> None:
    """A file that appears ends a wait long before the rescan time."""
    with Arrivals([str(tmp_path)], rescan=60.0) as woken:
        threading.Timer(0.05, (tmp_path / "one").touch).start()
        woken.wait()
        assert (tmp_path / "one").exists()


def test_a_folder_that_is_watched_later(tmp_path: Path) -> None:
    """A folder added while the watch is on wakes too."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with Arrivals([str(tmp_path / "a")], rescan=60.0) as woken:
        woken.also(str(tmp_path / "b"))
        threading.Timer(0.05, (tmp_path / "b" / "one").touch).start()
        woken.wait()
        assert (tmp_path / "b" / "one").exists()


def test_wake_ends_a_wait(tmp_path: Path) -> None:
    """`wake` from another thread ends a wait."""
    with Arrivals([str(tmp_path)], rescan=60.0) as woken:
        threading.Timer(0.05, woken.wake).start()
        woken.wait()


@pytest.mark.usefixtures("no_handles")
def test_polling_where_the_kernel_has_no_watch_left(tmp_path: Path) -> None:
    """Without inotify the wait ends within a second, and the caller looks for itself."""
    with Arrivals([str(tmp_path)], rescan=60.0) as woken:
        woken.wait()
        woken.also(str(tmp_path))


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    """The error names the folder that is missing."""
    with pytest.raises(FileNotFoundError) as caught, Arrivals([str(tmp_path), str(tmp_path / "gone")]):
        pass
    assert caught.value.filename == str(tmp_path / "gone")
