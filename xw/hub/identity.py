"""The id of a directory hub: 128 random bits in the file `hub.id`, made once."""

import os
import re
from base64 import b32encode

from xw import layout
from xw.errors import Damaged
from xw.files.contract import Files

_LIMIT = 64  # bytes; an id has 26 and a line break
_is_id = re.compile("[a-z2-7]{26}").fullmatch


def identity_in(files: Files, known: str = "") -> str:
    """Return the id of the hub in `files`; where it has none, `known` becomes it, else a new one.

    Of several who make one at once, the first wins. Empty where there is none that can be read and none
    can be made, as on a read-only disk.
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
        pass  # another was faster
    except OSError:
        return ""
    return _read(files)


def new_identity() -> str:
    """Return 128 random bits as an id."""
    return b32encode(os.urandom(16)).decode().rstrip("=").lower()


def _read(files: Files) -> str:
    try:
        text = files.read(layout.HUB_ID, _LIMIT).decode("ascii", "replace").strip()
    except Damaged:
        return ""
    return text if _is_id(text) else ""
