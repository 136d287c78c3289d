"""The files of the format; `docs/format.md` explains them. `xw.json` is in `config_schema`."""

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
            Annotated[
                int,
                Field(
                    ge=0, le=1_000_000, description="Number of automatic answers that led to this message."
                ),
            ]
        ],
        "rooms": NotRequired[list[Name]],
        "urgent": NotRequired[
            Annotated[object, Field(description="True: among the first listed, shown before older mail.")]
        ],
        "priority": NotRequired[
            Annotated[object, Field(description="0 to 9, of equals the higher first; 5 if absent.")]
        ],
        "typed": NotRequired[
            Annotated[object, Field(description="True if a person typed it in the sender's own window.")]
        ],
        "originals": NotRequired[
            Annotated[object, Field(description="In a room's turn: the message that each line was, or null.")]
        ],
        "retry_of": NotRequired[
            Annotated[Id | None, Field(description="The dead letter that this one repeats.")]
        ],
        "protocol": NotRequired[dict[str, Any] | None],
    },
)
Message.__doc__ = "A message. Readers keep unknown fields."


class Card(TypedDict):
    """`card.json`: an instance's description of itself."""

    name: Name
    kind: InstanceKind
    description: NotRequired[str]
    capabilities: NotRequired[list[str]]
    model: NotRequired[str]
    groups: NotRequired[Annotated[list[Name], Field(description="The groups that it has joined.")]]
    delivery: NotRequired[
        Annotated[str, Field(description="When it is shown mail by itself: asked, start, turn or push.")]
    ]
    key: NotRequired[Annotated[str, Field(description="Its first public key, as in the file `key`.")]]
    created: NotRequired[Annotated[Time, Field(description="When it was registered.")]]


class Said(TypedDict):
    """An agent's own status."""

    status: Status
    task: NotRequired[str]
    progress: NotRequired[str]
    ttl_s: Annotated[float, Field(description="Seconds for which this is valid.")]
    blocked: NotRequired[Annotated[bool, Field(description="True for a busy agent that is blocked.")]]
    launched: NotRequired[Annotated[bool, Field(description="True if `xw launch` started the agent.")]]


class Help(TypedDict):
    """An agent's request for help."""

    text: Annotated[str, Field(description="The error.")]
    ttl_s: float


class Serving(TypedDict):
    """The bridge that serves an instance."""

    kind: str
    ttl_s: float
    waits_for: NotRequired[Annotated[str, Field(description="Why it holds mail back.")]]
    memory: NotRequired[
        Annotated[str, Field(description="Name of its program's memory; `none`: it has none.")]
    ]
    note: NotRequired[Annotated[str, Field(description="Its turns of today, or what it has announced.")]]
    delivery: NotRequired[Annotated[str, Field(description="The value by which it shows mail.")]]


class Presence(Said):
    """`presence.json`: an instance's last sign of life. Its age is the file's mtime."""

    said: NotRequired[Said]
    bridge: NotRequired[Serving]
    help: NotRequired[Help]
    on_hold: NotRequired[
        Annotated[bool, Field(description="True while its owner lets no mail be shown by itself.")]
    ]


class WhyNote(TypedDict):
    """`<name>.why.json`: the reason for a dead letter or a refused message, beside it."""

    kind: Annotated[str, Field(description="damaged, refused, failed, timeout, gone, uncertain, expired, …")]
    reason: str
    at: Time
    name: NotRequired[Annotated[str, Field(description="The file's original name, if it had to change.")]]
    to: NotRequired[
        Annotated[
            Name | list[Name],
            Field(description="The recipient that refused a sent message; all from whom it was withdrawn."),
        ]
    ]


class RoomLimits(TypedDict):
    """A room's limits; 0 means none."""

    turns: Count
    per_minute: Count
    words: Count
    quiet_s: Annotated[float, Field(ge=0, description="Seconds of silence after which the room closes.")]
    answer_s: Annotated[float, Field(gt=0, description="Seconds that a member may take to answer.")]
    memory: Count


class Room(TypedDict):
    """`room.json`: a room's definition, as it was made."""

    format: Format
    policy: Policy
    seed: str
    members: Annotated[dict[Name, InstanceKind], Field(description="Each member's kind.")]
    moderator: Annotated[str, Field(description="The member that names the next speakers, or empty.")]
    owner: Annotated[str, Field(description="The instance that may give it commands, or empty.")]
    limits: RoomLimits
    created: Time
    personas: NotRequired[Annotated[dict[Name, str], Field(description="The parts that members play.")]]
