"""The root of local files, and the folders above it: made where they are missing, durable.

Unlike what lies below the root, its path may pass through links: the user
named it. Called by `local`.
"""

import os

from xw.files.walk import Walk


def make_root(root: str, mode: int) -> None:
    """Make the folder at an absolute path, of this mode, and those above it of the usual one. OSError."""
    above = os.path.dirname(root)
    try:
        _make(above, root, mode)
    except FileNotFoundError:
        _make_above(above)
        # Again a FileNotFoundError: the folder above is there, and takes none: one of /proc, for example.
        _make(above, root, mode)


def _make_above(folder: str) -> None:
    """Make a folder that is not ours alone, and those above it where they are missing."""
    above = os.path.dirname(folder)
    if not os.path.isdir(above):
        _make_above(above)
    _make(above, folder, None)


def _make(above: str, folder: str, mode: int | None) -> None:
    with Walk(above) as walk:
        try:
            walk.make_folder(os.path.basename(folder), mode)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise
        # Also where it was there: whoever made it may have died before syncing it.
        walk.sync("")
