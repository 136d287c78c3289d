"""The `--json` output of the commands about instances and hubs."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's from Python 3.12 on

from xw.codes import Code, ErrorCode, Level
from xw.shapes.mail import Resends
from xw.shapes.words import Count, Format, Id, Name, Path, Seconds, Time
from xw.words import BridgeState, Delivery, SenderPolicy, Shown


class Made(TypedDict):
    """The instance, hub and files that `init` made or found."""

    format: Format
    name: Name
    hub: str
    config: Path | None
    new_hub: bool
    new_mailbox: bool
    there: Annotated[
        list[Name], Field(description="The other instances on a hub that is new to this directory.")
    ]
    recorded: Annotated[
        list[Name], Field(description="The instances of `there` that were written into a new xw.json.")
    ]


class Unsent(TypedDict):
    """The mail in the outbox for one peer."""

    to: Name
    messages: Count
    oldest: Time


class Who(TypedDict):
    """The instance's identity and place."""

    format: Format
    name: Name
    hub: str
    config: Path | None
    pending: Count
    mirror: Annotated[Path | None, Field(description="In a sandbox, the mirror that carries the mail.")]
    hint: Annotated[str, Field(description="Instructions for somebody outside the sandbox, or empty.")]
    outbox: Annotated[list[Unsent], Field(description="Mail that is not delivered yet, by recipient.")]
    claimed: Annotated[
        Count, Field(description="Claimed messages that are not finished, without a bridge's.")
    ]
    delivery: Annotated[Delivery, Field(description="When it is shown mail by itself.")]
    delivery_why: Annotated[str, Field(description="The reason for that, in words.")]
    on_hold: Annotated[bool, Field(description="True if no mail is shown by itself until `xw resume`.")]
    senders: Annotated[SenderPolicy, Field(description="The policy for mail of uncertain senders.")]
    unconfirmed: Annotated[
        str, Field(description="The mail that waits until its sender is confirmed, or empty.")
    ]


class Peer(TypedDict):
    """Another instance on the hub; times by the hub's clock."""

    name: Name
    kind: Annotated[str, Field(description="The kind in its card: agent, human or room.")]
    description: str
    capabilities: list[str]
    model: str
    status: Shown
    task: str
    progress: str
    pending: Count
    oldest: Annotated[Id | None, Field(description="The oldest pending message.")]
    seen: Annotated[Time | None, Field(description="Its last sign of life.")]
    age_s: Annotated[Seconds | None, Field(description="Seconds since then.")]
    bridge: Annotated[str, Field(description="The kind of its bridge, or empty.")]
    bridge_state: BridgeState
    waits_for: Annotated[str, Field(description="Why its bridge holds mail back, or empty.")]
    needs_help: Annotated[str, Field(description="The error with which it asked for help, or empty.")]
    groups: Annotated[list[Name], Field(description="The groups that it has joined.")]
    problem: Annotated[str, Field(description="Why its card or mailbox cannot be read, or empty.")]
    memory: Annotated[str, Field(description="Name of its program's memory; `none`: it has none.")]
    bridge_note: Annotated[str, Field(description="The bridge's turns of today, or what it has announced.")]
    delivery: Annotated[Delivery, Field(description="When it is shown mail by itself.")]
    delivery_why: Annotated[str, Field(description="The reason for that, in words.")]
    on_hold: Annotated[bool, Field(description="True if no mail is shown by itself until `xw resume`.")]


class Peers(TypedDict):
    """Other instances on the hub: those in trouble first, then by name."""

    format: Format
    peers: list[Peer]
    total: Annotated[Count, Field(description="The number of all, listed or not.")]


class Groups(TypedDict):
    """An instance's groups after `join` or `leave`."""

    format: Format
    name: Name
    groups: list[Name]
    changed: Annotated[list[Name], Field(description="Those joined or left by this call.")]


class Held(TypedDict):
    """An instance after `hold` or `resume`."""

    format: Format
    name: Name
    on_hold: bool
    changed: Annotated[bool, Field(description="False if it was so before.")]


class Prompt(TypedDict):
    """The instructions for an instance's system prompt."""

    format: Format
    prompt: str


class Moved(TypedDict):
    """A message that left the outbox."""

    to: Name
    id: Id


class Waiting(TypedDict):
    """Mail that stays in the outbox."""

    to: Name
    error: str
    code: ErrorCode


class Problem(TypedDict):
    """A file, or a part of the hub, that cannot be used."""

    name: str
    reason: str


class Synced(TypedDict):
    """The mail that `sync` moved."""

    format: Format
    peers: list[Name]
    delivered: list[Moved]
    returned: list[Moved]
    waiting: list[Waiting]
    fetched: Annotated[list[Id], Field(description="Messages fetched to this machine.")]
    settled: Annotated[list[Id], Field(description="Messages now marked as handled on the hub.")]
    advanced: Annotated[list[Id], Field(description="Messages handled on another machine, and now here too.")]
    problems: list[Problem]
    adopted: Annotated[Count, Field(description="Messages taken from another mirror.")]
    repaired: Annotated[Resends | None, Field(description="With --repair: what the hub had lost.")]


class Left(TypedDict):
    """An instance that was unregistered."""

    format: Format
    name: Name
    hub: str
    archives: Annotated[list[str], Field(description="The places of its kept mailbox, on the hub and here.")]
    returned: Annotated[list[Moved], Field(description="Unhandled messages that went back to their senders.")]
    unsent: Annotated[Count, Field(description="Messages in its outbox that were never delivered.")]


HubMoved = TypedDict(
    "HubMoved",
    {
        "format": Format,
        "from": str,
        "to": str,
        "instances": Annotated[list[Name], Field(description="Those whose mailboxes were moved.")],
        "left": Annotated[list[str], Field(description="A line for each thing that stays at the old place.")],
    },
)
HubMoved.__doc__ = "The result of `hub move`."


class Renewed(TypedDict):
    """A hub, and its new id."""

    format: Format
    hub: str
    id: Annotated[str, Field(description="128 random bits in base32, lower case.")]


class Event(TypedDict):
    """A line of a command that runs until it is stopped."""

    format: Format
    at: Time
    text: str


class Removed(TypedDict):
    """The paths below the mailbox that `gc` removed, or with --dry-run would remove."""

    messages: list[str]
    attachments: list[str]
    scratch: list[str]
    size: Annotated[int, Field(ge=0, description="Bytes.")]
    left: Annotated[list[str], Field(description="Reasons why something could not be removed.")]


class Swept(Removed):
    """The result of `gc`."""

    format: Format
    busy: Annotated[bool, Field(description="True if another gc was running: nothing was done.")]
    elsewhere: Annotated[Removed | None, Field(description="The paths removed on a remote hub.")]
    problem: Annotated[str | None, Field(description="Why the remote hub was not swept.")]


class Finding(TypedDict):
    """A finding of `doctor`."""

    level: Level
    code: Code
    instance: Annotated[
        Name | Literal[""], Field(description="The instance concerned; empty for the project.")
    ]
    what: str
    fix: Annotated[str, Field(description="The fix, or empty.")]
    number: Annotated[Count | None, Field(description="Number of messages, folders or files.")]
    age_s: Annotated[Seconds | None, Field(description="The age of the oldest, or of the mirror.")]
    skew_s: Annotated[Seconds | None, Field(description="Seconds by which a clock is ahead.")]


class Findings(TypedDict):
    """The findings of `doctor`."""

    format: Format
    findings: list[Finding]


class Chat(TypedDict):
    """A chat program on this machine."""

    kind: str
    target: Annotated[str, Field(description="The value for --target.")]
    program: str
    state: Annotated[str, Field(description="`idle`, or why it cannot take a text now.")]
    needs: Annotated[str, Field(description="Options that a bridge needs before it types anything there.")]
    place: Annotated[str, Field(description="In tmux: `session:window.pane` and the window's name.")]
    directory: Annotated[str, Field(description="The directory that it works in, if known.")]
    agent: Annotated[str, Field(description="The XW_NAME that the program was started with, if known.")]


class Program(TypedDict):
    """An agent program that `launch` knows."""

    name: str
    title: str
    program: Annotated[str, Field(description="The command that starts it.")]
    path: Annotated[Path | None, Field(description="Its file; null if it is not installed.")]
    version: Annotated[str, Field(description="The version that it prints, or empty.")]
    seen: Annotated[str, Field(description="The version at which its ways in were last checked.")]
    ways: Annotated[list[str], Field(description="Its ways in that may work here, the best first.")]
    notes: Annotated[list[str], Field(description="Sentences about each limit here, with its remedy.")]


class Programs(TypedDict):
    """The agent programs that `launch` knows, and how mail would reach each from this terminal."""

    format: Format
    programs: list[Program]


class EndedAtOnce(TypedDict):
    """The end of a program that ended within its first two seconds."""

    exit_code: Annotated[int | None, Field(description="128 + n for signal n; null if its pane was closed.")]
    last_line: Annotated[str, Field(description="The last line of its output; empty if there is none.")]


class LaunchedAgent(TypedDict):
    """An agent that `launch` started in a tmux pane."""

    name: str
    command: list[str]
    pane: Annotated[str, Field(description="The pane's id, such as %3.")]
    ended: Annotated[EndedAtOnce | None, Field(description="Null if its program runs.")]


class Launched(TypedDict):
    """The agents that `launch` started in a tmux window."""

    format: Format
    agents: list[LaunchedAgent]
    session: Annotated[str | None, Field(description="The new session; null for a window of your own one.")]
    window: Annotated[str, Field(description="The window's id, such as @2.")]
    room: str | None
    attach: Annotated[str, Field(description="The command that shows them.")]


class Chats(TypedDict):
    """The chats of this machine, and why the chats of some kinds cannot be listed."""

    format: Format
    chats: list[Chat]
    problems: list[Problem]


class InstalledFile(TypedDict):
    """A file of a program's settings."""

    path: str
    target: Annotated[
        str | None, Field(description="The file that is written, if links lead to it; null: the path itself.")
    ]
    changed: bool
    edited: Annotated[bool, Field(description="A person has changed xw's part, so it stays as it is.")]
    diff: str


class Installed(TypedDict):
    """What `xw install` writes, or would write without --yes."""

    format: Format
    program: str
    project: Annotated[str | None, Field(description="The project's folder; null: the user's own settings.")]
    remove: bool
    written: bool
    files: list[InstalledFile]
    notes: list[str]


class CommandHelp(TypedDict):
    """A command in `xw help --all`."""

    name: str
    help: str
    section: str


class Help(TypedDict):
    """The commands, or those that were asked for."""

    format: Format
    commands: list[CommandHelp]


class HookText(TypedDict):
    """A text for the model, at an event."""

    hookEventName: str
    additionalContext: str


class HookOutput(TypedDict):
    """What a hook prints for its agent program, in that one's own form; nothing if it has nothing to say."""

    hookSpecificOutput: NotRequired[HookText]
    decision: NotRequired[Literal["block"]]
    reason: NotRequired[str]
    systemMessage: NotRequired[str]


class Schemas(TypedDict):
    """The names that `xw schema` takes."""

    format: Format
    commands: list[str]
    files: list[str]


Schema = TypedDict(
    "Schema",
    {"$schema": str, "title": str, "description": NotRequired[str], "$defs": NotRequired[dict[str, Any]]},
)
Schema.__doc__ = "A JSON Schema."
