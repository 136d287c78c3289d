"""A hub elsewhere: when an Agent syncs, and what it reports where that cannot be."""

import shutil
import signal
from pathlib import Path

import pytest

import xw
from tests.api.conftest import Open
from tests.remote.machine import disconnect
from tests.ssh.sshd import Sshd
from xw.files.ssh import link


def test_a_hub_that_is_away_is_reported(reach: Open, known: Sshd) -> None:
    """Mail waits in the outbox; why is kept in `notes`, or handed to `report`."""
    alice = reach("alice")
    reach("bob")
    alice.sync()
    heard: list[str] = []
    listening = reach("alice", report=heard.append)
    known.stop()
    disconnect()
    sent = alice.send("bob", "info", "x")
    assert (sent.delivered, sent.waiting) == ((), ("bob",))
    assert "nothing listens" in alice.notes[0]
    assert not listening.check()
    assert heard[0].startswith(alice.notes[0].partition(" (")[0].partition(";")[0])
    assert listening.notes == ()
    with pytest.raises(xw.Unreachable):
        alice.sync()


def test_what_comes_back_is_raised(reach: Open, hub: Path) -> None:
    """A recipient that is gone by the time of the sync is an error, which tells what was sent."""
    alice = reach("alice")
    reach("bob")
    alice.sync()
    shutil.rmtree(hub / "bob")
    with pytest.raises(xw.Returned, match="came back from bob") as caught:
        alice.send("bob,alice", "info", "x")
    assert isinstance(caught.value, xw.NotFound)
    assert (caught.value.code, caught.value.word) == (xw.NotFound.code, xw.NotFound.word)
    assert (caught.value.sent.returned, caught.value.sent.delivered) == (("bob",), ("alice",))


def test_offline_reads_the_mirror(reach: Open, known: Sshd) -> None:
    """With `offline` nothing is asked of the network, and nothing is reported of it."""
    reach("alice").send("alice", "info", "x")
    reach("alice").check()
    disconnect()
    offline = reach("alice", offline=True)
    assert [message.body for message in offline.check()] == ["x"]
    assert offline.notes == ()
    assert not _connected()


def test_the_last_agent_closes_the_connection(reach: Open) -> None:
    """Agents of one process share a connection, which goes when no Agent uses it any more."""
    with reach("alice") as alice:
        alice.check()
        with xw.open("alice", config=alice.config) as other:
            other.check()
        assert _connected()
    alice.close()
    assert not _connected()
    alice.check()
    assert _connected()
    alice.close()
    assert not _connected()


def test_a_limit_of_its_own(reach: Open, known: Sshd) -> None:
    """`timeout` limits an automatic sync, whatever `xw.json` says: there it is half a minute."""
    alice = reach("alice", timeout=0.2)
    known.signal_all(signal.SIGSTOP)
    alice.check()
    known.signal_all(signal.SIGCONT)
    assert alice.notes


def _connected() -> bool:
    return any(made.up for made in link._links.values())
