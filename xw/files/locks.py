"""Locks between the processes of a machine: `flock` on a file, released when its holder dies.

`local` opens the files, without following links. A lock that outlives a step is filelock's. The short lock of
`send` is a bare `flock`, to avoid importing filelock. Each excludes the other (decision 34).
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from xw.errors import Busy
from xw.files.disk import close

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Callable

_RETRY_S = 0.002
_ASKED_S = 1.0
"""How long a process that only asks may delay another beyond its timeout, should the first be stopped."""


@contextmanager
def locked(handle: int, path: str, timeout: float) -> Iterator[None]:
    """Hold the lock on an open file for long, and close the file. Busy after `timeout` seconds."""
    try:
        _take(_by_filelock, handle, path, timeout)
        yield
    finally:
        close(handle)


@contextmanager
def locked_briefly(handle: int, path: str, timeout: float) -> Iterator["Note"]:
    """Hold the lock on an open file for one step, and close the file. Busy after `timeout` seconds."""
    try:
        _take(_by_flock, handle, path, timeout)
        yield Note(handle)
    finally:
        close(handle)


def lock_new(handle: int) -> None:
    """Lock a file that this process has just made, until every process that inherits its handle has ended."""
    from filelock import lock_descriptor

    lock_descriptor(handle, poll_interval=_RETRY_S)  # at most a process that only asks has it now


def held(handle: int) -> bool:
    """Return True if a process holds the lock on an open file, and close the file.

    It asks with a shared lock, which any number of askers may have at once; a holder that meets one retries.
    """
    try:
        return not _is_free(handle)
    finally:
        close(handle)


def _take(take: "Callable[[int], bool]", handle: int, path: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not take(handle):
        late = time.monotonic() - deadline
        if late >= _ASKED_S or (late >= 0 and not _is_free(handle)):
            raise Busy(
                f"{path}: another xw process has held this lock for {timeout:.0f} s: "
                f"is it stopped? `fuser {path}` names it"
            )
        time.sleep(_RETRY_S)


def _by_filelock(handle: int) -> bool:
    from filelock import lock_descriptor  # 40 ms, which `check`, `send` and the like avoid

    return lock_descriptor(handle, blocking=False)


def _by_flock(handle: int) -> bool:
    return _flock(handle, fcntl.LOCK_EX)


def _is_free(handle: int) -> bool:
    """Return True if no process holds the lock; others may be asking at the same time."""
    if not _flock(handle, fcntl.LOCK_SH):
        return False
    fcntl.flock(handle, fcntl.LOCK_UN)
    return True


def _flock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Note:
    """The note in an open lock file: its first 64 bytes."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        """The file's handle: a process that inherits it holds the lock too."""

    def recall(self) -> str:
        return os.pread(self.handle, 64, 0).decode("ascii", "replace")

    def keep(self, text: str) -> None:
        os.pwrite(self.handle, text.encode(), 0)
