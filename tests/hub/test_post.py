"""Sending over any hub: the outbox, flushing and what comes back need no directory."""

import errno
import itertools
from collections.abc import Sequence
from functools import partial

import pytest

from tests.hub.stages import Stage
from xw import clock, layout, outbox, post
from xw.errors import Busy, NotFound, Unreachable, XwError
from xw.hub.contract import Parcel
from xw.mailbox import Mailbox, Place
from xw.mirror.mirror import Mirror
from xw.post import Draft

_clock = itertools.count(1_795_239_012_000_000).__next__


def send(mailbox: Mailbox, mirror: Mirror, body: str, *to: str) -> post.Sent:
    return post.send(mailbox, mirror, Draft("task", to, body), _clock)


def test_what_was_sent_waits_and_arrives_in_order(stage: Stage, mirror: Mirror, mailbox: Mailbox) -> None:
    """Mail that has to travel is acknowledged in the outbox, and a flush delivers it in order."""
    sent = [send(mailbox, mirror, body, "bob", "carol") for body in ("one", "two", "three")]
    assert all(one.waiting for one in sent[:1])
    flushed = outbox.flush(mailbox, mirror)
    assert not flushed.waiting
    for to in ("bob", "carol"):
        assert sorted(stage.held(to)) == [one.name for one in sent]
        assert mailbox.outbox(to) == []
    assert mailbox.names(layout.SENT) == [one.name for one in sent]


def test_offline_mail_stays_in_the_outbox(stage: Stage, mirror: Mirror, mailbox: Mailbox) -> None:
    """While the hub is away nothing leaves the outbox, and nothing is returned to its sender."""
    sent = send(mailbox, mirror, "one", "bob")
    stage.cut()
    with pytest.raises(Unreachable):
        outbox.flush(mailbox, mirror)
    assert mailbox.outbox("bob") == [sent.name]
    assert mailbox.pending() == []
    assert mailbox.names(layout.REFUSED) == []


def test_a_peer_that_takes_nothing_now(stage: Stage, mirror: Mirror, mailbox: Mailbox) -> None:
    """Mail to one peer waits, in order, while others get theirs; nothing overtakes it."""
    stage.close("bob")
    first = send(mailbox, mirror, "one", "bob", "carol")
    second = send(mailbox, mirror, "two", "bob", "carol")
    flushed = outbox.flush(mailbox, mirror)
    assert set(flushed.waiting) == {"bob"}
    assert mailbox.outbox("bob") == [first.name, second.name]
    assert sorted(stage.held("carol")) == [first.name, second.name]
    stage.open("bob")
    third = send(mailbox, mirror, "three", "bob")
    outbox.flush(mailbox, mirror)
    assert sorted(stage.held("bob")) == [first.name, second.name, third.name]


def test_an_unknown_peer_is_told_at_once(stage: Stage, mirror: Mirror, mailbox: Mailbox) -> None:
    """Sending to nobody is NotFound with the nearest name, and nothing is written."""
    with pytest.raises(NotFound, match="bob"):
        send(mailbox, mirror, "one", "bobb")
    assert mailbox.names(layout.SENT) == []
    assert mailbox.waiting_for() == []


def test_what_the_hub_refuses_comes_back(stage: Stage, mirror: Mirror, mailbox: Mailbox) -> None:
    """Mail for a peer that has gone returns: an info in pending, the original in `outbox/failed/`."""
    sent = send(mailbox, mirror, "one", "bob")
    folder, gone = mailbox.at(f"{layout.OUTBOX}/bob"), mailbox.at(f"{layout.OUTBOX}/dave")
    mailbox.files.move(folder, gone)
    for _ in range(2):
        flushed = outbox.flush(mailbox, mirror)
    assert flushed.returned == ()
    (name,) = mailbox.pending()
    told = mailbox.read(Place(layout.INBOX["pending"], name))
    assert (told.sender, told.re) == ("postmaster", sent.id)
    assert mailbox.names(layout.REFUSED) == [sent.name]
    assert mailbox.refused(sent.name) == {"dave"}


def test_attachments_travel(stage: Stage, mirror: Mirror, mailbox: Mailbox) -> None:
    """A file added to a message later reaches the recipient before the info about it."""
    message_id = send(mailbox, mirror, "one", "bob").id
    late = mailbox.keep_attachment(message_id, "late.txt", [b"late"])
    draft = Draft(
        "info",
        ("bob",),
        "a file",
        message_id,
        message_id,
        more={"attached": [late._asdict()]},
    )
    post.send(mailbox, mirror, draft, _clock)
    outbox.flush(mailbox, mirror)
    assert stage.file("bob", message_id, "late.txt") == b"late"
    assert len(stage.held("bob")) == 2


@pytest.mark.parametrize(
    "note",
    [
        "\0" * 22,
        "20261121T0530121234x6Z",
        "20991399T000000000000Z",
        "99991231T235959999999Z",
        "99999999T999999999999Z",
    ],
)
def test_a_note_that_is_no_time(stage: Stage, mirror: Mirror, mailbox: Mailbox, note: str) -> None:
    """Ids go on after the newest message in `sent/` where the note gives no time to go on from."""
    draft = Draft("info", ("bob",), "text")
    first = post.send(mailbox, mirror, draft, lambda: 2_000_000_000_000_000)
    with mailbox.files.locked_briefly(mailbox.at(layout.LOCK)) as kept:
        kept.keep(note)
    second = post.send(mailbox, mirror, draft, lambda: 1_000_000_000_000_000)
    assert clock.from_stamp(layout.time_of(second.id)) == clock.from_stamp(layout.time_of(first.id)) + 1


def test_ids_increase_without_what_was_sent(stage: Stage, mirror: Mirror, mailbox: Mailbox) -> None:
    """Ids go on after the last one given out, though gc has removed its message and the clock went back."""
    draft = Draft("info", ("bob",), "text")
    first = post.send(mailbox, mirror, draft, lambda: 2_000_000_000_000_000)
    mailbox.files.remove(mailbox.at(layout.SENT, first.name))
    second = post.send(mailbox, mirror, draft, lambda: 1_000_000_000_000_000)
    assert second.id > first.id


def test_one_sends_at_a_time(
    stage: Stage, mirror: Mirror, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process sends for this mailbox, a send waits, and gives up with nothing sent."""
    with mailbox.files.locked_briefly(mailbox.at(layout.LOCK)):
        monkeypatch.setattr(
            mailbox.files, "locked_briefly", partial(mailbox.files.locked_briefly, timeout=0.0)
        )
        with pytest.raises(Busy):
            send(mailbox, mirror, "one", "bob")
    assert mailbox.names(layout.SENT) == mailbox.outbox("bob") == sorted(stage.held("bob")) == []


def test_nothing_overtakes_in_a_later_batch(
    stage: Stage, mirror: Mirror, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An undelivered message holds back later ones, even if the peer accepts mail again by then."""
    large = "x" * 200_000  # each travels alone
    stage.close("bob")
    sent = [post.send(mailbox, mirror, Draft("task", ("bob",), large), _clock) for _ in range(3)]
    stage.open("bob")
    deliver = stage.hub.deliver
    calls: list[int] = []

    def first_fails(parcels: Sequence[Parcel]) -> list[XwError | None]:
        calls.append(len(parcels))
        return [XwError("full") for _ in parcels] if len(calls) == 1 else deliver(parcels)

    monkeypatch.setattr(stage.hub, "deliver", first_fails)
    outbox.flush(mailbox, mirror)
    assert calls[0] == 1
    assert mailbox.outbox("bob") == [one.name for one in sent]


def test_an_unreadable_copy_holds_back_its_recipient_alone(
    stage: Stage, mirror: Mirror, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's file in the outbox is named and left: others get their mail, nothing overtakes it."""
    first, second = send(mailbox, mirror, "one", "bob"), send(mailbox, mirror, "two", "carol")
    read = mailbox.files.read

    def refused(path: str, limit: int) -> bytes:
        if path == mailbox.at(f"{layout.OUTBOX}/bob", first.name):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return read(path, limit)

    monkeypatch.setattr(mailbox.files, "read", refused)
    third = send(mailbox, mirror, "three", "bob", "carol")
    flushed = outbox.flush(mailbox, mirror)
    assert [*flushed.waiting] == ["bob"]
    assert f"{first.name}: Permission denied" in str(flushed.waiting["bob"])
    assert mailbox.outbox("bob") == [first.name, third.name]
    assert sorted(stage.held("carol")) == [second.name, third.name]


def test_an_outbox_that_cannot_be_listed_holds_back_nobody_else(
    stage: Stage, mirror: Mirror, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If root has left its own folder in an outbox, mail to others goes, and that peer is named."""
    send(mailbox, mirror, "one", "bob")
    names, closed = mailbox.files.list_folder, mailbox.at(f"{layout.OUTBOX}/bob")

    def refused(folder: str) -> list[str]:
        if folder == closed:
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return names(folder)

    monkeypatch.setattr(mailbox.files, "list_folder", refused)
    sent = send(mailbox, mirror, "two", "carol")
    flushed = outbox.flush(mailbox, mirror)
    assert f"{closed}: Permission denied" in str(flushed.waiting["bob"])
    assert sorted(stage.held("carol")) == [sent.name]
    assert mailbox.find(sent.id).folder == layout.SENT


def test_the_own_copy_is_made_last(
    stage: Stage, mirror: Mirror, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message in `sent/` after a crash is also at every recipient's or in the outbox."""
    published: list[list[str]] = []
    publish = mailbox.files.publish

    def noted(data: bytes, scratch: str, targets: Sequence[str], separate_files: bool = False) -> None:
        published.append([target.split("/")[1] for target in targets])
        publish(data, scratch, targets, separate_files)

    monkeypatch.setattr(mailbox.files, "publish", noted)
    send(mailbox, mirror, "one", "bob", "carol")
    assert published[0] == ["outbox", "outbox", "sent"]
