"""The connections of a member: at most so many servers run for it at once. Used by `server` alone.

Each running server holds the lock of a file `<hub>/.served/<name>/slot-N`, which has its process id and, as
its time, its last call. The newest connection wins: a client whose network was cut connects again, and sshd
notices the dead connections late. So if no slot is free, the server that was idle for longest must end. If
all are at work, the new one waits a while.
"""

import fcntl
import os
import signal
import time
from contextlib import suppress

from xw.files.local import LocalFiles
from xw.hub.served.limits import FOLDER

_WAIT_S = 5.0  # for a server to end
_RETRY_S = 0.05
_IDLE_S = 2.0  # without a call, after which a server may be ended


class Slot:
    """A slot that this process holds until it ends."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def used(self) -> None:
        """Note that this connection is in use."""
        with suppress(OSError):
            os.utime(self._handle)


def take(files: LocalFiles, member: str, count: int) -> Slot | None:
    """Return a slot for this process; None if all are held by servers that do not end."""
    folder = files.path(f"{FOLDER}/{member}")
    paths = [f"{folder}/slot-{number}" for number in range(count)]
    handle = _free(paths)
    until = time.monotonic() + _WAIT_S
    while handle is None and time.monotonic() < until:
        _end_idlest(paths)
        time.sleep(_RETRY_S)
        handle = _free(paths)
    if handle is None:
        return None
    with suppress(OSError):  # a full disk: this server is not ended for a newer one
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
    return Slot(handle)


def _free(paths: list[str]) -> int | None:
    """Return the handle of the first slot that this process could lock."""
    for path in paths:
        handle = _open(path)
        if _locked(handle):
            return handle
        os.close(handle)
    return None


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _end_idlest(paths: list[str]) -> None:
    """End the server whose last call is the oldest, if that is a while ago."""
    handles = [_open(path) for path in paths]
    try:
        last = sorted((os.fstat(handle).st_mtime, handle) for handle in handles)
        for at, handle in last:
            if at > time.time() - _IDLE_S or _end(handle):
                return
    finally:
        for handle in handles:
            os.close(handle)


def _end(handle: int) -> bool:
    """End the process that holds a slot; return False if it is unknown.

    Its number could meanwhile be another process's: the lock is looked at again with the process held.
    """
    text = os.pread(handle, 20, 0).decode("ascii", "replace")
    if not text.isdigit() or not hasattr(os, "pidfd_open"):
        return False
    try:
        process = os.pidfd_open(int(text))
    except OSError:
        return False  # it has just ended
    try:
        if _locked(handle):
            return True  # it has, and its slot is free
        signal.pidfd_send_signal(process, signal.SIGTERM)
    except OSError:
        return False
    finally:
        os.close(process)
    return True
