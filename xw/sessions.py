"""Notice that two agents act under one name: a note of the agent programs that lately ran xw as its owner.

An agent's session is its program's process: the nearest ancestor of this process that is a known agent
program, told from a later one of that number by its start. It counts while that process runs and has run xw
as this name within 15 minutes. So a person's shells, a bridge, and an agent that was started again are no
second agent; an agent started by another one with the same XW_NAME is. A subagent inside its parent's process
cannot be told from it, nor can anything where there is no /proc. `XW_SESSION` names a session that xw cannot
see; if it is empty, nothing is noted.

Nothing here may fail a command: without the note, a warning is missing.
"""

import json
import os
import time
from contextlib import suppress

from xw import clock, layout, processes
from xw.errors import Damaged
from xw.mailbox import Mailbox
from xw.message import parse_object
from xw.named_tuple import NamedTuple
from xw.text import first_line, span

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Iterator

_RECENT_S = 900.0
_NOTED_AGAIN_S = 60.0  # between two writes of one session
_LIMIT = 64 * 1024
_LEVELS = 32  # ancestors to look at
_PROGRAMS = (
    "aider", "amp", "claude", "claude-code", "codex", "copilot", "crush", "cursor-agent", "droid", "gemini",
    "goose", "kimi", "kiro-cli", "llm", "opencode", "pi", "qwen",
)  # fmt: skip
_INTERPRETERS = ("node", "bun", "deno", "python")
_SHELLS = ("sh", "bash", "dash", "zsh", "fish", "ksh", "busybox", "env", "timeout")


class Session(NamedTuple):
    """A session: its id, the program, when it last acted (seconds since the epoch), those it was told of."""

    id: str
    program: str
    at: float
    told: tuple[str, ...] = ()


def others(mailbox: Mailbox, again: bool = True) -> list[str]:
    """Note this process's session; return a sentence for each other live one under the mailbox's name.

    Without `again`, leave out those of which this session was told before.
    """
    own = _own()
    noted = _read(mailbox)
    live = {one.id: one for one in noted if _lives(one) and (own is None or one.id != own.id)}
    if own is None:
        # A person who looks: of two agents, not of one.
        return [_sentence(mailbox.owner, one) for one in live.values()] if again and len(live) > 1 else []
    before = next((one for one in noted if one.id == own.id), own._replace(at=0.0))
    new = [one for one in live.values() if again or one.id not in before.told]
    told = tuple(sorted({*live} & {*before.told, *(one.id for one in new)}))
    if told != before.told or not 0 <= own.at - before.at < _NOTED_AGAIN_S:
        _write(mailbox, [*live.values(), own._replace(told=told)])
    return [_sentence(mailbox.owner, one) for one in new]


def acting() -> str:
    """Return who runs xw here: its session, or else this process alone."""
    own = _own()
    if own:
        return own.id
    found = processes.status(os.getpid())
    return f"process {os.getpid()}-{found.started if found else ''}"


def _sentence(name: str, other: Session) -> str:
    what = f"{first_line(other.program, 40)} ({first_line(other.id, 60)})"
    return (
        f"another agent acts as {name}: {what}, {span(time.time() - other.at)} ago; give each agent its own "
        "name: `xw init --name NAME`, and XW_NAME=NAME where it runs"
    )


def _own() -> Session | None:
    """Return the session of this process; None if no agent program runs it."""
    given = os.environ.get("XW_SESSION")
    if given is not None:
        return Session(f"session {given}", "an agent", time.time()) if given else None
    for process, started, program in _ancestors():
        if program:
            return Session(f"process {process}-{started}", program, time.time())
    return None


def program_process() -> str:
    """Return the process of the agent program that runs this one, as `PID-START`; empty if it is unknown.

    That is the nearest ancestor that is a known program, else the nearest that is not a shell.
    """
    other = ""
    for process, started, program in _ancestors():
        if program:
            return f"{process}-{started}"
        if not other and process > 1 and _command(process) not in _SHELLS:
            other = f"{process}-{started}"
    return other


def _ancestors() -> "Iterator[tuple[int, str, str]]":
    """Yield each ancestor's number, its start, and the agent program that it runs or an empty text."""
    process = os.getppid()
    for _ in range(_LEVELS):
        found = processes.status(process)
        if found is None:
            return
        yield process, found.started, _program(process)
        process = found.parent


def _program(number: int) -> str:
    """Return the agent program that a process runs; empty if it runs another one."""
    shown = _command(number)
    return shown if shown in _PROGRAMS else ""


def _command(number: int) -> str:
    """Return the base name of what a process runs: of its script, if an interpreter runs it."""
    words = processes.words(number) or [""]
    shown = _base(words[0])
    if shown.startswith(_INTERPRETERS):  # its script: the first argument that is no option
        shown = next((_base(word) for word in words[1:] if word and not word.startswith("-")), "")
    return shown


def _base(word: str) -> str:
    name = word.split(" ", 1)[0].rpartition("/")[2].lower()
    for ending in (".js", ".mjs", ".cjs", ".py", ".exe"):
        name = name.removesuffix(ending)
    return name


def _lives(one: Session) -> bool:
    if not 0 <= time.time() - one.at < _RECENT_S:
        return False
    kind, _, place = one.id.partition(" ")
    if kind != "process":
        return True  # nothing else is known of it
    return processes.lives(place)


def _read(mailbox: Mailbox) -> list[Session]:
    try:
        noted = parse_object(mailbox.files.read(mailbox.at(layout.SESSIONS), _LIMIT))
    except (OSError, Damaged):
        return []
    found = []
    for key, value in noted.items():
        if isinstance(value, dict) and isinstance(value.get("program"), str):
            told = value.get("told")
            names = tuple(map(str, told)) if isinstance(told, list) else ()
            found.append(Session(key, value["program"], clock.seconds(value.get("at")) or 0.0, names))
    return found


def _write(mailbox: Mailbox, sessions: list[Session]) -> None:
    noted = {one.id: {"program": one.program, "at": one.at, "told": list(one.told)} for one in sessions}
    data = (json.dumps(noted) + "\n").encode()
    with suppress(OSError):  # a full or read-only disk
        mailbox.files.replace(data, mailbox.at(layout.SCRATCH), mailbox.at(layout.SESSIONS))
