"""A hub's host with an sshd whose authorized_keys xw writes: for invitations."""

import shlex
from pathlib import Path

from tests.cli.team import Result, call
from tests.ssh.sshd import USER, Sshd
from xw.hub.served.authorized import KeysFile


class Host:
    """The hub's host: `hub` is a directory on it, `file` the file of keys of its sshd."""

    def __init__(self, place: Path, server: Sshd, key: Path) -> None:
        self.hub = place / "hub"
        self.file = place / "authorized_keys"
        self.server = server
        self.key = key
        self.place = place

    @property
    def url(self) -> str:
        """The hub as its members name it."""
        return f"ssh://{USER}@127.0.0.1:{self.server.port}{self.hub}"

    def run(self, *arguments: str) -> Result:
        """Run `xw hub` there, on this hub and these keys."""
        own = ("--hub", str(self.hub), "--authorized-keys", str(self.file))
        return call(self.place, "hub", *arguments, *own)

    def ok(self, *arguments: str) -> str:
        """Return the output of a command that must succeed."""
        result = self.run(*arguments)
        assert result.code == 0, result
        return result.out

    def invite(self, name: str, *more: str) -> list[str]:
        """Invite somebody; return the words of the printed line after `xw`."""
        host = f"{USER}@127.0.0.1:{self.server.port}"
        line = self.ok("invite", name, "--host", host, "--host-key", f"{self.key}.pub", *more)
        assert line.count("\n") == 1
        words = shlex.split(line)
        assert words[:6] == ["xw", "init", "--name", name, "--hub", self.url]
        return words[1:]

    def members(self) -> dict[str, list[str]]:
        """Return the fingerprints of each member."""
        found: dict[str, list[str]] = {}
        for one in KeysFile(str(self.file)).entries(str(self.hub)):
            if not one.invited:
                found.setdefault(one.name, []).append(one.fingerprint)
        return found
