"""Note the hubs that a project's instances have joined beside the project's own, in its `.xw/local.json`.

`XW_HUB` chooses such a hub; `xw.json` is as it was. The note tells a repeated `init` from one that would take
another project's name, and such a hub's mirror from one that nobody syncs any more. `init` and `unregister`
write it. Older versions never read the file.
"""

import json
import os

from xw.config import Config
from xw.errors import Damaged
from xw.files.local import LocalFiles
from xw.files.own_folder import own_folder
from xw.message import parse_object

FILE = "local.json"
_LIMIT = 1024 * 1024


def joined(found: Config) -> dict[str, list[str]]:
    """Return the URLs of a project's other hubs, and the names that joined each; none if unreadable."""
    if not found.path:
        return {}
    return _hubs(_read(LocalFiles(f"{found.folder}/.xw")))


def note(path: str, url: str, name: str, gone: bool = False) -> None:
    """Note that an instance of the project with the `xw.json` at `path` has joined a hub, or is `gone`."""
    files = own_folder(os.path.dirname(path))
    with files.locked("config.lock"):
        data = _read(files)
        hubs = _hubs(data)
        names = {*hubs.get(url, []), name} - ({name} if gone else set())
        hubs = {**hubs, url: sorted(names)}
        noted = {"format": 1, **data, "hubs": {one: there for one, there in hubs.items() if there}}
        if noted != data:
            files.replace((json.dumps(noted, indent=2) + "\n").encode(), "", FILE)


def _read(files: LocalFiles) -> dict[str, object]:
    try:
        return parse_object(files.read(FILE, _LIMIT))
    except (OSError, Damaged):
        return {}


def _hubs(data: dict[str, object]) -> dict[str, list[str]]:
    hubs = data.get("hubs")
    if not isinstance(hubs, dict):
        return {}
    return {
        url: [name for name in names if isinstance(name, str)]
        for url, names in hubs.items()
        if isinstance(names, list)
    }
