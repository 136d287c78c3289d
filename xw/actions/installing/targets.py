"""Where a settings file really lies: a link is followed, but never out of a project, and never into nothing.

A cloned repository may hold links: what xw writes for a project stays below the project.
"""

import os

from xw.errors import Refused


def target(path: str, project: str) -> str:
    """Return the file that is written for a path, links followed.

    Raise Refused if a link leads out of the project (if there is one), or to a folder that does not exist.
    """
    real = os.path.realpath(path)
    link = _link(path)
    if link is None:
        return real
    if project and not real.startswith(os.path.realpath(project).rstrip("/") + "/"):
        raise Refused(
            f"{link} is a link that leads out of the project, to {os.path.realpath(link)}: "
            "remove it, or use --user for your own settings"
        )
    if not os.path.isdir(os.path.dirname(real) if link == path else link):
        raise Refused(
            f"{link} is a link to {os.readlink(link)}, which cannot be written there: "
            "make the folder it leads to, or remove the link"
        )
    return real


def _link(path: str) -> str | None:
    """Return the last link on the way to a path, itself included, that changes where it lies; else None."""
    folder, name = os.path.split(path)
    if os.path.islink(path):
        return path
    return _link(folder) if name and os.path.realpath(folder) != folder else None
