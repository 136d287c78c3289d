"""Processes as Linux shows them in `/proc`; one that has ended, or another system, shows nothing."""

import os
import time

from xw.named_tuple import NamedTuple

_PROC = "/proc"
_LIMIT = 64 * 1024  # bytes of a status line


class Status(NamedTuple):
    """A process's state (`Z`: a zombie), parent, session, and start in the system's ticks."""

    state: str
    parent: int
    session: int
    started: str


def are_shown() -> bool:
    """Return True if this system shows processes in `/proc`."""
    return status(os.getpid()) is not None


def numbers() -> list[int]:
    """Return the numbers of all processes."""
    try:
        return [int(name) for name in os.listdir(_PROC) if name.isdigit()]
    except OSError:
        return []


def status(number: int) -> Status | None:
    """Return a process's status, or None."""
    try:
        with open(f"{_PROC}/{number}/stat", "rb") as file:
            # After the name, in parentheses, which may contain anything.
            fields = file.read(_LIMIT).rpartition(b")")[2].split()
        return Status(fields[0].decode("ascii"), int(fields[1]), int(fields[3]), fields[19].decode("ascii"))
    except (OSError, ValueError, IndexError):
        return None


def mark(number: int) -> str:
    """Return `PID-START`, which tells a process from a later one of that number."""
    found = status(number)
    return f"{number}-{found.started if found else ''}"


def lives(process: str) -> bool:
    """Return True while the process `PID-START` runs."""
    number, _, started = process.partition("-")
    valid = number.isascii() and number.isdigit() and len(number) < 10
    found = status(int(number)) if valid else None
    return found is not None and found.started == started and found.state != "Z"


def environment(number: int) -> list[bytes]:
    """Return the `NAME=VALUE` with which a process was started; none of another user's process."""
    try:
        with open(f"{_PROC}/{number}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def variables(number: int) -> dict[str, str]:
    """Return the variables with which a process was started; none of another user's process."""
    pairs = (pair.partition(b"=") for pair in environment(number) if pair)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def words(number: int) -> list[str]:
    """Return the words of a process's command line; none of one that has ended."""
    try:
        with open(f"{_PROC}/{number}/cmdline", "rb") as file:
            return [os.fsdecode(word) for word in file.read().rstrip(b"\0").split(b"\0")]
    except OSError:
        return []


def link(number: int, name: str) -> str:
    """Return where one of a process's links leads, such as `cwd` or `exe`; empty if nobody tells."""
    try:
        return os.readlink(f"{_PROC}/{number}/{name}")
    except OSError:
        return ""


def held(number: int) -> set[str]:
    """Return what a process holds open, as links name it: paths, `socket:[INODE]`; none of another user's."""
    folder, found = f"{_PROC}/{number}/fd", set()
    try:
        for name in os.listdir(folder):
            try:
                found.add(os.readlink(f"{folder}/{name}"))
            except OSError:  # closed meanwhile
                continue
    except OSError:
        pass
    return found


def owner(number: int) -> int | None:
    """Return the number of the user as whom a process acts, or None."""
    try:
        return os.stat(f"{_PROC}/{number}").st_uid
    except OSError:
        return None


def family(number: int) -> list[int]:
    """Return a process and all that descend from it."""
    parents = {one: found.parent for one in numbers() if (found := status(one))}
    return [one for one in parents if number in _line(one, parents)]


def _line(number: int, parents: dict[int, int]) -> list[int]:
    """Return a process and those it descends from."""
    line = [number]
    while (parent := parents.get(line[-1], 0)) and parent not in line:
        line.append(parent)
    return line


def began(started: str) -> float:
    """Return a start in the system's ticks as a time by the clock of now, to a hundredth of a second."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + int(started) / os.sysconf("SC_CLK_TCK")
