"""Make the root of local files and its missing parents, durable.

Unlike paths below the root, its own path may pass through links, because the user named it. Called by
`local`, and by `init` for a root that a Unix group shares.
"""

import errno
import os

from xw.files.disk import fsync
from xw.files.walk import Walk


def make_root(root: str, mode: int) -> None:
    """Make the folder at an absolute path with this mode; its missing parents get the usual one. OSError."""
    _make_root(root, mode, None)


def share_root(root: str, mode: int, group: int) -> None:
    """Make a root as `make_root` does, for a Unix group; its new parents let the group pass.

    An existing folder is given to the group if it is this user's. Root's own must be empty, since others may
    have replaced it by a link. Otherwise raise a PermissionError that names the root.
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
        # A second FileNotFoundError means that the folder above accepts no folders, such as one of /proc.
        _make(above, root, mode, group)


def _make_above(folder: str, group: int | None) -> None:
    """Make a folder that others may use too, and its missing parents."""
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
        # Also if it existed: its maker may have died before syncing it.
        walk.sync("")
