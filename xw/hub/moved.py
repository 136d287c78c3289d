"""The mark of a directory hub that has moved: `hub.json` of format 2, with the URL where it lies now.

A version of xw that does not know the mark opens no hub of format 2, so that it
delivers nothing to a place where nobody looks any more. `moving` stands there
in place of `moved` while the mail is being carried.
"""

from collections.abc import Mapping

from xw import schemes
from xw.errors import Moved, Unreachable

FORMAT = 2
MOVED = "moved"
MOVING = "moving"


def raise_if_moved(about: Mapping[str, object], url: str) -> None:
    """Raise Moved if the hub at `url` has moved, Unreachable while it does, as its `hub.json` says."""
    if about.get("format") != FORMAT:
        return
    moved, moving = about.get(MOVED), about.get(MOVING)
    if isinstance(moved, str) and moved:
        raise Moved(url, seen_from(url, moved))
    if isinstance(moving, str) and moving:
        command = f"`xw hub move --hub {url} {seen_from(url, moving)}`"
        raise Unreachable(f"the hub {url} is being moved: mail waits until {command} is complete")


def seen_from(url: str, moved: str) -> str:
    """Return the URL of a place that `hub.json` names, as it is reached from where `url` is the hub's.

    A path there is one on the hub's own host.
    """
    scheme = schemes.of(url)
    if not scheme or not moved.startswith("/"):
        return moved
    if "://" in url:
        place = url.partition("://")[2].partition("/")[0]
        return f"{scheme}://{place}{moved}"
    return f"{url.rpartition(':')[0] if '[' not in url else url.partition(']')[0] + ']'}:{moved}"
