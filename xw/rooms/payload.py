"""What rooms write into a message's field `protocol`, and how it is read back.

    ROOM_TURN     a turn, from the room to one member: {turn, took}
    ROOM_EVENT    what has become of the room, to all: {event, took, and what the event needs}
    ROOM_CONTROL  a request to the room: {do, name}

`took` are the ids of the lines that the room has heard since it last sent
something: so what it sends tells in which order things came to pass.
Anybody can send such a message; only those in a room's own `sent/` count as its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

from xw import failure, layout
from xw.message import Fields, Message
from xw.rooms.scene import is_pass

TURN = "ROOM_TURN"
EVENT = "ROOM_EVENT"
CONTROL = "ROOM_CONTROL"

OPENED, JOINED, LEFT, AWAY = "opened", "joined", "left", "away"
PAUSED, RESUMED, CLOSED = "paused", "resumed", "closed"
REFUSED, LIMITED, HEARD = "refused", "limited", "heard"
COMMANDS = ("join", "leave", "pause", "resume", "close")


class Payload(NamedTuple):
    """A room's payload: `kind`, the rest of its fields, the lines that it took, and what was to be none."""

    kind: str
    fields: Fields
    took: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()

    def text(self, key: str) -> str:
        """Return a field that is text; empty where it is none."""
        value = self.fields.get(key)
        return value if isinstance(value, str) else ""


def read(message: Message) -> Payload | None:
    """Return the room's payload of a message; None where it has none, or another kind."""
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
    """Return whether a message to a room is a line of its conversation, whoever sent it.

    Notices of status and the like go to everybody on the hub as infos and are
    none; nor is what a room tells its members of itself. Another room's turn is,
    for it holds its members' words, and so is its PASS, by which it answers one.
    """
    own = read(message)
    if own:
        return own.kind == TURN or is_relay_ack(message)
    notice = message.type == "info" and message.fields.get("protocol") is not None
    return message.sender != layout.POSTMASTER and not notice and failure.read(message) is None


def is_failure_notice(message: Message) -> bool:
    """Return whether a message reports that the one it names was refused, or gets no answer."""
    own = read(message)
    refused = own is not None and own.kind == EVENT and own.text("event") in (REFUSED, LIMITED)
    return refused or failure.read(message) is not None


def is_relay_ack(message: Message) -> bool:
    """Return whether a room says by this that it has taken another room's turn."""
    own = read(message)
    heard = own is not None and own.kind == EVENT and own.text("event") == HEARD
    return heard and message.type == "reply" and is_pass(message.body)  # else it would hide words


def rooms_of(message: Message) -> frozenset[str]:
    """Return the rooms that a message's text has passed."""
    found = message.fields.get("rooms")
    return (
        frozenset(name for name in found if isinstance(name, str)) if isinstance(found, list) else frozenset()
    )
