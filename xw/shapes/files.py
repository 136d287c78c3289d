"""The files of the format; `docs/format.md` says what they mean. `xw.json` is in `config_schema`."""

from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's from Python 3.12 on

from xw.shapes.words import AnyTime, Count, FileName, Format, Id, Name, Sha256, Time
from xw.words import InstanceKind, Policy, Status, Type


class Attachment(TypedDict):
    """A file that goes with a message."""

    name: FileName
    size: Annotated[int, Field(ge=0, le=2**63 - 1, description="Bytes.")]
    sha256: Sha256


Message = TypedDict(
    "Message",
    {
        "format": Format,
        "sent": Time,
        "from": Name,
        "type": Type,
        "to": Annotated[list[Name], Field(min_length=1, json_schema_extra={"uniqueItems": True})],
        "body": str,
        "re": NotRequired[Annotated[Id | None, Field(description="The message that this one answers.")]],
        "thread": NotRequired[Annotated[Id | None, Field(description="The first message of its thread.")]],
        "attachments": NotRequired[list[Attachment]],
        "attached": NotRequired[
            Annotated[list[Attachment], Field(description="Files that lie with the message named in `re`.")]
        ],
        "expires": NotRequired[AnyTime | None],
        "room": NotRequired[Name | None],
        "author": NotRequired[Name | None],
        "hops": NotRequired[
            Annotated[int, Field(ge=0, le=1_000_000, description="How many automatic answers led here.")]
        ],
        "rooms": NotRequired[list[Name]],
        "retry_of": NotRequired[Annotated[Id | None, Field(description="The dead letter that it repeats.")]],
        "protocol": NotRequired[dict[str, Any] | None],
    },
)
Message.__doc__ = "A message. Readers keep fields that they do not know."


class Card(TypedDict):
    """`card.json`: who an instance is."""

    name: Name
    kind: InstanceKind
    description: NotRequired[str]
    capabilities: NotRequired[list[str]]
    model: NotRequired[str]


class Said(TypedDict):
    """What an agent said of itself."""

    status: Status
    task: NotRequired[str]
    progress: NotRequired[str]
    ttl_s: Annotated[float, Field(description="Seconds for which this is believed.")]


class Serving(TypedDict):
    """The bridge that runs."""

    kind: str
    ttl_s: float
    waits_for: NotRequired[Annotated[str, Field(description="Why it holds mail back.")]]


class Presence(Said):
    """`presence.json`: an instance's last sign of life. Its age is the file's mtime."""

    said: NotRequired[Said]
    bridge: NotRequired[Serving]


class WhyNote(TypedDict):
    """`<name>.why.json`: the reason beside a dead letter or a refused message."""

    kind: Annotated[str, Field(description="damaged, refused, failed, timeout, gone, uncertain, expired, …")]
    reason: str
    at: Time
    name: NotRequired[Annotated[str, Field(description="The file's name, where it had to get another one.")]]
    to: NotRequired[Annotated[Name, Field(description="Who refused it, of a message that was sent.")]]


class RoomLimits(TypedDict):
    """A room's limits; 0 is none."""

    turns: Count
    per_minute: Count
    words: Count
    quiet_s: Annotated[float, Field(ge=0, description="Seconds of silence that end the room.")]
    answer_s: Annotated[float, Field(gt=0, description="Seconds that a member has for its answer.")]
    memory: Count


class Room(TypedDict):
    """`room.json`: what a room is, as it was made."""

    format: Format
    policy: Policy
    seed: str
    members: Annotated[dict[Name, InstanceKind], Field(description="Each member's kind.")]
    moderator: Annotated[str, Field(description="The member who names the next, or empty.")]
    owner: Annotated[str, Field(description="The instance that may rule it, or empty.")]
    limits: RoomLimits
    created: Time
