"""Two machines, one hub: mail travels, states agree, and few round trips are made."""

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.sync.conftest import Join
from tests.sync.machines import Machine
from xw import layout
from xw.errors import Refused, Unreachable, XwError
from xw.files.local import LocalFiles
from xw.files.sftp import SftpFiles
from xw.files.sftp_read import Reader
from xw.hub.contract import Parcel
from xw.hub.directory import DirectoryHub
from xw.layout import INBOX
from xw.message import Message, encode
from xw.mirror.sync import Peers, sync


def test_a_message_travels(alice: Machine, bob: Machine) -> None:
    """Alice's message is pending in bob's mirror after both have synced."""
    sent = alice.send("bob", "over there")
    assert sent.waiting == ("bob",)
    assert alice.sync().flushed.delivered == (("bob", sent.name),)
    assert alice.mailbox.outbox("bob") == []
    assert bob.sync().fetched == (sent.name,)
    assert bob.bodies() == ["over there"]


def test_order_is_kept(alice: Machine, bob: Machine) -> None:
    """Twenty messages arrive in the order in which they were sent."""
    for number in range(20):
        alice.send("bob", str(number))
    alice.sync()
    bob.sync()
    assert bob.bodies() == [str(number) for number in range(20)]


def test_attachments_travel(alice: Machine, bob: Machine, tmp_path: Path) -> None:
    """A file of 3 MB arrives whole, before its message."""
    data = os.urandom(3_000_000)
    (tmp_path / "data.bin").write_bytes(data)
    sent = alice.send("bob", "look", attachments=(str(tmp_path / "data.bin"),))
    alice.sync()
    bob.sync()
    path = tmp_path / "west" / bob.mailbox.attachment(sent.id, "data.bin")
    assert path.read_bytes() == data


def test_a_damaged_attachment_is_not_kept(alice: Machine, bob: Machine, tmp_path: Path) -> None:
    """A file whose hash is not the message's is left out and named; the message comes all the same."""
    (tmp_path / "data.bin").write_bytes(b"right")
    sent = alice.send("bob", "look", attachments=(str(tmp_path / "data.bin"),))
    alice.sync()
    (tmp_path / "hub" / bob.mailbox.attachment(sent.id, "data.bin")).write_bytes(b"wrong")
    report = bob.sync()
    assert [problem for _, problem in report.problems] == ["its file data.bin is damaged on the hub"]
    assert bob.bodies() == ["look"]
    assert "data.bin" in bob.mailbox.missing(sent.id, bob.mailbox.read(bob.mailbox.find(sent.id)).attachments)


@pytest.mark.parametrize("place", ["here", "on the hub"])
@pytest.mark.parametrize("how", ["other bytes", "a link"])
def test_other_bytes_of_the_right_size_are_not_taken_for_the_file(
    place: str, how: str, alice: Machine, bob: Machine, tmp_path: Path
) -> None:
    """A file of that name and size, on the hub or here, does not pass as the one that was sent."""
    (tmp_path / "data.bin").write_bytes(b"right")
    sent = alice.send("bob", "look", attachments=(str(tmp_path / "data.bin"),))
    if place == "here":
        alice.sync()
    there = tmp_path / ("west" if place == "here" else "hub") / bob.mailbox.attachment(sent.id, "data.bin")
    there.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "secret").write_bytes(b"wrong")
    if how == "a link":
        there.symlink_to(tmp_path / "secret")
    else:
        there.write_bytes(b"wrong")
    alice.sync()
    assert bob.sync().problems == ()
    path = tmp_path / "west" / bob.mailbox.attachment(sent.id, "data.bin")
    assert path.read_bytes() == b"right" and not path.is_symlink()
    assert (tmp_path / "secret").read_bytes() == b"wrong"


@pytest.mark.parametrize("what", ["message", "attachment"])
def test_what_may_not_be_read_stays_on_the_hub(
    what: str, alice: Machine, bob: Machine, hub: DirectoryHub, tmp_path: Path
) -> None:
    """A file without read permission, as on a group's hub, delays nothing; once readable, it is fetched."""
    (tmp_path / "data.bin").write_bytes(b"data")
    shut = alice.send("bob", "shut", attachments=(str(tmp_path / "data.bin"),))
    shown = alice.send("bob", "shown")
    alice.sync()
    there = hub.mailbox("bob")
    path = tmp_path / "hub" / there.at(INBOX["pending"], shut.name)
    if what == "attachment":
        path = tmp_path / "hub" / there.attachment(shut.id, "data.bin")
    path.chmod(0)
    report = bob.sync()
    assert report.fetched == (shown.name,)
    said = f"hub:{path}: Permission denied: check the owner and mode of the path"
    assert report.problems == ((shut.name, f"left on the hub: {said}"),)
    told = f"{shut.name}: left on the hub: {said}"
    assert bob.hub.refresh() == told  # which `check` says on stderr
    with bob.mailbox.files.locked(bob.mailbox.at(layout.WATCH_LOCK)):
        assert bob.hub.refresh() == told
    assert bob.bodies() == ["shown"]
    assert hub.mailbox("bob").pending() == [shut.name, shown.name]
    path.chmod(0o600)
    assert bob.sync().fetched == (shut.name,)
    assert bob.hub.refresh() is None
    assert bob.bodies() == ["shut", "shown"]


@pytest.fixture
def anna(alice: Machine, join: Join, hub: DirectoryHub) -> Machine:
    """Another instance on alice's machine, in the same mirror."""
    hub.register("anna", {"name": "anna"})
    return join("anna", "east")


def test_each_instance_of_a_mirror_has_its_own_age(
    alice: Machine, anna: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the hub, the age of one's own mail is reported, though another's was synced since."""
    path = Path(anna.hub.files.root, anna.mailbox.at(layout.SYNCED))
    path.write_text(json.dumps({"at": time.time() - 7200, "missing": ""}))
    alice.sync()
    alice.hub.notes.failed("no route")
    told = "no route (tried a moment ago); this is the mail of "
    assert anna.hub.refresh() == f"{told}2h ago"
    assert str(alice.hub.refresh()).removeprefix(told).endswith("s ago")


def test_who_keeps_another_does_not_keep_this_one(alice: Machine, anna: Machine, bob: Machine) -> None:
    """While a `sync --watch` keeps one instance of a mirror alone, another's commands sync by themselves."""
    bob.send("anna", "for you")
    bob.sync()
    with alice.mailbox.files.locked(alice.mailbox.at(layout.WATCH_LOCK)):
        assert anna.hub.refresh() is None
    assert anna.bodies() == ["for you"]


def test_who_waits_for_another_sync_has_time_left(bob: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command waits for another sync of its mirror only half its limit, or a slow host would seem dead."""
    waited: list[float] = []
    real = LocalFiles.locked

    def locked(files: LocalFiles, path: str, timeout: float = 10.0) -> Any:
        if path.endswith(layout.SYNC_LOCK):
            waited.append(timeout)
        return real(files, path, timeout)

    monkeypatch.setattr(LocalFiles, "locked", locked)
    bob.hub.timeout = 20.0
    assert bob.hub.refresh() is None
    assert waited == [10.0]


def test_a_keeper_that_is_late_is_not_trusted(bob: Machine) -> None:
    """If `sync --watch` has not synced for long, the age of the mail is reported."""
    path = Path(bob.hub.files.root, bob.mailbox.at(layout.SYNCED))
    with bob.mailbox.files.locked(bob.mailbox.at(layout.WATCH_LOCK)):
        assert bob.hub.refresh() is None
        path.write_text(json.dumps({"at": time.time() - 7200, "missing": ""}))
        told = "`xw sync --watch` has not synced it yet; this is the mail of 2h ago"
        assert bob.hub.refresh() == told


@pytest.mark.parametrize("later", [False, True])
def test_what_another_process_delivers_meanwhile(
    join: Join, alice: Machine, monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    """A send reports no mail in front of a message that a `sync --watch` delivers at that moment."""
    other = join("alice", "east")
    sent, outbox = alice.send("bob", "news"), alice.mailbox.outbox

    def then_delivered(to: str) -> list[str]:
        waiting = outbox(to)
        other.sync()
        if later:
            other.send("bob", "later")
        return waiting

    monkeypatch.setattr(alice.mailbox, "outbox", then_delivered)
    with alice.mailbox.files.locked(alice.mailbox.at(layout.WATCH_LOCK)):
        after, problem = alice.hub.after_send(sent)
    assert (after.returned, problem) == ((), None)


def test_a_refused_move_holds_no_mail_back(
    alice: Machine, bob: Machine, hub: DirectoryHub, tmp_path: Path
) -> None:
    """If the hub refuses to settle a message, the outbox is still delivered."""
    sent = alice.send("bob", "please")
    alice.sync()
    bob.sync()
    bob.mailbox.settle(sent.name)
    answer = bob.send("alice", "done")
    shut = tmp_path / "hub" / hub.mailbox("bob").at(INBOX["done"])
    shut.chmod(0o500)
    with pytest.raises(PermissionError):
        bob.sync()
    assert hub.mailbox("alice").pending() == [answer.name]
    shut.chmod(0o700)
    assert bob.sync().settled == (sent.name,)


def test_a_dead_letter_whose_reason_may_not_be_read(
    join: Join, alice: Machine, hub: DirectoryHub, tmp_path: Path
) -> None:
    """It is failed on the other machine too, and delays nothing."""
    first, second = join("bob", "west"), join("bob", "north")
    sent = alice.send("bob", "fails")
    for machine in (alice, first, second):
        machine.sync()
    first.mailbox.fail(sent.name, "gone", "the chat is gone")
    first.sync()
    (tmp_path / "hub" / hub.mailbox("bob").at(INBOX["failed"], f"{sent.name}.why.json")).chmod(0)
    assert second.sync().advanced == (sent.name,)
    assert second.mailbox.state_of(sent.name) == "failed"


def test_done_travels_back(alice: Machine, bob: Machine, hub: DirectoryHub) -> None:
    """A message that bob has done is done on the hub after his sync."""
    sent = alice.send("bob", "do it")
    alice.sync()
    bob.sync()
    assert bob.mailbox.settle(sent.name)
    assert bob.sync().settled == (sent.name,)
    assert hub.mailbox("bob").state_of(sent.name) == "done"


def test_two_machines_of_one_name_stay_in_step(join: Join, alice: Machine) -> None:
    """Done on one machine is done on the other after both have synced; failed takes its reason along."""
    first, second = join("bob", "west"), join("bob", "north")
    done, failed = alice.send("bob", "one"), alice.send("bob", "two")
    alice.sync()
    first.sync()
    second.sync()
    first.mailbox.settle(done.name)
    first.mailbox.fail(failed.name, "gone", "the chat is gone")
    first.sync()
    assert set(second.sync().advanced) == {done.name, failed.name}
    assert second.mailbox.state_of(done.name) == "done"
    assert second.mailbox.state_of(failed.name) == "failed"
    assert second.mailbox.why(failed.name)["reason"] == "the chat is gone"


def test_done_counts_over_failed(join: Join, alice: Machine, hub: DirectoryHub) -> None:
    """Failed on one machine and done on another of the same name, it is done on both and on the hub."""
    first, second = join("bob", "west"), join("bob", "north")
    sent = alice.send("bob", "try it")
    for machine in (alice, first, second):
        machine.sync()
    first.mailbox.fail(sent.name, "gone", "the chat is gone")
    first.sync()
    second.mailbox.settle(sent.name)
    assert second.sync().settled == (sent.name,)
    assert first.sync().advanced == (sent.name,)
    for mailbox in (first.mailbox, second.mailbox, hub.mailbox("bob")):
        assert mailbox.names(INBOX["done"]) == [sent.name]
        assert mailbox.names(INBOX["failed"]) == []
    for machine in (first, second):
        again = machine.sync()
        assert (again.settled, again.advanced) == ((), ())


def test_direct_use_of_the_hub(alice: Machine, hub: DirectoryHub) -> None:
    """An agent on the hub's own machine and one over SFTP see each other's mail."""
    name, data = encode(
        {"from": "bob", "type": "info", "to": ["alice"], "body": "from here"}, 1_795_000_000_000_000
    )
    hub.mailbox("alice").accept(name, data)
    alice.sync()
    assert alice.bodies() == ["from here"]
    sent = alice.send("bob", "from afar")
    alice.sync()
    assert hub.mailbox("bob").pending() == [sent.name]


def test_a_damaged_mirror_copy_is_fetched_again(
    alice: Machine, bob: Machine, tmp_path: Path, hub: DirectoryHub
) -> None:
    """A damaged copy is not shown, never propagated, and replaced by the hub's by the next sync."""
    sent = alice.send("bob", "whole")
    alice.sync()
    bob.sync()
    path = tmp_path / "west" / bob.mailbox.at(INBOX["pending"], sent.name)
    path.write_bytes(path.read_bytes()[:-5])
    assert bob.bodies() == []
    assert bob.sync().fetched == (sent.name,)
    assert bob.bodies() == ["whole"]
    assert hub.mailbox("bob").state_of(sent.name) == "pending"


def test_damage_on_the_hub_is_set_aside_there(bob: Machine, hub: DirectoryHub, tmp_path: Path) -> None:
    """A file in the hub's `pending/` that is not a message goes to `failed/` there, with the reason."""
    pending = tmp_path / "hub" / "bob" / "inbox" / "pending"
    (pending / "rubbish").write_text("x")
    (pending / "20261121T053012123456Z-k7f3q2m9.task.alice.json").write_text("{}")
    bob.sync()
    assert list(pending.iterdir()) == []
    failed = {path.name for path in (tmp_path / "hub" / "bob" / "inbox" / "failed").iterdir()}
    assert {"rubbish", "rubbish.why.json"} <= failed
    assert len(failed) == 4


def test_an_unknown_recipient_comes_back(alice: Machine, hub: DirectoryHub) -> None:
    """Mail for a peer that has left comes back as an info from postmaster; the original is kept."""
    sent = alice.send("bob", "anybody there?")
    os.remove(f"{hub.url}/bob/card.json")
    report = alice.sync()
    assert report.flushed.returned == (("bob", sent.name),)
    (message,) = alice.mailbox.read_each(INBOX["pending"], alice.mailbox.pending())
    assert isinstance(message, Message)
    assert (message.sender, message.re) == (layout.POSTMASTER, sent.id)
    assert alice.mailbox.refused(sent.name) == {"bob"}


def test_a_full_hub_keeps_the_outbox(alice: Machine, bob: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the hub takes nothing now, the message waits in the outbox and is delivered later, once."""
    sent = alice.send("bob", "later")

    def full(self: SftpFiles, items: object) -> list[OSError]:
        return [OSError(28, "No space left on device")]

    with monkeypatch.context() as patch:
        patch.setattr(SftpFiles, "publish_all", full)
        assert "full" in str(alice.sync().flushed.waiting["bob"])
    assert alice.mailbox.outbox("bob") == [sent.name]
    alice.sync()
    bob.sync()
    assert bob.bodies() == ["later"]


def test_a_file_that_is_gone_holds_nobody_up(alice: Machine, bob: Machine, tmp_path: Path) -> None:
    """A message whose file was deleted from the sender's mailbox comes back; the next one is delivered."""
    (tmp_path / "data.bin").write_bytes(b"data")
    lost = alice.send("bob", "with a file", attachments=(str(tmp_path / "data.bin"),))
    alice.mailbox.files.remove(alice.mailbox.attachment(lost.id, "data.bin"))
    alice.send("bob", "without")
    assert alice.sync().flushed.returned == (("bob", lost.name),)
    bob.sync()
    assert bob.bodies() == ["without"]


@pytest.mark.parametrize("how", ["longer", "as long", "a link", "a folder"])
def test_a_file_that_is_no_more_what_was_sent(
    how: str, alice: Machine, bob: Machine, tmp_path: Path, hub: DirectoryHub
) -> None:
    """A message whose file has changed since comes back with the reason; the next one is delivered."""
    (tmp_path / "data.bin").write_bytes(b"right")
    sent = alice.send("bob", "with a file", attachments=(str(tmp_path / "data.bin"),))
    path = tmp_path / "east" / alice.mailbox.attachment(sent.id, "data.bin")
    path.unlink()
    if how == "a link":
        path.symlink_to(tmp_path / "data.bin")
    elif how == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"wrong" if how == "as long" else b"too long")
    alice.send("bob", "without")
    report = alice.sync()
    assert report.flushed.returned == (("bob", sent.name),)
    (told,) = alice.bodies()
    assert f"its file data.bin in attachments/{sent.id}/ is not as it was sent: " in told
    bob.sync()
    assert bob.bodies() == ["without"]
    assert hub.mailbox("bob").files.list_folder("bob/inbox/tmp") == []


def test_trouble_with_the_hub_is_no_refusal(
    alice: Machine, join: Join, hub: DirectoryHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login refused, or a folder in the way, while files travel: the messages wait, and come later."""
    (tmp_path / "data.bin").write_bytes(b"data")
    sent = alice.send("bob", "with a file", attachments=(str(tmp_path / "data.bin"),))

    def refused(self: SftpFiles, pieces: object, path: str) -> None:
        raise Refused("hub: login refused")

    with monkeypatch.context() as patch:
        patch.setattr(SftpFiles, "store", refused)
        with pytest.raises(Refused):
            alice.sync()
    folder = Path(hub.url) / "bob" / layout.ATTACHMENTS
    folder.rmdir()
    folder.touch()
    report = alice.sync()
    assert list(report.flushed.waiting) == ["bob"]
    assert alice.mailbox.outbox("bob") == [sent.name]
    folder.unlink()
    assert alice.sync().flushed.delivered == (("bob", sent.name),)


def test_progress_both_ways(alice: Machine, bob: Machine, tmp_path: Path) -> None:
    """The progress of a large file is reported during delivery and during collection."""
    size = 3_000_000
    (tmp_path / "data.bin").write_bytes(os.urandom(size))
    alice.send("bob", "look", attachments=(str(tmp_path / "data.bin"),))
    for machine in (alice, bob):
        told: list[tuple[str, int, int]] = []

        def note(*progress: Any, told: list[Any] = told) -> None:
            told.append(progress)

        sync(machine.hub, note)
        message = told.pop()
        assert layout.is_message(message[0])
        assert len(told) > 2
        assert told == sorted(told)
        assert told[-1] == ("data.bin", size, size)


@pytest.mark.parametrize("way", ["there", "back"])
def test_what_came_before_a_cut_stays(
    way: str, alice: Machine, bob: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mail that takes longer than a command's limit travels in parts, in order, with a note."""
    for number in range(3):
        alice.send("bob", str(number) * 200_000)
    here, whole, step = (alice, DirectoryHub, "deliver") if way == "there" else (bob, Reader, "_read_burst")
    if here is bob:
        alice.sync()
    here.hub.timeout = 0.0
    real, calls = getattr(whole, step), count()

    def cut(*arguments: Any) -> Any:
        if next(calls) == 1:
            raise Unreachable("hub: it does not answer")
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(whole, step, cut)
        told = here.hub.refresh()
    assert str(told).startswith("the mail takes longer than 0.0 s: `xw sync` takes the time that it needs")
    if here is alice:
        assert len(alice.mailbox.outbox("bob")) == 2
        bob.sync()
    assert bob.bodies() == ["0" * 200_000]
    alice.sync()
    bob.sync()
    assert [body[0] for body in bob.bodies()] == ["0", "1", "2"]


def test_a_delivery_whose_answer_was_lost(alice: Machine, bob: Machine, hub: DirectoryHub) -> None:
    """A message that the hub has already, in any state, counts as delivered and is there once."""
    sent = alice.send("bob", "once")
    data = alice.mailbox.files.read(alice.mailbox.at("outbox/bob", sent.name), layout.MESSAGE_LIMIT)
    hub.mailbox("bob").accept(sent.name, data)
    hub.mailbox("bob").settle(sent.name)
    assert alice.sync().flushed.delivered == (("bob", sent.name),)
    bob.sync()
    assert bob.bodies() == []
    assert hub.mailbox("bob").state_of(sent.name) == "done"


def test_a_broken_link_is_said_and_remembered(alice: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the server is gone, a sync reports it and the mirror remembers since when."""
    alice.send("bob", "still here")
    alice.link.close()
    monkeypatch.setattr(alice.link, "wire", _gone)
    with pytest.raises(Unreachable):
        alice.sync()
    state = alice.hub.notes.state("alice")
    assert state.failed >= state.at > 0
    assert state.in_backoff()
    assert len(alice.mailbox.outbox("bob")) == 1


def _gone() -> object:
    raise Unreachable("hub: no answer")


def test_round_trips(alice: Machine, bob: Machine) -> None:
    """On a live connection: nothing to do at most 3, ten messages delivered or collected at most 5 each.

    An automatic sync, which looks at no peers but those just written to, takes 1, or 2 with them.
    """
    assert alice.cost("recent") <= 1
    assert alice.cost() <= 3
    for number in range(10):
        alice.send("bob", str(number))
    assert alice.cost() <= 5
    assert bob.cost() <= 5
    assert len(bob.bodies()) == 10
    assert bob.cost("recent") <= 2


def test_round_trips_after_a_push(alice: Machine, bob: Machine) -> None:
    """A sync that a push has woken looks at no peer, so that the mail is here a round trip earlier."""
    costs = []
    both: tuple[Peers, ...] = ("recent", "none")
    for peers in both:
        alice.send("bob", "hello")
        alice.sync()
        bob.sync()  # from now on bob takes an interest in alice
        alice.send("bob", "again")
        alice.sync()
        costs.append(bob.cost(peers))
    assert costs[1] == costs[0] - 1
    assert len(bob.bodies()) == 4


def test_asking_who_is_there_costs_the_same_however_many(alice: Machine, hub: DirectoryHub) -> None:
    """The names, and those that a broadcast goes to, come in a few round trips from a hub of many."""
    there, trips = alice.hub.hub, [alice.link.round_trips]
    for _ in range(2):
        assert there.instances() == [peer.name for peer in there.peers()] == hub.instances()
        trips.append(alice.link.round_trips)
        for number in range(20):
            hub.register(f"peer-{number:02}", {"kind": "agent"})
    assert trips[2] - trips[1] == trips[1] - trips[0] <= 10


def test_peers_are_remembered(alice: Machine) -> None:
    """The peers of the last sync are shown without the network."""
    alice.link.close()
    assert alice.hub.instances() == ["alice", "bob"]
    assert alice.hub.peer("bob").kind == "agent"


def test_presence_travels(alice: Machine, bob: Machine, tmp_path: Path) -> None:
    """A presence written in a mirror is on the hub after a sync, and seen by the peers after theirs."""
    path = tmp_path / "west" / "bob" / "presence.json"
    path.write_text('{"status": "busy", "task": "sorting", "ttl_s": 60}')
    bob.sync()
    alice.sync()
    seen = alice.hub.peer("bob")
    assert (seen.status, seen.task) == ("busy", "sorting")


def test_a_claim_is_made_on_the_hub(join: Join, alice: Machine, hub: DirectoryHub) -> None:
    """If two machines with one name see a message, one claims it; asking again is safe."""
    first, second = join("bob", "west"), join("bob", "north")
    sent = alice.send("bob", "who takes it?")
    for machine in (alice, first, second):
        machine.sync()
    assert second.hub.claim(sent.name)
    assert not first.hub.claim(sent.name)
    assert second.hub.claim(sent.name)
    assert not first.hub.claim(sent.name)
    assert hub.mailbox("bob").state_of(sent.name) == "processing"
    assert first.mailbox.state_of(sent.name) == "pending"
    assert second.mailbox.state_of(sent.name) == "processing"


def test_a_claim_on_the_hubs_own_host_wins(alice: Machine, bob: Machine, hub: DirectoryHub) -> None:
    """A mirror cannot claim a message that an agent on the hub's host has claimed or finished."""
    names = [alice.send("bob", body).name for body in ("claimed", "done")]
    alice.sync()
    bob.sync()
    assert hub.mailbox("bob").start(names[0])
    assert hub.mailbox("bob").settle(names[1])
    assert [bob.hub.claim(name) for name in names * 2] == [False] * 4
    assert bob.mailbox.pending() == names


@pytest.mark.parametrize("step", range(4))
def test_a_claim_whose_answer_was_lost(
    step: int, join: Join, alice: Machine, hub: DirectoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off after any step, the claim is the same machine's when it asks again, and never another's too."""
    first, second = join("bob", "west"), join("bob", "north")
    sent = alice.send("bob", "mine")
    for machine in (alice, first, second):
        machine.sync()
    steps = iter(range(4))

    def cut(real: Callable[..., object]) -> Callable[..., object]:
        def act(*arguments: object) -> object:
            done = real(*arguments)
            if next(steps) == step:
                raise Unreachable("hub: the connection was lost")
            return done

        return act

    with monkeypatch.context() as patch:
        for name in ("read_all", "publish_all", "move_all"):
            patch.setattr(SftpFiles, name, cut(getattr(SftpFiles, name)))
        with suppress(Unreachable, FileNotFoundError):
            first.hub.claim(sent.name)
    second.sync()
    first.hub.notes.collected("bob")  # the moment after a failure is over
    won = [machine.hub.claim(sent.name) for machine in (first, second, first, second)]
    assert won == [True, False] * 2
    assert hub.mailbox("bob").state_of(sent.name) == "processing"


def test_no_claim_offline(alice: Machine, bob: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the hub cannot be asked nobody claims, and the message stays pending."""
    sent = alice.send("bob", "later")
    alice.sync()
    bob.sync()
    bob.hub.offline = True
    with pytest.raises(Unreachable):
        bob.hub.claim(sent.name)
    assert bob.mailbox.pending() == [sent.name]


def test_sending_does_not_wait_for_the_hub(
    alice: Machine, bob: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a sync delivers, which can take long, others send at once, and their mail comes after it."""
    alice.send("bob", "first")
    real = DirectoryHub.deliver

    def deliver(self: DirectoryHub, parcels: Sequence[Parcel]) -> list[XwError | None]:
        if parcels:
            alice.send("bob", "meanwhile")
        return real(self, parcels)

    with monkeypatch.context() as patch:
        patch.setattr(DirectoryHub, "deliver", deliver)
        alice.sync()
    assert len(alice.mailbox.outbox("bob")) == 1
    alice.sync()
    bob.sync()
    assert bob.bodies() == ["first", "meanwhile"]
