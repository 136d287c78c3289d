"""Fixtures: a real sshd whose forced commands serve each key one mailbox, and machines of members."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.team import XW
from tests.remote.conftest import end_all
from tests.remote.machine import Machine
from tests.served.gate import Host
from tests.ssh.conftest import Home, Keys, home, keys  # noqa: F401  # fixtures
from tests.ssh.sshd import Sshd, keygen, public
from xw import config
from xw.actions.setup import join_hub
from xw.files.local import LocalFiles
from xw.hub.served.entries import fingerprint
from xw.mirror.notes import Notes

Join = Callable[..., "Member"]


class Member(Machine):
    """A machine whose instance has a key of its own."""

    def __init__(self, folder: Path, name: str, url: str, key: Path) -> None:
        super().__init__(folder, name, url)
        self.key = key

    @property
    def environ(self) -> dict[str, str]:
        return {**super().environ, "XW_KEY": str(self.key)}

    def join(self) -> str:
        """Join with the key, as an invitation does."""
        mirror = config.mirror(self.url, config.load(None)._replace(path=str(self.folder / "xw.json")), {})
        files = LocalFiles(mirror)
        files.make_folder("")
        Notes(files, self.url).note_served(self.name, str(self.key))
        return super().join()


class ServedSshd:
    """An sshd that serves a hub, each key a mailbox."""

    def __init__(self, folder: Path, hub: Path, home: Home, keys: Keys) -> None:  # noqa: F811  # fixtures
        self.hub = hub
        self._folder = folder
        self._accepted = folder / "authorized_keys"
        self._accepted.touch()
        self.sshd = Sshd(folder, [keys.host], self._accepted)
        home.know(self.sshd, keys.host)
        self.url = f"ssh://127.0.0.1:{self.sshd.port}{hub}"
        join_hub(str(hub), None, True, lambda _: None)

    def key_of(self, member: str) -> Path:
        """Return a member's private key, made and let in on first use."""
        key = self._folder / f"key-{member}"
        if not key.exists():
            keygen(key)
            with self._accepted.open("a") as file:
                file.write(f"{self._command(key, member)} {public(key)} {member}\n")
        return key

    def _command(self, key: Path, member: str) -> str:
        options = f"--key {fingerprint(public(key))} --authorized-keys {self._accepted}"
        return f'command="{XW} hub serve --as {member} {options} {self.hub}",restrict'

    def allow_sftp(self, key: Path, member: str = "") -> None:
        """Let a key in by plain SFTP, or as a member from now on."""
        lines = [line for line in self._accepted.read_text().splitlines() if public(key) not in line]
        command = f"{self._command(key, member)} " if member else ""
        self._accepted.write_text("\n".join([*lines, f"{command}{public(key)} {member}", ""]))

    def shut_out(self, member: str) -> None:
        """Take a member's key off."""
        lines = [line for line in self._accepted.read_text().splitlines() if not line.endswith(f" {member}")]
        self._accepted.write_text("\n".join([*lines, ""]))

    def processes(self) -> list[int]:
        """Return the running servers."""
        found = []
        for process in self.sshd.sessions():
            with suppress(OSError):
                words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
                if b"serve" in words:
                    found.append(process)
        return sorted(found)


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """Return the place of the hub on its host."""
    return tmp_path / "hub"


@pytest.fixture
def served(tmp_path: Path, hub: Path, home: Home, keys: Keys) -> Iterator[ServedSshd]:  # noqa: F811
    (tmp_path / "server").mkdir()
    made = ServedSshd(tmp_path / "server", hub, home, keys)
    yield made
    made.sshd.stop()


@pytest.fixture
def join(served: ServedSshd, tmp_path: Path) -> Iterator[Join]:
    """`join(name, place=name)`: a member that has joined the hub from a machine."""
    made: list[Machine] = []

    def join_one(name: str, place: str = "", url: str = "") -> Member:
        machine = Member(tmp_path / (place or name), name, url or served.url, served.key_of(name))
        machine.join()
        made.append(machine)
        return machine

    yield join_one
    end_all(made)


@pytest.fixture
def alice(join: Join) -> Member:
    return join("alice")


@pytest.fixture
def bob(alice: Member, join: Join) -> Member:
    return join("bob")


@pytest.fixture
def host(tmp_path: Path, home: Home, keys: Keys) -> Iterator[Host]:  # noqa: F811  # fixtures
    """A host with a new, empty hub; no machine knows its key yet."""
    place = tmp_path / "host"
    place.mkdir()
    server = Sshd(tmp_path / "server", [keys.host], place / "authorized_keys")
    yield Host(place, server, keys.host)
    server.stop()
