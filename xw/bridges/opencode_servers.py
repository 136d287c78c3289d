"""The running opencode programs with a server, as their processes show them; only where there is `/proc`.

`opencode --port N` serves HTTP on 127.0.0.1. A process counts only while it holds the socket that listens at
that port: else another program has the port, such as one of another project that was started before.
Called by `opencode`.
"""

import os
import re
from contextlib import suppress
from typing import NamedTuple

from xw import processes
from xw.bridges import agent_process
from xw.bridges.agent_process import AgentProcess

_LISTENS = "0A"
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
    ports = [(one, port) for one in numbers if (port := _port(one))]
    sockets = _listening() if ports else {}
    found = [
        Running(process, port)
        for one, port in ports
        if sockets.get(port, set()) & processes.held(one) and (process := agent_process.look(one))
    ]
    return sorted(found, key=lambda one: one.process.began, reverse=True)


def _listening() -> dict[int, set[str]]:
    """Return the sockets that listen at each TCP port, as a process's links name them."""
    found: dict[int, set[str]] = {}
    for table in ("tcp", "tcp6"):
        with suppress(OSError), open(f"/proc/net/{table}", encoding="ascii") as file:
            for row in list(file)[1:]:
                _, local, _, state, *more = row.split()
                if state == _LISTENS:
                    found.setdefault(int(local.rpartition(":")[2], 16), set()).add(f"socket:[{more[5]}]")
    return found


def _port(number: int) -> int:
    """Return the port in a process's command line; 0 if it is not an opencode with a server."""
    words = processes.words(number)
    names = [os.path.basename(word) for word in words[:3]]
    if not any(name in _NAMES for name in names):
        return 0
    given = re.search(r"(?:^| )--port[= ](\d{1,5})(?: |$)", " ".join(words))
    return int(given[1]) if given else 0
