"""End a program together with everything that it has started.

A process group misses a child that has made a session of its own (`setsid`). Each program therefore starts
with a tag in its environment, which its children inherit.
"""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress

from xw import processes

VARIABLE = "XW_STARTED_BY"
_ROUNDS = 20  # a process may start another one while it is killed


def tagged(environ: Mapping[str, str], tag: str) -> dict[str, str]:
    """Return the environment for a program with this tag."""
    return {**environ, VARIABLE: tag}


def end(group: int, tag: str) -> None:
    """Kill a process group, and the processes with this tag. Without `/proc`, kill the group alone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    for _ in range(_ROUNDS):
        left = list(_with(f"{VARIABLE}={tag}".encode()))
        if not left:
            return
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _with(variable: bytes) -> Iterator[int]:
    """Yield the living processes that have this variable in their environment; a zombie has none."""
    for number in processes.numbers():
        if number != os.getpid() and variable in processes.environment(number):
            yield number
