"""A host of served hubs without sshd: a process that forks a server for each connection, in 5 ms.

`Host` is its other end. The servers are processes of their own, as under sshd; they have imported xw before.
Run as `python -m tests.served.host SOCKET`, it takes orders on an inherited socket.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

from tests.ssh.server import OBEDIENT

_ROOT = Path(__file__).parents[2]


class Host:
    """The process that forks the servers."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair()
        self._one_by_one = threading.Lock()
        command = [*OBEDIENT, sys.executable, "-m", "tests.served.host", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command, cwd=_ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()

    def connect(self, hub: Path, member: str) -> tuple[socket.socket, int]:
        """Return a connection to a new server, and its process."""
        ours, theirs = socket.socketpair()
        order = json.dumps([str(hub), member]).encode()
        with theirs, self._one_by_one:
            socket.send_fds(self._orders, [order], [theirs.fileno()])
            return ours, int(self._orders.recv(20))

    def end(self) -> None:
        """End it, and its servers, whose connections must be closed."""
        self._orders.close()
        self._process.wait()


@cache
def host() -> Host:
    """Return the host of this test process."""
    made = Host()
    atexit.register(made.end)
    return made


def _main() -> None:
    from xw import watch  # noqa: F401
    from xw.actions.serving import serve  # before the first fork, as all that the servers need

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    orders = socket.socket(fileno=int(sys.argv[1]))
    while True:
        data, handles, _, _ = socket.recv_fds(orders, 4096, 1)
        if not data:
            return
        path, member = json.loads(data)
        child = os.fork()
        if child == 0:
            orders.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(handles[0], 0)
            os.dup2(handles[0], 1)
            os.close(handles[0])
            os._exit(1 if serve(path, member, "SHA256:test", lambda: True) else 0)
        os.close(handles[0])
        orders.sendall(str(child).encode())


if __name__ == "__main__":
    _main()
