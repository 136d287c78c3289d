"""What the commands of `xw room` print with `--json`, and `xw log --room`."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's from Python 3.12 on

from xw.shapes.files import RoomLimits
from xw.shapes.words import Count, Format, Id, Name, Time
from xw.words import EntryKind, InstanceKind, Policy, RoomEvent, RoomStatus


class RoomMade(TypedDict):
    """A room that was made."""

    format: Format
    name: Name
    hub: str
    policy: Policy
    members: list[Name]


class RoomClosed(TypedDict):
    """A room that was run until it was closed."""

    format: Format
    name: Name
    closed: Annotated[str, Field(description="Why.")]
    turns: Count
    words: Count


class Member(TypedDict):
    """One who is in a room."""

    name: Name
    kind: InstanceKind
    open: Annotated[Id | None, Field(description="The turn that it has not answered.")]
    asked: Annotated[Time | None, Field(description="When that was given.")]
    away: Annotated[bool, Field(description="It let a turn pass, and is passed over.")]
    failures: Annotated[Count, Field(description="The turns in a row that it could not answer.")]
    rests: Annotated[Time | None, Field(description="When one that cannot answer is asked again.")]


class RoomState(TypedDict):
    """A room as it stands."""

    name: Name
    status: RoomStatus
    reason: Annotated[str, Field(description="Why it is closed, or empty.")]
    policy: Policy
    seed: str
    moderator: str
    owner: str
    created: Time
    limits: RoomLimits
    turns: Count
    words: Count
    lines: Count
    pending: Count
    running: Annotated[bool | None, Field(description="Null where that cannot be told from here.")]
    members: list[Member]


class RoomShown(RoomState):
    """A room as it stands, alone."""

    format: Format


class Rooms(TypedDict):
    """The rooms of the hub."""

    format: Format
    rooms: list[RoomState]
    problems: Annotated[list[str], Field(description="Why a room is missing from the list.")]


class Entry(TypedDict):
    """Something said in a room, or an event of the room's."""

    format: Format
    id: Id
    kind: EntryKind
    author: Name
    at: Time
    text: str
    event: Annotated[RoomEvent | Literal[""], Field(description="Which event; empty for a line.")]
    silent: Annotated[bool, Field(description="The member had its turn, and passed.")]
    files: list[str]
