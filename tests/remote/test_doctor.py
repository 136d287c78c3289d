"""Problems on the way to a remote hub, there and in the mirror, and the commands that report them."""

import json
import os
from pathlib import Path

import pytest

from tests.remote.machine import Machine
from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import Sshd
from xw import clock
from xw.files.sftp import SftpFiles


def test_doctor_is_content(alice: Machine, bob: Machine) -> None:
    """On a sound hub doctor finds nothing bad, and says how far it looked."""
    found = alice.ok("doctor")
    assert "connected to" in found
    assert "xw can write and sync files on the hub" in found
    assert "bad" not in found


def test_the_age_of_the_mirror(alice: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror synced in the last minute is in order; an older one gets the advice to sync."""
    alice.ok("sync")
    now = clock.now()

    def shown(after_s: int) -> tuple[str, str]:
        monkeypatch.setattr(clock, "now", lambda: now + after_s * clock.SECOND)
        (found,) = [
            one for one in alice.json("doctor", "--offline")["findings"] if one["code"] == "mirror-age"
        ]
        return found["level"], found["fix"]

    assert shown(30) == ("ok", "")
    assert shown(90) == ("note", "xw sync")


def test_doctor_names_the_step_that_fails(
    alice: Machine, bob: Machine, known: Sshd, home: Home, hub: Path
) -> None:
    """A missing mailbox, hub, host key or server: `doctor` names each with its fix."""

    def bad() -> str:
        # A process of its own: this one would keep its connection.
        result = alice.process("doctor")
        assert result.code == 1, result
        (line,) = [line for line in result.out.splitlines() if line.startswith("bad")]
        return line

    os.rename(hub / "alice", hub / "gone")
    assert "no mailbox for alice: xw init --name alice" in bad()
    os.rename(hub / "gone", hub / "alice")
    os.rename(hub / "alice/inbox/done", hub / "gone")
    assert "missing folders on the hub: inbox/done: xw init --name alice" in bad()
    (hub / "alice/inbox/done").touch()
    assert "unreadable folders on the hub: inbox/done" in bad()
    os.remove(hub / "alice/inbox/done")
    assert alice.process("init", "--name", "alice").code == 0
    os.rmdir(hub / "gone")
    (hub / "alice/attachments").chmod(0o755)
    assert f"other users on the hub can read the mail: chmod 700 {hub}/alice/attachments" in bad()
    (hub / "alice/attachments").chmod(0o700)
    os.rename(hub, hub.parent / "elsewhere")
    assert f"no hub at {alice.url}" in bad()
    os.rename(hub.parent / "elsewhere", hub)
    trusted = home.known_hosts.read_text()
    home.known_hosts.write_text("")
    assert "ssh-keyscan" in bad() or "known_hosts" in bad()
    home.known_hosts.write_text(trusted)
    known.stop()
    assert "127.0.0.1" in bad()
    known.start()
    assert alice.process("doctor").code == 0


@pytest.mark.parametrize("lacking", ["fsync", "hardlink", "posix-rename"])
def test_a_server_that_is_not_durable(
    lacking: str, home: Home, keys: Keys, hub: Path, tmp_path: Path
) -> None:
    """If the server lacks an extension, init and doctor explain the effect; mail travels all the same."""
    server = Sshd(tmp_path / "weak", [keys.host], keys.accepted, [f"ForceCommand internal-sftp -P {lacking}"])
    home.know(server, keys.host)
    try:
        url = f"ssh://127.0.0.1:{server.port}{hub}"
        alice, bob = (Machine(tmp_path / name, name, url) for name in ("alice", "bob"))
        for machine in (alice, bob):
            said = machine.ok("init", "--name", machine.name, "--hub", url)
            assert "mail there does not survive a power cut: use OpenSSH 6.5 or later there\n" in said
        assert ('"publish": "rename"' in (hub / "hub.json").read_text()) == (lacking == "hardlink")
        told = alice.run("send", "--to", "bob", "task", "all the same")
        assert told.code == 0
        assert (
            told.err
            == "xw: its SFTP server lacks fsync or hard links: mail there does not survive a power cut\n"
        )
        alice.send("bob", "again, without that line")
        assert "all the same" in bob.ok("check")
        bob.ok("done", bob.pending()[0])
        assert "bad  its SFTP server lacks fsync or hard links" in alice.run("doctor").out
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("system", "more", "told"),
    [
        ("Darwin", (), True),
        ("Linux", (), False),
        ("Darwin in a banner", (), False),
        ("Darwin", ("ForceCommand internal-sftp",), False),
    ],
)
def test_a_hub_on_a_mac(
    system: str, more: tuple[str, ...], told: bool, home: Home, keys: Keys, hub: Path, tmp_path: Path
) -> None:
    """Doctor explains what a Mac cannot promise; if no command may run there, it goes on without."""
    uname = tmp_path / "bin" / "uname"
    uname.parent.mkdir()
    uname.write_text(f"#!/bin/sh\necho {system}\n")
    uname.chmod(0o755)
    server = Sshd(
        tmp_path / "mac", [keys.host], keys.accepted, [f"SetEnv PATH={uname.parent}:/usr/bin:/bin", *more]
    )
    home.know(server, keys.host)
    try:
        alice = Machine(tmp_path / "alice", "alice", f"ssh://127.0.0.1:{server.port}{hub}")
        alice.join()
        found = alice.ok("doctor")
        assert ("note the hub's host is a Mac" in found) == told
        assert ("power cut" in found) == told
        assert "xw can write and sync files on the hub" in found
    finally:
        server.stop()


def test_doctor_compares_clocks(alice: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub whose clock is off is named, and by how much."""
    real = SftpFiles.now
    monkeypatch.setattr(SftpFiles, "now", lambda files: real(files) + 100)
    examined = alice.run("doctor")
    assert (examined.code, "bad  the hub's clock is +100 s off" in examined.out) == (1, True), examined


DAMAGE = (
    "",
    "[]",
    "[" * 100_000,
    '{"at": "then", "failed": null, "why": 3}',
    '{"at": 1e999, "failed": 1e999, "why": ""}',
    '{"skew": 1e999, "seen": {"alice": {"name": "alice", "changed": -1e999}}}',
    '{"skew": 0, "seen": {"alice": {"name": "alice", "oldest": "zz"}}}',
    '{"skew": 0, "seen": {"alice": {"name": "alice", "presence": 7}}}',
    '{"skew": 0, "seen": {"alice": {"name": 5}}}',
)


@pytest.mark.parametrize("name", ["away.json", "bob/outbox/.sync.json", "peers.json"])
def test_damaged_notes_of_the_mirror(name: str, alice: Machine, bob: Machine) -> None:
    """With any damage to a mirror's notes, commands go on, and the next sync repairs them."""
    path = bob.mirror.parent / name

    def keys() -> list[str]:
        return sorted(json.loads(path.read_text())) if path.exists() else []

    bob.ok("sync")
    sound = keys()
    for damage in DAMAGE:
        for command in (["check"], ["peers"], ["who"], ["doctor"]):
            for more in ([], ["--offline"]):
                path.write_text(damage)
                result = bob.run(*command, *more)
                assert (result.code, result.err) == (0, ""), (damage[:80], command, result)
    bob.ok("sync")
    assert keys() == sound
    assert bob.ok("peers", "--offline").startswith("alice")
