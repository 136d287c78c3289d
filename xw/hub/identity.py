"""The id of a directory hub: 128 random bits in the file `hub.id`, made once."""

import os
from base64 import b32encode
from contextlib import suppress

from xw import layout
from xw.files.contract import Files

_LIMIT = 64  # bytes; an id has 26 and a line break


def identity_in(files: Files) -> str:
    """Return the id of the hub in `files`, made where it is missing; of two who make one, the first wins.

    Empty where there is none and none can be made, as on a read-only disk.
    """
    with suppress(FileNotFoundError):
        return _read(files)
    made = b32encode(os.urandom(16)).decode().rstrip("=").lower()
    try:
        files.publish(f"{made}\n".encode(), "", [layout.HUB_ID])
    except FileExistsError:
        pass  # another was faster
    except OSError:
        return ""
    return _read(files)


def _read(files: Files) -> str:
    return files.read(layout.HUB_ID, _LIMIT).decode("ascii", "replace").strip()
