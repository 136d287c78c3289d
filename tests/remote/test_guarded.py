"""Names are guarded over SSH: a machine without the mailbox's mirror needs its key, or an admission."""

import os
from pathlib import Path

import pytest

from tests.guarantees.killing import Killed, killed_at
from tests.remote.conftest import Join
from tests.remote.machine import Machine
from xw.__main__ import run
from xw.instance import Options, open_instance


class Stranger(Machine):
    """A machine with a user's configuration of its own, so without the others' keys."""

    @property
    def environ(self) -> dict[str, str]:
        return {**super().environ, "XDG_CONFIG_HOME": str(self.folder / "config")}

    def takes(self) -> "tuple[int, str]":
        """Run `init` with its name; return the exit code, and what was printed on stderr."""
        done = self.run("init", "--name", self.name, "--hub", self.url)
        return done.code, done.err


def stranger(alice: Machine, place: str, name: str = "alice") -> Stranger:
    return Stranger(alice.folder.parent / place, name, alice.url)


def test_from_elsewhere(alice: Machine, bob: Machine) -> None:
    """Refused in one line with the ways, and no mirror is left; the name's own machine goes on."""
    other = stranger(alice, "other")
    code, err = other.takes()
    assert (code, err.count("\n")) == (6, 1)
    assert "xw keys export" in err and "xw hub admit alice" in err
    assert not (other.folder / "xw.json").exists()
    assert not list(other.folder.rglob("inbox"))
    assert (other.run("launch", "alice", "--hub", alice.url, "--", "true")).code == 6
    assert alice.run("init", "--name", "alice").code == 0
    token = bob.send("alice", "still here")
    assert token in alice.json("check")["messages"][0]["id"]


def test_with_the_key(alice: Machine, bob: Machine) -> None:
    """The second machine of a name imports the key; both go on, and sign as one."""
    exported = alice.run("keys", "export").out
    other = stranger(alice, "other")
    assert other.run("keys", "import", "-", stdin=exported.encode()).code == 0
    other.join()
    bob.send("alice", "to both")
    other.ok("sync"), alice.ok("sync")
    assert len(other.json("check")["messages"]) == len(alice.json("check")["messages"]) == 1
    box = bob.instance().mailbox
    for machine in (alice, other):
        token = machine.send("bob", "signed")
        bob.ok("sync")
        status = box.judged(box.read(box.find(token))).status
        assert status and status.is_verified, status


def test_admitted(alice: Machine, hub: Path) -> None:
    """On the hub's host its owner admits a name: of several machines one comes in."""
    others = [stranger(alice, f"other{number}") for number in range(3)]
    for other in others:
        assert other.takes()[0] == 6
    assert alice.run("hub", "admit", "alice", "--hub", str(hub)).code == 0
    codes = [
        process.wait(60)
        for process in [one.start("init", "--name", "alice", "--hub", one.url) for one in others]
    ]
    assert sorted(codes) == [0, 6, 6]
    winner = others[codes.index(0)]
    assert winner.takes()[0] == 0
    for other in others:
        for process in other.started:
            process.communicate()


def test_unregister_from_elsewhere(alice: Machine, bob: Machine, hub: Path) -> None:
    """It needs the name's mirror or key; on the hub's host its owner may free any name."""
    other = stranger(alice, "other", "bob")
    for words in ([], ["--as", "alice"]):
        refused = other.run(*words, "unregister", "alice", "--yes", "--hub", alice.url)
        assert (refused.code, "in use elsewhere" in refused.err) == (6, True), refused
    assert bob.run("unregister", "bob", "--yes").code == 0
    assert other.run("unregister", "alice", "--yes", "--hub", str(hub)).code == 0
    assert stranger(alice, "third").takes()[0] == 0


@pytest.mark.long
def test_init_killed_at_each_step(join: Join, alice: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first `init` that is cut off is completed by the same command: this machine is no stranger."""
    number = 0
    while True:
        number += 1
        other = stranger(alice, f"new{number}", f"new{number}")
        monkeypatch.setenv("XDG_CONFIG_HOME", other.environ["XDG_CONFIG_HOME"])
        monkeypatch.setenv("XW_NAME", other.name)
        monkeypatch.chdir(other.folder)
        words = ["init", "--name", other.name, "--hub", other.url]
        try:
            with killed_at(number, after=True) as began:
                assert run(words) == 0
        except Killed:
            assert other.takes()[0] == 0, (number, began)
            continue
        assert number > 8
        return


def test_a_new_id_of_the_hub(alice: Machine) -> None:
    """Another machine sees which command accepts the id; then mail of both ids is verified, both ways."""
    bob = stranger(alice, "bobs", "bob")
    bob.join()

    def judged(token: str) -> str:
        options = Options("bob", config=str(bob.folder / "xw.json"))
        box = open_instance(options, {**os.environ, **bob.environ}).mailbox
        return str(box.judged(box.read(box.find(token))).status)

    before = alice.send("bob", "before")
    alice.ok("hub", "new-id")
    after = alice.send("bob", "after")
    bob.ok("sync")
    assert judged(before) == "verified, first seen"
    assert judged(after).startswith("FORGED") and "`xw init` accepts it" in judged(after)
    assert bob.run("init", "--name", "bob").code == 0
    assert [judged(token) for token in (before, after)] == ["verified, first seen", "verified"]
