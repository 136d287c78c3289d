"""What an agent program's session did, as its hooks noted it: the answers of turns, without a screen.

A program runs `xw hook` when a session starts, when a prompt goes in, when a turn ends and when the session
ends. The hook notes it here; the native chats of a bridge read it. Everything lies below `bridge/sessions/`
of the instance's mailbox, one folder for each session, readable only for its user whatever the hub's group:
people's own prompts are among it, and the token of a program's socket.

    PROGRAM-KEY/session.json            the session
    PROGRAM-KEY/00000001.json           its events, numbered

An event is published like a message, so a reader sees it whole or not at all, and it survives a crash. What
the session was told is in `told`.
"""

import json
import os
from contextlib import suppress

from xw import layout, processes
from xw.errors import Damaged
from xw.files.local import LocalFiles
from xw.mailbox import Mailbox
from xw.message import parse_object
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from typing import Literal

    EventKind = Literal["start", "prompt", "answer", "exit"]

FOLDER = f"{layout.BRIDGE}/sessions"
KEPT = 200
"""Events of a session; older ones are removed, since a bridge read them long before."""

KINDS: "tuple[EventKind, ...]" = ("start", "prompt", "answer", "exit")
_LIMIT = 16 * layout.MESSAGE_LIMIT
_SESSION = "session.json"
_TRIES = 100
_SPARE = 20


class AgentSession(NamedTuple):
    """A session: its program's profile and its own id, its process as `PID-START`, and what else is known.

    `socket` and `token` lead into the program, `transcript` is the file in which it records the conversation,
    `run` the run directory of the `xw launch` that started it; each may be empty.
    """

    program: str
    id: str
    process: str = ""
    cwd: str = ""
    socket: str = ""
    token: str = ""
    transcript: str = ""
    run: str = ""

    @property
    def lives(self) -> bool:
        """Return True while its process runs."""
        return processes.lives(self.process)


class Event(NamedTuple):
    """An event of a session: its number (from 1), its kind, the text of a prompt or an answer, and its turn.

    `turn` is the program's own id of it, or empty.
    """

    number: int
    kind: "EventKind"
    text: str = ""
    turn: str = ""


class Journal:
    """The journal of one session of an instance. Any process of its user may use it, several at once."""

    def __init__(self, mailbox: Mailbox, program: str, session: str) -> None:
        self.folder = f"{mailbox.at(FOLDER)}/{program}-{key_of(session)}"
        self._files = private(mailbox)

    def prepare(self) -> None:
        """Make its folder, for one that watches it."""
        self._files.make_folder(self.folder)

    def note(self, session: AgentSession) -> None:
        """Note the session, or replace what was noted of it. Raise OSError."""
        path = f"{self.folder}/{_SESSION}"
        data = (json.dumps(session._asdict()) + "\n").encode()
        try:
            self._files.replace(data, self.folder, path)
        except FileNotFoundError:
            self._files.make_folder(self.folder)
            self._files.replace(data, self.folder, path)

    def session(self) -> AgentSession | None:
        """Return the session as noted; None if it is not, or is damaged."""
        return _session(self._files, self.folder)

    @property
    def ended(self) -> bool:
        """True if the session's last event is its end; a session may be resumed."""
        last = self.last()
        return bool(last) and [event.kind for event in self.events(last - 1)] == ["exit"]

    def add(self, kind: "EventKind", text: str = "", turn: str = "") -> int:
        """Note an event, durably; return its number. Raise OSError."""
        event = {"kind": kind, "text": text, "turn": turn}
        data = (json.dumps(event, ensure_ascii=False) + "\n").encode("utf-8", "replace")
        for _ in range(_TRIES):
            names = self._names()
            number = 1 + max((_number(name) for name in names), default=0)
            try:
                self._files.publish(data, self.folder, [f"{self.folder}/{number:08d}.json"])
            except FileExistsError:
                continue
            except FileNotFoundError:
                self._files.make_folder(self.folder)
                continue
            if len(names) >= KEPT + _SPARE:
                # Several at once, because most calls must not pay for it.
                old = [f"{self.folder}/{name}" for name in sorted(names)[:-KEPT]]
                self._files.remove_all(old)  # another process removes them too
            return number
        raise FileExistsError(f"{self.folder}: cannot number an event")

    def last(self) -> int:
        """Return the number of the last event; 0 if there is none."""
        return max((_number(name) for name in self._names()), default=0)

    def events(self, after: int = 0) -> list[Event]:
        """Return the events after a number, in order; damaged ones are left out."""
        found = []
        for name in sorted(self._names()):
            number = _number(name)
            if number <= after:
                continue
            try:
                noted = parse_object(self._files.read(f"{self.folder}/{name}", _LIMIT))
            except (OSError, Damaged):
                continue
            kind = next((one for one in KINDS if one == noted.get("kind")), None)
            if kind:
                found.append(Event(number, kind, str(noted.get("text", "")), str(noted.get("turn", ""))))
        return found

    def _names(self) -> list[str]:
        try:
            return [name for name in self._files.list_folder(self.folder) if _number(name)]
        except FileNotFoundError:
            return []


def sessions(mailbox: Mailbox, program: str = "") -> list[AgentSession]:
    """Return the living sessions of a program, or of all, the last one noted first.

    A session that has ended is left out, though its process may go on with another.
    """
    files = private(mailbox)
    found = []
    for folder in _folders(mailbox, files):
        with suppress(OSError):
            at = files.stat(f"{folder}/{_SESSION}").mtime
            session = _session(files, folder)
            if session is None or program not in ("", session.program) or not session.lives:
                continue
            if not Journal(mailbox, session.program, session.id).ended:
                found.append((at, session))
    return [session for _, session in sorted(found, key=lambda pair: pair[0], reverse=True)]


def remove_old(mailbox: Mailbox, before: float) -> None:
    """Remove the journals of sessions that are over and were noted before a time."""
    files = private(mailbox)
    for folder in _folders(mailbox, files):
        session = _session(files, folder)
        with suppress(OSError):  # another process removes it too
            if files.stat(folder).mtime < before and not (session and session.lives):
                files.remove_folder(folder)


def _folders(mailbox: Mailbox, files: LocalFiles) -> list[str]:
    try:
        return [f"{mailbox.at(FOLDER)}/{name}" for name in files.list_folder(mailbox.at(FOLDER))]
    except OSError:
        return []


def _session(files: LocalFiles, folder: str) -> AgentSession | None:
    """Return the session that is noted in a folder; None if none is, or it is damaged."""
    try:
        noted = parse_object(files.read(f"{folder}/{_SESSION}", _LIMIT))
    except (OSError, Damaged):
        return None
    known = {field: noted.get(field, "") for field in AgentSession._fields}
    texts = {field: value for field, value in known.items() if isinstance(value, str)}
    return AgentSession(**texts) if len(texts) == len(known) else None


def private(mailbox: Mailbox) -> LocalFiles:
    """Return the files of a mailbox on this machine, for what only its user may see."""
    files = mailbox.files
    return files.private() if isinstance(files, LocalFiles) else LocalFiles(files.root)


def key_of(session: str) -> str:
    """Return a session's id as part of a file's name."""
    plain = session.isascii() and all(c.isalnum() or c == "-" for c in session) and 0 < len(session) <= 64
    return session if plain else layout.digest(os.fsencode(session))


def _number(name: str) -> int:
    """Return the number in an event's name; 0 if it is not one."""
    number, dot, ending = name.partition(".")
    return int(number) if number.isascii() and number.isdigit() and dot + ending == ".json" else 0
