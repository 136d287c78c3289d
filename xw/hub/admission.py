"""A hub owner's word that one more machine may use a name: the file `admitted` in the name's mailbox.

`xw hub admit NAME` leaves it on the hub's host; the next `init` of the name from elsewhere uses it up
(`actions/guarding`). It says for which name, on which hub and until when: it is of no use elsewhere.
Only directory hubs have it: a served hub has invitations.
"""

import json
import os
from contextlib import suppress

from xw import clock, layout
from xw.errors import Damaged
from xw.files.contract import Files
from xw.files.local import LocalFiles
from xw.hub.identity import identity_in
from xw.message import parse_object

VALID_S = 86400.0
_MODE = 0o640  # readable in a group, and writable for its owner alone
_LIMIT = 1024  # bytes


def leave(files: LocalFiles, name: str) -> None:
    """Let one more machine use a name from now on for a day; durable."""
    now = int(files.now() * clock.SECOND)
    until = clock.rfc3339(now + int(VALID_S * clock.SECOND))
    about = {"name": name, "hub_id": identity_in(files), "until": until}
    private = LocalFiles(files.root)  # in a group's hub, too: at no moment may another write it
    private.replace(f"{json.dumps(about)}\n".encode(), f"{name}/{layout.SCRATCH}", _path(name))
    os.chmod(path_in(files.root, name), _MODE)


def use(files: Files, name: str) -> bool:
    """Use up the admission of a name; return False if there is none, or another machine was faster."""
    used = f"{name}/{layout.SCRATCH}/admitted-{os.urandom(8).hex()}"
    try:
        about = parse_object(files.read(_path(name), _LIMIT))
        if (about.get("name"), about.get("hub_id")) != (name, identity_in(files)):
            return False
        if str(about.get("until")) <= clock.rfc3339(int(files.now() * clock.SECOND)):
            return False
        files.move(_path(name), used)  # of several callers one wins
    except (FileNotFoundError, PermissionError, Damaged):
        return False
    with suppress(OSError):  # gc removes it
        files.remove(used)
    return True


def path_in(root: str, name: str) -> str:
    """Return the path of a name's admission on a hub in the directory `root`."""
    return f"{root}/{_path(name)}"


def _path(name: str) -> str:
    return f"{name}/{layout.ADMITTED}"
