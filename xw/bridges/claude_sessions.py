"""The living sessions of Claude Code on this machine, as its own files show them, and its inbox socket.

Each interactive session keeps `~/.claude/sessions/PID.json` (or below `CLAUDE_CONFIG_DIR`) up to date: its
id, its status, and the Unix socket where a process of the same user may put a text. This is no documented
interface: `unfit` checks each fact it rests on before anything is sent. Seen with Claude Code 2.1.332.

A killed session leaves its file and its socket behind, so a process counts only with the start that the file
names. Called by `claude`.
"""

import json
import os
import re
import socket
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from xw import processes
from xw.bridges.agent_process import name_of
from xw.bridges.chat import DIALOG, ChatGone, Uncertain
from xw.errors import Damaged
from xw.files.local import LocalFiles
from xw.message import Fields, parse_object

PROTOCOL = 1
"""The `peerProtocol` that xw speaks."""
OLDEST = (2, 1, 300)
FALLBACK = "use a bridge of kind tmux for it"
READ_S = 10.0
"""Limit for Claude Code to read a text."""
_LIMIT = 256 * 1024  # bytes of a session file
_TRIES = 10
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class Spoke(Uncertain):
    """The session wrote something back, which no version that xw knows does."""


class Session(NamedTuple):
    """A session as its file shows it; `status` is idle, busy, waiting (for what `waiting` names), or empty.

    `process` is `PID-START`, `changed` when the status last changed and `started` when the process did, in
    milliseconds since the epoch.
    """

    pid: int
    id: str
    process: str
    status: str = ""
    waiting: str = ""
    changed: int = 0
    started: int = 0
    cwd: str = ""
    name: str = ""
    version: str = ""
    protocol: int = 0
    socket: str = ""

    @property
    def agent(self) -> str:
        """The `XW_NAME` that the process was started with, or empty."""
        return name_of(self.pid)

    @property
    def state(self) -> str:
        """`idle`, or why no text can go in now."""
        if self.status == "waiting":
            return f"busy: {DIALOG} ({self.waiting or 'it waits for its user'})"
        return self.status if self.status in ("idle", "busy") else f"not ready: {self.status or 'it starts'}"

    @property
    def is_idle(self) -> bool:
        """True while it waits for a prompt."""
        return self.status == "idle"


def folders(pid: int = 0) -> list[Path]:
    """Return where session files may lie: as this process and that one see it."""
    found = []
    for seen in [os.environ, processes.variables(pid)] if pid else [os.environ]:
        config = seen.get("CLAUDE_CONFIG_DIR")
        found.append(Path(config) if config else Path(seen.get("HOME") or "/", ".claude"))
    return [folder / "sessions" for folder in dict.fromkeys(found)]


def living(places: Iterable[Path]) -> list[Session]:
    """Return the sessions whose process runs, the one that started last first."""
    found = []
    for place in places:
        for path in place.glob("*.json"):
            session = read(path)
            if session:
                found.append(session)
    return sorted(found, key=lambda session: session.started, reverse=True)


def of_process(pid: int) -> Session | None:
    """Return the session of a process; None if it has none, or has ended."""
    for place in folders(pid):
        session = read(place / f"{pid}.json")
        if session:
            return session
    return None


def read(path: Path) -> Session | None:
    """Return the session that a file shows; None if it is damaged, another user's, or of one that ended."""
    # First, because killed sessions leave files behind, which may be many.
    status = processes.status(int(path.stem)) if path.stem.isascii() and path.stem.isdigit() else None
    if status is None or status.state == "Z":
        return None
    try:
        fields = _fields(path)
        pid, started = int(path.stem), str(fields["procStart"])
        session = Session(
            pid,
            str(fields["sessionId"]),
            f"{pid}-{started}",
            str(fields.get("status", "")),
            str(fields.get("waitingFor", "")),
            _number(fields, "statusUpdatedAt"),
            _number(fields, "startedAt"),
            str(fields.get("cwd", "")),
            str(fields.get("name", "")),
            str(fields.get("version", "")),
            _number(fields, "peerProtocol"),
            str(fields.get("messagingSocketPath", "")).partition("\0")[0],
        )
    except (OSError, Damaged, KeyError):
        return None  # it ends, or another version writes other fields
    ours = status.started == started and fields.get("pid") == pid
    return session if ours and fields.get("kind", "interactive") == "interactive" else None


def _number(fields: Fields, name: str) -> int:
    """Return a field with a number; 0 if it is missing or something else."""
    value = fields.get(name)
    return int(value) if isinstance(value, (int, float)) else 0


def _fields(path: Path) -> Fields:
    """Return the fields of a session file, which may be read while it is being written.

    Raise Damaged for what stays unreadable, is no regular file, too large, or another user's.
    """
    files = LocalFiles(str(path.parent))
    if files.foreign(path.name):
        raise Damaged(f"{path} is another user's")
    for _ in range(_TRIES):
        with suppress(Damaged):
            return parse_object(files.read(path.name, _LIMIT))
        time.sleep(0.01)
    raise Damaged(f"{path} is damaged")


def unfit(session: Session) -> str | None:
    """Return why xw may not put a text into this session, whatever it does now; None if it may."""
    match = _VERSION.match(session.version)
    if session.protocol != PROTOCOL or not match or tuple(map(int, match.groups())) < OLDEST:
        known = f"protocol {PROTOCOL} since {'.'.join(map(str, OLDEST))}"
        return (
            f"Claude Code {session.version or '(no version)'} (process {session.pid}) has protocol "
            f"{session.protocol} for texts of others, and xw knows {known}: {FALLBACK}"
        )
    return None


def closed(session: Session) -> str | None:
    """Return why the session's socket must not be used, or None."""
    try:
        found = os.lstat(session.socket)
    except OSError as error:
        return f"its socket cannot be used: {error}; {FALLBACK}"
    ours = processes.owner(session.pid) == found.st_uid == os.geteuid()
    if not ours or not stat.S_ISSOCK(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o077:
        return f"{session.socket} is not a socket of this user alone; {FALLBACK}"
    try:
        _connected(session).close()  # it reads nothing from an empty connection
    except ChatGone as error:
        return f"{error}; {FALLBACK}"
    return None


def put(session: Session, text: str, token: str = "") -> None:
    """Put a text into a session's socket; return once Claude Code has read it.

    Raise ChatGone if it is not in, Uncertain or Spoke if it may be. Nothing comes back: a text is known to be
    taken only by what Claude Code notes of it.
    """
    entry = {"type": "user", "message": {"role": "user", "content": text}}
    lines = [{"type": "auth", "token": token}] if token else []
    data = "".join(json.dumps(line) + "\n" for line in [*lines, entry])
    answer = _exchange(session, data.encode("utf-8", "replace"))
    if answer:
        raise Spoke(f"Claude Code (process {session.pid}) answered on its socket: {answer[:200]!r}")


def probe(session: Session) -> bool:
    """Return True once the session has read what came into its socket before; False if it does not answer."""
    try:
        _exchange(session, b"")
    except (ChatGone, Uncertain):
        return False
    return True


def _connected(session: Session) -> socket.socket:
    """Return a connection to a session. Raise ChatGone if it does not listen."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(READ_S)
    try:
        connection.connect(session.socket)
    except OSError as error:
        connection.close()
        raise ChatGone(f"Claude Code (process {session.pid}) does not listen: {error}") from error
    return connection


def _exchange(session: Session, data: bytes) -> bytes:
    """Send bytes, and return what comes back until the session closes the connection."""
    with _connected(session) as connection:
        end = time.monotonic() + READ_S
        answer = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while len(answer) < _LIMIT and time.monotonic() < end and (part := connection.recv(65536)):
                answer += part
        except OSError as error:
            raise Uncertain(f"Claude Code (process {session.pid}) did not read the text: {error}") from error
    return answer
