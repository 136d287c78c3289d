"""The rooms of a directory hub: `room.json` in the room's folder, its record in `sent/` and `inbox/done/`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from xw import layout, presence
from xw.errors import Damaged
from xw.files.batch import is_file
from xw.files.contract import Files
from xw.hub.contract import Part
from xw.layout import INBOX
from xw.mailbox import Mailbox

_FOLDERS: dict[Part, str] = {"sent": layout.SENT, "heard": INBOX["done"]}
_LIMIT = 1024 * 1024  # bytes of a definition


class Directory(Protocol):
    """The part of a directory hub that rooms use."""

    @property
    def files(self) -> Files:
        """Its files."""

    def mailbox(self, name: str) -> Mailbox:
        """Return the mailbox of an instance."""

    def register(self, name: str, card: Mapping[str, object]) -> bool:
        """Register an instance."""


class DirectoryRooms:
    """A `contract.Rooms` in a hub's directory; `locally` if that is on this machine."""

    def __init__(self, hub: Directory, locally: bool) -> None:
        self._hub = hub
        self._locally = locally

    def names(self) -> list[str]:
        """Look for a definition in each folder."""
        found = sorted(filter(layout.is_name, self._hub.files.list_folder("")))
        looks = self._hub.files.stat_all([f"{name}/{layout.ROOM}" for name in found])
        return [
            name
            for name, look in zip(found, looks, strict=True)
            if not isinstance(look, OSError) and look.kind == "file"
        ]

    def exists(self, name: str) -> bool:
        """Look for the definition."""
        return is_file(self._hub.files, f"{name}/{layout.ROOM}")

    def make(self, name: str, card: Mapping[str, object], definition: bytes) -> None:
        """Register the room, then publish its definition; a repetition completes an interrupted call."""
        self._hub.register(name, card)
        mailbox = self._hub.mailbox(name)
        mailbox.files.publish(definition, mailbox.at(layout.SCRATCH), [mailbox.at(layout.ROOM)])

    def definition(self, name: str) -> bytes:
        return self._hub.files.read(f"{name}/{layout.ROOM}", _LIMIT)

    def close(self, name: str) -> None:
        """Remove the card: mail to the room then fails at once, with the reason."""
        with suppress(FileNotFoundError):  # already removed
            self._hub.files.remove(f"{name}/{layout.CARD}")

    def reopen(self, name: str, card: Mapping[str, object]) -> None:
        """Write the card again."""
        data = (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode()
        self._hub.files.replace(data, self._hub.mailbox(name).at(layout.SCRATCH), f"{name}/{layout.CARD}")

    def is_open(self, name: str) -> bool:
        """Look for the card."""
        return is_file(self._hub.files, f"{name}/{layout.CARD}")

    def record(self, name: str, part: Part) -> list[str]:
        """List the folder."""
        return self._hub.mailbox(name).names(_FOLDERS[part])

    def read(self, name: str, part: Part, messages: Sequence[str]) -> Iterator[bytes | OSError | Damaged]:
        """Read the files, many at a time."""
        mailbox = self._hub.mailbox(name)
        paths = [mailbox.at(_FOLDERS[part], message) for message in messages]
        return mailbox.files.read_all(paths, layout.MESSAGE_LIMIT)

    def pending(self, name: str) -> int:
        """Count the pending files."""
        return len(self._hub.mailbox(name).names(INBOX["pending"]))

    def runs(self, name: str) -> bool | None:
        """Test the coordinator's lock, which other hosts cannot see."""
        try:
            return presence.runs(self._hub.mailbox(name), layout.ROOM_LOCK) if self._locally else None
        except OSError:
            return None  # another user's room, or no lock file
