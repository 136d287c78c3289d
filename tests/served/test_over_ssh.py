"""A served hub over a real sshd: what members do, see, and are refused."""

import json
from pathlib import Path

from tests.served.conftest import Member
from tests.ssh.sshd import public
from xw.hub.served.entries import fingerprint


def test_a_task_there_and_back(alice: Member, bob: Member, hub: Path) -> None:
    """A task with a file, its reply and its end travel as on any hub; the audit has a line for each."""
    (alice.folder / "numbers.bin").write_bytes(bytes(range(256)) * 2000)
    task = alice.send("bob", "Sum these, please.", "--attach", "numbers.bin")
    assert [one["id"] for one in bob.json("check")["messages"]] == [task]
    copy = bob.mirror / "attachments" / task / "numbers.bin"
    assert copy.read_bytes() == (alice.folder / "numbers.bin").read_bytes()
    assert "delivered to alice" in bob.ok("reply", task, "It is 65280000.")
    bob.ok("done", task)
    assert "on the hub, done" in alice.ok("trace", task)
    assert alice.json("check")["messages"][0]["re"] == task
    (path,) = (hub / ".served").glob("audit-*.jsonl")
    assert path.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(one["from"], one["to"], one["type"], one["outcome"]) for one in lines] == [
        ("alice", "bob", "task", "delivered"),
        ("bob", "alice", "reply", "delivered"),
    ]
    key = fingerprint(public(alice.key))
    assert (lines[0]["files"], lines[0]["key"], lines[0]["address"]) == (1, key, "127.0.0.1")
