"""Find the program that would get the text typed into a terminal, from its foreground processes.

The look of a prompt proves nothing: a shell can show any. So each look at a pane asks the system for the
processes that own its terminal: on Linux in /proc (4 ms), elsewhere from `ps` with columns that BSD, macOS
and Linux share. If neither answers, xw types nothing.
"""

import filecmp
import os
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import Enum
from functools import cache
from typing import NamedTuple

from xw.bridges.command_lines import Command, Kind, read, runs_input
from xw.bridges.names import SHELLS

TIMEOUT_S = 5.0

_PROC = "/proc"

_FOLDERS = ("/bin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")

_SCRIPT = 4096  # bytes: a smaller file is a script that another file runs, not an executable


class Process(NamedTuple):
    """A process of a terminal's foreground group."""

    pid: int
    parent: int
    group: int
    started: str
    """Time of the start: with the pid, tells the process from a later one of that number."""
    words: tuple[str, ...]
    """The command line."""
    file: str = ""
    """The executable's name, if the system tells it."""
    stopped: bool = False
    reads: bool | None = None
    """True if its standard input is the terminal; None if the system does not tell."""
    hosts: bool = False
    """True if it holds another terminal open, in which it runs other programs."""


class State(Enum):
    """How much xw knows about a terminal's owner."""

    KNOWN = "known"
    """A program with a profile."""
    UNKNOWN = "unknown"
    BARRED = "barred"
    """A shell, a REPL or a tool."""
    WRAPPER = "wrapper"
    UNSURE = "unsure"
    """Unknown at the moment; this may pass."""


class Owner(NamedTuple):
    """The program that gets the text typed into a terminal."""

    state: State
    name: str = ""
    kind: str = ""
    """For people: the kind of a barred program (`a shell`), or why the state is unsure."""
    identity: tuple[int, str] = (0, "")
    """Pid and start of the process."""
    file: str = ""
    """The executable's name, if the system tells it."""
    agent: str = ""
    """The process's `XW_NAME`: the instance that it is, if the system tells it."""


def owner(processes: Sequence[Process], known: Callable[[str], bool]) -> Owner:
    """Return the program that gets text typed to these processes; `known` tells names with a profile."""
    if not processes:
        return Owner(State.UNSURE, kind="the system does not show which program has the terminal")
    if any(process.stopped for process in processes):
        return Owner(State.UNSURE, kind=f"{_name(processes[0])} is stopped")
    pids = {process.pid for process in processes}
    leader = next((p for p in processes if p.pid == p.group), processes[0])
    beside = [p for p in processes if p.parent not in pids and p is not leader]
    found = _walk(leader, processes, known)
    for other in beside:
        # A process without its parent is a leftover; one beside the leader is the other end of a pipe.
        if other.parent == leader.parent or _is_barred(_walk(other, processes, known), other):
            return _shared(leader, other)
    return found


def _walk(process: Process, processes: Sequence[Process], known: Callable[[str], bool]) -> Owner:
    command = read(process.words, process.file)
    children = [child for child in processes if child.parent == process.pid and child is not process]
    identity = (process.pid, process.started)
    if command.kind in (Kind.SHELL, Kind.REPL, Kind.OTHER):
        return Owner(State.BARRED, command.name, command.kind.value, identity)
    if command.kind is Kind.WRAPPER:
        return Owner(State.WRAPPER, command.name, identity=identity)
    below = [_walk(child, processes, known) for child in children]
    if command.kind is Kind.LAUNCHER:
        return _launched(process, command, children, below)
    if command.kind is Kind.SCRIPT and not known(command.name):
        told = [one for one in below if one.state is not State.UNKNOWN]
        if told and len(below) == 1 and told[0].state in (State.KNOWN, State.WRAPPER):
            return told[0]
        if told:
            # Unknown: it runs a tool, or a shell in it reads the terminal.
            return _shared(process, *children)
    for child, one in zip(children, below, strict=True):
        # A program's own tools do not read the terminal; an editor that it opened does.
        if _is_barred(one, child):
            return (
                one if command.kind is Kind.SCRIPT and one.state is State.WRAPPER else _shared(process, child)
            )
    if known(command.name):
        if command.kind is Kind.SCRIPT and not children:
            return Owner(State.UNSURE, kind=f"{command.name} is a script, and its shell has the terminal")
        return Owner(State.KNOWN, command.name, identity=identity, file=process.file)
    state = State.WRAPPER if process.hosts else State.UNKNOWN
    return Owner(state, command.name, identity=identity, file=process.file)


def _launched(process: Process, command: Command, children: list[Process], below: list[Owner]) -> Owner:
    """Return the program that a launcher started; a shell without a child is itself the program."""
    if len(children) == 1:
        return below[0]
    if children:
        return _shared(*children)
    identity = (process.pid, process.started)
    if command.name in SHELLS or process.file in SHELLS:
        return Owner(State.BARRED, command.name, Kind.SHELL.value, identity)
    return Owner(State.WRAPPER, command.name, identity=identity)


def _is_barred(found: Owner, process: Process) -> bool:
    return found.state in (State.BARRED, State.WRAPPER) and process.reads is True


def _shared(*processes: Process) -> Owner:
    names = dict.fromkeys(map(_name, processes))
    return Owner(State.UNSURE, kind=f"several programs share the terminal: {', '.join(names)}")


def _name(process: Process) -> str:
    return read(process.words, process.file).name


def foreground(tty: str) -> list[Process]:
    """Return the terminal's foreground processes; none if the system does not tell."""
    try:
        device = os.stat(tty).st_rdev
    except OSError:
        return []
    found = sorted(_from_proc(tty, device)) if os.path.exists(f"{_PROC}/self/stat") else []
    return found or _from_ps(tty)


def reads_keys(tty: str) -> bool:
    """Return True if the program gets each key at once; False if the terminal collects lines for it."""
    try:
        opened = os.open(tty, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return True  # in doubt, as most programs do
    try:
        return not termios.tcgetattr(opened)[3] & termios.ICANON
    except termios.error:
        return True
    finally:
        os.close(opened)


def _from_proc(tty: str, device: int) -> Iterator[Process]:
    for name in os.listdir(_PROC):
        if not name.isdigit():
            continue
        # A process that has ended meanwhile does not count.
        with suppress(OSError, ValueError, IndexError):
            with open(f"{_PROC}/{name}/stat", "rb") as file:
                about = file.read()
            comm, _, rest = about.partition(b" (")[2].rpartition(b") ")
            fields = rest.split()
            state, group, terminal, front = fields[0], int(fields[2]), int(fields[4]), int(fields[5])
            if terminal & 0xFFFFFFFF != device or group != front or state in (b"Z", b"X"):
                continue
            with open(f"{_PROC}/{name}/cmdline", "rb") as file:
                line = file.read().decode(errors="replace")
            yield Process(
                pid=int(name),
                parent=int(fields[1]),
                group=group,
                started=fields[19].decode(),
                words=tuple(line.rstrip("\0").split("\0")),
                file=_file(f"{_PROC}/{name}/exe") or comm.decode(errors="replace"),
                stopped=state in (b"T", b"t"),
                reads=_reads(name, tty),
                hosts=_hosts(name),
            )


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""  # another user's process, which shows only its command line


def _file(link: str) -> str:
    """Return the executable's name behind this link; for a copy of a shell or interpreter, the original's."""
    name = os.path.basename(_link(link).removesuffix(" (deleted)"))
    with suppress(OSError):
        if runs_input(name):
            return name
        for path in _originals().get(os.stat(link).st_size, ()):
            if filecmp.cmp(path, link, shallow=False):
                return os.path.basename(path)
    return name


@cache
def _originals() -> dict[int, list[str]]:
    """Return this machine's shells, REPLs and interpreters by size, each file once."""
    files: dict[str, str] = {}
    for path in (*_login_shells(), *_installed()):
        files.setdefault(os.path.realpath(path), path)
    found: dict[int, list[str]] = {}
    for real, path in files.items():
        with suppress(OSError):  # it is gone, or unreadable
            size = os.stat(real).st_size
            if size > _SCRIPT:
                found.setdefault(size, []).append(path)
    return found


def _login_shells() -> Iterator[str]:
    with suppress(OSError), open("/etc/shells", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("/") and os.path.basename(line.strip()) in SHELLS:
                yield line.strip()


def _installed() -> Iterator[str]:
    for folder in dict.fromkeys((*os.environ.get("PATH", "").split(os.pathsep), *_FOLDERS)):
        with suppress(OSError):
            yield from (f"{folder}/{name}" for name in os.listdir(folder) if runs_input(name))
    yield sys.executable


def _hosts(pid: str) -> bool:
    """Return True if the process holds the other end of a terminal, whose programs this module cannot see."""
    try:
        held = os.listdir(f"{_PROC}/{pid}/fd")
    except OSError:
        return False
    return any(_link(f"{_PROC}/{pid}/fd/{number}") in ("/dev/ptmx", "/dev/pts/ptmx") for number in held)


def _reads(pid: str, tty: str) -> bool:
    shown = _link(f"{_PROC}/{pid}/fd/0")
    return not shown or shown in (tty, "/dev/tty")


def _from_ps(tty: str) -> list[Process]:
    # One option per column: BSD takes everything behind `=` for the header, here an empty one.
    columns = [
        word for name in ("pid", "ppid", "pgid", "stat", "lstart", "args") for word in ("-o", f"{name}=")
    ]
    try:
        done = subprocess.run(
            ["ps", "-t", tty.removeprefix("/dev/"), "-ww", *columns],
            capture_output=True, timeout=TIMEOUT_S, check=False, env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return []
    found = []
    for row in done.stdout.decode(errors="replace").splitlines():
        fields = row.split(None, 9)
        if len(fields) == 10 and "+" in fields[3] and "Z" not in fields[3]:
            pid, parent, group = map(int, fields[:3])
            started = " ".join(fields[4:9])
            words = tuple(fields[9].split())
            found.append(Process(pid, parent, group, started, words, stopped="T" in fields[3]))
    return found
