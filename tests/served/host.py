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
import traceback
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

    def connect(self, hub: Path, member: str, errors: int = 2, **seconds: float) -> tuple[socket.socket, int]:
        """Return a connection to a new server, and its process.

        `errors` is the handle of its stderr, `seconds` are other times than the usual of `frames`.
        """
        ours, theirs = socket.socketpair()
        order = json.dumps([str(hub), member, seconds]).encode()
        with theirs, self._one_by_one:
            socket.send_fds(self._orders, [order], [theirs.fileno(), errors])
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


def _serve(path: str, member: str) -> int:
    """Serve as `xw hub serve` does, and print why that ended."""
    from xw.actions.serving import serve

    try:
        ended = serve(path, member, "SHA256:test", lambda: True)
    except Exception:  # noqa: BLE001  # whatever it is, the test sees it
        traceback.print_exc()
        return 70
    if ended:
        os.write(2, f"xw: {ended}\n".encode())
    return 1 if ended else 0


def _main() -> None:
    from xw import watch  # noqa: F401
    from xw.actions import serving  # noqa: F401  # before the first fork, as all that the servers need
    from xw.hub.served import frames

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    orders = socket.socket(fileno=int(sys.argv[1]))
    while True:
        data, handles, _, _ = socket.recv_fds(orders, 4096, 2)
        if not data:
            return
        path, member, seconds = json.loads(data)
        child = os.fork()
        if child == 0:
            orders.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(handles[0], 0)
            os.dup2(handles[0], 1)
            os.dup2(handles[1], 2)
            os.closerange(3, 64)
            vars(frames).update(seconds)
            os._exit(_serve(path, member))
        for handle in handles:
            os.close(handle)
        orders.sendall(str(child).encode())


if __name__ == "__main__":
    _main()
