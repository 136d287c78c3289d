"""The mirrors in one folder, and which of them a URL leads to: a hub may have had several URLs."""

import os
from collections.abc import Iterator

from xw.files.local import LocalFiles
from xw.layout import INBOX, is_name
from xw.mirror.notes import About, about
from xw.named_tuple import NamedTuple


class Sibling(NamedTuple):
    """A mirror: its folder, and its hub's identity."""

    root: str
    about: About


def siblings(place: str, but: str = "") -> Iterator[Sibling]:
    """Yield the mirrors in a folder that contain a mailbox, except one."""
    try:
        names = sorted(os.listdir(place))
    except OSError:
        return
    for root in (os.path.join(place, name) for name in names):
        if os.path.realpath(root) != os.path.realpath(but or "/") and mailboxes(root):
            yield Sibling(root, about(LocalFiles(root)))


def mailboxes(root: str) -> list[str]:
    """Return the instances with a mailbox in a mirror."""
    try:
        return [name for name in sorted(os.listdir(root)) if is_name(name) and holds(root, name)]
    except OSError:
        return []


def holds(root: str, name: str) -> bool:
    """Return True if a mirror has a mailbox of an instance."""
    return os.path.isdir(os.path.join(root, name, INBOX["pending"]))


def known_by(url: str, place: str, name: str = "") -> str:
    """Return the mirror in a folder for the hub with this URL that has a mailbox of `name`; else ""."""
    for one in siblings(place):
        if url in one.about.urls and (not name or holds(one.root, name)):
            return one.root
    return ""
