"""What the commands about members note in the hub: the file of keys, and the new names of members.

    <hub>/.served/host.json
        {"format": 1, "authorized_keys": "/etc/ssh/keys/hub", "renamed": {"alice": "alicia"}}

The note saves the option `--authorized-keys` later, and tells senders where a name went. It is a help only:
without it the commands do as much. A note by another Unix user is ignored, because it names a file to write.
"""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress

from xw import layout
from xw.errors import Damaged
from xw.files.contract import Files
from xw.files.local import LocalFiles
from xw.message import parse_object

_FILE = f"{layout.SERVED}/host.json"
_LOCK = f"{layout.SERVED}/host.lock"
_LIMIT = 1024 * 1024
_KEYS = "authorized_keys"
_RENAMED = "renamed"
_MOST = 1000  # names; the oldest are forgotten


def keys_file(hub: str) -> str:
    """Return the file of keys that was last named for the hub in a directory; empty for the usual one."""
    files = LocalFiles(hub)
    path = "" if files.foreign(_FILE) else _read(files).get(_KEYS)
    return path if isinstance(path, str) and os.path.isabs(path) else ""


def note_keys_file(hub: str, path: str) -> None:
    """Note the file of keys of the hub in a directory; empty for the usual one."""
    if path != keys_file(hub):
        _change(hub, lambda found: {**found, _KEYS: path})


def new_name(files: Files, name: str) -> str:
    """Return the name that a member has now who had `name`, as far as is noted; else ""."""
    renamed = _names(_read(files))
    seen = {name}
    while name in renamed and renamed[name] not in seen:
        name = renamed[name]
        seen.add(name)
    return name if len(seen) > 1 else ""


def note_renamed(hub: str, old: str, new: str) -> None:
    """Note that a member has another name."""

    def edit(found: dict[str, object]) -> dict[str, object]:
        names = {was: now for was, now in _names(found).items() if was not in (old, new)}
        return {**found, _RENAMED: dict([*names.items(), (old, new)][-_MOST:])}

    _change(hub, edit)


def _change(hub: str, edit: Callable[[dict[str, object]], dict[str, object]]) -> None:
    files = LocalFiles(hub)
    with suppress(OSError):  # a help only: `hub members` names the file that it reads
        files.make_folders([layout.SERVED])
        with files.locked(_LOCK):
            found = {} if files.foreign(_FILE) else dict(_read(files))
            made = {"format": 1, **edit(found)}
            files.replace((json.dumps(made, indent=1) + "\n").encode(), layout.SERVED, _FILE)


def _read(files: Files) -> Mapping[str, object]:
    try:
        return parse_object(files.read(_FILE, _LIMIT))
    except (OSError, Damaged):
        return {}


def _names(found: Mapping[str, object]) -> dict[str, str]:
    names = found.get(_RENAMED)
    listed = names.items() if isinstance(names, dict) else ()
    return {old: new for old, new in listed if layout.is_name(old) and layout.is_name(new)}
