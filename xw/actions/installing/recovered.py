"""What an installation must have made, where its receipt is lost: another machine's, or a damaged one.

Without it a removal would leave empty containers, files and folders behind. So what xw's part alone fills
counts as made by xw: a container, a file or a folder that is empty without it says nothing to its program.
"""

import os
from collections.abc import Callable, Mapping, Sequence

from xw.actions.installing.pieces import Entry, Piece, is_bare, removed
from xw.actions.installing.receipts import Receipt


def receipt(
    program: str,
    project: str,
    files: Mapping[str, Sequence[Piece]],
    read: Callable[[str], str | None],
) -> Receipt:
    """Return a receipt for what these files hold of xw now; an empty one if that is nothing."""
    base = project or os.path.expanduser("~")
    found = Receipt(program, project)
    for path, pieces in files.items():
        text = read(path) or ""
        ways = _ways(text, path, pieces)
        rest = removed(text, path, pieces, ways)
        if rest != text:
            found = found._replace(
                created=(*found.created, path) if is_bare(rest) else found.created,
                folders=tuple({*found.folders, *_between(base, path)}),
                made=(*found.made, *((path, way) for way in ways)),
            )
    return found


def _ways(text: str, path: str, pieces: Sequence[Piece]) -> list[tuple[str, ...]]:
    """Return the paths of the containers on the way to each entry of xw's in a JSON text."""
    entries = [one for one in pieces if isinstance(one, Entry) and one.remove(text, path) != text]
    return list({one.path[:length]: None for one in entries for length in range(1, len(one.path) + 1)})


def _between(base: str, path: str) -> list[str]:
    """Return the folders on the way from a folder to a file in it; none if it is elsewhere."""
    folders, folder = [], os.path.dirname(path)
    while folder.startswith(f"{base}/"):
        folders.append(folder)
        folder = os.path.dirname(folder)
    return folders
