"""A note about each of this user's mirrors, in the user's state directory.

A mirror is beside its project's xw.json, or in XW_STATE; without the note, nobody would find one whose
project or XW_STATE has changed.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress

from xw import config, layout
from xw.actions import beside
from xw.errors import Damaged, XwError
from xw.files.local import LocalFiles
from xw.instance import Instance
from xw.message import parse_object
from xw.named_tuple import NamedTuple

_LIMIT = 64 * 1024


class Noted(NamedTuple):
    """A mirror, and the configuration file that last used it, or ""."""

    mirror: str
    config: str


def note(instance: Instance) -> None:
    """Note the place of an instance's mirror, if it is new; best effort, because a sandbox may forbid it."""
    if not instance.carrier.mirror:
        return
    mirror = os.path.realpath(instance.root)
    about = {"mirror": mirror, "config": instance.config.path or ""}
    data = (json.dumps(about, indent=1) + "\n").encode()
    files, name = LocalFiles(config.noted_mirrors()), f"{layout.digest(os.fsencode(mirror))}.json"
    with suppress(OSError, XwError):
        if not _is_ours(files.root):
            return
        if os.path.exists(files.path(name)) and files.read(name, _LIMIT) == data:
            return
        files.make_folder("")
        files.replace(data, "", name)


def _is_ours(folder: str) -> bool:
    """Return True if a folder, or its place, is this user's: root leaves nothing in others' homes."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return os.lstat(folder).st_uid == os.geteuid()


def noted() -> Iterator[Noted]:
    """Yield the noted mirrors that exist; remove notes of those that are gone."""
    files = LocalFiles(config.noted_mirrors())
    try:
        names = files.list_folder("")
    except OSError:
        return  # no notes, or unreadable ones: the caller checks the usual places anyway
    for name in sorted(names):
        try:
            about = parse_object(files.read(name, _LIMIT))
        except (OSError, Damaged):
            continue  # a note is a help, not a promise
        mirror, path = about.get("mirror"), about.get("config")
        if not (isinstance(mirror, str) and os.path.isabs(mirror) and "\0" not in mirror):
            continue
        if os.path.isdir(mirror):
            yield Noted(mirror, path if isinstance(path, str) and "\0" not in path else "")
        elif os.path.isdir(os.path.dirname(os.path.dirname(mirror))):  # otherwise its disk may not be mounted
            with suppress(OSError):
                files.remove(name)


def used_by(mirror: str, path: str, environ: Mapping[str, str]) -> bool:
    """Return True if the project of a configuration file uses a mirror now."""
    try:
        found = config.load(path)
        urls = [config.own_hub(found.hub, found)] if found.hub else []
        urls += beside.joined(found)
        return any(
            config.is_remote(url) and os.path.realpath(config.mirror(url, found, environ)) == mirror
            for url in urls
        )
    except (OSError, XwError):
        return False
