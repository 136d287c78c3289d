"""The running opencode programs with a server, as their processes show them; only where there is `/proc`.

`opencode --port N` serves HTTP on 127.0.0.1. Called by `opencode`.
"""

import os
import re
from typing import NamedTuple

from xw import processes
from xw.bridges import agent_process
from xw.bridges.agent_process import AgentProcess

_NAMES = ("opencode", "opencode.exe", "opencode.js")


class Running(NamedTuple):
    """A running program: its process, and the port of its server."""

    process: AgentProcess
    port: int

    @property
    def url(self) -> str:
        """Return the address of its server."""
        return f"http://127.0.0.1:{self.port}"


def running(number: int = 0) -> list[Running]:
    """Return the programs with a server, the last started first; of one process and its children if given."""
    numbers = processes.family(number) if number else processes.numbers()
    found = [
        Running(process, port)
        for one in numbers
        if (port := _port(one)) and (process := agent_process.look(one))
    ]
    found.sort(key=lambda one: one.process.began)
    # A launcher and its child have the same command line.
    return list({one.port: one for one in found}.values())[::-1]


def _port(number: int) -> int:
    """Return the port in a process's command line; 0 if it is not an opencode with a server."""
    words = processes.words(number)
    names = [os.path.basename(word) for word in words[:3]]
    if not any(name in _NAMES for name in names):
        return 0
    given = re.search(r"(?:^| )--port[= ](\d{1,5})(?: |$)", " ".join(words))
    return int(given[1]) if given else 0
