"""The ids that a hub had before `xw hub new-id`: the file `former.json` beside the pins.

    {"format": 1, "ids": [{"id": "uqbmhyfgzjgpazgex7m66llw6a", "until": "20261130T120000000000Z"}]}

Mail that was sent until then may be signed for the former id. `inherit` takes the keys and the notes along.
"""

import json
import os
from contextlib import suppress

from xw import clock, layout
from xw.errors import Damaged
from xw.keyring import Keyring, names
from xw.message import parse_object
from xw.trust import pins, swept, verified

FILE = "former.json"
_LIMIT = 64 * 1024
_NOTES = (pins.FILE, verified.FILE, swept.FILE)


def load(folders: tuple[str, ...]) -> dict[str, str]:
    """Return the time until which each former id counts; nothing if the file is missing or damaged."""
    found: dict[str, str] = {}
    for folder in folders:
        with suppress(OSError, Damaged, TypeError, KeyError), open(f"{folder}/{FILE}", "rb") as file:
            listed = parse_object(file.read(_LIMIT))["ids"]
            for one in listed if isinstance(listed, list) else ():
                if layout.is_stamp(str(one["until"])):
                    found[str(one["id"])] = str(one["until"])
    return found


def inherit(old: Keyring, new: Keyring, now: int) -> list[str]:
    """Take keys and notes from a hub's former id to its new one; return the names with keys. OSError.

    A key that the new id has already stays. Repeating it is harmless, except that former mail counts longer.
    """
    from xw.files.local import LocalFiles

    for before, folder in zip(old.folders, new.folders, strict=True):
        own = [f"{name}{end}" for name in names(old) for end in ("", ".pub")]
        present = [name for name in (*own, *_NOTES) if os.path.isfile(f"{before}/{name}")]
        files = LocalFiles(folder)
        if present:
            files.make_folder("")
        for name in present:
            with open(f"{before}/{name}", "rb") as file, suppress(FileExistsError):
                files.publish(file.read(), "", [name])
    ids = {**load(old.folders), old.hub_id: clock.stamp(now)}
    listed = [{"id": one, "until": until} for one, until in ids.items()]
    data = (json.dumps({"format": layout.FORMAT, "ids": listed}) + "\n").encode()
    for folder in new.folders:
        with suppress(OSError):
            files = LocalFiles(folder)
            files.make_folder("")
            files.replace(data, "", FILE)
            break
    return names(new)
