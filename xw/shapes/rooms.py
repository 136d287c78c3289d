"""The `--json` output of the commands of `xw room`, and of `xw log --room`."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's from Python 3.12 on

from xw.shapes.files import RoomLimits
from xw.shapes.words import STATUS, Count, Format, Id, Name, Time
from xw.words import EntryKind, InstanceKind, Policy, RoomEvent, RoomStatus


class RoomMade(TypedDict):
    """A room that was made."""

    format: Format
    name: Name
    hub: str
    policy: Policy
    members: list[Name]


class RoomClosed(TypedDict):
    """A room after its run: it was closed."""

    format: Format
    name: Name
    closed: Annotated[str, Field(description="The reason.")]
    turns: Count
    words: Count


class Member(TypedDict):
    """A member of a room."""

    name: Name
    kind: InstanceKind
    open: Annotated[Id | None, Field(description="The turn that it has not answered.")]
    asked: Annotated[Time | None, Field(description="The time at which it got that turn.")]
    away: Annotated[bool, Field(description="True if it let a turn pass, and gets no turns.")]
    failures: Annotated[Count, Field(description="Number of turns in a row that it could not answer.")]
    rests: Annotated[Time | None, Field(description="The time of its next turn, after failures.")]
    turns: Annotated[Count, Field(description="Number of turns given to it, failed ones included.")]
    fed: Annotated[Count, Field(description="Number of words in these turns.")]
    said: Annotated[Count, Field(description="Number of words that it said.")]


class RoomState(TypedDict):
    """A room's current state."""

    name: Name
    status: RoomStatus
    reason: Annotated[str, Field(description="Why it is closed, or empty.")]
    policy: Policy
    seed: str
    moderator: str
    owner: str
    created: Time
    limits: RoomLimits
    personas: Annotated[dict[Name, str], Field(description="The parts that members play.")]
    turns: Annotated[Count, Field(description="Number of turns that count toward the limit.")]
    words: Annotated[Count, Field(description="Number of words said.")]
    fed: Annotated[Count, Field(description="Number of words in all turns, also of those who left.")]
    lines: Count
    pending: Count
    running: Annotated[bool | None, Field(description="Null if unknown on this machine.")]
    members: list[Member]


class RoomShown(RoomState):
    """A room's current state, for one room."""

    format: Format


class Rooms(TypedDict):
    """The rooms of the hub."""

    format: Format
    rooms: list[RoomState]
    problems: Annotated[list[str], Field(description="Why a room is missing from the list.")]


class Entry(TypedDict):
    """A line or an event of a room."""

    format: Format
    id: Id
    kind: EntryKind
    author: Name
    at: Time
    text: str
    event: Annotated[RoomEvent | Literal[""], Field(description="The event; empty for a line.")]
    silent: Annotated[bool, Field(description="True if the member passed.")]
    files: list[str]
    sender_status: NotRequired[Annotated[str, Field(description=STATUS)]]
    sender_note: NotRequired[Annotated[str, Field(description="The reason, or empty.")]]
