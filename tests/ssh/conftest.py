"""Fixtures: keys, a server, a user's home with `~/.ssh`, and links that are closed again."""

import os
import pwd
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.ssh.sshd import USER, Sshd, keygen, public
from xw.files.ssh import link


class Keys(NamedTuple):
    """Key pairs made once: the host's of three types, the user's, a stranger's, one with a passphrase."""

    host: Path
    host_rsa: Path
    host_ecdsa: Path
    user: Path
    stranger: Path
    locked: Path
    accepted: Path


# ssh(1) looks for the home in the user database, whatever HOME says: the test's is put in its place.
_SSH = """#!/bin/sh
[ "$1" = -G ] || exec {ssh} "$@"
echo "$*" >> {asked}
shift
said=$({ssh} -G -F {config} "$@") || exit
printf '%s\\n' "$said" | sed 's,~/,{home}/,g; s,%d,{home},g; s,{real}/,{home}/,g'
"""


class Home:
    """A user's home directory; `~` while the test runs."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.ssh = folder / ".ssh"
        self.ssh.mkdir(parents=True, mode=0o700)
        self.known_hosts = self.ssh / "known_hosts"
        self.config = self.ssh / "config"
        # The system's own files must not decide a test.
        self.configure("")
        self.give(keys.user)
        self.tools = folder.parent / "home-tools"
        self.tools.mkdir()
        (self.tools / "config").write_text(f'Include "{self.config}"\n')
        self._asked = self.tools / "asked"
        about = {
            "asked": self._asked,
            "ssh": shutil.which("ssh"),
            "config": self.tools / "config",
            "home": folder,
        }
        (self.tools / "ssh").write_text(_SSH.format(**about, real=pwd.getpwuid(os.getuid()).pw_dir))
        (self.tools / "ssh").chmod(0o755)

    def configure(self, text: str) -> None:
        """Write `~/.ssh/config`."""
        own = f"UserKnownHostsFile {self.known_hosts}\nGlobalKnownHostsFile /dev/null\n"
        self.config.write_text(f"{text}\nHost *\n{own}")

    def asked(self) -> list[str]:
        """Return what `ssh -G` was asked so far, a line for each time."""
        return self._asked.read_text().splitlines() if self._asked.exists() else []

    def give(self, key: Path, name: str = "id_ed25519") -> None:
        """Put a key pair into `~/.ssh`."""
        shutil.copy(key, self.ssh / name)
        shutil.copy(f"{key}.pub", self.ssh / f"{name}.pub")

    def know(self, server: Sshd, key: Path) -> None:
        """Note a server's host key."""
        with self.known_hosts.open("a") as file:
            file.write(f"[127.0.0.1]:{server.port} {public(key)}\n")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    made = Keys(
        keygen(folder / "host"),
        keygen(folder / "host_rsa", "-t", "rsa", "-b", "2048"),
        keygen(folder / "host_ecdsa", "-t", "ecdsa"),
        keygen(folder / "user"),
        keygen(folder / "stranger"),
        keygen(folder / "locked", "-N", "secret"),
        folder / "accepted",
    )
    made.accepted.write_text(f"{public(made.user)}\n{public(made.locked)}\n")
    return made


@pytest.fixture
def home(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    made = Home(tmp_path / "home", keys)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOGNAME", USER)
    monkeypatch.setenv("PATH", str(made.tools), prepend=os.pathsep)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    yield made
    for made_link in link._links.values():
        made_link.close()
    link._links.clear()


@pytest.fixture
def server(tmp_path: Path, keys: Keys) -> Iterator[Sshd]:
    """A server whose host key is not yet known."""
    made = Sshd(tmp_path / "server", [keys.host], keys.accepted)
    yield made
    made.stop()


@pytest.fixture
def known(server: Sshd, home: Home, keys: Keys) -> Sshd:
    """A server whose host key is known."""
    home.know(server, keys.host)
    return server
