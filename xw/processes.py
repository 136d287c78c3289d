"""Processes as Linux shows them in `/proc`; one that has ended, or another system, shows nothing."""

import os

from xw.named_tuple import NamedTuple

_PROC = "/proc"
_LIMIT = 64 * 1024  # bytes of a status line


class Status(NamedTuple):
    """A process's state (`Z`: a zombie), parent, session, and start in the system's ticks."""

    state: str
    parent: int
    session: int
    started: str


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


def environment(number: int) -> list[bytes]:
    """Return the `NAME=VALUE` with which a process was started; none of another user's process."""
    try:
        with open(f"{_PROC}/{number}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []
