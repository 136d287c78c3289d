"""`xw init --invite` on machines of their own: from the printed line to mail, a new name, a removed key."""

import json
import shlex
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from tests.cli.team import Result
from tests.guarantees.killing import Killed, killed_at
from tests.remote.machine import Machine, disconnect
from tests.served.gate import Host
from tests.ssh.conftest import Home
from tests.ssh.sshd import USER, public
from xw.errors import Refused
from xw.hub.served import invitation


class Guest(Machine):
    """A machine that comes in by an invitation."""

    def come(self, words: list[str]) -> Result:
        """Paste the printed line."""
        disconnect()
        return self.run(*words)


@pytest.fixture
def guest(host: Host, tmp_path: Path) -> Callable[[str], Guest]:
    """`guest(name)`: a machine of its own, with its own configuration."""
    return lambda name: Guest(tmp_path / name, name, host.url)


def test_mail_between_two_that_were_invited(host: Host, guest: Callable[[str], Guest]) -> None:
    """Two machines paste their lines; then mail travels between them, with nothing else to do."""
    alice, bob = guest("alice"), guest("bob")
    for one in (alice, bob):
        came = one.come(host.invite(one.name))
        assert came.code == 0, came
        assert ("xw hub invite NAME" in came.out) == (one is alice)
        assert "xw init --name NAME" not in came.out
        one.set(offline_s=30.0)
    task = alice.send("bob", "Sum these")
    assert [one["id"] for one in bob.json("check")["messages"]] == [task]
    bob.ok("reply", task, "Done")
    assert alice.json("check")["messages"][0]["re"] == task
    listed = {one["name"]: one for one in json.loads(host.ok("members", "--json"))["members"]}
    assert {name: one["mailbox"] for name, one in listed.items()} == {"alice": True, "bob": True}


def test_the_key_of_another_port(host: Host, guest: Callable[[str], Guest]) -> None:
    """Without --host-key, the line has the key of the sshd at the port of --host; the machine believes it."""
    made = host.run("invite", "alice", "--host", f"{USER}@localhost:{host.server.port}")
    words = shlex.split(made.out)[1:]
    assert invitation.read(words[-1]).host_key == invitation.host_key(f"{host.key}.pub")
    assert guest("alice").come(words).code == 0
    host.server.stop()
    silent = host.run("invite", "bob", "--host", f"{USER}@localhost:{host.server.port}")
    assert "no sshd of this machine answers there" in silent.err


def test_the_line_on_another_machine(host: Host, guest: Callable[[str], Guest], tmp_path: Path) -> None:
    """A second machine is told that the invitation was used, and has neither mailbox nor xw.json then."""
    words = host.invite("alice")
    assert guest("alice").come(words).code == 0
    west = Guest(tmp_path / "west", "alice", host.url)
    # Its own keys: another user's configuration.
    (tmp_path / "west-config").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path / "west-config"))
        came = west.come(words)
    assert (came.code, came.out) == (6, "") and "was used before, by the key SHA256:" in came.err, came
    assert not (west.folder / "xw.json").exists()


def test_a_cut_anywhere(host: Host, guest: Callable[[str], Guest]) -> None:
    """Killed before any change of a file, the same line goes on: one key, one mailbox."""
    alice = guest("alice")
    words = host.invite("alice")
    number = 0
    while True:
        number += 1
        try:
            with killed_at(number, False) as began:
                assert alice.come(words).code == 0
        except Killed:
            number += 2  # each third, for time
            continue
        assert len(began) < number
        break
    assert number > 10
    assert len(host.members()["alice"]) == 1
    assert alice.ok("who").startswith("name     alice")


def test_a_new_name(host: Host, guest: Callable[[str], Guest]) -> None:
    """After a rename the old name says what to do, and `init` under the new one keeps the key."""
    alice, bob = guest("alice"), guest("bob")
    for one in (alice, bob):
        assert one.come(host.invite(one.name)).code == 0
        one.set(offline_s=30.0)
    alice.set(instances={"alice": {"description": "keeps the notes"}})
    key = host.members()["alice"]
    task = bob.send("alice", "Sum these")
    host.ok("rename", "alice", "alicia")
    told = alice.run("sync")
    assert told.code == 6 and "this key is alicia's on this hub" in told.err, told
    assert "xw init --name alicia" in told.err
    alice.name = "alicia"
    came = alice.run("init", "--name", "alicia", "--hub", host.url)
    assert came.code == 0 and "alice has the name alicia on this hub now" in came.out, came
    assert host.members()["alicia"] == key
    settings = json.loads((alice.folder / "xw.json").read_text())["instances"]
    assert settings == {"alicia": {"description": "keeps the notes"}}
    assert bob.json("check")["messages"][0]["type"] == "info"  # the task came back
    again = bob.send("alicia", "Sum these, then")
    assert [one["id"] for one in alice.json("check")["messages"]] == [again]
    assert task != again


def test_a_process_with_the_old_name(host: Host, guest: Callable[[str], Guest]) -> None:
    """It is refused, and left alone for a while; the new name's commands go on."""
    alice, bob = guest("alice"), guest("bob")
    for one in (alice, bob):
        assert one.come(host.invite(one.name)).code == 0
        one.set(offline_s=30.0)
    host.ok("rename", "alice", "alicia")
    alice.name = "alicia"
    assert alice.run("init", "--name", "alicia", "--hub", host.url).code == 0
    alice.name = "alice"
    assert "alicia's on this hub" in alice.run("check").err
    assert "tried a moment ago" in alice.run("check").err
    alice.name = "alicia"
    task = bob.send("alicia", "Sum these")
    assert [one["id"] for one in alice.json("check")["messages"]] == [task]
    alice.send("bob", "at once")
    assert not (alice.mirror.parent / "away.json").exists()
    alice.name = "alice"
    assert "tried a moment ago" in alice.run("check").err


def test_mail_that_had_not_left_before_a_new_name(host: Host, guest: Callable[[str], Guest]) -> None:
    """What the old name left in its outbox comes back to the new one, text and files; each once."""
    alice, bob = guest("alice"), guest("bob")
    for one in (alice, bob):
        assert one.come(host.invite(one.name)).code == 0
        one.set(offline_s=30.0)
    host.ok("rename", "alice", "alicia")
    (alice.folder / "sums.txt").write_text("1 + 1")
    sent = alice.run("send", "info", "Mind the gap", "--to", "bob", "--attach", "sums.txt")
    assert (sent.code, "alicia's on this hub" in sent.err) == (0, True), sent
    old = alice.mirror
    big = alice.run("send", "info", "-", "--to", "bob", stdin=b"x" * 1_000_000)
    assert big.code == 0, big
    alice.name = "alicia"
    came = alice.run("init", "--name", "alicia", "--hub", host.url)
    assert came.code == 0 and "2 messages of alice that had not left are back" in came.out, came
    assert [*(old / "outbox/bob").iterdir()] == []
    first, second = alice.json("check")["messages"]
    assert "alice has the name alicia on this hub now" in first["body"] and "Mind the gap" in first["body"]
    assert Path(first["body"].splitlines()[-1]).read_text() == "1 + 1"
    assert str(old / "outbox/failed") in second["body"]
    again = alice.run("init", "--name", "alicia", "--hub", host.url)
    assert "had not left" not in again.out and len(alice.pending()) == 2
    # As if the first call had been killed between its two steps.
    (kept,) = (one for one in (old / "outbox/failed").glob("*alice.json") if b"Mind" in one.read_bytes())
    kept.rename(old / "outbox/bob" / kept.name)
    again = alice.run("init", "--name", "alicia", "--hub", host.url)
    assert "1 message of alice that had not left is back" in again.out and len(alice.pending()) == 2
    assert [*(old / "outbox/bob").iterdir()] == []


def test_an_exported_key_on_a_second_machine(
    host: Host, home: Home, guest: Callable[[str], Guest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`keys import`, then `init`, is all: the key opens the mailbox, also by another path in the URL."""
    alice, bob = guest("alice"), guest("bob")
    for one in (alice, bob):
        assert one.come(host.invite(one.name)).code == 0
        one.set(offline_s=30.0)
    assert alice.run("keys", "export", str(tmp_path / "alice.key")).code == 0
    task = bob.send("alice", "Sum these")
    (home.ssh / "id_ed25519").unlink()
    disconnect()
    (tmp_path / "west-config").mkdir()
    west = Guest(tmp_path / "west", "alice", host.url)
    with monkeypatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path / "west-config"))
        stranger = west.run("init", "--name", "alice", "--hub", host.url)
        assert (stranger.code, "`xw hub invite NAME`" in stranger.err) == (6, True), stranger
        west.ok("keys", "import", str(tmp_path / "alice.key"))
        came = west.run("init", "--name", "alice", "--hub", host.url)
        assert came.code == 0, came
        west.set(offline_s=30.0)
        assert [one["id"] for one in west.json("check")["messages"]] == [task]
        assert len(host.members()["alice"]) == 1
    # A wrong path in xw.json: the key decides which hub it is.
    disconnect()
    alice.set(hub=f"{host.url}-typo")
    again = alice.run("init", "--name", "alice")
    assert again.code == 0, again
    assert [one["id"] for one in alice.json("check")["messages"]] == [task]


def test_a_removed_member(host: Host, guest: Callable[[str], Guest]) -> None:
    """A removed key is refused at the next request of a connection that is open, and at the next login."""
    alice = guest("alice")
    assert alice.come(host.invite("alice")).code == 0
    instance = alice.instance()
    hub = instance.carrier.remote()
    assert hub.knows("alice")
    host.ok("remove", "alice")
    with pytest.raises(Refused, match="taken off"):
        hub.knows("alice")
    disconnect()
    told = alice.run("sync")
    assert (told.code, "login refused" in told.err, "ssh-copy-id" in told.err) == (6, True, False), told
    assert "`xw hub invite NAME` there" in told.err
    assert (host.hub / "alice" / "card.json").exists()


def test_two_machines_of_one_name(
    host: Host, guest: Callable[[str], Guest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second machine, invited under the same name, has a key of its own and the same mailbox."""
    alice, bob = guest("alice"), guest("bob")
    for one in (alice, bob):
        assert one.come(host.invite(one.name)).code == 0
        one.set(offline_s=30.0)
    task = bob.send("alice", "Sum these")
    assert [one["id"] for one in alice.json("check")["messages"]] == [task]
    (tmp_path / "west-config").mkdir()
    west = Guest(tmp_path / "west", "alice", host.url)
    with monkeypatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path / "west-config"))
        assert west.come(host.invite("alice")).code == 0
        west.set(offline_s=30.0)
        assert [one["id"] for one in west.json("check")["messages"]] == [task]
        west.ok("claim", task)
        west.send("bob", "from the west")
    assert alice.run("claim", task).code == 6
    assert len(host.members()["alice"]) == 2
    assert [one["body"] for one in bob.json("check")["messages"]] == ["from the west"]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_mirror_from_before(host: Host, home: Home, guest: Callable[[str], Guest], name: str) -> None:
    """A machine that used the hub as plain SFTP keeps its mirror and its outbox, also by another URL."""
    alice, bob = guest("alice"), guest("bob")
    home.know(host.server, host.key)
    host.file.write_text(f"{public(home.ssh / 'id_ed25519')}\n")
    for one in (alice, bob):
        one.join()
    old = bob.send("alice", "before")
    assert [one["id"] for one in alice.json("check")["messages"]] == [old]
    mirror = alice.mirror
    host.file.write_text("")
    disconnect()
    waiting = alice.run("send", "info", "meanwhile", "--to", "bob")
    assert waiting.code == 0 and "outbox" in waiting.out, waiting
    for one in (alice, bob):
        words = [word.replace("127.0.0.1", name) for word in host.invite(one.name)]
        came = one.come(words)
        assert came.code == 0, came
    assert json.loads((alice.folder / "xw.json").read_text())["hub"] == host.url.replace("127.0.0.1", name)
    assert [one["body"] for one in bob.json("check")["messages"]] == ["meanwhile"]
    assert [one["id"] for one in alice.json("check")["messages"]] == [old]
    assert alice.instance().root == str(mirror.parent)


@pytest.mark.parametrize("runs", [2, pytest.param(40, marks=pytest.mark.torture)])
def test_kills_at_random(host: Host, guest: Callable[[str], Guest], runs: int, tmp_path: Path) -> None:
    """Whatever dies at whatever moment, machine or host, the same line goes on: one key, one mailbox."""
    random = Random(runs)
    for run in range(runs):
        one = guest(f"agent-{run}")
        words = host.invite(one.name)
        for _ in range(2):
            process = one.start(*words)
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=0.2 + 1.2 * random.random())
            if random.random() < 0.5:
                host.server.cut()
            process.kill()
            process.communicate()
        came = one.come(words)
        assert came.code == 0, came
        assert len(host.members()[one.name]) == 1
        assert f"name     {one.name}" in one.ok("who")
    assert len(host.members()) == runs
