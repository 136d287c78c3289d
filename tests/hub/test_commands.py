"""Every command of docs/commands.md on hubs that are not local directories: no command asks for the kind.

All runs in this process, so that a hub known only to this process can take part.
"""

import grp
import json
import os
from pathlib import Path

import pytest

from tests.cli.team import until
from tests.hub.worlds import World, backdate, by_owners, hub_of
from tests.remote.conftest import Join
from tests.remote.machine import Machine
from xw import layout
from xw.errors import Unreachable


def bodies(machine: Machine) -> list[str]:
    """Return the bodies that `check` shows."""
    return [message["body"] for message in machine.json("check")["messages"]]


# init, who, peers, prompt


@by_owners
def test_init(world: World, tmp_path: Path) -> None:
    """The first init makes the hub, the second joins it and lists its instances; repeating it is harmless."""
    alice, bob = (Machine(tmp_path / name, name, world.url) for name in ("alice", "bob"))
    first = alice.ok("init", "--name", "alice", "--hub", world.url, "--describe", "keeps the notes")
    made = f"making a hub at {world.url}\nhub      {world.url} (made)\nmailbox  alice (made)\n"
    assert first.startswith(made)
    second = bob.ok("init", "--name", "bob", "--hub", world.url)
    assert f"hub      {world.url} (exists)\nmailbox  bob (made)\n" in second
    assert "others   alice\n" in second
    assert "mailbox  bob (exists)\n" in bob.ok("init", "--name", "bob")
    assert hub_of(world).peer("alice").description == "keeps the notes"
    assert json.loads((bob.folder / "xw.json").read_text())["hub"] == world.url
    assert json.loads((bob.mirror.parent / "mirror.json").read_text())["urls"] == [world.url]


@by_owners
def test_init_where_the_name_is_taken(alice: Machine, world: World, tmp_path: Path) -> None:
    """A name made from the directory's is not taken from another; who gives it shares the mailbox."""
    other = Machine(tmp_path / "other", "", world.url)
    other.folder /= "alice"
    other.folder.mkdir()
    taken = other.run("init", "--hub", world.url)
    assert (taken.code, f"{world.url} has an instance 'alice' already" in taken.err) == (6, True), taken
    assert not (other.folder / "xw.json").exists()
    assert "mailbox  alice (exists)" in other.ok("init", "--hub", world.url, "--name", "alice")


def test_init_offline(world: World, tmp_path: Path) -> None:
    """Joining needs the hub: exit 2 with --offline, 5 if it is unreachable, and nothing is made."""
    alice = Machine(tmp_path / "alice", "alice", world.url)
    assert alice.run("init", "--name", "alice", "--hub", world.url, "--offline").code == 2
    world.cut()
    assert alice.run("init", "--name", "alice", "--hub", world.url).code == 5
    assert not (alice.folder / "xw.json").exists()


@by_owners
def test_init_says_what_the_hub_cannot(world: World, tmp_path: Path) -> None:
    """A hub elsewhere refuses what it cannot do, such as a Unix group, and invalid URLs; nothing is made."""
    alice = Machine(tmp_path / "alice", "alice", world.url)
    group = grp.getgrgid(os.getegid()).gr_name
    for more in (["--hub", world.url, "--group", group], ["--hub", f"{world.url.partition('//')[0]}//"]):
        assert alice.run("init", "--name", "alice", *more).code == 2
    assert list(alice.folder.iterdir()) == []
    with pytest.raises(Unreachable):
        hub_of(world).peers()


def test_who_and_prompt(alice: Machine, bob: Machine, world: World) -> None:
    """`who` shows the hub's URL and the pending mail; `prompt` names the hub and the peers."""
    alice.send("bob", "one")
    who = bob.json("who")
    assert (who["name"], who["hub"], who["pending"]) == ("bob", world.url, 1)
    assert f"hub is `{world.url}`, your peers: alice" in bob.ok("prompt")


def test_peers(alice: Machine, bob: Machine) -> None:
    """peers shows the mail that waits for others and what they do; sync writes their names into xw.json."""
    assert bob.ok("notify", "status", "working", "--task", "the parser").endswith("delivered to alice\n")
    bob.send("alice", "one")
    shown = alice.ok("peers")
    assert shown.startswith("bob busy; 0 pending; ")
    assert "the parser" in shown
    assert bob.ok("peers").startswith("alice -; 2 pending, oldest ")
    alice.ok("sync")
    assert "bob" in json.loads((alice.folder / "xw.json").read_text())["peers"]


# send, check, read, reply, done, attach, trace, log


def test_a_task_there_and_back(alice: Machine, bob: Machine, world: World) -> None:
    """The whole life of a task with a file, up to the hub's word that it is done."""
    (alice.folder / "numbers.txt").write_text("1\n2\n3\n")
    task = alice.send("bob", "Sum these, please.", "--attach", "numbers.txt")
    short = layout.short_id(task)
    assert f"{short} task alice" in bob.ok("check")
    path = bob.mirror / "attachments" / task / "numbers.txt"
    assert f"file: {path} (6 B)" in bob.ok("read", short)
    assert path.read_text() == "1\n2\n3\n"
    assert alice.ok("trace", short).startswith(f"{short} bob: on the hub, pending, since ")
    (bob.folder / "six.txt").write_text("6")
    assert "delivered to alice" in bob.ok("reply", short, "See the file.", "--attach", "six.txt")
    assert bob.ok("done", short).startswith(f"done {short} task alice: ")
    assert bob.ok("done", short).endswith(" was done before\n")
    assert set(hub_of(world).survey("bob", {}).states.values()) == {"done"}
    (reply,) = alice.json("check")["messages"]
    assert reply["re"] == task
    assert (alice.mirror / "attachments" / reply["id"] / "six.txt").read_text() == "6"
    traced = alice.ok("trace", short)
    assert traced.startswith(f"{short} bob: on the hub, done, since ")
    assert traced.endswith(f"reply {layout.short_id(reply['id'])} (verified)\n")
    for machine in (alice, bob):
        said = machine.ok("log")
        assert said.index("Sum these, please.") < said.index("See the file.")
    assert "See the file." in alice.ok("read", "--thread", short)


def test_attaching_later(alice: Machine, bob: Machine) -> None:
    """A file added to a sent message comes with an info, and is stored with the message."""
    task = alice.send("bob", "See the file that I shall add.")
    (alice.folder / "late.txt").write_text("here")
    assert "delivered to bob" in alice.ok("attach", task, "late.txt")
    info = bob.json("check")["messages"][-1]
    path = bob.mirror / "attachments" / task / "late.txt"
    assert f"file: {path} (4 B)" in bob.ok("read", info["id"])
    assert path.read_text() == "here"


def test_to_all(alice: Machine, bob: Machine, join: Join) -> None:
    """`--to all` asks the hub who is there, so that one who joined a moment ago is among them."""
    carol = join("carol")
    assert alice.json("send", "info", "hello", "--to", "all")["delivered"] == ["bob", "carol"]
    assert bodies(bob) == bodies(carol) == ["hello"]


def test_groups(alice: Machine, bob: Machine) -> None:
    """A group that one joins on the hub is an address for the others, until one leaves it."""
    assert bob.ok("join", "@builds", "@docs") == "bob is in @builds, @docs\n"
    assert "delivered to bob" in alice.ok("send", "--to", "@builds", "info", "one")
    assert bob.ok("leave", "@docs") == "bob is in @builds\n"
    bob.ok("init", "--name", "bob", "--model", "m2")
    assert alice.json("peers", "bob")["peers"][0]["groups"] == ["builds"]


def test_delivery_and_hold(alice: Machine, bob: Machine) -> None:
    """Peers on other machines see what bob's owner chose and that it is on hold; they cannot hold it."""
    bob.ok("init", "--name", "bob", "--delivery", "asked")
    bob.ok("hold")
    (peer,) = alice.json("peers", "bob")["peers"]
    assert (peer["delivery"], peer["delivery_why"], peer["on_hold"]) == ("asked", "set in xw.json", True)
    refused = alice.run("hold", "bob")
    assert (refused.code, "bob's mailbox is on another machine: run this there" in refused.err) == (3, True)
    # Repeated: SFTP shows the times of files in whole seconds, by which alice reads bob's presence again.
    until(lambda: bob.ok("resume") and not alice.json("peers", "bob")["peers"][0]["on_hold"])


def test_unregistering(alice: Machine, bob: Machine, world: World) -> None:
    """One's unhandled mail goes back, the mirror is kept apart, and the name is free for an empty mailbox."""
    done = alice.send("bob", "handled")
    bob.ok("check")
    bob.ok("done", done)
    alice.send("bob", "unhandled")
    listed = bob.run("unregister", "bob")
    assert (listed.code, "1 unhandled message goes back" in listed.err) == (2, True), listed
    left = bob.json("unregister", "bob", "--yes")
    assert [one["to"] for one in left["returned"]] == ["alice"]
    assert not bob.mirror.exists()
    assert [hub_of(world).knows(name) for name in ("alice", "bob")] == [True, False]
    assert "Not delivered to bob: bob was unregistered" in alice.ok("check")
    bob.join()
    assert "no mail for bob" in bob.ok("check")
    alice.ok("sync")
    alice.send("bob", "welcome")
    assert "welcome" in bob.ok("check")


def test_unregistered_from_elsewhere(alice: Machine, bob: Machine, world: World) -> None:
    """What went back to its senders is open no longer in the mirror of the one who takes the name again."""
    waiting, claimed = alice.send("bob", "waits"), alice.send("bob", "is claimed")
    bob.ok("check")
    bob.ok("claim", claimed)
    hub_of(world).unregister("bob")
    bob.ok("init", "--name", "bob", "--hub", bob.url)
    new = alice.send("bob", "for the new one")
    assert [one["id"] for one in bob.json("check")["messages"]] == [new]
    assert bob.json("who")["claimed"] == 0
    assert {(one["id"], one["kind"]) for one in bob.json("check", "--failed")["dead_letters"]} == {
        (waiting, "gone"), (claimed, "gone"),
    }  # fmt: skip


def test_an_unknown_recipient(alice: Machine) -> None:
    """Mail for a name that the hub does not know is exit 3, and nothing is kept."""
    refused = alice.run("send", "task", "hello?", "--to", "bbo")
    assert (refused.code, refused.out, "no peer 'bbo'" in refused.err) == (3, "", True)
    assert list((alice.mirror / "sent").iterdir()) == []
    assert not (alice.mirror / "outbox/bbo").exists()


def test_returned_mail(alice: Machine, bob: Machine, world: World) -> None:
    """Mail for one who has left comes back from postmaster with the reason, and retry sends it again."""
    sent = alice.json("send", "task", "still there?", "--to", "bob", "--offline")["id"]
    world.remove("bob")
    assert "1 returned" in alice.ok("sync")
    (info,) = alice.json("check")["messages"]
    assert info["from"] == "postmaster"
    assert "no peer 'bob'" in info["body"]
    again = alice.run("retry", sent)
    assert (again.code, "came back from bob" in again.err or "no peer 'bob'" in again.err) == (3, True), again


def test_claim_release_and_fail(alice: Machine, bob: Machine) -> None:
    """The sender sees that a task was started, and why it failed."""
    task = alice.send("bob", "try this")
    bob.ok("check")
    assert bob.ok("claim", task).startswith("claimed ")
    assert "started" in alice.ok("trace", task)
    assert bob.ok("release", task).startswith("released ")
    assert bob.ok("claim", task).startswith("claimed ")
    assert bob.ok("fail", task, "no network").startswith("failed ")
    assert "failed" in alice.ok("trace", task) and "no network" in alice.ok("trace", task)
    assert "no network" in alice.run("wait", "--re", task, "--timeout", "30").err


def test_retry_of_a_dead_letter(alice: Machine, bob: Machine, world: World) -> None:
    """A message that failed at bob's has its reason on the hub too, and is sent again as a new message."""
    task = alice.send("bob", "try this")
    bob.ok("check")
    (name,) = bob.mailbox.pending()
    assert bob.mailbox.fail(name, "gone", "the chat is gone")
    bob.ok("sync")
    assert dict(hub_of(world).why("bob", name))["reason"] == "the chat is gone"
    assert "the chat is gone" in bob.ok("check", "--failed")
    assert "failed" in alice.ok("trace", task)
    assert "delivered to bob" in alice.ok("retry", task)
    (again,) = bob.json("check")["messages"]
    assert again["retry_of"] == task


def test_notifying(alice: Machine, bob: Machine) -> None:
    """Each notice arrives, and peers see a status that is only in the presence."""
    notices = [
        ("handoff", "review the parser", "--to", "bob"),
        ("compaction", "two days of work"),
        ("error", "the disk is full"),
        ("heartbeat", "--message"),
    ]
    for notice in notices:
        assert "delivered to bob" in alice.ok("notify", *notice)
    assert len(bodies(bob)) == len(notices)
    assert "no message was sent" in alice.ok("notify", "heartbeat", "busy", "--task", "tests", "--ttl", "600")
    alice.ok("sync")
    assert bob.ok("peers").startswith("alice busy; ")


# two machines, offline


def test_two_machines_with_one_name(alice: Machine, bob: Machine, join: Join) -> None:
    """Mail comes to both; of two that claim it one wins; what is done on one is done on the other."""
    other = join("bob", "elsewhere")
    task = alice.send("bob", "once")
    assert bodies(bob) == bodies(other) == ["once"]
    (name,) = bob.mailbox.pending()
    claims = [machine.instance().carrier.claim(name) for machine in (bob, other, bob, other)]
    assert claims == [True, False, True, False]
    other.ok("sync")
    bob.ok("done", task)
    assert "no mail for bob" in other.ok("check")
    assert "was done before" in other.ok("done", task)


def test_everything_goes_on_offline(alice: Machine, bob: Machine, world: World) -> None:
    """While the hub is away commands work and say so; what they did then travels, in order."""
    task = alice.send("bob", "before the cut")
    bob.ok("check")
    world.cut()
    checked = bob.run("check")
    assert (checked.code, checked.out.count("before the cut")) == (0, 1)
    assert " is the mail of " in checked.err
    assert bob.run("read", task).out.endswith("before the cut\n")
    for body in ("one", "two", "three"):
        sent = bob.run("send", "info", body, "--to", "alice")
        assert (sent.code, "in the outbox for alice" in sent.out) == (0, True), sent
    assert bob.run("reply", task, "from afar").code == 0
    assert bob.run("done", task).code == 0
    assert bob.run("peers").out.startswith("alice")
    assert "in the outbox" in bob.run("trace", sent.out.split()[0]).out
    assert bob.run("sync").code == 5
    world.back()
    assert "4 delivered, 0 returned, 0 fetched, 1 settled" in bob.ok("sync")
    alice.ok("sync")
    assert bodies(alice) == ["one", "two", "three", "from afar"]
    assert alice.ok("trace", task).count("on the hub, done") == 1


def test_offline_stays_off_the_hub(alice: Machine, bob: Machine, world: World) -> None:
    """With --offline nothing is asked of the hub, and nothing said of it; `sync` needs it: exit 5."""
    alice.send("bob", "unseen")
    for arguments in (["check"], ["send", "info", "later", "--to", "alice"], ["log"], ["peers"], ["who"]):
        assert "unseen" not in bob.ok(*arguments, "--offline")
    assert bob.run("sync", "--offline").code == 5
    assert "1 delivered" in bob.ok("sync")


@by_owners
def test_unsent_mail_for_another_hub(alice: Machine, bob: Machine) -> None:
    """doctor names the mirror that holds mail for the hub used before, and the command that sends it."""
    alice.ok("send", "task", "left behind", "--to", "bob", "--offline")
    old, mirror = alice.url, alice.mirror.parent
    alice.url += "-2"
    alice.set(hub=alice.url)
    assert alice.run("init", "--name", "alice").code == 0
    told = alice.run("doctor")
    assert told.code == 1
    assert f"1 unsent message of alice for {old} in the mirror {mirror}" in told.out
    assert f"xw sync --as alice --hub {old}" in told.out
    assert "1 delivered" in alice.ok("sync", "--hub", old)
    assert bodies(bob) == ["left behind"]
    assert "unsent message" not in alice.ok("doctor")


# gc, doctor


def test_gc(alice: Machine, bob: Machine, world: World) -> None:
    """gc removes what is old here and on the hub; what waits stays on both."""
    (alice.folder / "file").write_text("x")
    old, waits = alice.send("bob", "old", "--attach", "file"), alice.send("bob", "waits")
    bob.ok("check")
    bob.ok("done", old)
    backdate(bob.mirror, 40)
    world.age("bob", 40)
    planned = bob.ok("gc", "--dry-run")
    assert planned.count("would remove ") == 6
    assert planned.count(" on the hub\n") == 2
    assert bob.ok("gc") == ""
    assert list((bob.mirror / "inbox/done").iterdir()) == []
    assert list((bob.mirror / "attachments").iterdir()) == []
    (left,) = hub_of(world).survey("bob", {}).states.items()
    assert (left[0].partition(".")[0], left[1]) == (waits, "pending")
    assert bob.pending() == [waits]


def test_gc_keeps_what_the_hub_has_not_been_told(alice: Machine, bob: Machine, world: World) -> None:
    """While the hub is away, what was handled stays: the next sync would bring it again."""
    task = alice.send("bob", "once")
    bob.ok("check")
    bob.ok("done", task, "--offline")
    backdate(bob.mirror, 40)
    world.cut()
    assert bob.run("gc", "--days", "0").code == 0
    world.back()
    bob.ok("sync")
    assert bob.pending() == []
    assert list(hub_of(world).survey("bob", {}).states.values()) == ["done"]


def test_doctor(alice: Machine, world: World) -> None:
    """On a healthy hub, doctor has no bad finding, and names the hub."""
    told = alice.ok("doctor")
    assert f"ok   connected to {world.url}" in told
    assert "bad" not in told


def test_doctor_without_a_mailbox_on_the_hub(alice: Machine, world: World) -> None:
    """`doctor` reports a mailbox missing on the hub, and how to make it; then all is well again."""
    world.remove("alice")
    told = alice.run("doctor")
    assert told.code == 1
    assert "bad  the hub has no mailbox for alice: xw init --name alice\n" in told.out
    for arguments in (("sync",), ("check",)):
        said = alice.run(*arguments)
        assert f"{world.url} has no mailbox for 'alice': `xw init --name alice` makes one" in said.err, said
    assert "mailbox  alice (made)" in alice.ok("init", "--name", "alice")
    assert "bad" not in alice.ok("doctor")


def test_doctor_while_the_hub_is_away(alice: Machine, bob: Machine, world: World) -> None:
    """doctor reports that the hub is unreachable, and goes on to the mail that waits here."""
    alice.ok("send", "task", "later", "--to", "bob", "--offline")
    world.cut()
    findings = {one["code"]: one for one in json.loads(alice.run("doctor", "--json").out)["findings"]}
    assert findings["unreachable"]["level"] == "bad"
    assert findings["outbox"]["number"] == 1
    assert alice.run("doctor", "--offline").code == 0
