"""recall and resend on hubs that are not local directories, where recipients have mirrors."""

import json
from pathlib import Path

from tests.hub.worlds import World, hub_of
from tests.remote.machine import Machine


def _short(message_id: str) -> str:
    return message_id[-8:]


def test_a_mirror_drops_what_was_withdrawn(alice: Machine, bob: Machine) -> None:
    """A message that a recipient's machine has fetched goes at its next look, and is a dead letter there."""
    sent = alice.send("bob", "wrong")
    bob.ok("sync")
    assert bob.pending() == [sent]
    told = alice.ok("recall", sent)
    assert told == f"{_short(sent)} bob: withdrawn; a mirror that has it drops it at its next sync\n"
    assert bob.json("check")["messages"] == []
    (letter,) = bob.json("check", "--failed")["dead_letters"]
    assert (letter["id"], letter["kind"]) == (sent, "withdrawn")
    assert ": withdrawn" in alice.ok("trace", sent)


def test_what_a_mirror_has_claimed_or_handled(alice: Machine, bob: Machine, world: World) -> None:
    """A claim asks the hub, so it wins or loses there; what was handled offline stays handled."""
    claimed, handled = alice.send("bob", "claimed"), alice.send("bob", "handled")
    bob.ok("sync")
    name = next(name for name in bob.mailbox.names("inbox/pending") if name.startswith(claimed))
    assert bob.instance().carrier.claim(name)
    result = alice.run("recall", claimed)
    assert (result.code, "too late, it is claimed" in result.out) == (1, True), result
    bob.ok("done", handled, "--offline")
    assert "bob: withdrawn;" in alice.ok("recall", handled)
    bob.ok("sync")
    located = hub_of(world).locate("bob", f"{handled}.task.alice.json")
    assert located
    assert located.state == "done"
    assert "on the hub, done" in alice.ok("trace", handled)


def test_offline(alice: Machine, bob: Machine, world: World) -> None:
    """What waits here is withdrawn without the hub, with a doubt; what the hub has is unreached: exit 5."""
    there = alice.send("bob", "there")
    world.cut()
    waits = json.loads(alice.run("send", "info", "waits", "--to", "bob", "--json").out)["id"]
    result = alice.run("recall", waits)
    assert result.code == 0
    assert "withdrawn from the outbox; whether an earlier try delivered it is unknown" in result.out
    assert alice.run("recall", there).code == 5
    assert alice.run("resend", there).code == 5
    world.back()
    (alice.mirror.parent / "away.json").unlink(missing_ok=True)
    alice.ok("sync")
    assert [message["id"] for message in bob.json("check")["messages"]] == [there]


def test_a_restored_hub(alice: Machine, bob: Machine, world: World, tmp_path: Path) -> None:
    """What the hub lost comes again, with its files; what a recipient's mirror still has comes to nobody."""
    (tmp_path / "a.txt").write_text("a")
    handled = alice.send("bob", "handled")
    bob.ok("sync")
    bob.ok("done", handled)
    lost = alice.send("bob", "lost", "--attach", str(tmp_path / "a.txt"))
    world.lose("bob")
    assert "not on the hub; `xw resend`" in alice.ok("trace", lost)
    assert f"{_short(lost)} bob: would be sent again" in alice.ok("sync", "--repair", "--dry-run")
    repaired = alice.json("sync", "--repair")["repaired"]["messages"]
    assert {(one["id"], one["outcome"]) for one in repaired} == {(handled, "sent"), (lost, "sent")}
    bob.ok("sync")
    assert [message["id"] for message in bob.json("check")["messages"]] == [lost]
    (file,) = bob.json("read", lost)["files"]
    assert Path(file["path"]).read_text() == "a"
    located = hub_of(world).locate("bob", f"{handled}.task.alice.json")
    assert located
    assert located.state == "done"
    assert alice.json("sync", "--repair")["repaired"]["messages"] == []


def test_what_gc_removed_on_the_hub(alice: Machine, bob: Machine, world: World) -> None:
    """A gc from the recipient's machine is known to the sender's: the mail stays away."""
    handled = alice.send("bob", "handled")
    bob.ok("sync")
    bob.ok("done", handled)
    world.age("bob", 3)
    bob.ok("gc", "--days", "0")
    assert "handled and removed, or lost in a restore" in alice.ok("trace", handled)
    result = alice.run("resend", handled)
    assert (result.code, "not sent again: it is older" in result.out) == (1, True), result
    assert bob.json("check")["messages"] == []
