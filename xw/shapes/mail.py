"""What the commands about messages print with `--json`."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's from Python 3.12 on

from xw.codes import ErrorCode
from xw.shapes import files
from xw.shapes.words import Count, Format, Id, Name, Path, Time
from xw.words import Kept, Type, Where


class Error(TypedDict):
    """A command that failed, in place of its result or with the part of it that was done."""

    format: Format
    error: Annotated[str, Field(description="What failed, why, and what to do: a sentence for people.")]
    code: Annotated[ErrorCode, Field(description="The kind of error; it stays the same while words change.")]
    exit_code: Annotated[int, Field(ge=1, le=6)]


class Message(files.Message):
    """A message: the fields of its file, unknown ones included, and its id."""

    id: Id


class Placed(Message):
    """A message of a transcript, and the folder in which it lies."""

    state: Kept


class Enclosed(files.Attachment):
    """An attachment as it lies here."""

    path: Path
    problem: Annotated[str | None, Field(description="What is wrong with the file, or null.")]


class Opened(Placed):
    """A message that was read, with its attachments."""

    files: list[Enclosed]


class Answer(Message):
    """The answer to a question, with its attachments."""

    files: list[Enclosed]


class Thread(TypedDict):
    """The messages of a thread, oldest first."""

    format: Format
    messages: list[Opened]


class Unshown(TypedDict):
    """A file that cannot be shown as a message."""

    name: str
    reason: str


class Pending(TypedDict):
    """The pending messages that `check` shows, in the order sent."""

    format: Format
    messages: list[Message]
    total: Annotated[Count, Field(description="How many fit in all.")]
    set_aside: Annotated[list[Unshown], Field(description="Moved to failed/ now.")]
    newer: Annotated[
        list[Unshown], Field(description="Left in pending/: xw may not or cannot read them yet.")
    ]


class DeadLetter(TypedDict):
    """A file in `failed/`, and the note beside it."""

    name: Annotated[str, Field(description="The file's name.")]
    id: Annotated[Id | None, Field(description="Null where the name is no message's.")]
    kind: Annotated[str | None, Field(description="Of the note: damaged, expired, timeout, …")]
    reason: str | None
    at: Time | None
    message: Message | None


class DeadLetters(TypedDict):
    """The dead letters that `check --failed` shows, oldest first."""

    format: Format
    dead_letters: list[DeadLetter]
    total: Count


About = TypedDict(
    "About",
    {
        "id": Id,
        "type": Type,
        "from": Name,
        "first_line": Annotated[str, Field(description="The beginning of its body, at most 60 characters.")],
    },
)
About.__doc__ = "A message that a command acted on."


class Sent(TypedDict):
    """A message that was sent, and for whom it is where. `id` is null where no message was needed."""

    format: Format
    id: Id | None
    delivered: Annotated[list[Name], Field(description="These have it.")]
    outbox: Annotated[list[Name], Field(description="For these it waits in the outbox; a sync delivers it.")]
    returned: Annotated[list[Name], Field(description="For these the hub refused it: an error goes with it.")]
    about: Annotated[About | None, Field(description="The message that it answers, adds to or repeats.")]
    # Where it was returned, the object is an Error as well.
    error: NotRequired[str]
    code: NotRequired[ErrorCode]
    exit_code: NotRequired[int]


Finished = TypedDict(
    "Finished",
    {
        "token": Annotated[str, Field(description="The ID as it was given.")],
        "id": Id | None,
        "type": Type | None,
        "from": Name | None,
        "first_line": Annotated[str | None, Field(description="Null where it cannot be read.")],
        "moved": Annotated[bool, Field(description="False where it was done before, or an error is given.")],
        "error": str | None,
        "code": ErrorCode | None,
    },
)
Finished.__doc__ = "What `done` did to one ID."


class Done(TypedDict):
    """What `done` did, in the order of the IDs."""

    format: Format
    messages: list[Finished]


class Traced(TypedDict):
    """Where one recipient's copy of a message is."""

    to: Name
    where: Where
    since: Time | None
    reply: Annotated[Id | None, Field(description="The recipient's first answer.")]


class Trace(TypedDict):
    """Where a message that was sent is."""

    format: Format
    id: Id
    recipients: list[Traced]
