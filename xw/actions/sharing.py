"""The Unix group that `init --group NAME` shares a new hub with: which it is, and its hold on the folder.

What is made in that folder later gets the group from the folder (`walk`), so
the maker's primary group never matters. Called by `setup`.
"""

import os
from shlex import quote
from typing import NamedTuple

from xw.errors import Refused, Usage
from xw.files.groups import group_of
from xw.files.roots import share_root
from xw.hub import making
from xw.hub.directory import Facts

NEEDS_NAME = "--group takes the name of a Unix group: `xw init --group NAME`; `id -Gn` lists yours"
_LARGEST = 2**32 - 2  # the number after it means "leave the group as it is"


class UnixGroup(NamedTuple):
    """A group as the user named it, and its number."""

    name: str
    number: int


def group_named(name: str) -> UnixGroup:
    """Return the group of this name or number, which this process belongs to or is root. Usage, Refused."""
    if not name or name.startswith("-"):
        raise Usage(NEEDS_NAME)
    found = UnixGroup(name, _number(name))
    if os.geteuid() and found.number not in (*os.getgroups(), os.getegid()):
        raise Refused(
            f"you are not a member of the group {name}: name one that `id -Gn` lists, "
            f"or have root add you to it and log in again"
        )
    return found


def check_group(url: str, about: Facts, group: UnixGroup) -> None:
    """Raise Usage unless the hub in the directory `url` is shared with this group already."""
    making.check_group(url, about._replace(unix_group=""), group.name)
    if os.stat(url).st_gid != group.number:
        has = group_of(url)
        raise Usage(
            f"the hub {url} belongs to the group {has}, not {group.name}: leave out --group to join it"
        )


def make_folder(url: str, group: UnixGroup) -> None:
    """Make the folder of a new hub for a group, or give it an empty one of this user. Usage, Refused."""
    name = quote(group.name)
    try:
        share_root(url, 0o2770, group.number)
    except PermissionError as error:
        if error.filename != url or not os.path.isdir(url):
            raise
        path = quote(url)
        raise Refused(
            f"{url} cannot be given to the group {group.name} by you: "
            f"`sudo chgrp {name} {path} && sudo chmod 2770 {path}`, then init again"
        ) from None


def _number(name: str) -> int:
    import grp

    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):  # ValueError: a name with a zero byte
        if name.isascii() and name.isdigit() and len(name) <= len(str(_LARGEST)) and int(name) <= _LARGEST:
            return int(name)
    shown = name if len(name) <= 40 else f"{name[:40]}…"
    raise Usage(
        f"there is no Unix group {shown!r} on this machine: `getent group` lists those that there are"
    )
