"""The mark of a directory hub that has moved: `hub.json` of format 2, with its present URL.

A version of xw that does not know the mark opens no hub of format 2, so it delivers nothing to an abandoned
place. `moving` replaces `moved` while the mail is being carried.
"""

from collections.abc import Mapping
from contextlib import suppress
from shlex import quote

from xw import layout, schemes
from xw.errors import Damaged, Moved, Unreachable
from xw.files.contract import Files
from xw.message import parse_object
from xw.text import visible

_LIMIT = 64 * 1024  # bytes
FORMAT = 2
MOVED = "moved"
MOVING = "moving"


def look_for_hub(files: Files, url: str) -> None:
    """Raise Unreachable if there is no hub in `files`; otherwise raise like `raise_if_moved`."""
    try:
        about = files.read(layout.HUB_FILE, _LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        raise Unreachable(f"no hub at {url}: was it moved, or is its disk not mounted?") from None
    except (Damaged, PermissionError):
        return  # it exists, and its next user reports the problem
    with suppress(Damaged):
        raise_if_moved(parse_object(about), url)


def raise_if_moved(about: Mapping[str, object], url: str) -> None:
    """Raise Moved if the hub at `url` has moved, Unreachable while it is moving, by its `hub.json`."""
    if about.get("format") != FORMAT:
        return
    moved, moving = about.get(MOVED), about.get(MOVING)
    if isinstance(moved, str) and moved:
        if _is_place(url) and not _is_place(moved):
            place = visible(moved, keep="")
            raise Unreachable(
                f"the hub {url} has moved to {place!r}, not an absolute path or URL: ask its mover"
            )
        raise Moved(url, seen_from(url, moved))
    if isinstance(moving, str) and moving:
        command = f"`xw hub move --hub {quote(url)} {quote(seen_from(url, moving))}`"
        raise Unreachable(f"the hub {url} is being moved: mail waits until {command} is complete")


def _is_place(text: str) -> bool:
    """Return True for an absolute path or a URL; a relative path is another directory for each reader."""
    return text.startswith("/") or bool(schemes.of(text))


def seen_from(url: str, moved: str) -> str:
    """Return the URL of a place in `hub.json`, as seen from where `url` is the hub's.

    A path there is one on the hub's own host.
    """
    scheme = schemes.of(url)
    if not scheme or not moved.startswith("/"):
        return moved
    if "://" in url:
        place = url.partition("://")[2].partition("/")[0]
        return f"{scheme}://{place}{moved}"
    return f"{url.rpartition(':')[0] if '[' not in url else url.partition(']')[0] + ']'}:{moved}"
