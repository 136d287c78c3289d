"""A room's conversation for a reader: its lines with their authors, and its events.

Entries are values; `xw log --room` prints them, and a full-screen view would
draw them. Turns are left out: they only repeat lines.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from xw import clock, relayed
from xw.message import Message
from xw.rooms import payload, wording
from xw.rooms.payload import Payload
from xw.rooms.record import LeftOut, Record, ignore
from xw.rooms.state import line_of
from xw.rooms.view import RoomView
from xw.sender_status import SenderStatus
from xw.words import EntryKind, RoomEvent

if TYPE_CHECKING:
    from xw.shapes import rooms

LINE: EntryKind = "line"
EVENT: EntryKind = "event"
_SHOWN = (
    payload.JOINED, payload.LEFT, payload.AWAY, payload.LIMITED,
    payload.PAUSED, payload.RESUMED, payload.SET, payload.CLOSED,
)  # fmt: skip


class Entry(NamedTuple):
    """A line of a room, or an event.

    `kind` is line or event, `event` names the event; `author` is the speaker, or
    the room; `at` is in microseconds since the epoch; `silent` marks a PASS; `files`
    came with the line, or were added to an earlier one. `status` is what is known of
    the author; None where nobody has asked.
    """

    id: str
    kind: EntryKind
    author: str
    at: int
    text: str
    event: RoomEvent | Literal[""] = ""
    silent: bool = False
    files: tuple[str, ...] = ()
    status: SenderStatus | None = None

    def to_json(self) -> "rooms.Entry":
        """Return the object that `--json` prints."""
        told = {**self._asdict(), "at": clock.rfc3339(self.at), "files": list(self.files)}
        del told["status"]
        if self.status:
            told |= {"sender_status": self.status.word, "sender_note": self.status.why}
        return cast("rooms.Entry", {"format": 1, **told})


class Transcript:
    """The entries of a mailbox's room; call `fresh` again as it grows.

    Report unreadable files to `left_out`. `judge` returns the status of a message's sender.
    """

    def __init__(
        self, room: RoomView, left_out: LeftOut = ignore, judge: relayed.Judge | None = None
    ) -> None:
        self._record = Record(room, left_out)
        self._room = room.name
        self._judge = judge
        self._thread: str | None = None
        self._spoke = 0  # time of the room's last message, by its clock

    def fresh(self) -> Iterator[Entry]:
        """Yield the entries since the last call, in the order in which the room took them."""
        for message, own in self._record.fresh():
            entry = _entry(message, own, self._spoke)
            if own:
                self._spoke = max(self._spoke, message.sent)
                self._thread = self._thread or message.thread or message.id
            if entry and self._judge:
                status = relayed.in_record(message, self._room, self._thread, self._judge)
                entry = entry._replace(status=status)
            if entry:
                yield entry


def _entry(message: Message, own: Payload | None, spoke: int) -> Entry | None:
    if payload.is_relay_ack(message):
        return None
    event = own.event if own else None
    if own is None or event == payload.OPENED:
        line = line_of(message, max(message.sent, spoke), spoke)
        files = tuple(file.name for file in line.files)
        return Entry(line.id, LINE, line.author, line.at, line.text, silent=line.silent, files=files)
    if event is None or event not in _SHOWN:
        return None
    text = wording.event_in(message.sender, message.body)
    return Entry(message.id, EVENT, message.sender, message.sent, text, event)
