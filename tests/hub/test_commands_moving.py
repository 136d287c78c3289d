"""A hub moves, or is copied, on hubs that are not local directories: mirrors know it by its id alone."""

import json
import os
import threading

import pytest

from tests.cli.team import until
from tests.hub.worlds import World, by_owners, hub_of, kept_in_step
from tests.remote.conftest import Join
from tests.remote.machine import Machine
from xw import layout
from xw.mirror.watcher import MirrorWatcher


@pytest.fixture
def alice(join: Join) -> Machine:
    return join("alice")


def bodies(machine: Machine) -> list[str]:
    """Return the bodies that `check` shows."""
    return [message["body"] for message in machine.json("check")["messages"]]


@by_owners
def test_hub_move(world: World, alice: Machine, join: Join) -> None:
    """Mail that waits here or there arrives at the new place with nothing more to do."""
    bob = join("bob")
    alice.send("bob", "there")
    world.cut()
    assert alice.run("send", "--to", "bob", "info", "here").code == 0
    world.back()
    new = f"{world.url}-new"
    ran = bob.run("hub", "move", new, "--json")
    assert (ran.code, ran.err) == (0, f"xw: making a hub at {new}\n")
    moved = json.loads(ran.out)
    assert (moved["from"], moved["to"], moved["instances"], moved["left"]) == (
        world.url,
        new,
        ["alice", "bob"],
        [],
    )
    assert alice.ok("sync").startswith("1 delivered")
    assert bodies(bob) == ["there", "here"]
    assert {machine.json("who")["hub"] for machine in (alice, bob)} == {new}


@pytest.mark.long
@by_owners
def test_a_watcher_follows(world: World, alice: Machine, join: Join) -> None:
    """A mirror that is kept in step goes on at the new place, both ways."""
    bob = join("bob")
    with kept_in_step(alice):
        until(lambda: bodies(bob) == [] and bob.run("send", "--to", "alice", "info", "before").code == 0)
        until(alice.pending)
        bob.ok("hub", "move", f"{world.url}-new")
        bob.send("alice", "after")
        until(lambda: len(alice.pending()) == 2)
        assert alice.run("send", "--to", "bob", "info", "back").code == 0
        until(lambda: bodies(bob) == ["back"])


@by_owners
def test_a_watcher_starts_after_the_move(world: World, alice: Machine, join: Join) -> None:
    """A mirror whose hub moved while nobody kept it follows with the first connection."""
    bob = join("bob")
    bob.ok("hub", "move", f"{world.url}-new")
    bob.send("alice", "after")
    with kept_in_step(alice) as told:
        until(alice.pending)
        until(lambda: told)
    assert [text.partition(":")[0] for text in told] == ["connected"]


@by_owners
def test_a_move_before_the_watcher_listens(
    world: World, alice: Machine, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub that moves between a sync and the question for pushes is followed too, and not called away."""
    bob = join("bob")
    listen, looked, moved = MirrorWatcher._listen, threading.Event(), threading.Event()

    def listen_once_moved(watcher: MirrorWatcher) -> None:
        looked.set()
        moved.wait()
        listen(watcher)

    monkeypatch.setattr(MirrorWatcher, "_listen", listen_once_moved)
    with kept_in_step(alice) as told:
        try:
            looked.wait()
            bob.ok("hub", "move", f"{world.url}-new")
            bob.send("alice", "after")
        finally:
            moved.set()
        until(alice.pending)
    assert [text.partition(":")[0] for text in told] == ["connected"]


@by_owners
def test_a_claim_after_the_move(world: World, alice: Machine, join: Join) -> None:
    """Beside a `sync --watch` that has not looked yet, a process follows the hub by itself."""
    bob = join("bob")
    task = bob.send("alice", "mine")
    alice.ok("check")
    bob.ok("hub", "move", f"{world.url}-new")
    mailbox = alice.mailbox
    with mailbox.files.locked(mailbox.at(layout.WATCH_LOCK)):
        alice.ok("claim", task)
    assert list(hub_of(world, "-new").survey("alice", {}).states.values()) == ["processing"]


@by_owners
def test_a_process_that_ran_before_the_move(world: World, alice: Machine, join: Join) -> None:
    """What another process has noted of the hub's new place is enough, once the old place is gone."""
    bob = join("bob")
    bob.send("alice", "mine")
    synced, asked, kept = (alice.instance().carrier for _ in range(3))
    assert synced.refresh() is None
    bob.ok("hub", "move", f"{world.url}-new")
    alice.ok("sync")
    world.vanish()
    assert synced.sync().problems == ()
    assert asked.claim(alice.mailbox.pending()[0])
    with kept_in_step(alice, kept.mirror) as told:
        until(lambda: told)
    assert [text.partition(":")[0] for text in told] == ["connected"]


@by_owners
def test_a_send_during_the_move(world: World, alice: Machine, join: Join) -> None:
    """A send right after the move is delivered at the new place at once."""
    bob = join("bob")
    bob.ok("hub", "move", f"{world.url}-new")
    alice.send("bob", "at once")
    assert bodies(bob) == ["at once"]
    assert os.listdir(alice.mirror / "outbox/bob") == []


@by_owners
def test_hub_new_id(world: World, alice: Machine) -> None:
    """The mirror of this machine knows the new id at once, and mail travels as before."""
    before = hub_of(world).identity()
    made = alice.json("hub", "new-id")
    assert made["id"] == hub_of(world).identity() != before
    assert alice.ok("sync").startswith("0 delivered")
    assert alice.run("hub", "new-id", "--offline").code == 2
