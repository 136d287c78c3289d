"""A hub served by another SFTP server than OpenSSH's, from end to end."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.machine import Machine, disconnect
from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import public

OTHER = Path(__file__).parents[1] / "ssh/other.py"
REFUSES = "its SFTP server refuses to sync files or folders to disk: mail there does not survive a power cut"


@pytest.fixture
def url(home: Home, keys: Keys, hub: Path) -> Iterator[str]:
    """The hub's URL at AsyncSSH's server, which offers to sync and opens no folder."""
    command = [sys.executable, str(OTHER), str(keys.host), str(keys.accepted)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        port = server.stdout.readline().strip()
        with home.known_hosts.open("a") as file:
            file.write(f"[127.0.0.1]:{port} {public(keys.host)}\n")
        yield f"ssh://127.0.0.1:{port}{hub}"
        disconnect()
        server.kill()


def test_a_server_that_opens_no_folder(url: str, tmp_path: Path, hub: Path) -> None:
    """It is joined as not durable, as `init`, `doctor` and `send` report; mail and files travel."""
    alice, bob = (Machine(tmp_path / name, name, url) for name in ("alice", "bob"))
    for machine in (alice, bob):
        assert f"{REFUSES}: use OpenSSH 6.5 or later there\n" in machine.join()
    (alice.folder / "notes.txt").write_text("notes")
    sent = alice.run("send", "--to", "bob", "task", "see", "--attach", str(alice.folder / "notes.txt"))
    assert (sent.code, sent.err) == (0, f"xw: {REFUSES}\n")
    alice.send("bob", "again, without that line")
    bob.ok("check")
    assert "notes.txt" in bob.ok("read", bob.pending()[0])
    bob.ok("done", bob.pending()[0])
    assert len([*(hub / "bob/inbox/done").iterdir()]) == 1
    assert [*(hub / "alice/inbox/tmp").iterdir()] == []
    assert f"bad  {REFUSES}" in alice.run("doctor").out
