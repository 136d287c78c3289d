"""OpenSSH's `sftp-server` over a socket pair: SFTP in 3 ms, without sshd and keys."""

import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from xw.files import sftp_packets as sftp
from xw.files.sftp_packets import Request
from xw.files.sftp_wire import Wire

PROGRAM = next(
    path
    for path in (
        "/usr/lib/openssh/sftp-server",
        "/usr/libexec/openssh/sftp-server",
        "/usr/libexec/sftp-server",
        "/usr/lib/ssh/sftp-server",
    )
    if Path(path).exists()
)
# Root may read whatever the modes of files say, unless it gives up that right.
OBEDIENT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
# The kernel holds some 200 KB of a socket's bytes; more answers than that must not be under way.
WINDOW = 128 * 1024


class ServerLink:
    """A `sftp_remote.Link` to a server of this machine, one for each thread.

    `options` are the server's, `user` is whom it runs as; `before` goes before its command.
    """

    def __init__(
        self, *options: str, patience: float = 30.0, user: int | None = None, before: Sequence[str] = ()
    ) -> None:
        self.name = "hub"
        self.servers: list[tuple[subprocess.Popen[bytes], Wire]] = []
        self._command = [*before, PROGRAM, *options]
        self._patience = patience
        self._user = user
        self._mine = threading.local()
        self._trips = 0

    def wire(self) -> Wire:
        wire: Wire | None = getattr(self._mine, "wire", None)
        if wire is None or wire.broken:
            wire = self._mine.wire = self._start()
        return wire

    def _start(self) -> Wire:
        ours, theirs = socket.socketpair()
        server = subprocess.Popen(
            self._command, stdin=theirs.fileno(), stdout=theirs.fileno(), user=self._user
        )
        theirs.close()
        wire = Wire(ours, self.name, lambda: self._patience, WINDOW, self._count)
        self.servers.append((server, wire))
        return wire

    def _count(self) -> None:
        self._trips += 1

    @property
    def round_trips(self) -> int:
        return self._trips

    def close(self) -> None:
        for server, wire in self.servers:
            wire.close()
            server.kill()
            server.wait()


@contextmanager
def breaking_server(number: int) -> Iterator[list[str]]:
    """Break the n-th of the requests that write, sync or name a file; the cleaning up is left alone."""
    steps: list[str] = []
    real = Wire.send
    changing = {6: "write", 18: "rename"}
    extensions = (sftp.FSYNC, sftp.HARDLINK, sftp.POSIX_RENAME)

    def send(self: Wire, requests: Sequence[Request]) -> list[int]:
        return real(self, [broken(request) for request in requests])

    def broken(request: Request) -> Request:
        name = changing.get(request.kind, "")
        if request.kind == sftp.EXTENDED:
            name = next((known for known in extensions if known.encode() in request.body), "")
        if not name:
            return request
        steps.append(name)
        # Nobody, root included, can remove this folder: the answer is the bare `Failure`.
        return sftp.remove_folder("/") if len(steps) == number else request

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Wire, "send", send)
        yield steps
