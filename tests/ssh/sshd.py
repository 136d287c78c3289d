"""OpenSSH's own `sshd` on loopback, with keys, port and configuration of its own."""

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

PROGRAM = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin") or "sshd"
USER = getpass.getuser()


def keygen(path: Path, *options: str) -> Path:
    """Make a key pair; the private key's path. ed25519 without a passphrase unless options say other."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", *options, "-f", path], check=True)
    return path


def public(key: Path) -> str:
    """Return the public half of a key: its type and its bytes in base64."""
    return " ".join(Path(f"{key}.pub").read_text().split()[:2])


def free_port() -> int:
    """Return a free port below those of outgoing connections, so that none takes it meanwhile."""
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Sshd:
    """A running server. `home` is where relative paths start; `more` are lines of its configuration."""

    def __init__(
        self, folder: Path, host_keys: Sequence[Path], accepted: Path, more: Sequence[str] = ()
    ) -> None:
        self.port = free_port()
        self.home = folder / "login-home"
        self.home.mkdir(parents=True, exist_ok=True)
        self._config = folder / "sshd_config"
        self.log = folder / "sshd.log"
        lines = [
            *more,  # the first line on a subject counts
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            *(f"HostKey {key}" for key in host_keys),
            f"AuthorizedKeysFile {accepted}",
            "PidFile none",
            "StrictModes no",
            "UsePAM no",
            # Bash reads ~/.bashrc of the real user unless a shell started it: what stands there is slow, and
            # waited a minute for a lock that a killed session had left.
            f"SetEnv SHLVL=2 PATH={_tools(folder)}:{os.environ.get('PATH', os.defpath)}",
            "PermitRootLogin yes",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            f"Subsystem sftp internal-sftp -d {self.home}",
        ]
        self._config.write_text("\n".join(lines) + "\n")
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "-D", "-e", "-f", self._config], stdin=subprocess.DEVNULL, stderr=log
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except ConnectionRefusedError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, "sshd does not come up"
                time.sleep(0.01)

    def sessions(self) -> list[int]:
        """Return the processes of the connections, including each connection's user process."""
        found, parents = [], [self.process.pid]
        while parents:
            parent = parents.pop()
            try:
                children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
            except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                continue
            below = [int(number) for number in children.split()]
            found += below
            parents += below
        return found

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the server and all its sessions."""
        for process in [self.process.pid, *self.sessions()]:
            _kill(process, number)

    def cut(self) -> None:
        """Kill all sessions; the server goes on."""
        held: set[int] = set()
        # Stopped first: one that was killed in the middle of a login could leave a child that nobody finds.
        while new := set(self.sessions()) - held:
            for process in new:
                _kill(process, signal.SIGSTOP)
            held |= new
        for process in held:
            _kill(process, signal.SIGKILL)

    def stop(self) -> None:
        """End it, with all its sessions."""
        _kill(self.process.pid, signal.SIGSTOP)  # no session may begin behind the cut
        self.cut()
        self.process.kill()
        self.process.wait()


def _tools(folder: Path) -> Path:
    """Make a folder for programs on the host: an `inotifywait` that starts as another user, where root can.

    The kernel gives each user 128 inotify instances; where all that runs as root had used them up, tests of
    pushes failed.
    """
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    real, setpriv = shutil.which("inotifywait"), shutil.which("setpriv")
    if os.geteuid() == 0 and real and setpriv:
        rights = "+dac_read_search,+dac_override"
        user = [f"--reuid={100_000 + secrets.randbelow(900_000)}"]
        command = [setpriv, *user, f"--inh-caps={rights}", f"--ambient-caps={rights}"]
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            script = tools / "inotifywait"
            script.write_text(f'#!/bin/sh\nexec {" ".join(command)} {real} "$@"\n')
            script.chmod(0o755)
    return tools


def _kill(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it ended by itself
        os.kill(process, number)
