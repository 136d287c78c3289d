"""Every command, as data: the one definition for `quick`, typer and the documents.

Each help text starts with a verb and has at most 60 characters, as a test checks.
"""

from xw.layout import DELIVERIES, TYPES
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
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
        """Return the value of an absent parameter; a number's is text, as on a command line."""
        if self.kind in NUMBERS and self.default is not None:
            return str(self.default)
        return [] if self.many else False if self.kind == "switch" else self.default


# The kinds of numbers: type, largest value, and both in words for an error.
NUMBERS: "dict[ParamKind, tuple[type[int] | type[float], float, str]]" = {
    "number": (int, float("inf"), "a whole number, 0 or more"),
    "decimal": (float, 1e9, "a number from 0 to 1,000,000,000"),
}


class Command(NamedTuple):
    """A command: its name, a line of help, an example, its function and its parameters.

    A name of two words belongs to the group in `GROUPS` named by the first word. `run` is `module:function`
    below `xw.cli`, called with a `Call` and one keyword argument for each parameter. `hides` are the flags of
    common options that mean nothing to it, or that one of its own replaces: accepted, but not in its help.
    `usage` are the lines of its usage, behind `xw`, where its parameters do not say enough.
    """

    name: str
    help: str
    example: str
    run: str
    params: tuple[Param, ...] = ()
    hides: tuple[str, ...] = ()
    usage: tuple[str, ...] = ()


GROUPS = {
    "notify": "Report your state in a form that programs read.",
    "keys": "Show the keys known here; make, export or import one.",
    "hub": "Move a hub, or serve it to members, each with a key.",
    "room": "Let several agents talk while people watch.",
}

COMMON = (
    Param("as_name", "--as", "Act as this instance.", metavar="NAME"),
    Param("hub", "--hub", "Use this hub: a path, a URL, or a named hub's bare name.", metavar="URL"),
    Param("config", "--config", "Use this xw.json.", metavar="FILE"),
    Param("offline", "--offline", "Stay off the network.", kind="switch"),
    Param("as_json", "--json", "Print JSON.", kind="switch"),
)

_ID = Param(
    "token", help="Give a short id (or its first 4 characters) or a file name.", required=True, metavar="ID"
)
_IDS = _ID._replace(name="tokens", many=True)
_TO = Param(
    "to", "--to", "Send to NAME; repeatable; 'all': every agent and person.", many=True, metavar="NAME"
)
_BODY = Param("body", help="Write the text; '-' reads it from standard input.", metavar="BODY")
_FILE = Param("file", "--file", "Read the text from a file.", metavar="FILE")
_ATTACH = Param("attachments", "--attach", "Send a file along; repeatable.", many=True, metavar="FILE")
_EXPIRES = Param("expires", "--expires", "Set when it expires: 2h, 3d, or a date.", metavar="WHEN")
_ANY = Param("any_one", "--any", "Send to one of them: idle, or least mail.", kind="switch")
_URGENT = Param("urgent", "--urgent", "Show it before older mail.", kind="switch")
_RE = Param("re", "--re", "Answer this message.", metavar="ID")
_ROOM = Param("name", help="Name the room.", required=True, metavar="ROOM")
_WHO = Param("member", "--member", "Add NAME instead of yourself.", metavar="NAME")
_PERSONA = Param(
    "personas", "--persona", "Give NAME a part to play; repeatable.", many=True, metavar="NAME=TEXT|FILE"
)
_POLICIES = ("free", "round-robin", "mention", "moderator")  # a test compares them with xw.rooms.policies
PROGRAMS = ("claude", "claude-code", "codex", "gemini", "opencode", "qwen", "pi", "goose", "aider", "llm")
"""Those that `xw launch` knows; a test compares them with xw.programs."""
_GROUPS = Param("groups", help="Name the groups.", many=True, required=True, metavar="@NAME")
_INSTANCE = Param("name", help="Name an instance on this machine; default: you.", metavar="NAME")
_MEMBER = Param("name", help="Name the member.", required=True, metavar="NAME")
_KEYS = Param(
    "file", "--authorized-keys", "Use this file of sshd's; default: as before, or the usual.", metavar="FILE"
)
_TASK = Param("task", "--task", "Name the task that you are working on.", metavar="TEXT")
_TYPE = Param("kind", help="Choose the type of message.", required=True, choices=TYPES, metavar="TYPE")

_ONLY = Param("kind", "--type", "Take only messages of this type.", choices=TYPES, metavar="TYPE")
_FROM = Param("sender", "--from", "Take only messages from this sender.", metavar="NAME")


_FORCE = Param("force", "--force", "Send ID again even if it may be a duplicate.", many=True, metavar="ID")
_DRY_RUN = Param("dry_run", "--dry-run", "List what to send again, and send nothing.", kind="switch")


def _seconds(name: str, flag: str, text: str, default: float | None) -> Param:
    return Param(name, flag, text, kind="decimal", default=default, metavar="SECONDS")


def _change(name: str, flag: str) -> Param:
    return Param(name, flag, "Set this limit, or raise it with +N.", metavar="N|+N")


def _limit(name: str, text: str, default: int) -> Param:
    flag = f"--{name.replace('_', '-')}"
    return Param(name, flag, text, kind="number", default=default, metavar="N")


COMMANDS = (
    Command(
        "init",
        "Make a hub and a mailbox here, or join a hub.",
        'xw init --name alice --describe "keeps the release notes"',
        "setup:init",
        (
            Param("name", "--name", "Name the instance; default: the directory's name.", metavar="NAME"),
            Param("kind", "--kind", "Choose what the instance is.", choices=("agent", "human", "room")),
            Param("describe", "--describe", "Describe it to its peers in one line.", metavar="TEXT"),
            Param("model", "--model", "Name the model that it runs on.", metavar="TEXT"),
            Param("capabilities", "--capability", "Add a capability; repeatable.", many=True, metavar="WORD"),
            Param(
                "delivery",
                "--delivery",
                "Choose when mail is shown by itself.",
                choices=DELIVERIES,
                metavar="VALUE",
            ),
            Param("group", "--group", "Share a new hub with this Unix group.", metavar="NAME"),
            Param("invite", "--invite", "Use an invitation to a hub, once.", metavar="WORD"),
        ),
        hides=("--as",),  # --name does the same here, and more
    ),
    Command("who", "Show your name, hub, configuration and pending mail.", "xw who", "setup:who"),
    Command(
        "peers",
        "List the other instances on the hub, or show one.",
        "xw peers @python",
        "setup:peers",
        (
            Param("which", help="Show this one in full, or list a group.", metavar="NAME|@NAME"),
            Param("everything", "--all", "List every instance.", kind="switch"),
            Param("limit", "--limit", "List at most N; default: 50.", kind="number", metavar="N"),
        ),
    ),
    Command(
        "join",
        "Join groups: `--to @NAME` reaches their members.",
        "xw join @builds",
        "setup:join",
        (_GROUPS,),
    ),
    Command("leave", "Leave groups.", "xw leave @builds", "setup:leave", (_GROUPS,)),
    Command(
        "hold",
        "Stop what an agent is shown by itself; its mail waits.",
        "xw hold bob",
        "setup:hold",
        (_INSTANCE,),
    ),
    Command(
        "resume",
        "Let an agent be shown mail by itself again.",
        "xw resume bob",
        "setup:resume",
        (_INSTANCE,),
    ),
    Command(
        "check",
        "List pending messages: at most 20, chosen by priority.",
        "xw check --from alice",
        "inbox:check",
        (
            Param("failed", "--failed", "List dead letters instead, each with its reason.", kind="switch"),
            Param("everything", "--all", "List every message.", kind="switch"),
            Param(
                "limit",
                "--limit",
                "List at most N messages, from 1 to 1000; default: 20.",
                kind="number",
                metavar="N",
            ),
            _ONLY._replace(help="List only messages of this type."),
            _FROM._replace(help="List only messages from this sender."),
            Param("newest", "--newest", "Choose the newest, and list them newest first.", kind="switch"),
            Param(
                "untold",
                "--untold",
                "List what this session was not shown yet, once.",
                metavar="SESSION",
            ),
        ),
    ),
    Command(
        "read",
        "Print messages and the paths of their attachments.",
        "xw read k7f3q2m9 4sq2289a",
        "inbox:read",
        (_IDS, Param("thread", "--thread", "Print their whole threads.", kind="switch")),
    ),
    Command(
        "send",
        "Send a task, question, reply or info.",
        'xw send --to bob task "Review sums.py" --attach sums.py',
        "outgoing:send",
        (_TYPE, _BODY._replace(required=False), _TO, _ANY, _RE, _ATTACH, _EXPIRES, _URGENT, _FILE),
    ),
    Command(
        "reply",
        "Answer a message; short for `send reply --re ID`.",
        'xw reply k7f3q2m9 "Line 2 subtracts."',
        "outgoing:reply",
        (_ID, _BODY, _ATTACH, _FILE),
    ),
    Command("done", "Mark messages as handled.", "xw done k7f3q2m9 4sq2289a", "inbox:done", (_IDS,)),
    Command(
        "claim",
        "Claim a message: nobody else then works on it.",
        "xw claim k7f3q2m9",
        "inbox:claim",
        (_ID,),
    ),
    Command(
        "release",
        "Let go of a claim; the next to claim it resumes it.",
        "xw release k7f3q2m9",
        "inbox:release",
        (_ID,),
    ),
    Command(
        "fail",
        "Report that you cannot handle a message, and why.",
        'xw fail k7f3q2m9 "the build host is down"',
        "inbox:fail",
        (_ID, Param("why", help="Say why; '-' reads it from standard input.", metavar="WHY")),
    ),
    Command(
        "attach",
        "Add files to a message that you sent.",
        "xw attach k7f3q2m9 notes.txt",
        "outgoing:attach",
        (_ID, Param("files", help="Name the files to add.", many=True, required=True, metavar="FILE")),
    ),
    Command(
        "retry",
        "Send a dead letter again, as a new message.",
        "xw retry k7f3q2m9",
        "outgoing:retry",
        (_ID,),
    ),
    Command(
        "recall",
        "Withdraw a message that nobody has claimed or handled yet.",
        "xw recall k7f3q2m9",
        "outgoing:recall",
        (_ID,),
    ),
    Command(
        "resend",
        "Send messages again that the hub has lost.",
        "xw resend k7f3q2m9 --dry-run",
        "outgoing:resend",
        (_IDS._replace(required=False), _FORCE, _DRY_RUN),
    ),
    Command(
        "sync",
        "Deliver the outbox, collect mail, refresh peers in xw.json.",
        "xw sync --watch",
        "setup:sync",
        (
            Param("watch", "--watch", "Keep syncing every instance in this xw.json.", kind="switch"),
            Param(
                "adopted",
                "--adopt",
                "Take over unsent mail that `xw doctor` found elsewhere.",
                metavar="FOLDER",
            ),
            Param("repair", "--repair", "Send again what the hub has lost.", kind="switch"),
            _FORCE,
            _DRY_RUN,
        ),
    ),
    Command(
        "ask",
        "Send a question, wait for its reply, print it.",
        'xw ask --to bob --timeout 120 "Which branch?"',
        "waiting:ask",
        (_BODY, _TO, _FILE, _seconds("timeout", "--timeout", "Stop waiting after SECONDS.", 60.0)),
    ),
    Command(
        "wait",
        "Wait for mail, or for the reply to a message.",
        "xw wait --re k7f3q2m9 --timeout 300",
        "waiting:wait",
        (
            _RE._replace(help="Wait for the reply to this message."),
            Param("new", "--new", "Ignore mail that is pending already.", kind="switch"),
            _ONLY,
            _FROM,
            _seconds("timeout", "--timeout", "Stop waiting after SECONDS; default: never.", None),
        ),
    ),
    Command(
        "watch",
        "Print a line, or run a command, for each message.",
        "xw watch --exec 'xw read $XW_ID >> mail.txt'",
        "waiting:watch",
        (
            Param(
                "execute", "--exec", "Run CMD in a shell for each message, its JSON on stdin.", metavar="CMD"
            ),
            Param("claim", "--claim", "Claim each first, so that only one process gets it.", kind="switch"),
            _ONLY,
            _FROM,
        ),
    ),
    Command(
        "log",
        "Print the transcript of received and sent messages.",
        "xw log --with bob --since 2h",
        "transcript:log",
        (
            Param("thread", "--thread", "Print only the thread of this message.", metavar="ID"),
            Param("peer", "--with", "Print only messages from or to this peer.", metavar="NAME"),
            Param("room", "--room", "Print the conversation in this room.", metavar="ROOM"),
            Param("grep", "--grep", "Print only messages that contain this text.", metavar="TEXT"),
            Param("since", "--since", "Print only messages since 2h, 3d, or a date.", metavar="WHEN"),
            Param("follow", "--follow", "Keep printing as messages come and go.", kind="switch"),
            Param(
                "form",
                "--format",
                "Choose the form of the output.",
                choices=("text", "markdown", "json"),
                default="text",
            ),
        ),
    ),
    Command(
        "room create",
        "Make a room: members talk, a policy gives them turns.",
        'xw room create tea --members alice,bob --seed "Tea?"',
        "room:create",
        (
            _ROOM._replace(help="Name the room: 1 to 32 of a-z, 0-9 and '-'."),
            Param(
                "members",
                "--members",
                "List the members; a person speaks without a turn.",
                many=True,
                metavar="A,B,C",
            ),
            Param("policy", "--policy", "Choose who speaks next.", choices=_POLICIES, default="round-robin"),
            Param("seed", "--seed", "Open the conversation with this topic.", metavar="TEXT"),
            _FILE._replace(help="Read the topic from a file; '-': standard input."),
            _PERSONA,
            Param(
                "moderator", "--moderator", "Let NAME moderate; default: the first member.", metavar="NAME"
            ),
            _limit("turns", "Close it after N turns; 0: no limit.", 100),
            _limit("per_minute", "Allow each member N messages a minute; 0: no limit.", 6),
            _limit("words", "Close it after N words; 0: no limit.", 20_000),
            _seconds("quiet", "--quiet", "Close it after SECONDS of silence; 0: no limit.", 600.0),
            _seconds("answer", "--answer", "Pass over a member that takes longer to answer.", 300.0),
            _limit("memory", "Show a joining member the last N lines.", 20),
        ),
    ),
    Command("room run", "Run a room until it is closed.", "xw room run tea", "room:run", (_ROOM,)),
    Command("room list", "List the rooms of the hub.", "xw room list", "room:list_"),
    Command("room show", "Show a room: status, limits, members.", "xw room show tea", "room:show", (_ROOM,)),
    Command(
        "room say",
        "Say something in a room, at any moment.",
        'xw room say tea "And water?"',
        "room:speak",
        (_ROOM, _BODY, _FILE),
    ),
    Command(
        "room join",
        "Join a room; join again to repeat the last lines.",
        "xw room join tea",
        "room:join",
        (_ROOM, _WHO),
    ),
    Command(
        "room leave",
        "Leave a room.",
        "xw room leave tea",
        "room:leave",
        (_ROOM, _WHO._replace(help="Remove NAME instead of yourself.")),
    ),
    Command("room pause", "Stop a room from giving turns.", "xw room pause tea", "room:pause", (_ROOM,)),
    Command(
        "room resume",
        "Let a paused or closed room continue.",
        "xw room resume tea --turns +20",
        "room:resume",
        (_ROOM, _change("turns", "--turns"), _change("words", "--words"), _change("quiet", "--quiet")),
    ),
    Command(
        "room set",
        "Set a room's policy, moderator, limits and personas.",
        "xw room set tea --policy moderator --moderator bob",
        "room:set_",
        (
            _ROOM,
            Param("policy", "--policy", "Choose who speaks next.", choices=_POLICIES),
            Param("moderator", "--moderator", "Let NAME moderate.", metavar="NAME"),
            *(
                _change(name, f"--{name.replace('_', '-')}")
                for name in ("turns", "per_minute", "words", "quiet", "answer", "memory")
            ),
            _PERSONA,
        ),
    ),
    Command("room close", "Close a room.", "xw room close tea", "room:close", (_ROOM,)),
    Command(
        "trace", "Show where a message that you sent is.", "xw trace k7f3q2m9", "transcript:trace", (_ID,)
    ),
    Command(
        "hook",
        "Answer an event of an agent program, which runs it.",
        "xw hook SessionStart --program claude",
        "hook:hook",
        (
            Param("event", help="Name the program's event, or 'wake'.", required=True, metavar="EVENT"),
            Param("program", "--program", "Name the program.", default="other", metavar="NAME"),
        ),
        hides=("--json", "--offline"),
    ),
    Command("prompt", "Print the instructions for your system prompt.", "xw prompt", "setup:prompt"),
    Command(
        "gc",
        "Remove mail that was handled or sent long ago.",
        "xw gc --days 7 --dry-run",
        "upkeep:gc",
        (
            Param(
                "days",
                "--days",
                "Keep mail for N days; default: retention_days in xw.json.",
                kind="number",
                metavar="N",
            ),
            Param("dry_run", "--dry-run", "List what to remove, and remove nothing.", kind="switch"),
            Param("verbose", "--verbose", "Report how much was removed.", kind="switch"),
        ),
    ),
    Command(
        "unregister",
        "Take an instance off the hub, and free its name.",
        "xw unregister bob --yes",
        "setup:unregister",
        (
            Param("name", help="Name the instance.", required=True, metavar="NAME"),
            Param("confirmed", "--yes", "Act now; else only list the consequences.", kind="switch"),
        ),
    ),
    Command(
        "hub move",
        "Move the hub to another directory or host.",
        "xw hub move ssh://you@server/srv/hub",
        "hub:move",
        (Param("url", help="Name the new place: a path or a URL.", required=True, metavar="URL"),),
    ),
    Command(
        "hub new-id",
        "Give a copy of a hub an id of its own.",
        "xw hub new-id --hub ssh://you@server/srv/copy",
        "hub:new_id",
    ),
    Command(
        "hub invite",
        "Make an invitation to a hub on this host: one line.",
        "xw hub invite carol --hub /srv/hub",
        "hub:invite",
        (
            _MEMBER,
            Param("days", "--days", "Let it expire after N days.", kind="number", default=7, metavar="N"),
            Param("host", "--host", "Name this host as others do.", metavar="[USER@]HOST[:PORT]"),
            Param("host_key", "--host-key", "Read the host's public key from FILE.", metavar="FILE"),
            _KEYS,
        ),
    ),
    Command(
        "hub members",
        "List the members of a hub on this host, and invitations.",
        "xw hub members --hub /srv/hub",
        "hub:members",
        (_KEYS,),
    ),
    Command(
        "hub remove",
        "Remove a member's keys; its mailbox stays.",
        "xw hub remove carol --hub /srv/hub",
        "hub:remove",
        (
            _MEMBER,
            Param("mailbox", "--unregister", "Take its mailbox off too.", kind="switch"),
            Param("confirmed", "--yes", "Act now; without, --unregister only lists.", kind="switch"),
            _KEYS,
        ),
    ),
    Command(
        "hub rename",
        "Give a member another name, and an empty mailbox.",
        "xw hub rename carol dave --hub /srv/hub",
        "hub:rename",
        (
            _MEMBER._replace(name="old", help="Name the member.", metavar="OLD"),
            _MEMBER._replace(name="new", help="Give the new name.", metavar="NEW"),
            _KEYS,
        ),
    ),
    Command(
        "hub serve",
        "Serve one member of a hub; sshd runs it.",
        "xw hub serve --as alice /srv/hub",
        "hub:serve",
        (
            Param("path", help="Name the hub's directory.", required=True, metavar="PATH"),
            Param("key", "--key", "Give the fingerprint of the key.", metavar="FINGERPRINT"),
            Param("invited", "--invited", "Exchange this invitation for a key.", metavar="NAME"),
            _KEYS._replace(help="Use this file of sshd's; default: your account's."),
        ),
        hides=("--hub", "--config", "--offline", "--json"),
    ),
    Command(
        "hub admit",
        "Let one more machine use a name, within a day.",
        "xw hub admit carol --hub /srv/hub",
        "hub:admit",
        (_MEMBER,),
        hides=("--as", "--offline"),
    ),
    Command(
        "keys list",
        "List the keys known here for the hub: own and others'.",
        "xw keys list",
        "keys:list_",
    ),
    Command(
        "keys new",
        "Make yourself a new key; the old one vouches for it.",
        "xw keys new",
        "keys:new",
        (Param("lost", "--lost", "Let no earlier key count.", kind="switch"),),
    ),
    Command(
        "keys show",
        "Print your public key, or another instance's.",
        "xw keys show bob --allowed-signers",
        "keys:show",
        (
            Param("name", help="Name the instance; default: you.", metavar="NAME"),
            Param("lines", "--allowed-signers", "Print lines for a team's file.", kind="switch"),
        ),
    ),
    Command(
        "keys export",
        "Print your key, or write it to a new file: a secret.",
        "xw keys export alice.key",
        "keys:export",
        (Param("file", help="Write it to this new file.", metavar="FILE"),),
    ),
    Command(
        "keys import",
        "Keep a key that another machine has exported.",
        "xw keys import alice.key",
        "keys:import_",
        (Param("file", help="Read this file; '-': standard input.", required=True, metavar="FILE"),),
    ),
    Command(
        "trust",
        "Confirm the key that an instance publishes.",
        "xw trust bob",
        "keys:trust",
        (
            Param("name", help="Name the instance.", required=True, metavar="NAME"),
            Param("key", "--key", "Choose the key with this fingerprint.", metavar="SHA256:…"),
            Param("forget", "--forget", "Let its keys be unknown here instead.", kind="switch"),
        ),
    ),
    Command(
        "notify status",
        "Report what you are doing, to all and in your presence.",
        'xw notify status working --task "the parser"',
        "notify:status",
        (
            Param(
                "state",
                help="Choose your status.",
                required=True,
                choices=("idle", "working", "blocked", "completed"),
                metavar="STATUS",
            ),
            _TASK,
            Param("progress", "--progress", "Report your progress, such as 80%.", metavar="TEXT"),
        ),
    ),
    Command(
        "notify handoff",
        "Hand a task over to another agent.",
        'xw notify handoff --to bob "Review the parser"',
        "notify:handoff",
        (
            Param("task", help="Describe the task.", required=True, metavar="TASK"),
            Param("to", "--to", "Give it to NAME; default: the only peer.", metavar="NAME"),
            Param("context", "--context", "Add background that the task needs.", metavar="TEXT"),
            Param(
                "priority",
                "--priority",
                "Choose how urgent it is.",
                choices=("low", "medium", "high"),
                default="medium",
            ),
        ),
    ),
    Command(
        "notify compaction",
        "Tell all that your context was compacted.",
        'xw notify compaction "two days on the parser"',
        "notify:compaction",
        (
            Param("summary", help="Summarise the old context.", required=True, metavar="SUMMARY"),
            Param("retained", "--retained", "List what you kept; repeatable.", many=True, metavar="TEXT"),
            _TASK,
        ),
    ),
    Command(
        "notify error",
        "Tell all that something went wrong.",
        'xw notify error "the disk is full" --needs-assistance',
        "notify:error",
        (
            Param("text", help="Describe the error.", required=True, metavar="ERROR"),
            Param("recoverable", "--recoverable", "Say that you can continue.", kind="switch"),
            Param("assistance", "--needs-assistance", "Ask for help.", kind="switch"),
        ),
    ),
    Command(
        "notify heartbeat",
        "Renew your presence; with --message, tell all as well.",
        'xw notify heartbeat busy --task "the tests" --ttl 600',
        "notify:heartbeat",
        (
            Param(
                "state",
                help="Choose your status.",
                choices=("alive", "busy", "idle"),
                default="alive",
                metavar="STATUS",
            ),
            _TASK,
            _seconds("ttl", "--ttl", "Stay valid for SECONDS.", 30.0),
            Param("message", "--message", "Tell all as well.", kind="switch"),
        ),
    ),
    Command(
        "bridge",
        "Show your mail to a chat program, and file its answers.",
        "xw bridge tmux --target claude",
        "bridge:bridge",
        (
            Param("kind", help="Choose tmux, codex, opencode, acp …; default: xw.json's.", metavar="KIND"),
            Param("words", help="Run this command, given after `--`.", many=True, metavar="COMMAND"),
            Param("target", "--target", "Name the chat: a socket, a pane, a command line.", metavar="TEXT"),
            Param("notify", "--notify", "Announce mail only; claim nothing.", kind="switch"),
            Param(
                "options",
                "--option",
                "Set an option of this kind of chat; repeatable.",
                many=True,
                metavar="NAME=VALUE",
            ),
            Param("listing", "--list", "List the chats on this machine.", kind="switch"),
        ),
    ),
    Command(
        "launch",
        "Start an agent program, and show it its mail.",
        "xw launch alice=claude bob=codex --room tea",
        "launch:launch",
        (
            Param(
                "words", help="Give a name, `--`, a program; or NAME=PROGRAM...", many=True, metavar="WORD"
            ),
            Param("room", "--room", "Put these agents into a room.", metavar="ROOM"),
            Param("detach", "--detach", "Leave their tmux session in the background.", kind="switch"),
            Param("listing", "--list", "List the agent programs on this machine.", kind="switch"),
        ),
        hides=("--as",),
        usage=(
            "launch [OPTIONS] NAME -- PROGRAM [ARGUMENTS]",
            "launch [OPTIONS] NAME=PROGRAM NAME=PROGRAM…   side by side in tmux",
        ),
    ),
    Command(
        "up",
        "Run the bridges that xw.json names, and its rooms; sync.",
        "xw up alice bob",
        "up:up",
        (
            Param("names", help="Run only what these instances have.", many=True, metavar="NAME"),
            Param("no_rooms", "--no-rooms", "Run no rooms.", kind="switch"),
        ),
    ),
    Command(
        "mcp",
        "Serve your mail to a program as MCP tools.",
        "xw mcp --as alice --config /home/you/project/xw.json",
        "mcp:mcp",
        (
            Param("http", "--http", "Serve HTTP on this machine, with a token.", kind="switch"),
            Param("port", "--port", "Use this port.", kind="number", default=4790, metavar="N"),
            Param("token_file", "--token-file", "Keep the token in FILE.", metavar="FILE"),
        ),
        hides=("--json",),  # its output is the protocol's
    ),
    Command(
        "schema",
        "Print the JSON Schema of a command's output, or list all.",
        "xw schema check",
        "schema:schema",
        (Param("words", help="Name a command, or a file of the format.", many=True, metavar="NAME"),),
        hides=("--as", "--hub", "--config", "--offline"),
    ),
    Command("doctor", "Find problems, and print how to fix each.", "xw doctor", "upkeep:doctor"),
    Command(
        "install",
        "Set an agent program up for xw, in its own settings.",
        "xw install claude --project",
        "installing:install",
        (
            Param(
                "program",
                help="Choose claude, codex, gemini, opencode or qwen.",
                required=True,
                metavar="PROGRAM",
            ),
            Param("user", "--user", "Write your own settings, for all projects.", kind="switch"),
            Param("project", "--project", "Write the project's settings; default.", kind="switch"),
            Param("remove", "--remove", "Remove what it wrote.", kind="switch"),
            Param("yes", "--yes", "Write the files; without it, they are only shown.", kind="switch"),
        ),
        hides=("--as", "--hub", "--config", "--offline"),
    ),
    Command(
        "help",
        "Show the everyday commands, every command, or one.",
        "xw help --all",
        "help:show",
        (
            Param("words", help="Name a command.", many=True, metavar="COMMAND"),
            Param("everything", "--all", "List every command.", kind="switch"),
        ),
        hides=("--as", "--hub", "--config", "--offline"),
    ),
)
