"""Fixtures: a server, a user who may log in there, and machines with an xw.json that names a hub on it."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.remote.machine import Machine
from tests.remote.proxy import Proxy

# The fixtures of tests/ssh: a fresh `~/.ssh`, and an sshd whose host key it knows.
from tests.ssh.conftest import Home, Keys, home, keys, known, server  # noqa: F401
from tests.ssh.sshd import Sshd, public

Join = Callable[..., Machine]


def behind(server: Sshd, home: Home, keys: Keys, delay: float, rate: float = 0.0) -> Iterator[Proxy]:  # noqa: F811
    """Yield a proxy before a server, known by its host key; for a fixture to pass on."""
    proxy = Proxy(server.port, delay, rate)
    with home.known_hosts.open("a") as file:
        file.write(f"[127.0.0.1]:{proxy.port} {public(keys.host)}\n")
    yield proxy
    proxy.close()


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """Return the place of the hub on its host."""
    return tmp_path / "hub"


@pytest.fixture
def join(known: Sshd, hub: Path, tmp_path: Path) -> Iterator[Join]:  # noqa: F811  # a fixture
    """`join(name, place=name)`: an instance that has joined the hub from a machine."""
    made: list[Machine] = []

    def join_one(name: str, place: str = "") -> Machine:
        machine = Machine(tmp_path / (place or name), name, f"ssh://127.0.0.1:{known.port}{hub}")
        machine.join()
        made.append(machine)
        return machine

    yield join_one
    end_all(made)


def end_all(machines: Iterable[Machine]) -> None:
    """End every process that was started on some machines, stopped ones too."""
    for machine in machines:
        for process in machine.started:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
            reap(process)


def reap(process: "subprocess.Popen[str]") -> None:
    """Wait for the end of a process, and close its pipes."""
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


@pytest.fixture
def alice(join: Join) -> Machine:
    return join("alice")


@pytest.fixture
def bob(alice: Machine, join: Join) -> Machine:
    return join("bob")


def renamed(alice: Machine, url: str) -> None:
    """Let a machine's xw.json name its hub by another URL."""
    alice.url = url
    alice.set(hub=url)


@pytest.fixture
def by_name(known: Sshd, home: Home, keys: Keys, hub: Path) -> str:  # noqa: F811  # fixtures
    """The hub by another name of its host."""
    with home.known_hosts.open("a") as file:
        file.write(f"[localhost]:{known.port} {public(keys.host)}\n")
    return f"ssh://localhost:{known.port}{hub}"
