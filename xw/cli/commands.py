"""Every command, as data: the one definition that `quick`, typer and the documents share.

`run` names the function that carries a command out: `module:function` below
`xw.cli`, called with a `Call` and one keyword for each parameter. `hot` marks
what agents call all the time; `quick` answers it without typer.
"""

from xw.layout import TYPES
from xw.record import NamedTuple

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from typing import Literal

    ParamKind = Literal["text", "switch", "number", "decimal"]


class Param(NamedTuple):
    """An argument (no `flag`) or an option. `kind` is text, switch, or one of `NUMBERS`."""

    name: str
    flag: str = ""
    help: str = ""
    kind: "ParamKind" = "text"
    many: bool = False
    required: bool = False
    choices: tuple[str, ...] = ()
    default: object = None
    metavar: str | None = None

    @property
    def absent(self) -> object:
        """The value when it is not given."""
        return [] if self.many else False if self.kind == "switch" else self.default


# The kinds that are numbers: how they are read, their largest value, what a user is told.
NUMBERS: "dict[ParamKind, tuple[type[int] | type[float], float, str]]" = {
    "number": (int, float("inf"), "a whole number, 0 or more"),
    "decimal": (float, 1e9, "a number from 0 to 1,000,000,000"),
}


class Command(NamedTuple):
    """A command: its name, one line of help, who carries it out, what it takes.

    A name of two words is a command of the group in `GROUPS` that the first one names.
    """

    name: str
    help: str
    run: str
    params: tuple[Param, ...] = ()
    hot: bool = False


GROUPS = {
    "notify": "Report your state in a form that programs read.",
    "room": "Let several agents talk while people watch.",
}

COMMON = (
    Param("as_name", "--as", "Act as this instance.", metavar="NAME"),
    Param("hub", "--hub", "Use this hub: a path, a URL, or a bare word for a named hub.", metavar="URL"),
    Param("config", "--config", "Use this xw.json.", metavar="FILE"),
    Param("offline", "--offline", "Stay off the network.", kind="switch"),
    Param("as_json", "--json", "Print JSON.", kind="switch"),
)

_ID = Param(
    "token",
    help="The short id, 4 or more of its first characters, or the file name.",
    required=True,
    metavar="ID",
)
_IDS = _ID._replace(name="tokens", many=True)
_TO = Param("to", "--to", "Recipient; may be repeated; 'all': agents and people.", many=True, metavar="NAME")
_BODY = Param("body", help="The text; '-' reads it from standard input.", metavar="BODY")
_FILE = Param("file", "--file", "Read the text from a file.", metavar="FILE")
_ATTACH = Param("attachments", "--attach", "Send a file along; may be repeated.", many=True, metavar="FILE")
_EXPIRES = Param("expires", "--expires", "When it is too late: 2h, 3d, or a date.", metavar="WHEN")
_RE = Param("re", "--re", "The message that this one answers.", metavar="ID")
_ROOM = Param("name", help="The room.", required=True, metavar="ROOM")
_WHO = Param("member", "--member", "Another instance than yourself.", metavar="NAME")
_POLICIES = ("free", "round-robin", "mention", "moderator")  # a test compares them with xw.rooms.policies
_TASK = Param("task", "--task", "What you work on.", metavar="TEXT")
_TYPE = Param("kind", help="What it asks for.", required=True, choices=TYPES, metavar="TYPE")


def _timeout(default: float | None, text: str) -> Param:
    return Param("timeout", "--timeout", text, kind="decimal", default=default, metavar="SECONDS")


def _limit(name: str, text: str, kind: "ParamKind", default: object, none: str = " 0 is no limit.") -> Param:
    flag = f"--{name.replace('_', '-')}"
    return Param(name, flag, text + none, kind=kind, default=default, metavar="N")


COMMANDS = (
    Command(
        "init",
        "Make a hub and a mailbox here, or join a hub.",
        "setup:init",
        (
            Param("name", "--name", "The instance's name; default: the directory's.", metavar="NAME"),
            Param("kind", "--kind", "What it is.", choices=("agent", "human", "room")),
            Param("describe", "--describe", "One line for the peers.", metavar="TEXT"),
            Param("model", "--model", "The model it runs on.", metavar="TEXT"),
            Param("capabilities", "--can", "A capability; may be repeated.", many=True, metavar="WORD"),
            Param("group", "--group", "Share a new hub with this Unix group.", metavar="NAME"),
        ),
    ),
    Command("who", "Show your name, hub, configuration and pending mail.", "setup:who"),
    Command("peers", "List the other instances on the hub.", "setup:peers"),
    Command(
        "check",
        "List pending messages: 20 by priority, oldest first.",
        "inbox:check",
        (
            Param("failed", "--failed", "List dead letters instead, each with its reason.", kind="switch"),
            Param("everything", "--all", "List all of them.", kind="switch"),
            Param("limit", "--limit", "List at most so many; 20 if not given.", kind="number", metavar="N"),
            Param("kind", "--type", "List those of this type only.", choices=TYPES, metavar="TYPE"),
            Param("sender", "--from", "List those of this sender only.", metavar="NAME"),
            Param("newest", "--newest", "Choose the newest, and list them newest first.", kind="switch"),
        ),
        hot=True,
    ),
    Command(
        "read",
        "Print a message and its attachments' paths.",
        "inbox:read",
        (_ID, Param("thread", "--thread", "Print its whole thread.", kind="switch")),
        hot=True,
    ),
    Command(
        "send",
        "Send a task, question, reply or info.",
        "outgoing:send",
        (_TYPE, _BODY._replace(required=False), _TO, _RE, _ATTACH, _EXPIRES, _FILE),
        hot=True,
    ),
    Command(
        "reply",
        "Answer a message; `send reply --re ID` to its sender.",
        "outgoing:reply",
        (_ID, _BODY, _ATTACH, _FILE),
        hot=True,
    ),
    Command("done", "Mark messages as handled.", "inbox:done", (_IDS,), hot=True),
    Command(
        "attach",
        "Add files to a message that you sent.",
        "outgoing:attach",
        (_ID, Param("files", help="The files.", many=True, required=True, metavar="FILE")),
    ),
    Command("retry", "Send a dead letter again.", "outgoing:retry", (_ID,)),
    Command(
        "sync",
        "Deliver the outbox, collect mail, refresh peers in xw.json.",
        "setup:sync",
        (
            Param("watch", "--watch", "Keep doing so, for every instance of this xw.json.", kind="switch"),
            Param(
                "adopted",
                "--adopt",
                "First take the unsent mail of another mirror, as `xw doctor` names it.",
                metavar="FOLDER",
            ),
        ),
    ),
    Command(
        "ask",
        "Send a question, wait for its reply, print it.",
        "waiting:ask",
        (_BODY, _TO, _FILE, _timeout(60.0, "How long to wait.")),
    ),
    Command(
        "wait",
        "Wait for mail, or for the answer to a message.",
        "waiting:wait",
        (
            _RE._replace(help="Wait for the answer to this message."),
            Param("new", "--new", "Wait for mail that the last such call has not seen.", kind="switch"),
            _timeout(None, "How long to wait; default: for ever."),
        ),
    ),
    Command(
        "watch",
        "Print a line, or run a command, for each message.",
        "waiting:watch",
        (
            Param(
                "execute", "--exec", "Run CMD in a shell for each message (its JSON on stdin).", metavar="CMD"
            ),
        ),
    ),
    Command(
        "log",
        "Print the transcript of received and sent messages.",
        "transcript:log",
        (
            Param("thread", "--thread", "Only the thread of this message.", metavar="ID"),
            Param("peer", "--with", "Only messages from or to this peer.", metavar="NAME"),
            Param("room", "--room", "The conversation in this room, as the room heard it.", metavar="ROOM"),
            Param("grep", "--grep", "Only bodies that contain this text.", metavar="TEXT"),
            Param("since", "--since", "Only since then: 2h, 3d, or a date.", metavar="WHEN"),
            Param("follow", "--follow", "Go on as messages come and go.", kind="switch"),
            Param("form", "--format", "How to print.", choices=("text", "markdown", "json"), default="text"),
        ),
    ),
    Command(
        "room create",
        "Make a room: members talk, a policy decides who is next.",
        "room:create",
        (
            _ROOM._replace(help="Its name, as of any instance."),
            Param("members", "--members", "Its members.", default="", metavar="A,B,C"),
            Param("policy", "--policy", "Who speaks next.", choices=_POLICIES, default="round-robin"),
            Param("seed", "--seed", "What it is about, and the first thing said in it.", metavar="TEXT"),
            Param(
                "moderator", "--moderator", "Who names the next; default: the first member.", metavar="NAME"
            ),
            _limit("turns", "Turns in all.", "number", 100),
            _limit("per_minute", "Messages of one member in a minute.", "number", 6),
            _limit("words", "Words in all.", "number", 20_000),
            _limit("quiet", "Seconds of silence that end it.", "decimal", 600.0),
            _limit("answer", "Seconds after which a member is passed over.", "decimal", 300.0, ""),
            _limit("memory", "How many of the last lines one who joins is given.", "number", 20, ""),
        ),
    ),
    Command("room run", "Run a room until it is closed.", "room:run", (_ROOM,)),
    Command("room list", "List the rooms of the hub.", "room:list_"),
    Command("room show", "Show a room: status, limits, members.", "room:show", (_ROOM,)),
    Command("room say", "Say something in a room, at any moment.", "room:speak", (_ROOM, _BODY, _FILE)),
    Command(
        "room join",
        "Join a room; joining again repeats the last lines.",
        "room:join",
        (_ROOM, _WHO),
    ),
    Command("room leave", "Leave a room.", "room:leave", (_ROOM, _WHO)),
    Command("room pause", "Let a room give no more turns.", "room:pause", (_ROOM,)),
    Command("room resume", "Let a paused room go on.", "room:resume", (_ROOM,)),
    Command("room close", "End a room.", "room:close", (_ROOM,)),
    Command("trace", "Show where a message that you sent is.", "transcript:trace", (_ID,)),
    Command("prompt", "Print the instructions for your system prompt.", "setup:prompt"),
    Command(
        "gc",
        "Remove mail that was handled or sent long ago.",
        "upkeep:gc",
        (
            Param(
                "days",
                "--days",
                "How long to keep it; default: retention_days in xw.json.",
                kind="number",
                metavar="N",
            ),
            Param("dry_run", "--dry-run", "Only say what would go.", kind="switch"),
            Param("verbose", "--verbose", "Say what went.", kind="switch"),
        ),
    ),
    Command(
        "notify status",
        "Report what you do: in your presence, and to all.",
        "notify:status",
        (
            Param(
                "state",
                help="What you are.",
                required=True,
                choices=("idle", "working", "blocked", "completed"),
                metavar="STATUS",
            ),
            _TASK,
            Param("progress", "--progress", "How far you are: 80%.", metavar="TEXT"),
        ),
    ),
    Command(
        "notify handoff",
        "Give a task to another agent.",
        "notify:handoff",
        (
            Param("task", help="The task.", required=True, metavar="TASK"),
            Param("to", "--to", "Who is to do it; default: the only peer.", metavar="NAME"),
            Param("context", "--context", "What one must know for it.", metavar="TEXT"),
            Param(
                "priority",
                "--priority",
                "How urgent it is.",
                choices=("low", "medium", "high"),
                default="medium",
            ),
        ),
    ),
    Command(
        "notify compaction",
        "Tell all that your context was compacted.",
        "notify:compaction",
        (
            Param("summary", help="What it was about.", required=True, metavar="SUMMARY"),
            Param("retained", "--retained", "What you kept; may be repeated.", many=True, metavar="TEXT"),
            _TASK,
        ),
    ),
    Command(
        "notify error",
        "Tell all that something went wrong.",
        "notify:error",
        (
            Param("text", help="What went wrong.", required=True, metavar="ERROR"),
            Param("recoverable", "--recoverable", "You can go on.", kind="switch"),
            Param("assistance", "--needs-assistance", "Somebody must help.", kind="switch"),
        ),
    ),
    Command(
        "notify heartbeat",
        "Renew your presence; with --message also tell all.",
        "notify:heartbeat",
        (
            Param(
                "state",
                help="What you are; default: alive.",
                choices=("alive", "busy", "idle"),
                default="alive",
                metavar="STATUS",
            ),
            _TASK,
            Param(
                "ttl", "--ttl", "How long it is believed.", kind="decimal", default=30.0, metavar="SECONDS"
            ),
            Param("message", "--message", "Tell all, too.", kind="switch"),
        ),
    ),
    Command(
        "bridge",
        "Show your mail to a chat program, and file its answers.",
        "bridge:bridge",
        (
            Param("kind", help="socket, tmux, command or acp; default: as in xw.json.", metavar="KIND"),
            Param("words", help="After `--`: the command to run.", many=True, metavar="COMMAND"),
            Param("target", "--target", "Which chat: a socket, a pane, a command line.", metavar="TEXT"),
            Param("notify", "--notify", "Only say that there is mail; claim nothing.", kind="switch"),
            Param(
                "options",
                "--option",
                "A setting of this kind of chat; may be repeated.",
                many=True,
                metavar="NAME=VALUE",
            ),
            Param("listing", "--list", "Show the chats on this machine.", kind="switch"),
        ),
    ),
    Command(
        "up",
        "Run and restart the bridges that xw.json names, and sync.",
        "up:up",
        (Param("names", help="These instances only.", many=True, metavar="NAME"),),
    ),
    Command(
        "schema",
        "Print the JSON Schema of a command's output, or list all.",
        "schema:schema",
        (Param("words", help="A command, or a file of the format.", many=True, metavar="NAME"),),
    ),
    Command("doctor", "Find everything that is wrong, and say how to fix it.", "upkeep:doctor"),
)
