"""Locks between the processes of one machine: `flock` on a file, which ends with its holder.

`local` opens the files, without following links. A lock that outlives one step is filelock's; the short
one of `send` is a bare `flock`, which spares it filelock's import. Each excludes the other (decision 34).
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from xw.errors import Busy

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from collections.abc import Callable

_RETRY_S = 0.002
_ASKED_S = 1.0
"""How long one who only asks may delay a holder beyond its timeout: if stopped, it must not hang that."""


@contextmanager
def locked(handle: int, path: str, timeout: float) -> Iterator[None]:
    """Hold the lock on an open file for long, and close the file. Busy after `timeout` seconds."""
    try:
        _take(_by_filelock, handle, path, timeout)
        yield
    finally:
        os.close(handle)


@contextmanager
def locked_briefly(handle: int, path: str, timeout: float) -> Iterator["Note"]:
    """Hold the lock on an open file for one step, and close the file. Busy after `timeout` seconds."""
    try:
        _take(_by_flock, handle, path, timeout)
        yield Note(handle)
    finally:
        os.close(handle)


def lock_new(handle: int) -> None:
    """Lock a file that this process has just made, until no process has it open that inherited it."""
    from filelock import lock_descriptor

    lock_descriptor(handle, poll_interval=_RETRY_S)  # nobody but one who asks can have it


def held(handle: int) -> bool:
    """Return True if somebody holds the lock on an open file, and close the file.

    A shared lock asks, which any number of askers get at once; a holder that meets one tries again.
    """
    try:
        return not _is_free(handle)
    finally:
        os.close(handle)


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
    from filelock import lock_descriptor  # 40 ms; `check`, `send` and the like do without

    return lock_descriptor(handle, blocking=False)


def _by_flock(handle: int) -> bool:
    return _flock(handle, fcntl.LOCK_EX)


def _is_free(handle: int) -> bool:
    """Return True if nobody holds the lock, though others may be asking the same."""
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
    """The note in the lock file that is open: its first 64 bytes."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def recall(self) -> str:
        return os.pread(self._handle, 64, 0).decode("ascii", "replace")

    def keep(self, text: str) -> None:
        os.pwrite(self._handle, text.encode(), 0)
