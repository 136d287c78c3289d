"""Commands over a real sshd: what is particular to it. `tests/hub/test_commands` runs each on every hub."""

import json
import os
import pty
import shutil
import socket
import time
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest

from tests.cli.team import XW, call, ended, shown_on
from tests.remote.conftest import Join
from tests.remote.machine import Machine, disconnect
from tests.ssh.conftest import Home
from tests.ssh.sshd import Sshd
from xw import layout
from xw.errors import Refused
from xw.hub import directory
from xw.hub.ssh import SshHub


def logins(server: Sshd) -> int:
    """Return the number of logins so far."""
    return server.log.read_text().count("Accepted publickey")


def names(folder: Path) -> list[str]:
    """Return the messages in a folder."""
    return sorted(filter(layout.is_message, os.listdir(folder)))


def test_init_makes_a_hub_and_says_so(join: Join, hub: Path) -> None:
    """The first to join makes the hub, after saying so; the second finds it; all is private."""
    alice = Machine(hub.parent / "alice", "alice", "")
    alice.url = join("carol").url  # the hub is made by now
    first = alice.ok("init", "--name", "alice", "--hub", alice.url + "-2")
    assert first.startswith(f"making a hub at {alice.url}-2\nhub      {alice.url}-2 (made)\n")
    assert "making" not in alice.ok("init", "--name", "bob", "--hub", alice.url + "-2")
    assert (hub.parent / "hub-2/alice/card.json").stat().st_mode & 0o777 == 0o600
    assert (hub.parent / "hub-2/alice/inbox/pending").stat().st_mode & 0o777 == 0o700
    assert (alice.folder / ".xw/.gitignore").read_text() == "*\n"


def test_init_waits_for_no_clock(join: Join, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SFTP shows whole seconds, but a first key on a card needs no later time than the card's."""
    naps: list[float] = []
    monkeypatch.setattr(directory, "time", SimpleNamespace(sleep=naps.append))
    join("alice")
    assert (naps, "key" in json.loads((hub / "alice/card.json").read_text())) == ([], True)


def test_init_names_the_next_step_on_another_machine(join: Join, hub: Path) -> None:
    """The first instance of a hub on another host learns how another machine joins; a later one need not."""
    url = join("carol").url + "-2"
    first = Machine(hub.parent / "alice", "alice", url).ok("init", "--name", "alice", "--hub", url)
    assert f"Next: `xw init --name NAME --hub {url}` adds one on another machine.\n" in first
    assert "another machine" not in Machine(hub.parent / "bob", "bob", url).ok("init", "--hub", url)


@pytest.mark.parametrize("below", ["", "/hub"])
def test_a_file_in_the_place_of_a_hub(join: Join, hub: Path, below: str) -> None:
    """`init` names the part of the path that is a file on the host, and changes nothing."""
    (hub.parent / "notes").write_text("mine")
    url = f"{join('carol').url.removesuffix('/hub')}/notes{below}"
    machine = Machine(hub.parent / "alice", "alice", url)
    refused = machine.run("init", "--name", "alice", "--hub", url)
    assert refused.code == 2
    assert f"{hub.parent}/notes is a file on the host: choose another path for the hub" in refused.err
    assert (hub.parent / "notes").read_text() == "mine"
    assert not (machine.folder / "xw.json").exists()


def test_a_port_in_the_place_of_the_path(tmp_path: Path, home: Home) -> None:
    """If `user@host:27422/x` cannot be reached, `init` names the URL that has the number as its port."""
    home.configure("Host 127.0.0.1\n  Port 1\n")
    machine = Machine(tmp_path / "alice", "alice", "")
    for url in ("me@127.0.0.1:27422/x", "me@127.0.0.1:x/27422"):
        refused = machine.run("init", "--name", "alice", "--hub", url)
        assert (refused.code, "nothing listens on port 1" in refused.err) == (5, True)
        assert ("for a port write `ssh://me@127.0.0.1:27422/x`" in refused.err) == url.endswith("/x")


def test_joining_needs_an_empty_directory_or_a_hub(join: Join, hub: Path) -> None:
    """A directory that holds something else is refused, and nothing is written there."""
    other = hub.parent / "other"
    other.mkdir()
    (other / "thesis.txt").touch()
    url = join("carol").url.replace(str(hub), str(other))
    machine = Machine(hub.parent / "alice", "alice", url)
    refused = machine.run("init", "--name", "alice", "--hub", url)
    assert (refused.code, refused.out) == (6, "")
    assert "is not empty and not a hub" in refused.err
    assert os.listdir(other) == ["thesis.txt"]
    assert not (machine.folder / "xw.json").exists()


def test_a_newcomer_is_no_room(alice: Machine, bob: Machine) -> None:
    """An agent that has joined since the last sync is listed in the prompt, and not as a room."""
    carol = Machine(bob.folder.parent / "carol", "carol", bob.url)
    carol.join()
    assert "your peers: bob, carol (" in alice.ok("prompt")


def test_a_task_there_and_back(alice: Machine, bob: Machine, hub: Path) -> None:
    """send, check, read, reply, done, trace and log: the whole life of a task with a file."""
    (alice.folder / "numbers.txt").write_text("1\n2\n3\n")
    task = alice.send("bob", "Sum these, please.", "--attach", "numbers.txt")
    short = layout.short_id(task)
    assert f"{short} task alice" in bob.ok("check")
    shown = bob.ok("read", short)
    path = bob.mirror / "attachments" / task / "numbers.txt"
    assert f"file: {path} (6 B)" in shown
    assert path.read_text() == "1\n2\n3\n"
    assert "delivered to alice" in bob.ok("reply", short, "6")
    assert bob.ok("done", short).startswith(f"done {short} task alice: ")
    assert bob.ok("done", short).endswith(" was done before\n")
    assert len(names(hub / "bob/inbox/done")) == 1
    assert names(hub / "bob/inbox/pending") == []
    (reply,) = alice.json("check")["messages"]
    assert (reply["body"], reply["re"]) == ("6", task)
    traced = alice.ok("trace", short)
    assert f"{short} bob: on the hub, done, since " in traced
    assert traced.endswith(f"reply {layout.short_id(reply['id'])} (verified)\n")
    for machine in (alice, bob):
        said = machine.ok("log")
        assert said.index("Sum these, please.") < said.index("    6\n")
    assert names(hub / "alice/sent") == []


def test_a_broadcast_goes_to_no_room(alice: Machine, bob: Machine, hub: Path, tmp_path: Path) -> None:
    """Also from a mirror, and offline: the kinds of all peers are known from the last sync."""
    host = ("--hub", str(hub))
    assert (
        call(tmp_path, "room", "create", "talk", "--members", "bob", *host, environ={"XW_NAME": "bob"}).code
        == 0
    )
    sent = alice.json("send", "info", "hello", "--to", "all")
    assert sent["delivered"] == ["bob"]
    sent = alice.json("send", "info", "hello", "--to", "all", "--offline")
    assert sent["outbox"] == ["bob"]
    assert "talk" in alice.ok("peers", "--offline")


def test_asking(alice: Machine, bob: Machine) -> None:
    """ask prints the reply that another machine's agent gives, which is then done on the hub as well."""
    answering = bob.start("watch", "--exec", f'{XW} reply "$XW_ID" "Four." && {XW} done "$XW_ID"')
    asked = alice.process("ask", "--to", "bob", "--timeout", "30", "How many spaces?")
    answering.terminate()
    assert (asked.code, asked.out) == (0, "Four.\n"), asked


def test_waiting(alice: Machine, bob: Machine) -> None:
    """wait returns when mail has come to the hub, and exits 4 when none comes in time."""
    waiting = bob.start("wait", "--timeout", "30")
    alice.send("bob", "wake up")
    result = ended(waiting)
    assert result.code == 0, result
    assert "task alice" in result.out
    began = time.monotonic()
    assert alice.run("wait", "--timeout", "0.2").code == 4
    assert time.monotonic() - began < 10  # what one may take on the side is more


def test_watching(alice: Machine, bob: Machine) -> None:
    """watch prints a line for what comes to the hub while it runs."""
    watching = bob.start("watch")
    alice.send("bob", "look here")
    assert watching.stdout is not None
    assert "look here" in watching.stdout.readline()


def test_gc_on_both_sides(alice: Machine, bob: Machine, hub: Path) -> None:
    """gc removes what is old here and on the hub; what waits stays on both."""
    (alice.folder / "file").write_text("x")
    old, waits = alice.send("bob", "old", "--attach", "file"), alice.send("bob", "waits")
    bob.ok("check")
    bob.ok("done", old)
    for root in (hub / "bob", bob.mirror):
        for path in [*(root / "inbox/done").iterdir(), *(root / "attachments").iterdir()]:
            os.utime(path, (0, 0))
    assert bob.ok("gc", "--dry-run").count("would remove") == 6
    assert bob.ok("gc") == ""
    for root in (hub / "bob", bob.mirror):
        assert names(root / "inbox/done") == []
        assert os.listdir(root / "attachments") == []
        assert len(names(root / "inbox/pending")) == 1
    assert bob.pending() == [waits]


@pytest.mark.parametrize("state", ["done", "failed"])
@pytest.mark.parametrize("away", [False, True], ids=["there", "away"])
def test_gc_keeps_what_the_hub_has_not_been_told(
    alice: Machine, bob: Machine, state: str, away: bool
) -> None:
    """A message handled here since the last sync is not removed: the next sync would bring it again."""
    handled = alice.send("bob", "once")
    bob.ok("check")
    if state == "done":
        bob.ok("done", handled, "--offline")
    else:
        (path,) = (bob.mirror / "inbox/pending").iterdir()
        assert bob.mailbox.quarantine("pending", path.name, "no such tool", "failed")
    for path in (bob.mirror / "inbox" / state).iterdir():
        os.utime(path, (0, 0))
    bob.ok("gc", *(["--offline"] if away else []))
    bob.ok("sync")
    assert bob.pending() == []
    assert len(names(bob.mirror / "inbox" / state)) == 1
    bob.ok("gc")
    assert names(bob.mirror / "inbox" / state) == []
    bob.ok("sync")
    assert bob.pending() == []


def test_gc_where_the_hub_refuses(bob: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """gc reports the refusal, and removes what does not depend on the hub."""
    (bob.mirror / "inbox/tmp/f00").write_text("left by a crash")
    os.utime(bob.mirror / "inbox/tmp/f00", (0, 0))
    monkeypatch.setattr(SshHub, "survey", mock.Mock(side_effect=Refused("its host key has changed")))
    refused = bob.run("gc")
    assert (refused.code, "its host key has changed" in refused.err) == (6, True)
    assert os.listdir(bob.mirror / "inbox/tmp") == []


def test_what_is_no_instance(alice: Machine, bob: Machine, hub: Path) -> None:
    """A link to a mailbox, or a folder whose card is not a file, is not an instance, as in a directory."""
    (hub / "bobby").symlink_to("bob")
    shutil.copytree(hub / "bob", hub / "odd")
    (hub / "odd/card.json").unlink()
    (hub / "odd/card.json").mkdir()
    for name in ("bobby", "odd"):
        assert alice.ok("peers").startswith("bob ")
        assert name not in alice.ok("peers")
        refused = alice.run("send", "task", "hello?", "--to", name)
        assert (refused.code, f"no peer {name!r}" in refused.err) == (3, True), refused
    alice.mailbox.files.make_folder("alice/outbox/bobby")
    sent = alice.json("send", "task", "x", "--to", "bob", "--offline")["id"]
    (name,) = os.listdir(alice.mirror / "outbox/bob")
    (alice.mirror / "outbox/bob" / name).rename(alice.mirror / "outbox/bobby" / name)
    assert "1 returned" in alice.ok("sync")
    assert sent not in bob.ok("check")


def test_a_peer_that_has_left(alice: Machine, bob: Machine, known: Sshd, hub: Path) -> None:
    """Mail sent offline to a peer that has left comes back from postmaster; the original is kept."""
    known.stop()
    assert alice.run("send", "task", "still there?", "--to", "bob").code == 0
    known.start()
    os.remove(hub / "bob/card.json")
    assert "1 returned" in alice.ok("sync")
    (info,) = alice.json("check")["messages"]
    assert info["from"] == "postmaster"
    assert "no peer 'bob'" in info["body"]
    assert len(names(alice.mirror / "outbox/failed")) == 1


def test_a_peer_that_has_left_since_the_last_sync(
    alice: Machine, bob: Machine, join: Join, hub: Path
) -> None:
    """If the hub no longer knows a recipient, the command says so: exit 3, and no wait."""
    join("carol")
    alice.ok("sync")
    os.remove(hub / "bob/card.json")
    for command in (["send", "task", "there?", "--to", "bob"], ["ask", "there?", "--to", "bob"]):
        shutil.copy(hub / "carol/card.json", hub / "bob/card.json")  # so that alice still knows of bob
        alice.ok("sync")
        os.remove(hub / "bob/card.json")
        result = alice.run(*command)
        assert (result.code, result.out) == (3, ""), result
        assert "came back from bob: `xw check` shows the reason" in result.err
        assert "waiting" not in result.err
    shutil.copy(hub / "carol/card.json", hub / "bob/card.json")
    alice.ok("sync")
    os.remove(hub / "bob/card.json")
    some = alice.run("send", "task", "all there?", "--to", "bob", "--to", "carol", "--json")
    assert (some.code, json.loads(some.out)["delivered"], json.loads(some.out)["outbox"]) == (
        3,
        ["carol"],
        [],
    )
    assert alice.ok("check").count("Not delivered to bob: no peer 'bob'") == 3


def test_everything_goes_on_offline(alice: Machine, bob: Machine, known: Sshd, hub: Path) -> None:
    """With the server gone commands work and say so; what they did travels later."""
    task = alice.send("bob", "before the cut")
    bob.ok("check")
    known.stop()
    result = bob.run("check")
    assert (result.code, result.out.count("before the cut")) == (0, 1)
    assert " is the mail of " in result.err
    assert result.err.count("\n") == 1
    assert "?;" not in result.err
    assert bob.run("read", task).out.endswith("before the cut\n")
    replied = bob.run("reply", task, "from afar")
    assert (replied.code, "in the outbox for alice" in replied.out) == (0, True)
    assert "(tried a moment ago)" in replied.err and "the mail of" not in replied.err  # it shows no mail
    assert "the mail of" not in bob.run("send", "info", "to the only peer").err
    assert bob.run("done", task).code == 0
    assert "from afar" in bob.run("log").out
    assert bob.run("peers").out.startswith("alice")
    assert bob.run("trace", replied.out.split()[0]).out.count("alice: in the outbox") == 1
    assert bob.run("sync").code == 5
    known.start()
    assert "2 delivered, 0 returned, 0 fetched, 1 settled" in bob.ok("sync")
    assert len(names(hub / "bob/inbox/done")) == 1
    bodies = [message["body"] for message in alice.json("check")["messages"]]
    assert bodies == ["from afar", "to the only peer"]


def test_offline_stays_off_the_network(alice: Machine, bob: Machine, known: Sshd) -> None:
    """With --offline nothing connects or is reported; `sync` needs the network and says so."""
    bob.send("alice", "unseen")
    before = logins(known)
    for arguments in (["check"], ["send", "info", "later", "--to", "bob"], ["log"], ["peers"], ["who"]):
        result = alice.process(*arguments, "--offline")
        assert (result.code, result.err) == (0, ""), result
        assert "unseen" not in result.out
    assert alice.process("sync", "--offline").code == 5
    assert logins(known) == before
    assert "unseen" in alice.ok("check")  # the hub was not asked, so it does not count as away
    assert "later" in bob.ok("check")


def test_no_retry_storm(alice: Machine, known: Sshd) -> None:
    """A host that swallows packets costs one command its limit; those after it leave the network alone."""
    alice.set(offline_s=2.0)  # enough to come as far as the connection on a slow machine
    known.stop()
    disconnect()  # here it may not have been noticed yet that the connection is gone
    with socket.create_server(("127.0.0.1", known.port)) as silent:
        began = time.monotonic()
        assert " is the mail of " in alice.run("check").err
        assert time.monotonic() - began < 8.0  # without a limit it is 15
        silent.settimeout(10)
        silent.accept()[0].close()
        for _ in range(3):
            assert "(tried a moment ago); this is the mail of " in alice.run("check").err
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_progress_on_a_terminal(alice: Machine, bob: Machine) -> None:
    """On a terminal `xw sync` shows how far a large file has come, up and down; a small one is not shown."""
    (alice.folder / "large.bin").write_bytes(os.urandom(3_000_000))
    (alice.folder / "small.bin").write_bytes(b"x")
    alice.ok(
        *("send", "task", "x", "--to", "bob", "--attach", "large.bin", "--attach", "small.bin", "--offline")
    )
    for machine in (alice, bob):
        terminal, end = pty.openpty()
        syncing = machine.start("sync", stderr=end)
        os.close(end)
        shown = shown_on(terminal).decode()
        assert syncing.wait(30) == 0
        assert "\rlarge.bin [" in shown
        assert shown.endswith(f"\rlarge.bin [{'#' * 25}] 100 %\r\n")


def test_agents_on_the_hub_host_and_elsewhere(
    alice: Machine, bob: Machine, hub: Path, tmp_path: Path
) -> None:
    """An agent on the hub's own host uses the directory as its hub, at the same time as others over SSH."""
    place = tmp_path / "there"
    place.mkdir()
    made = call(place, "init", "--name", "dora", "--hub", str(hub))
    assert made.code == 0, made
    sent = call(place, "send", "task", "from the host", "--to", "alice")
    assert "delivered to alice" in sent.out
    (task,) = alice.json("check")["messages"]
    alice.ok("reply", task["id"], "from afar")
    alice.ok("done", task["id"])
    assert "from afar" in call(place, "check").out
    assert "alice: on the hub, done" in call(place, "trace", task["id"]).out


def test_what_an_unclean_name_would_do(alice: Machine, bob: Machine, hub: Path) -> None:
    """A file on the hub that is not a message is set aside there and not shown."""
    (hub / "bob/inbox/pending/\x1b[2Jrubbish").write_text("x")
    checked = bob.run("check")
    assert (checked.code, "no mail for bob" in checked.out) == (0, True)
    assert "[2Jrubbish: set aside on the hub: the file name is not a message's" in checked.err
    assert "\x1b" not in checked.err
    assert bob.run("check").err == ""
    assert len(os.listdir(hub / "bob/inbox/failed")) == 2


def test_large_file(alice: Machine, bob: Machine) -> None:
    """An attachment of some MB arrives whole."""
    data = os.urandom(3_000_000)
    (alice.folder / "large.bin").write_bytes(data)
    sent = alice.send("bob", "look", "--attach", "large.bin")
    bob.ok("check")
    assert (bob.mirror / "attachments" / sent / "large.bin").read_bytes() == data
