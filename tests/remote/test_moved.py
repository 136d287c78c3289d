"""`xw hub move` to, from and between hosts: mirrors and mailboxes follow, and mail that waited arrives."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.cli.team import call, until
from tests.remote.conftest import renamed
from tests.remote.machine import Machine, disconnect
from tests.ssh.sshd import Sshd
from xw.errors import Moved
from xw.hub.opening import open_hub


def moved(machine: Machine, new: str) -> str:
    """Move a machine's hub; what the command said."""
    return machine.ok("hub", "move", new)


def about(machine: Machine) -> dict[str, list[str]]:
    """The note in a machine's mirror of which hub it is of."""
    found: dict[str, list[str]] = json.loads((machine.mirror.parent / "mirror.json").read_text())
    return found


def test_mirrors_follow(alice: Machine, bob: Machine, known: Sshd, hub: Path, tmp_path: Path) -> None:
    """On the same host: what waits here and there arrives, with nothing to do; the note has both URLs."""
    (tmp_path / "notes.txt").write_text("notes")
    alice.send("bob", "waits on the hub", "--attach", str(tmp_path / "notes.txt"))
    known.stop()
    disconnect()
    assert "in the outbox for bob" in alice.run("send", "--to", "bob", "task", "waits here").out
    known.start()
    old, new = bob.url, f"{bob.url}-new"
    said = moved(bob, new)
    assert "moved    alice, bob\n" in said
    assert alice.ok("sync").startswith("1 delivered")
    shown = bob.ok("check")
    assert shown.index("waits on the hub") < shown.index("waits here")
    assert "notes.txt" in bob.ok("read", bob.pending()[0])
    for machine in (alice, bob):
        assert (about(machine)["urls"], about(machine)["moved"]) == ([old, new], [old])
        assert machine.json("who")["hub"] == new
    assert [path.name for path in hub.rglob("*.task.*")] == []
    assert "waits here" in alice.ok("log")
    codes = {one["code"]: one for one in alice.json("doctor")["findings"]}
    assert new in codes["hub-moved"]["fix"]
    for machine in (alice, bob):
        renamed(machine, new)
    alice.send("bob", "by the new URL")
    assert "hub-moved" not in [one["code"] for one in alice.json("doctor")["findings"]]
    assert "by the new URL" in bob.ok("check")


def test_moved_twice(alice: Machine, bob: Machine, known: Sshd) -> None:
    """A mirror that was not synced in between finds the last place at once; its note has all three URLs."""
    known.stop()
    disconnect()
    alice.run("send", "--to", "bob", "info", "waits here")
    known.start()
    places = [alice.url, f"{alice.url}-second", f"{alice.url}-third"]
    moved(bob, places[1])
    bob.ok("hub", "move", places[2], "--hub", places[1])
    assert alice.ok("sync").startswith("1 delivered")
    assert "waits here" in bob.ok("check")
    assert (about(alice)["urls"], about(alice)["moved"]) == (places, places[:2])


def test_the_old_place_is_gone(alice: Machine, bob: Machine, hub: Path) -> None:
    """Once a mirror has followed, it needs the old place no more, and xw.json may name it still."""
    new = f"{alice.url}-new"
    moved(bob, new)
    alice.ok("sync")
    os.rename(hub, f"{hub}-gone")
    disconnect()
    alice.send("bob", "without the old place")
    assert "without the old place" in bob.ok("check")


def test_a_copied_mark_to_nowhere(alice: Machine, bob: Machine, hub: Path) -> None:
    """Where the new place is away, or another hub lies there, the mail waits and one line says why."""
    new = f"{alice.url}-new"
    moved(bob, new)
    os.rename(f"{hub}-new", f"{hub}-away")
    said = alice.run("sync")
    assert (said.code, f"has moved to {new}; no hub at {new}" in said.err) == (5, True), said
    assert "in the outbox for bob" in alice.run("send", "--to", "bob", "info", "waits").out
    other = Machine(hub.parent / "carol", "carol", new)
    other.join()
    other.ok("sync")
    said = alice.run("sync")
    assert (said.code, "another hub" in said.err) == (6, True), said
    assert len(os.listdir(alice.mirror / "outbox/bob")) == 1


@pytest.mark.long
def test_a_watcher_follows(alice: Machine, bob: Machine, known: Sshd) -> None:
    """`sync --watch`, running all the time, brings mail from the new place and takes it there."""
    watching = alice.start("sync", "--watch")
    assert watching.stdout
    assert "connected" in watching.stdout.readline()
    bob.send("alice", "before")
    until(lambda: len(alice.pending()) == 1)
    moved(bob, f"{alice.url}-new")
    bob.send("alice", "after")
    until(lambda: len(alice.pending()) == 2)
    assert alice.run("send", "--to", "bob", "info", "from the watched mirror").code == 0
    until(lambda: "from the watched mirror" in bob.ok("check"))
    watching.terminate()
    assert watching.wait(30) == 0


def local(folder: Path, *arguments: str, name: str = "alice") -> str:
    """What a command printed that must succeed, in a project of this machine."""
    result = call(folder, *arguments, environ={"XW_NAME": name})
    assert (result.code, result.err) == (0, ""), result
    return result.out


def test_from_a_directory_to_a_server(known: Sshd, tmp_path: Path) -> None:
    """The mailboxes become mirrors on their machine: mail received, sent and unsent is there, and rooms."""
    project = tmp_path / "project"
    project.mkdir()
    for name in ("alice", "bob"):
        local(project, "init", "--name", name)
    path = project / "xw.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"offline_s": 30}))
    (tmp_path / "notes.txt").write_text("notes")
    task = json.loads(
        local(project, "send", "task", "go", "--to", "bob", "--attach", str(tmp_path / "notes.txt"), "--json")
    )["id"]
    local(project, "send", "info", "handled", "--to", "bob")
    handled = json.loads(local(project, "check", "--json", name="bob"))["messages"][1]["id"]
    local(project, "done", handled, name="bob")
    local(project, "room", "create", "tea", "--members", "alice,bob", "--seed", "Tea?")
    inbox = project / ".xw/hub/bob/inbox"
    (inbox / "pending").rename(inbox / "away")
    assert "in the outbox for bob" in local(project, "send", "--to", "bob", "info", "later")
    (inbox / "away").rename(inbox / "pending")
    url = f"ssh://127.0.0.1:{known.port}{tmp_path / 'hub'}"
    said = call(project, "hub", "move", url, environ={"XW_NAME": "alice"})
    assert (said.code, said.err) == (0, ""), said
    assert "making a hub" in said.out
    shown = json.loads(local(project, "check", "--json", name="bob"))["messages"]
    assert [one["body"] for one in shown] == ["go", "later"]
    assert f"{task}/notes.txt" in local(project, "read", task, name="bob")
    assert "handled" in local(project, "log", name="bob")
    assert "go" in local(project, "log")
    assert "done" in local(project, "trace", handled)
    assert "later" not in local(project, "doctor")
    assert "tea" in local(project, "room", "list")
    local(project, "reply", task, "gone", name="bob")
    assert "gone" in local(project, "check")


def test_from_one_directory_to_another_to_a_server(known: Sshd, tmp_path: Path) -> None:
    """Who comes by the first place finds the history that the second move left at the second one."""
    project = tmp_path / "project"
    project.mkdir()
    for name in ("alice", "bob"):
        local(project, "init", "--name", name, "--hub", str(tmp_path / "first"))
    path = project / "xw.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"offline_s": 30}))
    local(project, "send", "info", "sent", "--to", "bob")
    local(project, "hub", "move", str(tmp_path / "second"))
    handled = json.loads(local(project, "check", "--json", name="bob"))["messages"][0]["id"]
    local(project, "done", handled, name="bob")
    url = f"ssh://127.0.0.1:{known.port}{tmp_path / 'hub'}"
    said = call(project, "hub", "move", url, "--hub", str(tmp_path / "second"), environ={"XW_NAME": "alice"})
    assert said.code == 0, said
    local(project, "check", name="bob")
    assert "sent" in local(project, "log", name="bob")
    assert "sent" in local(project, "log")
    disconnect()


def test_from_a_server_to_a_path(alice: Machine, bob: Machine, tmp_path: Path) -> None:
    """A path of this machine names no place for the others: refused, and the line says what to name."""
    said = alice.run("hub", "move", str(tmp_path / "here"))
    assert (said.code, f"ssh://you@host{tmp_path}/here" in said.err) == (6, True)
    alice.send("bob", "still there")
    assert alice.run("hub", "move", f"{alice.url}-new", "--offline").code == 2


def test_into_itself(alice: Machine, bob: Machine, hub: Path) -> None:
    """A hub on a server is moved neither to its own place nor into itself: it would go with the old one."""
    for new in (alice.url, f"{alice.url}/", f"{alice.url}/deep/inside"):
        result = alice.run("hub", "move", new)
        assert (result.code, "overlap" in result.err) == (2, True), result
    assert sorted(path.name for path in hub.iterdir() if path.is_dir()) == ["alice", "bob"]
    alice.send("bob", "still there")


def test_on_the_server_itself(alice: Machine, bob: Machine, hub: Path, tmp_path: Path) -> None:
    """Moved by its path on its host, it is found by the mirrors elsewhere: a path there is on that host."""
    alice.send("bob", "before")
    new = tmp_path / "moved-there"
    local(tmp_path, "hub", "move", str(new), "--hub", str(hub))
    assert "before" in bob.ok("check")
    with pytest.raises(Moved) as raised:
        open_hub(alice.url).instances()
    assert raised.value.url == alice.url.replace(str(hub), str(new))
    alice.send("bob", "after")
    assert "after" in bob.ok("check")
    disconnect()


def test_a_copy_gets_its_own_id(alice: Machine, bob: Machine, hub: Path) -> None:
    """After `hub new-id` the copy is a hub of its own: the mail of this machine for it travels to it."""
    shutil.copytree(hub, f"{hub}-copy")
    copy = f"{alice.url}-copy"
    assert alice.run("sync", "--hub", copy).code == 6
    made = alice.json("hub", "new-id", "--hub", copy)
    assert made["id"] != about(alice)["id"]
    alice.ok("sync", "--hub", copy)
    alice.send("bob", "to the original")
    assert os.listdir(f"{hub}-copy/bob/inbox/pending") == []
    assert "to the original" in bob.ok("check")
