"""What a mirror knows of files that it has sent in part: how much of each was compared with its own copy.

A note that is lost costs reading those bytes back once more.
"""

import json
from contextlib import suppress

from xw import layout
from xw.errors import Damaged
from xw.mailbox import Mailbox
from xw.message import parse_object

_KEPT = 20  # files; those after them are compared anew
_LIMIT = 64 * 1024


class Parts:
    """The notes in a mirror's mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def at(self, path: str) -> "Part":
        """Return what is known of the file at a path on the hub."""
        return Part(self, path, self._known().get(path, 0))

    def note(self, path: str, checked: int) -> None:
        """Note how much of a file was compared, and forget all but the latest files."""
        others = [(one, count) for one, count in self._known().items() if one != path]
        kept = dict([*others, (path, checked)][-_KEPT:])
        with suppress(OSError):  # it is then compared again
            self._mailbox.files.replace(
                json.dumps(kept).encode(), self._mailbox.at(layout.SCRATCH), self._mailbox.at(layout.PARTS)
            )

    def _known(self) -> dict[str, int]:
        try:
            found = parse_object(self._mailbox.files.read(self._mailbox.at(layout.PARTS), _LIMIT))
        except (OSError, Damaged):
            return {}
        return {path: count for path, count in found.items() if type(count) is int and count >= 0}


class Part:
    """A `contract.Part` whose number is kept in the mirror."""

    def __init__(self, parts: Parts, path: str, checked: int) -> None:
        self.checked = checked
        self._parts = parts
        self._path = path

    def note(self, checked: int) -> None:
        """Keep the number."""
        self.checked = checked
        self._parts.note(self._path, checked)
