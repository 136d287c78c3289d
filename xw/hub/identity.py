"""The id of a directory hub: 128 random bits in the file `hub.id`, made once.

Also marks: files beside it, which prove that two URLs lead to one hub.
"""

import os
import re
from contextlib import suppress

from xw import layout
from xw.errors import Damaged
from xw.files.batch import is_file

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from xw.files.contract import Files

_LIMIT = 64  # bytes; an id has 26 and a line break
_STALE_S = 86400.0  # no check for a mark takes a day
is_id = re.compile("[a-z2-7]{26}").fullmatch
"""Matches an id."""


def identity_in(files: "Files", known: str = "") -> str:
    """Return the id of the hub in `files`; if it has none, `known` becomes it, else a new one.

    The first of several simultaneous callers wins. Empty if no id can be read or made, as on a read-only
    disk.
    """
    try:
        return _read(files)
    except FileNotFoundError:
        pass
    except OSError:
        return ""
    made = known or new_identity()
    try:
        files.publish(f"{made}\n".encode(), "", [layout.HUB_ID])
    except FileExistsError:
        pass  # another process was faster
    except OSError:
        return ""
    return _read(files)


def identity_of(files: "Files") -> str:
    """Return the id of the hub in `files`; empty if it has none, or it cannot be read."""
    try:
        return _read(files)
    except OSError:
        return ""


def new_identity() -> str:
    """Return 128 random bits as an id."""
    from base64 import b32encode  # only for a new hub

    return b32encode(os.urandom(16)).decode().rstrip("=").lower()


def _read(files: "Files") -> str:
    try:
        text = files.read(layout.HUB_ID, _LIMIT).decode("ascii", "replace").strip()
    except Damaged:
        return ""
    return text if is_id(text) else ""


# Marks: a file for each, since two checks may run at once


def leave_mark(files: "Files", mark: str) -> None:
    """Leave a mark, and remove old marks that nobody removed."""
    files.replace(b"", "", _mark(mark))
    marks = [name for name in files.list_folder("") if name.startswith(layout.HUB_MARK)]
    for name, look in zip(marks, files.stat_all(marks), strict=True):
        if not isinstance(look, OSError) and look.mtime < files.now() - _STALE_S:
            remove_mark(files, name.removeprefix(layout.HUB_MARK))


def has_mark(files: "Files", mark: str) -> bool:
    """Return True if there is such a mark."""
    return is_file(files, _mark(mark))


def remove_mark(files: "Files", mark: str) -> None:
    """Remove a mark; harmless if it is gone."""
    with suppress(FileNotFoundError):
        files.remove(_mark(mark))


def _mark(mark: str) -> str:
    return f"{layout.HUB_MARK}{mark}"
