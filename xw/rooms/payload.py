"""A room's payload in a message's field `protocol`: write it, read it back.

    ROOM_TURN     a turn, from the room to one member: {turn, took}; {again} if it has no news; {memory} that
                  the member's program had then
    ROOM_EVENT    an event of the room, to all: {event, took, and the event's own fields}
    ROOM_CONTROL  a command to the room: {do, name}; {set} with the settings that it changes

`took` has the ids of the lines that the room took since its last message, so the
room's messages record the order of all lines. Anybody can send such a message;
only those in a room's own `sent/` count as its own.
"""

from collections.abc import Sequence
from typing import NamedTuple, get_args

from xw import failure, layout
from xw.message import Fields, Message
from xw.rooms.scene import is_pass
from xw.words import RoomCommand, RoomEvent

TURN = "ROOM_TURN"
EVENT = "ROOM_EVENT"
CONTROL = "ROOM_CONTROL"

OPENED: RoomEvent = "opened"
JOINED: RoomEvent = "joined"
LEFT: RoomEvent = "left"
AWAY: RoomEvent = "away"
PAUSED: RoomEvent = "paused"
RESUMED: RoomEvent = "resumed"
SET: RoomEvent = "set"
CLOSED: RoomEvent = "closed"
REFUSED: RoomEvent = "refused"
LIMITED: RoomEvent = "limited"
HEARD: RoomEvent = "heard"
COMMANDS: tuple[RoomCommand, ...] = get_args(RoomCommand)
_EVENTS: tuple[RoomEvent, ...] = get_args(RoomEvent)


class Payload(NamedTuple):
    """A room's payload: `kind`, its other fields, the ids of the lines it took and of messages set aside."""

    kind: str
    fields: Fields
    took: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()

    @property
    def event(self) -> RoomEvent | None:
        """Return the room's event; None if it is no event, or one that this version does not know."""
        named = self.text("event") if self.kind == EVENT else ""
        return next((one for one in _EVENTS if one == named), None)

    def text(self, key: str) -> str:
        """Return a field's text; empty if the field is missing or not a text."""
        value = self.fields.get(key)
        return value if isinstance(value, str) else ""

    @property
    def settings(self) -> Fields:
        """Return the room's settings that it changes; empty if it changes none."""
        value = self.fields.get("set")
        return value if isinstance(value, dict) else {}


def read(message: Message) -> Payload | None:
    """Return the room's payload of a message; None if it has none, or one of another kind."""
    found = message.fields.get("protocol")
    if not isinstance(found, dict) or found.get("kind") not in (TURN, EVENT, CONTROL):
        return None
    return Payload(str(found["kind"]), found, _ids(found.get("took")), _ids(found.get("aside")))


def _ids(listed: object) -> tuple[str, ...]:
    return tuple(item for item in listed if isinstance(item, str)) if isinstance(listed, list) else ()


def write(kind: str, fields: Fields, took: Sequence[str] = (), aside: Sequence[str] = ()) -> Fields:
    """Return the value of the field `protocol`."""
    named = {"took": list(took), "aside": list(aside)}
    return {"kind": kind, **fields, **{key: ids for key, ids in named.items() if ids}}


def is_line(message: Message) -> bool:
    """Return True if a message to a room is a line of its conversation, whoever sent it.

    Notices of status and the like, infos to everybody on the hub, are not lines;
    nor are a room's events to its members. Another room's turn is one, because it
    holds its members' words, and so is that room's PASS, its answer to a turn.
    """
    own = read(message)
    if own:
        return own.kind == TURN or is_relay_ack(message)
    notice = message.type == "info" and message.fields.get("protocol") is not None
    return message.sender != layout.POSTMASTER and not notice and failure.read(message) is None


def is_typed(message: Message) -> bool:
    """Return True for words that a person typed into the window of the member that sends them."""
    return message.fields.get("typed") is True


def is_failure_notice(message: Message) -> bool:
    """Return True if a message reports that the one it names was refused, or gets no answer."""
    own = read(message)
    refused = own is not None and own.event in (REFUSED, LIMITED)
    return refused or failure.read(message) is not None


def is_relay_ack(message: Message) -> bool:
    """Return True if a room acknowledges another room's turn with this message."""
    own = read(message)
    heard = own is not None and own.event == HEARD
    return heard and message.type == "reply" and is_pass(message.body)  # else it could hide words


def rooms_of(message: Message) -> frozenset[str]:
    """Return the rooms that a message's text has passed through."""
    found = message.fields.get("rooms")
    return (
        frozenset(name for name in found if isinstance(name, str)) if isinstance(found, list) else frozenset()
    )
