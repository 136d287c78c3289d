"""Locks between the processes of one machine: `flock` on a file, which ends with its holder.

Called by `local`, which opens the files. Why no package does this is decision 3.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from xw.errors import Busy


@contextmanager
def locked(handle: int, path: str, patience: float) -> Iterator["Note"]:
    """Hold the lock on an open file, which is closed at the end. Busy after `patience` seconds."""
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Busy(
                        f"{path}: another xw process has held this lock for {patience:.0f} s: "
                        f"is it stopped? `fuser {path}` names it"
                    ) from None
                time.sleep(0.002)
        yield Note(handle)
    finally:
        os.close(handle)


def held(handle: int) -> bool:
    """Return True if somebody holds the lock on an open file, which is closed."""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # which many may have at once
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(handle)


class Note:
    """See `contract.Note`."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def recall(self) -> str:
        """See `contract.Note.recall`."""
        return os.pread(self._handle, 64, 0).decode("ascii", "replace")

    def keep(self, text: str) -> None:
        """See `contract.Note.keep`."""
        os.pwrite(self._handle, text.encode(), 0)
