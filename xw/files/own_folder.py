"""A project's own folder, `.xw`. It is a root, which may be a link: people link it to another disk.

Used for its files beside hubs and mirrors, which are roots themselves.
"""

import os
import stat
from contextlib import suppress

from xw.errors import Refused, Unreachable
from xw.files.local import LocalFiles
from xw.files.ownership import is_root

NAME = ".xw"


def check_link(project: str) -> None:
    """Raise Unreachable if `.xw` is a broken link; as root, raise Refused if another user made the link.

    Another user's link could lead root to any folder of the machine.
    """
    path = f"{project}/{NAME}"
    if not os.path.islink(path):
        return
    if not os.path.isdir(path):
        raise Unreachable(
            f"{path} is a link to {os.readlink(path)}, which is not a folder: is its disk mounted?"
        )
    if is_root():
        _check_maker(path)


def check_way(path: str) -> None:
    """As root, raise Refused if another user's link is in the path of a hub or mirror."""
    while is_root() and path not in ("", "/"):
        with suppress(OSError):
            _check_maker(path)
        path = os.path.dirname(path)


def _check_maker(path: str) -> None:
    """Raise Refused if a path is a link made by a user other than root."""
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode) and found.st_uid:
        raise Refused(f"{path} is another user's link, which root does not follow: run xw as its owner")


def own_folder(project: str) -> LocalFiles:
    """Return the files in a project's `.xw`, which is made if missing. Errors as in `check_link`."""
    check_link(project)
    files = LocalFiles(f"{project}/{NAME}")
    files.make_folder("")
    return files


def ignore(project: str) -> None:
    """Make git ignore a project's `.xw`; an existing `.gitignore` stays as it is."""
    files = own_folder(project)
    if not os.path.lexists(files.path(".gitignore")):
        files.replace(b"*\n", "", ".gitignore")
