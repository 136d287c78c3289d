"""The Unix group of `init --group NAME`: find it, and make the new hub's folder for it.

Files made in that folder inherit its group (`walk`), so their maker's primary group does not matter. Called
by `setup`.
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
_LARGEST = 2**32 - 2  # the next number means "keep the group"


class UnixGroup(NamedTuple):
    """A group's name as the user gave it, and its number."""

    name: str
    number: int


def group_named(name: str) -> UnixGroup:
    """Return the group with this name or number. Raise Usage if unknown, Refused if the user is not in it."""
    if not name or name.startswith("-"):
        raise Usage(NEEDS_NAME)
    found = UnixGroup(name, _number(name))
    if os.geteuid() and found.number not in (*os.getgroups(), os.getegid()):
        raise Refused(
            f"you are not a member of the group {name}: name a group that `id -Gn` lists, "
            f"or have root add you to it and log in again"
        )
    return found


def check_group(url: str, about: Facts, group: UnixGroup) -> None:
    """Raise Usage unless the hub in the directory `url` is already shared with this group."""
    making.check_group(url, about._replace(unix_group=""), group.name)
    if os.stat(url).st_gid != group.number:
        has = group_of(url)
        raise Usage(
            f"the hub {url} belongs to the group {has}, not {group.name}: leave out --group to join it"
        )


def make_folder(url: str, group: UnixGroup) -> None:
    """Make a new hub's folder for a group; an empty folder of this user may exist. Raise Usage or Refused."""
    name = quote(group.name)
    try:
        share_root(url, 0o2770, group.number)
    except PermissionError as error:
        if error.filename != url or not os.path.isdir(url):
            raise
        path = quote(url)
        raise Refused(
            f"you cannot give {url} to the group {group.name}: run "
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
    raise Usage(f"no Unix group {shown!r} on this machine: `getent group` lists them")
