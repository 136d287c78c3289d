"""`xw doctor --hub URL` before the first `init` tries each step of the way, and names the one that fails."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.team import Result, call
from tests.remote.machine import disconnect
from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import Sshd, free_port, public
from tests.ssh.test_login import only

Look = Callable[..., Result]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """`look(url)`: the result of doctor in a project that knows nothing."""
    folder = tmp_path / "project"
    folder.mkdir()

    def run(url: str, *more: str) -> Result:
        disconnect()
        return call(folder, "doctor", "--hub", url, *more)

    return run


STEPS = ("name: ", "TCP: ", "key exchange: ", "host key: ", "login: as ", "SFTP: ", "path: ", "xw can write",
         "durability: ")  # fmt: skip


def test_each_step(known: Sshd, hub: Path, look: Look) -> None:
    """On a sound way every step is reported, nothing is left behind, and the next command is named."""
    url = f"ssh://127.0.0.1:{known.port}{hub}"
    found = look(url)
    assert found.code == 0, found
    lines = [line[5:] for line in found.out.splitlines() if line.startswith("ok ")][1:]
    assert [step for step, line in zip(STEPS, lines, strict=True) if not line.startswith(step)] == []
    assert f"{hub} is not there yet, but {hub.parent} is" in found.out
    assert f"note nobody here has joined {url}: xw init --name NAME --hub {url}" in found.out
    assert not hub.exists()
    assert not [name for name in os.listdir(hub.parent) if "doctor" in name]
    assert call(hub.parent / "project", "init", "--name", "alice", "--hub", url).code == 0
    assert "path: a hub is at" in call(hub.parent, "doctor", "--hub", url).out
    assert sorted(os.listdir(hub)) == ["README.md", "alice", "hub.id", "hub.json"]
    assert "the hub was not checked, because of --offline" in look(f"{url}x", "--offline").out


def test_which_step_fails(known: Sshd, home: Home, keys: Keys, hub: Path, look: Look) -> None:
    """The steps before the failing one are reported as sound; the failing one with its fix."""

    def steps(url: str) -> tuple[int, str]:
        found = look(url, "--json")
        assert found.code == 1, found
        findings = json.loads(found.out)["findings"]
        done = [one for one in findings if one["level"] == "ok" and one["code"] in ("connected", "writable")]
        (bad,) = [one for one in findings if one["level"] == "bad"]
        return len(done), f"{bad['what']}: {bad['fix']}"

    url = f"ssh://127.0.0.1:{known.port}{hub}"
    assert steps(f"ssh://127.0.0.1:{free_port()}{hub}")[0] == 1
    trusted = home.known_hosts.read_text()
    home.known_hosts.write_text("")
    count, why = steps(url)
    assert (count, "its host key is unknown" in why) == (3, True)
    home.known_hosts.write_text(trusted)
    only(home, keys.stranger)
    count, why = steps(url)
    assert (count, "login refused" in why) == (4, True)
    only(home, keys.user)
    hub.touch()
    count, why = steps(f"{url}/deeper")
    assert (count, f"{hub} is a file on the host" in why) == (6, True)
    home.configure("ProxyCommand sh -c 'echo log in first >&2; exit 3'")
    count, why = steps(url)
    assert (count, "exit code 3, and says 'log in first'" in why) == (1, True)


def test_a_read_only_server(home: Home, keys: Keys, hub: Path, tmp_path: Path, look: Look) -> None:
    """A server that only reads is named as that, not as too old."""
    server = Sshd(tmp_path / "server", [keys.host], keys.accepted, ["ForceCommand internal-sftp -R"])
    home.know(server, keys.host)
    try:
        found = look(f"ssh://127.0.0.1:{server.port}{hub}")
        assert found.code == 1
        assert "or its SFTP server is read-only (`sftp-server -R`)" in found.out
        assert "OpenSSH 6.5" not in found.out
    finally:
        server.stop()


def test_over_a_jump_host(known: Sshd, home: Home, keys: Keys, hub: Path, tmp_path: Path, look: Look) -> None:
    """The steps to the jump host come first."""
    server = Sshd(tmp_path / "inner", [keys.host], keys.accepted)
    with home.known_hosts.open("a") as file:
        file.write(f"[127.0.0.2]:{server.port} {public(keys.host)}\n")
    home.configure(f"Host inner\n HostName 127.0.0.1\n HostKeyAlias [127.0.0.1]:{server.port}\n"
                   f" Port {server.port}\n ProxyJump 127.0.0.1:{known.port}\n")  # fmt: skip
    home.know(server, keys.host)
    try:
        found = look(f"ssh://inner{hub}")
        assert found.code == 0, found
        jumped = [line for line in found.out.splitlines() if "jump host" in line]
        assert len(jumped) == 5
        assert "login: as" in jumped[-1]
    finally:
        server.stop()
