"""What every `Hub` does when it is moved or gets a new id, one sentence of the contract at a time."""

from collections.abc import Callable

import pytest

from tests.hub.parcels import parcel
from tests.hub.stages import OWNERS, Stage
from xw.errors import Moved, Refused
from xw.hub.contract import Hub, Move
from xw.mailbox import Mailbox

TOKEN = b"0" * 32
by_owners = pytest.mark.parametrize("stage", OWNERS, indirect=True)


def quiet(name: str) -> None:
    """Hear nothing."""


def states(hub: Hub, owner: str) -> dict[str, str]:
    """The state of each of an instance's messages."""
    return dict(hub.survey(owner, {}).states)


@by_owners
def test_move_to(stage: Stage, mailbox: Mailbox) -> None:
    """Mail in every state, files, reasons, claims, cards and presences are at the new place; so is the id."""
    identity = stage.hub.identity()
    sent = [parcel(mailbox, "bob", body, (("data", body.encode()),)) for body in "abcd"]
    bodies = {one.name: body.encode() for one, body in zip(sent, "abcd", strict=True)}
    stage.hub.deliver(sent)
    stage.hub.claim("bob", sent[1].name, TOKEN)
    stage.hub.settle("bob", [Move(sent[2].name, "pending", "done")])
    stage.hub.settle("bob", [Move(sent[3].name, "pending", "failed", "no", "failed")])
    stage.hub.show("carol", b'{"status": "busy", "ttl_s": 600}')
    before = states(stage.hub, "bob")
    new = stage.another()
    heard: list[str] = []
    assert stage.hub.move_to(new, heard.append) == []
    assert heard == ["alice", "bob", "carol"]
    assert states(new, "bob") == before
    assert new.identity() == identity
    assert [peer.name for peer in new.peers()] == ["alice", "bob", "carol"]
    assert new.peer("carol").status == "busy"
    assert new.peer("bob").description == "I am bob"
    assert [*new.fetch("bob", [("pending", sent[0].name)])] == [sent[0].data]
    for one in sent:
        assert b"".join(new.attachment("bob", one.folder, "data")) == bodies[one.name]
    assert new.why("bob", sent[3].name)["reason"] == "no"
    assert new.claim("bob", sent[1].name, TOKEN) == "ours"
    assert new.claim("bob", sent[1].name, TOKEN[::-1] + b"1") == "lost"


@by_owners
def test_a_hub_that_has_moved(stage: Stage, mailbox: Mailbox) -> None:
    """Whoever asks it is told where it lies, on a connection from before too; nothing is delivered there."""
    before = stage.again()
    before.knows("bob")
    new = stage.another()
    stage.hub.move_to(new, quiet)
    asked: tuple[Callable[[Hub], object], ...] = (
        lambda hub: hub.deliver([parcel(mailbox, "bob")]),
        lambda hub: hub.survey("bob", {}),
        lambda hub: hub.instances(),
        lambda hub: hub.has_mark("0" * 24),
        lambda hub: hub.identity(),
    )
    for hub in (stage.again(), before):
        for ask in asked:
            with pytest.raises(Moved) as moved:
                ask(hub)
            assert moved.value.url == new.url
    assert states(new, "bob") == {}
    assert new.deliver([parcel(mailbox, "bob")]) == [None]


@by_owners
def test_moving_again(stage: Stage, mailbox: Mailbox) -> None:
    """The same move again is harmless; another one is refused."""
    sent = parcel(mailbox, "bob")
    stage.hub.deliver([sent])
    new = stage.another()
    for _ in range(2):
        assert stage.hub.move_to(new, quiet) == []
        assert states(new, "bob") == {sent.name: "pending"}
    with pytest.raises(Refused):
        stage.hub.move_to(stage.hub, quiet)


@by_owners
def test_moving_to_another_hub(stage: Stage, mailbox: Mailbox) -> None:
    """A place where another hub lies is refused, and so is the hub itself; the hub works on."""
    new = stage.another()
    new.register("dave", {"name": "dave"})
    new.identity()
    for there in (new, stage.again()):
        with pytest.raises(Refused):
            stage.hub.move_to(there, quiet)
    assert stage.hub.deliver([parcel(mailbox, "bob")]) == [None]
    assert new.instances() == ["dave"]


@by_owners
def test_renew_identity(stage: Stage) -> None:
    """The new id is another, and from then on the hub's."""
    identity = stage.hub.identity()
    renewed = stage.hub.renew_identity()
    assert renewed != identity
    assert stage.again().identity(identity) == renewed


def test_group(stage: Stage) -> None:
    """A private hub has none."""
    assert stage.hub.group() == ""
