"""Find a project's files that belong to the wrong user, and the command that fixes each: for `doctor`.

Such files come from root running an older xw, or from another program. This module changes nothing: a person
should read a command that changes owners by path before it runs. No command names a hard link to a file
outside the hub.
"""

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from shlex import quote
from typing import NamedTuple

from xw import config, layout
from xw.codes import Code
from xw.errors import XwError
from xw.files.groups import group_name, user_name
from xw.files.local import LocalFiles
from xw.hub.directory import facts
from xw.instance import Options

_LISTED = 8  # paths in a command; for more, it names the mailbox


class Wrong(NamedTuple):
    """Files of the wrong user or group, as a sentence, and the command that fixes it."""

    what: str
    fix: str
    code: Code


def wrong(options: Options, environ: Mapping[str, str] = os.environ) -> Iterator[Wrong]:
    """Yield the files that their users cannot use in a project, its hub (or mirror) and its mailbox."""
    try:
        path = config.in_force(options.config, environ)
        if path:
            yield from _beside(path)
        found = config.load(path)
        name, url = config.whoami(options.name, environ, found), config.hub_url(options.hub, environ, found)
        root = config.mirror(url, found, environ) if config.is_remote(url) else url
        group = not config.is_remote(url) and facts(LocalFiles(url), url).group
        yield from _shared(root, name) if group else _private(root, name)
    except (XwError, OSError):
        return  # doctor reports this itself


def _beside(path: str) -> Iterator[Wrong]:
    """Yield root's files at the paths that `init` creates in a user's project."""
    folder = os.path.dirname(path)
    own = f"{folder}/.xw"
    places = [path, own]
    if not os.path.islink(own):  # the target of a link may be root's on purpose
        places += [f"{own}/{name}" for name in (".gitignore", "config.lock", "hub", "hub/hub.json")]
    owner = _stat(folder)
    roots = [place for place in places if (found := _stat(place)) and found.st_uid == 0]
    if owner and owner.st_uid and roots:
        yield from _give(owner, [one for one in roots if not _planted(one, {})])


def _private(root: str, name: str) -> Iterator[Wrong]:
    """Yield other users' files in a private mailbox, and root's mailboxes in a user's hub."""
    hub, box = _stat(root), f"{root}/{name}"
    owner = _stat(box)
    if not hub or not owner:
        return
    if hub.st_uid:
        boxes = [entry.path for entry in os.scandir(root) if layout.is_name(entry.name)]
        roots = [
            one
            for one in boxes
            if (found := _stat(one)) and found.st_uid == 0 and stat.S_ISDIR(found.st_mode)
        ]
        yield from _give(hub, sorted(roots))
        if box in roots:
            return
    strange = [path for path in _below(box) if (found := _stat(path)) and found.st_uid != owner.st_uid]
    names = Counter(map(_inode, _below(root))) if strange else {}
    planted = [path for path in strange if _planted(path, names)]
    for path in planted:
        yield Wrong(
            f"{path} is a hard link to another user's file, which xw never made",
            f"rm {quote(path)}",
            "planted-link",
        )
    listed = [path for path in strange if path not in planted and not stat.S_ISLNK(os.lstat(path).st_mode)]
    tops = [path for path in listed if not any(path.startswith(f"{one}/") for one in listed)]
    yield from _give(owner, tops if len(tops) <= _LISTED or planted else [box])


def _shared(root: str, name: str) -> Iterator[Wrong]:
    """Yield the files in a group hub's mailbox that the group cannot use."""
    box = f"{root}/{name}"
    own = f"{box}/{layout.BRIDGE}/"
    hub = _stat(root)
    if not hub or not _stat(box):
        return
    below = {
        path: one for path in (box, *_below(box)) if (one := _stat(path)) and not stat.S_ISLNK(one.st_mode)
    }
    several = any(one.st_nlink > 1 and stat.S_ISREG(one.st_mode) for one in below.values())
    names = Counter(map(_inode, _below(root))) if several else {}
    found = {path: one for path, one in below.items() if not _planted(path, names)}
    other = [path for path, one in found.items() if one.st_gid != hub.st_gid]
    if other:
        group, deep = group_name(hub.st_gid), box in other and len(found) == len(below)
        what = f"{len(other)} files or folders do not belong to the hub's group {group}: {_some(other)}"
        yield Wrong(
            what,
            f"sudo chgrp -h{'R' * deep} {quote(group)} {_words([box] if deep else other)}",
            "wrong-group",
        )
    for mode, least, kind in (("660", 0o060, stat.S_IFREG), ("2770", 0o070, stat.S_IFDIR)):
        closed = [p for p, one in found.items() if stat.S_IFMT(one.st_mode) == kind and ~one.st_mode & least]
        shut = [path for path in closed if not f"{path}/".startswith(own)]
        if shut:
            what = f"the hub's group cannot use {len(shut)} files or folders of the mailbox: {_some(shut)}"
            yield Wrong(what, f"sudo chmod {mode} {_words(shut)}", "wrong-group")


def _give(owner: os.stat_result, paths: list[str]) -> Iterator[Wrong]:
    if paths:
        whose = f"{user_name(owner.st_uid)}:{group_name(owner.st_gid)}"
        what = f"{_some(paths)} must belong to {user_name(owner.st_uid)}, or its owner cannot use xw here"
        yield Wrong(what, f"sudo chown -hR {whose} {_words(paths)}", "wrong-owner")


def _planted(path: str, names: Mapping[tuple[int, int], int]) -> bool:
    """Return True if a file has more names than those listed: it may be a link to one of root's files."""
    found = _stat(path)
    if found is None or not stat.S_ISREG(found.st_mode) or found.st_nlink == 1:
        return False
    return names.get(_inode(path), 0) < found.st_nlink


def _inode(path: str) -> tuple[int, int]:
    found = _stat(path)
    return (found.st_dev, found.st_ino) if found else (0, 0)


def _below(folder: str) -> Iterator[str]:
    """Yield all paths below a folder; skip folders that cannot be listed, and follow no links."""
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield f"{above}/{name}"


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None  # missing, or not accessible


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - 2} more" if len(paths) > 2 else ""
    return ", ".join(paths[:2]) + more


def _words(paths: list[str]) -> str:
    return " ".join(map(quote, paths))
