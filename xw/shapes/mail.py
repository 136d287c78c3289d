"""The `--json` output of the commands about messages."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's from Python 3.12 on

from xw.codes import ErrorCode
from xw.shapes import files
from xw.shapes.words import STATUS, Count, Format, Id, Name, Path, SenderWord, Time
from xw.words import FailureKind, Kept, Resending, Type, Where, WorkState


class Error(TypedDict):
    """A failed command: in place of its result, or together with the part that was done."""

    format: Format
    error: Annotated[str, Field(description="A sentence for people: what failed, why, and what to do.")]
    code: Annotated[ErrorCode, Field(description="The kind of error; unlike the sentence, it never changes.")]
    exit_code: Literal[1, 2, 3, 4, 5, 6, 130]
    suggestions: Annotated[NotRequired[list[str]], Field(description="Command lines that work instead.")]


class Relayed(TypedDict):
    """A line in a room's turn."""

    author: Name
    sender_status: Annotated[str, Field(description=STATUS)]
    sender_note: Annotated[str, Field(description="The reason, or empty.")]


class Message(files.Message):
    """A message: the fields of its file, unknown ones included, its id, and the status of its sender."""

    id: Id
    sender_status: SenderWord
    sender_note: Annotated[str, Field(description="Why it has this status and what to do, or empty.")]
    lines: Annotated[NotRequired[list[Relayed]], Field(description="In a room's turn: who said its lines.")]


class Placed(Message):
    """A message of a transcript, and the folder in which it lies."""

    state: Kept


class Enclosed(files.Attachment):
    """An attachment, with its local path."""

    path: Path
    problem: Annotated[str | None, Field(description="The problem with the file, or null.")]


class Opened(Placed):
    """A message that was read, with its attachments."""

    files: list[Enclosed]


class Answer(Message):
    """The answer to a question, with its attachments."""

    files: list[Enclosed]


Failed = TypedDict(
    "Failed",
    {
        "from": Annotated[Name, Field(description="The instance that reports it.")],
        "kind": FailureKind,
        "reason": str,
    },
)
Failed.__doc__ = "Why one of those who were asked gives no answer."


class Unanswered(TypedDict):
    """A question without an answer; an error goes with it."""

    format: Format
    question: Annotated[Id, Field(description="The question's id, for `wait --re` and `trace`.")]
    failures: list[Failed]
    error: NotRequired[str]
    code: NotRequired[ErrorCode]
    exit_code: NotRequired[int]


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
    total: Annotated[Count, Field(description="Number of pending messages that match.")]
    set_aside: Annotated[list[Unshown], Field(description="Just moved to failed/.")]
    newer: Annotated[
        list[Unshown], Field(description="Left in pending/: this xw cannot read them, or has no permission.")
    ]
    claimed: Annotated[list[Id], Field(description="Claimed and not finished, without a bridge's.")]


class Untold(Pending):
    """The pending messages that a session was not told yet; they count as told now."""

    told_before: Annotated[Count, Field(description="Number of other pending messages.")]
    perhaps_told: Annotated[
        list[Id], Field(description="Told by a hook that was interrupted: perhaps the session saw them.")
    ]


class DeadLetter(TypedDict):
    """A file in `failed/`, and the note beside it."""

    name: Annotated[str, Field(description="The file's name.")]
    id: Annotated[Id | None, Field(description="Null if the name is not a message's.")]
    kind: Annotated[str | None, Field(description="The note's kind: damaged, expired, timeout, …")]
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


Step = TypedDict(
    "Step",
    {
        "format": Format,
        "id": Id,
        "type": Type,
        "from": Name,
        "first_line": Annotated[str | None, Field(description="Null if the message cannot be read.")],
        "moved": Annotated[bool, Field(description="False if it was so before.")],
        "notice": Annotated[Id | None, Field(description="The info that tells its sender of a failure.")],
    },
)
Step.__doc__ = "A message that was claimed, released or failed."


class Worked(Message):
    """A message for which `watch --claim --exec` ran a command."""

    exit_code: Annotated[int, Field(description="Of the command.")]
    became: Annotated[WorkState, Field(description="The message's state now; released if nobody holds it.")]


class Sent(TypedDict):
    """A message that was sent, and each recipient's copy. `id` is null if no message was needed."""

    format: Format
    id: Id | None
    delivered: Annotated[list[Name], Field(description="Recipients that have it.")]
    outbox: Annotated[
        list[Name], Field(description="Recipients for which it waits in the outbox; a sync delivers it.")
    ]
    returned: Annotated[
        list[Name], Field(description="Recipients for which the hub refused it; the error is in this object.")
    ]
    about: Annotated[
        About | None, Field(description="The message that this one answers, extends or repeats.")
    ]
    away: Annotated[
        list[Name], Field(description="Instances that a broadcast left out: away for `away_days`.")
    ]
    # For returned mail, the object is an Error as well.
    error: NotRequired[str]
    code: NotRequired[ErrorCode]
    exit_code: NotRequired[int]


Finished = TypedDict(
    "Finished",
    {
        "token": Annotated[str, Field(description="The ID as given.")],
        "id": Id | None,
        "type": Type | None,
        "from": Name | None,
        "first_line": Annotated[str | None, Field(description="Null if it cannot be read.")],
        "moved": Annotated[bool, Field(description="False if it was done before, or after an error.")],
        "error": str | None,
        "code": ErrorCode | None,
    },
)
Finished.__doc__ = "The result of `done` for one ID."


class Done(TypedDict):
    """The results of `done`, in the order of the IDs."""

    format: Format
    messages: list[Finished]


class Traced(TypedDict):
    """The state of one recipient's copy of a message."""

    to: Name
    where: Where
    since: Time | None
    reply: Annotated[Id | None, Field(description="The recipient's first answer.")]
    reason: Annotated[str | None, Field(description="Why the recipient has it in failed/, if known.")]
    on_hold: Annotated[bool, Field(description="True if it waits for a recipient known to be on hold.")]
    reply_status: Annotated[SenderWord | None, Field(description="The status of the reply's sender.")]
    reply_note: Annotated[str, Field(description="Why it has this status and what to do, or empty.")]


class Trace(TypedDict):
    """The state of a message that was sent."""

    format: Format
    id: Id
    recipients: list[Traced]


class Recalled(TypedDict):
    """The result of a recall for one recipient."""

    to: Name
    withdrawn: bool
    where: Where
    note: Annotated[str, Field(description="A sentence for people.")]


class Recall(TypedDict):
    """A message that its sender recalled."""

    format: Format
    id: Id
    recipients: list[Recalled]


class Resent(TypedDict):
    """What became of one recipient's copy of a message that was to be sent again."""

    id: Id
    to: Annotated[Name | None, Field(description="Null if the sender's copy cannot be used.")]
    outcome: Annotated[Resending, Field(description="With dry_run, `sent` would be sent.")]
    reason: Annotated[str, Field(description="Why it is left, its state there, or what it lacks.")]
    forceable: Annotated[bool, Field(description="True if --force sends it.")]


class Resends(TypedDict):
    """The messages that were sent again, are there already, or are left."""

    format: Format
    messages: list[Resent]
    dry_run: bool
