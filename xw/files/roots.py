"""The root of local files, and the folders above it: made where they are missing, durable.

Unlike what lies below the root, its path may pass through links: the user
named it. Called by `local`; by `init` for a root that a Unix group shares.
"""

import errno
import os

from xw.files.disk import fsync
from xw.files.walk import Walk


def make_root(root: str, mode: int) -> None:
    """Make the folder at an absolute path, of this mode, and those above it of the usual one. OSError."""
    _make_root(root, mode, None)


def share_root(root: str, mode: int, group: int) -> None:
    """Make a root as `make_root`, for a Unix group, which can also pass the folders above that are new.

    A folder that is there and not the group's yet is given to it where it is
    this user's own; root's must be empty, since others may have put a link to
    something of root's in its place. PermissionError names the root otherwise.
    """
    _make_root(root, mode, group)
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if (found.st_gid, found.st_mode & 0o7777) == (group, mode):
            return
        user = os.geteuid()
        if found.st_uid != user or (user == 0 and os.listdir(handle)):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), root)
        os.fchown(handle, -1, group)
        os.fchmod(handle, mode)
        fsync(handle)
    finally:
        os.close(handle)


def _make_root(root: str, mode: int, group: int | None) -> None:
    above = os.path.dirname(root)
    try:
        _make(above, root, mode, group)
    except FileNotFoundError:
        _make_above(above, group)
        # Again a FileNotFoundError: the folder above is there, and takes none: one of /proc, for example.
        _make(above, root, mode, group)


def _make_above(folder: str, group: int | None) -> None:
    """Make a folder that is not ours alone, and those above it where they are missing."""
    above = os.path.dirname(folder)
    if not os.path.isdir(above):
        _make_above(above, group)
    _make(above, folder, None, group)


def _make(above: str, folder: str, mode: int | None, group: int | None) -> None:
    with Walk(above) as walk:
        try:
            walk.make_folder(os.path.basename(folder), mode, group)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise
        # Also where it was there: whoever made it may have died before syncing it.
        walk.sync("")
