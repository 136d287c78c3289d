"""`xw up`: start the programs that are wanted, restart each one that dies, and end those no longer wanted.

Each child leads its own session. A chat program that it starts stays in that session whatever its process
group, so `up` finds them all when it ends.
"""

import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import NamedTuple, Protocol

from xw import processes
from xw.backoff import Pause
from xw.bridges.loop import Tell
from xw.errors import Usage

GRACE_S = 10.0
"""How long a program may take to end after SIGTERM."""

STEADY_S = 60.0
"""A program that ran this long is restarted without a pause."""

_STDERR = 2
_FIRST_S, _LAST_S = 0.5, 60.0  # pause between restarts of a program that keeps dying
PARENT = "XW_UP"
"""Environment variable with the process id of the `xw up` or `xw launch` that started a program."""

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)

LOOK_S = 2.0
"""Time between two looks at what is to run."""


class Program(NamedTuple):
    """A child process: its name in reports, its command line, and what else it was configured with.

    One that `ends` has done its work when it exits with 0, and reports on stdout to people.
    """

    name: str
    argv: tuple[str, ...]
    settings: str = ""
    ends: bool = False


class Wanted(Protocol):
    """Tells what is to run."""

    @property
    def edited(self) -> bool:
        """True once that was changed by a person."""

    def look(self, running: Collection[str]) -> list[Program]:
        """Return the programs to run now, given the names of those that run."""


def supervise(wanted: Wanted, tell: Tell) -> bool:
    """Run programs until SIGINT, SIGTERM or SIGHUP, then end them and everything that they started.

    Return False if every program ended permanently because it cannot work as first configured, else True.
    """
    children: dict[str, _Child] = {}
    with Signals() as signals:
        try:
            while not signals.stopped():
                _follow(children, wanted, signals, tell)
                if signals.stopped():
                    break
                pauses = [child.tend(time.monotonic()) for child in children.values()]
                if children and not wanted.edited and all(child.hopeless for child in children.values()):
                    return False
                signals.wait(min([LOOK_S, *pauses]))
        finally:
            tell("ends")
            _end(list(children.values()), signals)
    return True


def _follow(children: "dict[str, _Child]", wanted: Wanted, signals: "Signals", tell: Tell) -> None:
    """End the programs that are no longer wanted, or configured otherwise; add new ones."""
    found = wanted.look([name for name, child in children.items() if child.runs])
    programs = {program.name: program for program in found}
    left = {name: child for name, child in children.items() if programs.get(name) != child.program}
    for name, child in left.items():
        if name in programs:
            tell(f"{name}: restarts with its new configuration")
        elif child.runs or not child.program.ends:
            tell(f"{name}: ends, because it is no longer configured")
    _end(list(left.values()), signals)
    for name in left:
        del children[name]
    for name, program in programs.items():
        if name not in children:
            children[name] = _Child(program, tell)


def orphaned(environ: Mapping[str, str]) -> Callable[[], bool] | None:
    """Return a check whether the `xw up` or launch that started this process is gone; None without one."""
    parent = environ.get(PARENT, "")
    # Its programs lead their sessions: one that does, but has another parent, lost it while it was starting.
    started = parent and (parent == str(os.getppid()) or os.getsid(0) == os.getpid())
    return (lambda: str(os.getppid()) != parent) if started else None


class _Child:
    """A program: started, restarted with back-off, and given up if its arguments are invalid."""

    def __init__(self, program: Program, tell: Tell) -> None:
        self.hopeless = False
        self.sessions: set[int] = set()
        self.program = program
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._due = 0.0
        self._pause = Pause(_FIRST_S, _LAST_S, 2.0)

    @property
    def runs(self) -> bool:
        """Return True while the process lives."""
        return self._process is not None and self._process.poll() is None

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
            self.program.argv,
            stdin=subprocess.DEVNULL,
            stdout=_STDERR if self.program.ends else None,
            env=environ,
            start_new_session=True,
        )
        self.sessions.add(self._process.pid)
        self._started = now
        self._tell(f"{self.program.name}: started, process {self._process.pid}")

    def _bury(self, code: int, now: float) -> None:
        self._process = None
        # A chat program may outlive its bridge, and the next bridge reads its answer: keep living sessions.
        self.sessions = {session for session in self.sessions if members(session)}
        if code == Usage.code:
            self.hopeless = True
            self._tell(f"{self.program.name}: cannot work as configured, and is not started again")
            return
        if code == 0 and self.program.ends:
            self._due = now + LOOK_S  # by then it is no longer wanted, or wanted again
            return
        if now - self._started >= STEADY_S:
            self._pause.reset()
        delay = self._pause.longer()
        self._due = now + delay
        self._tell(f"{self.program.name}: ended with {code}, starts again in {delay:g} s")

    def ask_to_end(self) -> None:
        """Send SIGTERM to the program alone: it ends its own children."""
        if self._process is not None:
            self._process.terminate()

    def ended(self) -> bool:
        """Return True once the process is gone."""
        return self._process is None or self._process.poll() is not None


class Signals:
    """Wakes the main loop on signals, including a child's end, without running code in a handler."""

    def __init__(self, numbers: Sequence[int] = _ENDS) -> None:
        self._numbers = numbers
        self._noted: list[int] = []
        self._reader, self._writer = socket.socketpair()
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> "Signals":
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in self._numbers:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._reader.close()
        self._writer.close()

    def stopped(self) -> bool:
        """Return True after a signal to end."""
        return bool(self._noted)

    def take(self) -> list[int]:
        """Return the signals since the last call, in order, without those of a child's end."""
        taken = self._noted[:]
        del self._noted[: len(taken)]
        return taken

    def wait(self, timeout: float) -> None:
        """Return after a signal, or after `timeout` seconds."""
        select.select([self._reader], [], [], max(0.0, timeout))
        with suppress(BlockingIOError):
            while self._reader.recv(64):
                pass

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # signal's signature
        if number != signal.SIGCHLD:
            self._noted.append(number)


def _end(children: Sequence[_Child], signals: Signals) -> None:
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
        found = {pid: processes.status(pid) for pid in processes.numbers()}
        return [pid for pid, one in found.items() if one and one.session == session and one.state != "Z"]
    return [pid for pid in _living() if _leader_of(pid) == session]


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
