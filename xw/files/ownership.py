"""Give what root makes to the user in whose project root works.

In a container, under sudo or from cron, root acts for a user. A file of root's own, mode 0600, would be mail
that its recipient cannot read, or a lock that nobody else can take. So root gives away what it makes, and
only that: through the descriptor of a file or folder that it has just made in a folder reached without a link
(`walk`), never by a path, and never an existing file. The owner of a planted link or hard link does not
change.

For every other user, each function here costs one check, `is_root`.
"""

import os
import stat
from contextlib import suppress

from xw.named_tuple import NamedTuple


class Owner(NamedTuple):
    """A user and a group, as numbers."""

    user: int
    group: int


class Kept(NamedTuple):
    """The owner and mode that a file takes over from the one it replaces."""

    owner: Owner
    mode: int


def is_root() -> bool:
    """Return True if this process may give files away, and must, so that their users can read them."""
    return os.geteuid() == 0


def owner_of(handle: int) -> Owner:
    """Return the owner of an open file or folder."""
    found = os.fstat(handle)
    return Owner(found.st_uid, found.st_gid)


def give(handle: int, owner: Owner) -> None:
    """Give its owner a file that this process has just made with O_EXCL, or a new folder. OSError."""
    if owner_of(handle) != owner:  # some file systems have one owner for all files, and refuse the call
        os.fchown(handle, owner.user, owner.group)


def share(handle: int, group: int) -> None:
    """Give a file or folder that this process has just made to a Unix group, if this user may."""
    if os.fstat(handle).st_gid != group:
        with suppress(PermissionError):  # not a member, only in its access list: keep the mount's group
            os.fchown(handle, -1, group)


def keep(handle: int, kept: Kept) -> None:
    """Give a new file the mode of the file it replaces, and its owner and group as far as allowed."""
    mode, (user, group) = kept.mode, kept.owner
    try:
        os.fchown(handle, user if is_root() else -1, group)
    except PermissionError:
        mode &= ~0o070  # one group's permissions are not for another
    os.fchmod(handle, mode)


def is_planted(handle: int, owner: Owner, group: bool = False) -> bool:
    """Return True if a file may be another user's, linked to a second name: root could copy or change it.

    `owner` is the user who would own it here; in the hub of a `group`, any member may.
    """
    found = os.fstat(handle)
    foreign = found.st_gid != owner.group if group else found.st_uid != owner.user
    return found.st_nlink > 1 and foreign


def is_new_folder(handle: int) -> bool:
    """Return True if this process can have made a folder a moment ago: it is its own, and empty.

    Between mkdir and open, another user may have put another folder in its place.
    """
    found = os.fstat(handle)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not os.listdir(handle)
