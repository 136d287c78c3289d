"""A hub that gets another URL: sync tells an alias, a hub in another place and a copy apart, and acts."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.remote.conftest import renamed
from tests.remote.machine import Machine, disconnect
from tests.ssh.conftest import Home
from tests.ssh.sshd import Sshd
from xw.files.local import LocalFiles
from xw.mirror.notes import About, about


def left_behind(alice: Machine, known: Sshd) -> str:
    """Send while the server is down; the folder of alice's mirror."""
    known.stop()
    disconnect()
    assert "in the outbox for bob" in alice.run("send", "--to", "bob", "task", "while it was down").out
    known.start()
    return str(alice.mirror.parent)


def noted(machine: Machine) -> About:
    return about(LocalFiles(machine.instance().root))


@pytest.mark.parametrize("joined", [True, False])
def test_an_alias(alice: Machine, bob: Machine, known: Sshd, by_name: str, joined: bool) -> None:
    """By another name of its host the hub is found, by `init` or `sync`; one mirror serves both names."""
    old_url = alice.url
    alice.send("bob", "long ago")
    old = left_behind(alice, known)
    renamed(alice, by_name)
    said = alice.run("init", "--name", "alice") if joined else alice.run("sync")
    assert (said.code, said.err) == (0, "")
    assert "while it was down" in bob.ok("check")
    assert noted(alice) == About(noted(bob).id, (old_url, by_name))
    assert "long ago" in alice.ok("log")
    assert "while it was down" in alice.ok("log")
    assert alice.run("doctor").code == 0
    mirror = alice.instance().root
    assert mirror != old
    renamed(alice, old_url)
    alice.ok("sync")
    assert alice.instance().root == mirror
    assert noted(alice).urls == (by_name, old_url)
    alice.send("bob", "by the old name")


def test_an_alias_by_an_option(alice: Machine, bob: Machine, known: Sshd, by_name: str) -> None:
    """With `--hub`, sync takes the mail as well, and commands without it go on in the same mirror."""
    left_behind(alice, known)
    assert alice.ok("sync", "--hub", by_name).startswith("1 delivered")
    assert "while it was down" in bob.ok("check")
    assert "while it was down" in alice.ok("log")
    assert alice.ok("sync").startswith("0 delivered")
    assert alice.run("doctor").code == 0


def test_in_another_place(alice: Machine, bob: Machine, known: Sshd, hub: Path) -> None:
    """Where the old URL leads to no hub any more, the mirror goes along: mail received, sent and unsent."""
    bob.send("alice", "handled before")
    alice.ok("check")
    alice.ok("done", alice.pending()[0])
    old_url = alice.url
    left_behind(alice, known)
    os.rename(hub, f"{hub}-new")
    for machine in (alice, bob):
        renamed(machine, f"{machine.url}-new")
        said = machine.run("sync")
        assert (said.code, f"{old_url} does not answer" in said.err) == (0, True), said
    assert "while it was down" in bob.ok("check")
    assert noted(alice).urls == (old_url, alice.url)
    assert "handled before" in alice.ok("log")
    assert os.listdir(alice.mirror / "inbox/done")
    assert alice.run("doctor").code == 0


def test_a_copy(alice: Machine, bob: Machine, known: Sshd, hub: Path) -> None:
    """Where both answer, the new one is a copy: exit 6, one line, nothing sent, and the mail waits."""
    old_url, old = alice.url, alice.mirror
    left_behind(alice, known)
    shutil.copytree(hub, f"{hub}-copy")
    renamed(alice, f"{old_url}-copy")
    for command in (("sync",), ("sync", "--json"), ("init", "--name", "alice"), ("sync",)):
        said = alice.run(*command)
        assert said.code == (0 if command[0] == "init" else 6), said
        assert f"{alice.url} is a copy of the hub {old_url}" in said.out + said.err
        assert len(said.err.splitlines()) <= 1 + (command != ("sync", "--json"))
    assert json.loads(alice.run("sync", "--json").out)["code"] == "copied"
    assert os.listdir(f"{hub}-copy/bob/inbox/pending") == []
    assert len(os.listdir(old / "outbox/bob")) == 1
    assert [path.name for path in hub.parent.glob("hub*/hub.mark*")] == []
    findings = {one["code"]: one for one in json.loads(alice.run("doctor", "--json").out)["findings"]}
    assert (
        findings["hub-copy"]["what"] == f"{alice.url} is a copy of the hub {old_url}, which answers as well"
    )
    assert findings["hub-copy"]["fix"] == f"`xw hub new-id --hub {alice.url}` makes it a separate hub"
    renamed(alice, old_url)
    assert alice.run("sync").out.startswith("1 delivered")


def test_what_cannot_be_told(
    alice: Machine,
    bob: Machine,
    known: Sshd,
    by_name: str,
    home: Home,
) -> None:
    """Where the old URL is not trusted any more, one line says so; new mail travels; --adopt works."""
    old = left_behind(alice, known)
    lines = home.known_hosts.read_text().splitlines(keepends=True)
    home.known_hosts.write_text("".join(line for line in lines if "localhost" in line))
    disconnect()
    renamed(alice, by_name)
    said = alice.run("init", "--name", "alice")
    alice.send("bob", "by the new name")
    said = alice.run("sync")
    assert said.code == 0
    told = [line for line in said.err.splitlines() if "cannot tell" in line]
    assert len(told) == 1
    assert f"xw sync --adopt {old}" in told[0]
    assert alice.run("sync", "--adopt", old).out.startswith("1 adopted, 1 delivered")
    home.known_hosts.write_text("".join(lines))
    assert (alice.run("sync").err, alice.run("doctor").code) == ("", 0)


def test_a_hub_that_is_a_directory_now(alice: Machine, bob: Machine, known: Sshd, hub: Path) -> None:
    """On the hub's own host, by its path: the mirror's mail and history go into the mailbox itself."""
    alice.send("bob", "long ago")
    left_behind(alice, known)
    known.stop()
    disconnect()
    renamed(alice, str(hub))
    said = alice.run("sync")
    assert said.out.startswith("1 delivered") and "does not answer" in said.err, said
    assert sorted(path.name.partition(".")[2] for path in (hub / "bob/inbox/pending").iterdir()) == [
        "task.alice.json",
        "task.alice.json",
    ]
    assert "long ago" in alice.ok("log")
    assert alice.run("doctor").code == 0
    known.start()


def test_a_mirror_in_use_stays(alice: Machine, bob: Machine, known: Sshd, by_name: str) -> None:
    """A mirror that a `sync --watch` still serves is not taken from under it; once that has ended, it is."""
    old = left_behind(alice, known)
    with LocalFiles(old).locked("alice/outbox/.watch.lock"):
        renamed(alice, by_name)
        said = alice.run("sync")
        assert said.code == 0
        assert "stop it, then run `xw sync`" in said.err
    assert alice.ok("sync").startswith("1 delivered")


def test_another_projects_mirror_is_left_alone(
    alice: Machine,
    bob: Machine,
    known: Sshd,
    by_name: str,
    tmp_path: Path,
) -> None:
    """A mirror of the same hub beside another xw.json is that project's own."""
    left_behind(alice, known)
    other = Machine(tmp_path / "other", "alice", by_name)
    assert (
        f"the project in {alice.folder} uses it" in other.run("init", "--name", "alice", "--hub", by_name).err
    )
    assert other.run("sync").out.startswith("0 delivered")
    assert alice.ok("sync").startswith("1 delivered")
