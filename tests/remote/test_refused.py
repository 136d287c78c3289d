"""A hub that refuses the login: few tries by all commands together, and the reason each time."""

from pathlib import Path

from tests.cli.team import until
from tests.remote.machine import Machine, disconnect
from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import Sshd
from tests.ssh.test_login import only
from tests.ssh.test_refusals import settled


def watched(machine: Machine) -> Path:
    """Start `sync --watch`; return the file with what it says."""
    said = machine.folder / "said"
    with said.open("wb") as out:
        machine.start("sync", "--watch", stdout=out, stderr=out)
    return said


def test_all_together(alice: Machine, bob: Machine, known: Sshd, home: Home, keys: Keys) -> None:
    """Commands and two `sync --watch` make three tries; after a change of the key all go on in seconds."""
    # In this process: the start of ten others may take longer than the minute within which tries count.
    disconnect()
    only(home, keys.stranger)
    watches = [watched(machine) for machine in (alice, bob)]
    until(lambda: all("login refused: tried" in said.read_text() for said in watches))
    for command in (["sync"], ["check"], ["sync"], ["peers"]):
        result = alice.run(*command)
        assert "login refused: tried" in result.err, command
        assert result.code == (6 if command == ["sync"] else 0)
    alice.run("sync")
    assert "refused 3 times within a minute: not tried again for" in alice.run("sync").err
    (bad,) = [line for line in alice.run("doctor").out.splitlines() if line.startswith("bad")]
    assert "login refused: tried" in bad
    assert settled(known, 3)
    assert all(said.read_text().count("\n") == 1 for said in watches)
    only(home, keys.user)
    until(lambda: all("connected: " in said.read_text() or "back: " in said.read_text() for said in watches))
    assert settled(known, 3)
    assert alice.run("sync").code == 0


def test_ssh_is_asked_once(alice: Machine, bob: Machine, known: Sshd, home: Home) -> None:
    """Each command asks `ssh -G` once, so that a `Match exec` runs once, whether the host answers or not."""
    disconnect()
    commands = (["check"], ["send", "info", "hi", "--to", "bob"], ["sync"], ["doctor"], ["peers"])
    for state in ("up", "down"):
        for command in commands:
            before = len(home.asked())
            alice.process(*command)
            assert len(home.asked()) - before == 1 or state == "down", (state, command)
            assert len(home.asked()) - before <= 1, (state, command)
        known.stop()
    known.start()
