"""Errors caused by one message's files: they must fail that message, and delay no other.

A full disk, an unreachable hub, a chat that is gone: these pass, and a bridge or room waits. A folder or
another user's file at a path that a message needs stays, however often the step is repeated.
"""

import errno
import os

from xw import layout
from xw.errors import Newer, NoMessage, XwError

TRIES = 3
_ONE_PATH = (
    errno.EACCES,
    errno.EPERM,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ENOTEMPTY,
    errno.ELOOP,
)

_SHARED = ("", "inbox", layout.OUTBOX, layout.BRIDGE, *layout.FOLDERS)
"""Folders of a mailbox that all its messages need."""


class Faults:
    """Counts how often in a row one message's files have made it fail; `box` is its mailbox's folder."""

    def __init__(self, box: str) -> None:
        self._box = f"{box}/"
        self._name = ""
        self._count = 0

    def fails(self, name: str, error: XwError | OSError) -> bool:
        """Count a lasting error of the message `name`; return True once the message must fail."""
        if not name or not self._is_of_its_files(error):
            return False
        self._count = self._count + 1 if name == self._name else 1
        self._name = name
        return self._count >= TRIES

    def forget(self) -> None:
        """Start again: a step succeeded."""
        self._name = ""

    def _is_of_its_files(self, error: XwError | OSError) -> bool:
        if isinstance(error, OSError):
            paths = [str(path) for path in (error.filename, error.filename2) if path]
            own = error.errno in _ONE_PATH and str(error.filename).startswith(self._box)
            return own and not any(map(self._is_shut_off, paths))
        return isinstance(error, NoMessage) and not isinstance(error, Newer)  # an upgrade solves that

    def _is_shut_off(self, path: str) -> bool:
        """Return True if a folder of the whole mailbox blocks this path: no message is the cause."""
        parts = path.removeprefix(self._box).split("/")
        above = ["/".join(parts[:depth]) for depth in range(len(parts))]
        shared = [folder for folder in (*above, "/".join(parts)) if folder in _SHARED]
        if parts[0] == layout.BRIDGE:
            shared += above[2:]  # its chat's own files
        return path.startswith(self._box) and not all(_is_usable(self._box + folder) for folder in shared)


def _is_usable(folder: str) -> bool:
    if not os.path.lexists(folder):
        return True  # xw will make it
    return os.path.isdir(folder) and os.access(folder, os.R_OK | os.W_OK | os.X_OK)
