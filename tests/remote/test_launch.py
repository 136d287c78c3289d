"""`xw launch` on a hub of another host: nobody has to run a sync."""

import os
from pathlib import Path

from tests.cli.team import PATIENCE, until
from tests.remote.conftest import Join
from tests.remote.machine import Machine, disconnect
from tests.remote.watching import host_send
from xw import presence
from xw.files.local import LocalFiles
from xw.mailbox import Mailbox


def test_mail_arrives_while_a_program_runs(join: Join, hub: Path, tmp_path: Path) -> None:
    """A sync runs beside the program, from the first launch on, and ends with it; the hub sees the end."""
    join("bob")
    disconnect()
    alice = Machine(tmp_path / "alice", "alice", join("carol").url)
    words = ("launch", "alice", "--hub", alice.url, "--", "sh", "-c", "until [ -e over ]; do sleep 0.1; done")
    process = alice.start(*words)
    until(lambda: (hub / "alice/inbox/pending").exists())
    host_send(hub, tmp_path / "host", "hello", "alice")
    until(lambda: (alice.folder / "xw.json").exists() and os.listdir(alice.mirror / "inbox/pending"))
    (alice.folder / "over").touch()
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and "1 pending" in said, said
    assert presence.read(Mailbox(LocalFiles(str(hub)), "alice")).status == "gone"
    until(lambda: not alice.mailbox.files.held(alice.mailbox.at("outbox/.watch.lock")))
