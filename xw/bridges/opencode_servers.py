"""The running opencode programs with a server, as their processes show them; only where there is `/proc`.

`opencode --port N` serves HTTP on 127.0.0.1. Called by `opencode`.
"""

import os
import re
from typing import NamedTuple

from xw import processes

_NAMES = ("opencode", "opencode.exe", "opencode.js")


class Running(NamedTuple):
    """A running program: its process, the port of its server, when it started (seconds), and whose it is."""

    process: int
    port: int
    began: float
    directory: str = ""
    name: str = ""
    run: str = ""
    config: str = ""

    @property
    def url(self) -> str:
        """Return the address of its server."""
        return f"http://127.0.0.1:{self.port}"


def running(number: int = 0) -> list[Running]:
    """Return the programs with a server, the last started first; of one process and its children if given."""
    numbers = processes.family(number) if number else processes.numbers()
    found = [_about(one, port) for one in numbers if (port := _port(one))]
    # A launcher and its child have the same command line.
    last = {one.port: one for one in sorted(found, key=lambda one: one.began)}
    return sorted(last.values(), key=lambda one: one.began, reverse=True)


def _port(number: int) -> int:
    """Return the port in a process's command line; 0 if it is not an opencode with a server."""
    words = processes.words(number)
    names = [os.path.basename(word) for word in words[:3]]
    if not any(name in _NAMES for name in names):
        return 0
    given = re.search(r"(?:^| )--port[= ](\d{1,5})(?: |$)", " ".join(words))
    return int(given[1]) if given else 0


def _about(number: int, port: int) -> Running:
    environ = dict(one.partition(b"=")[::2] for one in processes.environment(number))
    values = [os.fsdecode(environ.get(key, b"")) for key in (b"XW_NAME", b"XW_RUN", b"XW_CONFIG")]
    about = processes.status(number)
    began = processes.began(about.started) if about else 0.0
    return Running(number, port, began, processes.link(number, "cwd"), *values)
