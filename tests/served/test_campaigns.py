"""Kills and cuts under load, over a real sshd that serves each key one mailbox: nothing lost or twice."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.proxy import Proxy
from tests.remote.test_campaigns import Between, Load, Record, cut_links, kill_clients, kill_sessions
from tests.served.conftest import Join, Member, ServedSshd
from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import public

LIMITS = {"messages_per_minute": 60_000, "connections_per_minute": 60_000, "calls_per_second": 10_000}


@pytest.fixture(autouse=True)
def no_limits(served: ServedSshd) -> None:
    """A campaign sends more than a member may."""
    folder = served.hub / ".served"
    folder.mkdir()
    (folder / "limits.json").write_text(json.dumps(LIMITS))


@pytest.fixture
def load(alice: Member, bob: Member) -> Iterator[Load]:
    alice.ok("sync")
    made = Load(alice, bob)
    yield made
    made.end()


@pytest.fixture
def between(served: ServedSshd, home: Home, keys: Keys, join: Join) -> Iterator[Between]:
    """Alice and bob, who reach the hub through a proxy."""
    proxy = Proxy(served.sshd.port)
    with home.known_hosts.open("a") as file:
        file.write(f"[127.0.0.1]:{proxy.port} {public(keys.host)}\n")
    url = f"ssh://127.0.0.1:{proxy.port}{served.hub}"
    made = Between(proxy, join("alice", url=url), join("bob", url=url))
    made.alice.ok("sync")
    yield made
    proxy.close()
    made.load.end()


def test_killed_clients(load: Load, hub: Path, record_property: Record) -> None:
    """6 kills of sender and receiver at random moments."""
    kill_clients(load, hub, 6, record_property)


def test_killed_servers(load: Load, served: ServedSshd, hub: Path, record_property: Record) -> None:
    """4 kills of all the host's processes but the listening one, the servers included."""
    kill_sessions(load, served.sshd, hub, 4, record_property)


def test_cut_links(between: Between, hub: Path, record_property: Record) -> None:
    """4 cuts over 40 messages."""
    cut_links(between, 4, 40, hub, record_property)


@pytest.mark.torture
@pytest.mark.timeout(3000)
def test_300_killed_clients(load: Load, hub: Path, record_property: Record) -> None:
    """The same at full size."""
    kill_clients(load, hub, 300, record_property)


@pytest.mark.torture
@pytest.mark.timeout(3000)
def test_150_killed_servers(load: Load, served: ServedSshd, hub: Path, record_property: Record) -> None:
    """The same at full size."""
    kill_sessions(load, served.sshd, hub, 150, record_property)


@pytest.mark.torture
@pytest.mark.timeout(3000)
def test_100_cut_links(between: Between, hub: Path, record_property: Record) -> None:
    """100 cuts over 1,000 messages."""
    cut_links(between, 100, 1000, hub, record_property)
