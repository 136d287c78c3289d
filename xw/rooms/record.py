"""A room's history, read from its files in the order in which it came to pass.

The files are the record: `sent/` holds the room's own turns and events, in the
order of their ids; `inbox/done/` the lines it has heard. Each thing sent names
the lines heard since the one before (`payload.took`), so the order is exact
whatever the members' clocks say. Lines that nothing names yet come last.
Serves the coordinator after a restart and everybody who watches.
"""

from collections.abc import Iterator

from xw import layout
from xw.errors import Damaged
from xw.layout import INBOX
from xw.mailbox import Mailbox, Place
from xw.message import Message
from xw.rooms import payload
from xw.rooms.payload import Payload

Step = tuple[Message, Payload | None]
"""Something the room sent, with its payload; or a line it heard, without."""


class Record:
    """The history of the room whose mailbox this is; `fresh` may be called again as it grows."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._seen: dict[str, set[str]] = {layout.SENT: set(), INBOX["done"]: set()}

    def fresh(self) -> Iterator[Step]:
        """What has not been given yet, in order. What cannot be read is left out."""
        # What was sent first: a line that it names has been in `done/` for longer.
        sent = self._unseen(layout.SENT)
        heard = {name.partition(".")[0]: name for name in self._unseen(INBOX["done"])}
        for name in sent:
            message = self._read(layout.SENT, name)
            own = payload.read(message) if message else None
            if message is None or own is None or own.kind == payload.CONTROL:
                continue  # the room's own words and requests to itself are in `done/`
            for line in own.took:
                if line in heard:
                    yield from self._line(heard.pop(line))
            yield message, own
        for name in heard.values():
            yield from self._line(name)

    def _line(self, name: str) -> Iterator[Step]:
        message = self._read(INBOX["done"], name)
        if message and payload.says_something(message):
            yield message, None

    def _unseen(self, folder: str) -> list[str]:
        names = [name for name in self._mailbox.names(folder) if name not in self._seen[folder]]
        self._seen[folder].update(names)
        return names

    def _read(self, folder: str, name: str) -> Message | None:
        try:
            return self._mailbox.read(Place(folder, name))
        except (FileNotFoundError, Damaged):
            return None  # removed by hand, or damaged: `xw doctor` reports it
