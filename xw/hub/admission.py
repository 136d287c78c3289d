"""A hub owner's word that one more machine may use a name: the file `admitted` in the name's mailbox.

`xw hub admit NAME` leaves it on the hub's host; the next `init` of the name from elsewhere uses it up
(`actions/guarding`). Only directory hubs have it: a served hub has invitations.
"""

import os
from contextlib import suppress

from xw import layout
from xw.files.contract import Files

VALID_S = 86400.0


def leave(files: Files, name: str) -> None:
    """Let one more machine use a name from now on for a day; durable."""
    files.replace(b"", f"{name}/{layout.SCRATCH}", _path(name))


def use(files: Files, name: str) -> bool:
    """Use up the admission of a name; return False if there is none, or another machine was faster."""
    used = f"{name}/{layout.SCRATCH}/admitted-{os.urandom(8).hex()}"
    try:
        if files.stat(_path(name)).mtime < files.now() - VALID_S:
            return False
        files.move(_path(name), used)  # of several callers one wins
    except FileNotFoundError:
        return False
    with suppress(OSError):  # gc removes it
        files.remove(used)
    return True


def path_in(root: str, name: str) -> str:
    """Return the path of a name's admission on a hub in the directory `root`."""
    return f"{root}/{_path(name)}"


def _path(name: str) -> str:
    return f"{name}/{layout.ADMITTED}"
