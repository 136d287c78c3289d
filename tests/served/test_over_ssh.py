"""A served hub over a real sshd: what members do, see, and are refused."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.team import until
from tests.remote.machine import Machine, disconnect
from tests.remote.proxy import Proxy
from tests.remote.watching import Watch
from tests.served.conftest import Join, Member, ServedSshd
from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import USER, public
from xw.hub.served.entries import fingerprint

AGAIN = "`xw init` again, with the same --name and --hub"


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


def test_other_sftp_clients(served: ServedSshd, home: Home, tmp_path: Path) -> None:
    """OpenSSH's own sftp fails with the sentence, and reads nothing."""
    key = served.key_of("alice")
    options = ["-F", str(home.config), "-i", str(key), "-P", str(served.sshd.port), "-b", "-"]
    asked = subprocess.run(
        ["sftp", *options, f"{USER}@127.0.0.1"], input="get /etc/hostname\n", capture_output=True, text=True
    )
    assert asked.returncode
    assert "this is a served xw hub, and no SFTP server: use an xw that knows it" in asked.stderr


def test_a_hub_that_is_served_from_now_on(
    served: ServedSshd, home: Home, keys: Keys, alice: Member, tmp_path: Path
) -> None:
    """A machine that knew it as plain SFTP is told what to run, which goes on; and so is the other way."""
    served.allow_sftp(keys.user)
    bob = Machine(tmp_path / "bob", "bob", served.url)
    bob.join()
    alice.send("bob", "one")
    assert [one["body"] for one in bob.json("check")["messages"]] == ["one"]
    disconnect()
    served.allow_sftp(keys.user, member="bob")
    refused = bob.run("sync")
    assert (refused.code, "`xw init` again, with the same --name and --hub" in refused.err) == (6, True), (
        refused
    )
    assert "mailbox  bob (exists)" in bob.ok("init", "--name", "bob", "--hub", served.url)
    bob.send("alice", "two")
    assert bob.json("check")["messages"]
    disconnect()
    served.allow_sftp(keys.user)
    refused = bob.run("sync")
    assert (refused.code, "`xw init` again, with the same --name and --hub" in refused.err) == (6, True), (
        refused
    )
    bob.ok("init", "--name", "bob", "--hub", served.url)
    bob.send("alice", "three")


def test_pushes(alice: Member, bob: Member, served: ServedSshd) -> None:
    """`sync --watch` gets a push, without inotifywait on the host; idle, both ends use next to nothing."""
    watching = Watch(bob).process
    until(lambda: len(served.processes()) >= 3)  # the command's, the watcher's, its pushes
    began = time.monotonic()
    alice.send("bob", "now")
    until(lambda: bob.pending())
    assert time.monotonic() - began < 5
    alice.instance()
    disconnect()
    until(lambda: len(served.processes()) == 2)
    before = used(watching.pid), [used(one) for one in served.processes()]
    time.sleep(4)
    after = used(watching.pid), [used(one) for one in served.processes()]
    assert after[0] - before[0] <= 0.1
    assert sum(after[1]) - sum(before[1]) <= 0.04, (before, after)


def test_two_members_of_one_project(join: Join, served: ServedSshd, alice: Member) -> None:
    """One `sync --watch` keeps both in step, each over a connection; one that is shut out stops no other."""
    carol = Member(alice.folder.parent / "unused", "carol", served.url, served.key_of("carol"))
    carol.folder = alice.folder
    carol.join()
    dave = join("dave")
    Watch(alice).hears("alice, carol")
    dave.send("alice", "to alice")
    dave.send("carol", "to carol")
    until(lambda: alice.pending() and carol.pending())
    served.shut_out("carol")
    served.sshd.cut()
    disconnect()
    dave.send("alice", "again")
    until(lambda: len(alice.pending()) == 2)


def test_above_a_limit(alice: Member, bob: Member, hub: Path) -> None:
    """`send` says until when the mail waits, and the next sync after that delivers it."""
    limits = hub / ".served/limits.json"
    limits.write_text('{"pending": 1}')
    disconnect()
    alice.send("bob", "one")
    waits = alice.run("send", "info", "two", "--to", "bob")
    assert waits.code == 0
    assert "1 messages of alice are pending at bob: this waits in the outbox" in waits.err + waits.out
    task = bob.json("check")["messages"][0]["id"]
    bob.ok("done", task)
    assert "1 delivered" in alice.ok("sync")
    assert [one["body"] for one in bob.json("check")["messages"]] == ["two"]


def used(process: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.long
def test_a_file_that_takes_longer_than_the_limit(
    served: ServedSshd, home: Home, keys: Keys, join: Join, hub: Path
) -> None:
    """`send` names what waits, after its few seconds; `sync` takes the time, and sends the rest only."""
    proxy = Proxy(served.sshd.port, rate=600_000.0)
    with home.known_hosts.open("a") as file:
        file.write(f"[127.0.0.1]:{proxy.port} {public(keys.host)}\n")
    bob = join("bob")
    alice = join("alice", url=f"ssh://127.0.0.1:{proxy.port}{hub}")
    alice.set(offline_s=2)
    (alice.folder / "large").write_bytes(os.urandom(2_000_000))
    sent = alice.run("send", "info", "here", "--to", "bob", "--attach", "large")
    hint = "large takes longer than 2.0 s: `xw sync` takes the time that it needs"
    assert (sent.code, hint in sent.err) == (0, True), sent
    (part,) = (hub / "bob/inbox/tmp").glob("*.part")
    disconnect()
    served.sshd.cut()  # else the old server waits a minute for a client that has gone without a word
    before, size = proxy.passed[0], part.stat().st_size
    assert "1 delivered" in alice.ok("sync")
    assert proxy.passed[0] - before < 2_100_000 - size, size
    (got,) = bob.json("check")["messages"]
    copy = bob.mirror / "attachments" / got["id"] / "large"
    assert copy.read_bytes() == (alice.folder / "large").read_bytes()
    proxy.close()
