"""`xw up`: start the programs that `xw.json` names, and restart each one that dies.

Each child leads its own session. A chat program that it starts stays in that session whatever its process
group, so `up` finds them all when it ends.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import NamedTuple

from xw import config
from xw.backoff import Pause
from xw.bridges.loop import Tell
from xw.config import Config
from xw.errors import Usage
from xw.instance import Options, where_now

GRACE_S = 10.0
"""How long a program may take to end after SIGTERM."""

STEADY_S = 60.0
"""A program that ran this long is restarted without a pause."""

_FIRST_S, _LAST_S = 0.5, 60.0  # pause between restarts of a program that keeps dying
PARENT = "XW_UP"
"""Environment variable with the process id of the `xw up` that started a program."""


class Program(NamedTuple):
    """A child process: its name in reports, and its command line."""

    name: str
    argv: tuple[str, ...]


def programs(found: Config, options: Options, names: Sequence[str], as_json: bool = False) -> list[Program]:
    """Return the bridges of these instances in `xw.json` (default: all), after the sync of their mirrors.

    Raise Usage if there is nothing to start.
    """
    for name in names:
        if name not in found.instances:
            raise Usage(
                f"{found.path or 'xw.json'} has no instance {name!r}: it has {', '.join(found.instances)}"
            )
    asked = list(dict.fromkeys(names or found.instances))
    bridged = [name for name in asked if found.instances[name].get("bridge")]
    # One sync for all: the mirrors of one xw.json share a connection.
    mirrored = bool(found.instances) and config.is_remote(
        where_now(config.hub_url(options.hub, os.environ, found), found)
    )
    if not mirrored and (not bridged or (names and bridged != asked)):
        whom = next(name for name in asked if name not in bridged) if names else "an instance"
        example = '"bridge": {"kind": "command", "target": "claude -p"}'
        raise Usage(f"nothing to start: give {whom} in {found.path or 'xw.json'} a bridge, such as {example}")
    more = [
        word
        for flag, value in (("--config", found.path), ("--hub", options.hub))
        if value
        for word in (flag, value)
    ]
    xw = (sys.executable, "-P", "-m", "xw")  # -P: never import `xw` from the current directory
    form = ("--json",) if as_json else ()  # bridges print nothing on stdout
    syncing = [Program("sync", (*xw, "sync", "--watch", *form, *more))] if mirrored else []
    return syncing + [Program(f"bridge {name}", (*xw, "bridge", "--as", name, *more)) for name in bridged]


def launch(wanted: Sequence[Program], tell: Tell) -> bool:
    """Run programs until SIGINT, SIGTERM or SIGHUP, then end them and everything that they started.

    Return False if every program ended permanently because it cannot work as configured, else True.
    """
    children = [_Child(program, tell) for program in wanted]
    with _Signals() as signals:
        try:
            while not signals.stop:
                pauses = [child.tend(time.monotonic()) for child in children]
                if all(child.hopeless for child in children):
                    return False
                signals.wait(min(pauses))
        finally:
            tell("ends")
            _end(children, signals)
    return True


def orphaned(environ: Mapping[str, str]) -> Callable[[], bool] | None:
    """Return a check whether the `xw up` that started this process is gone; None if none started it."""
    parent = environ.get(PARENT, "")
    return (lambda: str(os.getppid()) != parent) if parent == str(os.getppid()) else None


class _Child:
    """A program: started, restarted with back-off, and given up if its arguments are invalid."""

    def __init__(self, program: Program, tell: Tell) -> None:
        self.hopeless = False
        self.sessions: set[int] = set()
        self._program = program
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._due = 0.0
        self._pause = Pause(_FIRST_S, _LAST_S, 2.0)

    def tend(self, now: float) -> float:
        """Start or reap the process if it is time to; return the seconds until the next call."""
        if self._process is not None and self._process.poll() is not None:
            self._bury(self._process.returncode, now)
        if self._process is not None or self.hopeless:
            return _LAST_S
        if now >= self._due:
            self._start(now)
            return _LAST_S
        return self._due - now

    def _start(self, now: float) -> None:
        environ = {**os.environ, PARENT: str(os.getpid())}
        self._process = subprocess.Popen(
            self._program.argv, stdin=subprocess.DEVNULL, env=environ, start_new_session=True
        )
        self.sessions.add(self._process.pid)
        self._started = now
        self._tell(f"{self._program.name}: started, process {self._process.pid}")

    def _bury(self, code: int, now: float) -> None:
        self._process = None
        # A chat program may outlive its bridge, and the next bridge reads its answer: keep living sessions.
        self.sessions = {session for session in self.sessions if members(session)}
        if code == Usage.code:
            self.hopeless = True
            self._tell(f"{self._program.name}: cannot work as configured, and is not started again")
            return
        if now - self._started >= STEADY_S:
            self._pause.reset()
        delay = self._pause.longer()
        self._due = now + delay
        self._tell(f"{self._program.name}: ended with {code}, starts again in {delay:g} s")

    def ask_to_end(self) -> None:
        """Send SIGTERM to the program alone: it ends its own children."""
        if self._process is not None:
            self._process.terminate()

    def ended(self) -> bool:
        """Return True once the process is gone."""
        return self._process is None or self._process.poll() is not None


class _Signals:
    """Wakes the main loop on signals, including a child's end, without running code in a handler."""

    def __init__(self) -> None:
        self.stop = False
        self._reader, self._writer = socket.socketpair()
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> "_Signals":
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._reader.close()
        self._writer.close()

    def wait(self, timeout: float) -> None:
        """Return after a signal, or after `timeout` seconds."""
        select.select([self._reader], [], [], max(0.0, timeout))
        with suppress(BlockingIOError):
            while self._reader.recv(64):
                pass

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # signal's signature
        self.stop = self.stop or number != signal.SIGCHLD


def _end(children: Sequence[_Child], signals: _Signals) -> None:
    for child in children:
        child.ask_to_end()
    deadline = time.monotonic() + GRACE_S
    while not all(child.ended() for child in children) and time.monotonic() < deadline:
        signals.wait(min(1.0, deadline - time.monotonic()))
    sessions = {session for child in children for session in child.sessions}
    deadline = time.monotonic() + GRACE_S
    # Repeat: a process may have started another one while it was being killed.
    while (left := [pid for session in sessions for pid in members(session)]) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for child in children:
            child.ended()
        signals.wait(0.02)


def members(session: int) -> list[int]:
    """Return the living processes of a session."""
    if os.path.exists("/proc/self/stat"):
        return [
            pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _session_of(pid) == session
        ]
    return [pid for pid in _living() if _leader_of(pid) == session]


def _session_of(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name, in parentheses, may hold anything; after it: state, parent, group, session.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None  # it has ended
    return None if fields[0] == b"Z" else int(fields[3])


def _living() -> list[int]:
    """Return all processes that `ps` lists, without zombies; an empty list if `ps` fails."""
    # One `-o` for each column: BSD and macOS take everything after the first `=` as a header.
    command = ["ps", "-A", "-o", "pid=", "-o", "stat="]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False).stdout
    except OSError:
        return []
    rows = [line.split() for line in shown.splitlines()]
    return [int(row[0]) for row in rows if len(row) == 2 and row[0].isdigit() and row[1][0] != "Z"]


def _leader_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None  # it has ended, or belongs to another user
