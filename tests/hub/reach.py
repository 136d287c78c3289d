"""The way to an SSH hub without sshd: OpenSSH's sftp-server and a shell of this machine, over sockets."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.ssh.server import OBEDIENT, ServerLink
from xw.errors import Unreachable
from xw.files.sftp_wire import Wire
from xw.files.ssh.target import parse


class Way(ServerLink):
    """The link that `xw.hub.ssh` needs; `cut` is True while the network is down."""

    def __init__(self) -> None:
        super().__init__(before=OBEDIENT)
        self.cut = False
        self._shells: list[subprocess.Popen[str]] = []

    def wire(self) -> Wire:
        """Return this thread's session."""
        self.transport()
        return super().wire()

    def transport(self) -> None:
        """Raise Unreachable while the network is down."""
        if self.cut:
            raise Unreachable("hub: no route to host")

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Let no answer take longer."""
        before, self._patience = self._patience, seconds
        try:
            yield
        finally:
            self._patience = before

    def lines(self, command: str) -> Iterator[str]:
        """Yield what a command prints; it ends with its standard input, as on a host."""
        self.transport()
        pipe = subprocess.PIPE
        shell = subprocess.Popen(
            ["sh", "-c", command], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
        )
        self._shells.append(shell)
        assert shell.stdout
        yield from shell.stdout
        shell.wait()

    def answer(self, command: str) -> str:
        """Return the first line that a command prints."""
        self.transport()
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        return done.stdout.partition("\n")[0]

    def close(self) -> None:
        """End its server and its shells; the next session is on a new one."""
        for shell in self._shells:
            if shell.stdin:
                with suppress(OSError):
                    shell.stdin.close()
            shell.wait()
            if shell.stdout:
                shell.stdout.close()
        self._shells.clear()
        super().close()
        self.servers.clear()


@contextmanager
def reached_over(way: Way) -> Iterator[None]:
    """Let every `ssh://` hub of this process be reached over `way`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xw.hub.ssh._link", lambda url: (way, parse(url).path))
        yield
    way.close()
