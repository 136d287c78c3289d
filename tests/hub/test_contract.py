"""The duties of every `Hub` for senders, one sentence of `xw/hub/contract.py` at a time."""

import pytest

from tests.hub.parcels import parcel, state_of
from tests.hub.stages import Stage
from xw.errors import NotFound, Refused, Usage
from xw.mailbox import Mailbox
from xw.message import decode
from xw.words import State


def test_instances_are_those_registered(stage: Stage) -> None:
    """All registered names are listed in order, and only they are known."""
    assert stage.hub.instances() == ["alice", "bob", "carol"]
    assert stage.hub.knows("bob")
    assert not any(map(stage.hub.knows, ("dave", "", "all", "postmaster", "..", "bob/inbox", "Bob")))


def test_unregister(stage: Stage, mailbox: Mailbox) -> None:
    """The name is free at once; unhandled mail goes back as postmaster's, handled mail does not return."""
    sent = [parcel(mailbox, "bob", body) for body in ("one", "two", "three")]
    stage.hub.deliver(sent)
    stage.settle("bob", sent[0].name, "done")
    stage.settle("bob", sent[1].name, "processing")
    left = stage.hub.unregister("bob")
    assert sorted(left.returned) == [("alice", one.name) for one in sent[1:]]
    assert stage.hub.instances() == ["alice", "carol"]
    assert isinstance(stage.hub.deliver([parcel(mailbox, "bob")])[0], NotFound)
    back = [decode(name, data) for name, data in sorted(stage.held("alice").items())]
    assert [(one.sender, one.re) for one in back] == [
        ("postmaster", one.name.partition(".")[0]) for one in sent[1:]
    ]
    assert stage.hub.register("bob", {"name": "bob"}, first=True)
    assert stage.held("bob") == {}
    assert stage.hub.held("bob", []).kept_since == pytest.approx(stage.hub.now(), abs=60)
    assert (stage.hub.peer("bob").pending, stage.hub.groups("bob")) == (0, None)
    with pytest.raises(NotFound):
        stage.hub.unregister("dave")


def test_unregister_while_a_bridge_serves_it(stage: Stage, mailbox: Mailbox) -> None:
    """An instance whose bridge gives signs of life stays, and its mail with it."""
    stage.hub.deliver([parcel(mailbox, "bob")])
    stage.hub.show("bob", b'{"status": "idle", "ttl_s": 30, "bridge": {"kind": "tmux", "ttl_s": 30}}')
    with pytest.raises(Refused):
        stage.hub.unregister("bob")
    assert (stage.hub.knows("bob"), stage.hub.peer("bob").pending) == (True, 1)
    stage.hub.show("bob", b'{"status": "idle", "ttl_s": 30}')
    assert len(stage.hub.unregister("bob").returned) == 1


def test_groups(stage: Stage) -> None:
    """Groups are replaced alone, shown to peers, and outlive another registration; unknown ones are None."""
    assert stage.hub.groups("bob") is None
    stage.hub.set_groups("bob", ["builds", "docs"])
    stage.hub.register("bob", {"name": "bob", "kind": "agent", "model": "m2"})
    assert stage.hub.groups("bob") == ("builds", "docs")
    shown = stage.hub.peer("bob")
    assert (shown.groups, shown.model, shown.description) == (("builds", "docs"), "m2", "")
    stage.hub.set_groups("bob", [])
    assert stage.hub.groups("bob") == ()
    for act in (stage.hub.groups, lambda name: stage.hub.set_groups(name, ["x"])):
        with pytest.raises(NotFound):
            act("dave")
    assert stage.hub.instances() == ["alice", "bob", "carol"]


def test_register_first(stage: Stage) -> None:
    """With `first` a new name is registered, and an existing one stays unchanged."""
    assert stage.hub.register("dave", {"description": "first"}, first=True)
    with pytest.raises(FileExistsError):
        stage.hub.register("dave", {"description": "first"}, first=True)
    assert stage.hub.peer("dave").description == "first"


def test_register_again(stage: Stage) -> None:
    """Registering is new once; after that it replaces the card and keeps the mail."""
    assert stage.hub.register("dave", {"description": "first"})
    assert not stage.hub.register("dave", {"description": "second"})
    assert stage.hub.peer("dave").description == "second"


@pytest.mark.parametrize("name", ["all", "postmaster", "", "-x", "../x", "x" * 33, "Bob"])
def test_register_refuses_what_is_no_name(stage: Stage, name: str) -> None:
    """Reserved and malformed names are Usage, and nothing is registered."""
    with pytest.raises(Usage):
        stage.hub.register(name, {})
    assert stage.hub.instances() == ["alice", "bob", "carol"]


def test_peer_shows_what_waits(stage: Stage, mailbox: Mailbox) -> None:
    """A peer is shown with its card, the number of its pending messages and the oldest of them."""
    shown = stage.hub.peer("bob")
    assert (shown.name, shown.kind, shown.description) == ("bob", "agent", "I am bob")
    assert (shown.pending, shown.oldest) == (0, None)
    sent = [parcel(mailbox, "bob", body) for body in ("one", "two", "three")]
    stage.hub.deliver(sent)
    stage.settle("bob", sent[0].name, "done")
    shown = stage.hub.peer("bob")
    assert (shown.pending, shown.oldest) == (2, sent[1].name)
    with pytest.raises(NotFound):
        stage.hub.peer("dave")


def test_deliver(stage: Stage, mailbox: Mailbox) -> None:
    """A delivered message is pending at its recipient, byte for byte, and at nobody else."""
    sent = parcel(mailbox, "bob")
    before = stage.hub.now()
    assert stage.hub.deliver([sent]) == [None]
    located = stage.hub.locate("bob", sent.name)
    assert located is not None
    assert located.state == "pending"
    assert before - 1 <= located.since <= stage.hub.now() + 1
    assert stage.held("bob") == {sent.name: sent.data}
    assert stage.hub.locate("carol", sent.name) is None
    assert stage.held("carol") == {}


def test_deliver_with_attachments(stage: Stage, mailbox: Mailbox) -> None:
    """The files are there in full when the message is."""
    files = (("a.txt", b"text"), ("b.bin", bytes(range(256)) * 50), ("empty", b""))
    sent = parcel(mailbox, "bob", files=files)
    assert stage.hub.deliver([sent]) == [None]
    for name, content in files:
        assert stage.file("bob", sent.folder, name) == content


@pytest.mark.parametrize("state", ["pending", "processing", "done", "failed"])
def test_deliver_again(stage: Stage, mailbox: Mailbox, state: State) -> None:
    """Delivered again, a message is there once, in the state that it had reached."""
    sent = parcel(mailbox, "bob", files=(("a.txt", b"text"),))
    stage.hub.deliver([sent])
    if state != "pending":
        stage.settle("bob", sent.name, state)
    assert stage.hub.deliver([sent, sent]) == [None, None]
    assert stage.held("bob") == {sent.name: sent.data}
    assert state_of(stage, sent) == state


def test_deliver_other_bytes_of_one_name(stage: Stage, mailbox: Mailbox) -> None:
    """Other bytes under an existing name are refused permanently; the first ones stay."""
    sent = parcel(mailbox, "bob")
    stage.hub.deliver([sent])
    (outcome,) = stage.hub.deliver([sent._replace(data=sent.data + b" ")])
    assert isinstance(outcome, Refused)
    assert stage.held("bob") == {sent.name: sent.data}


def test_deliver_to_nobody(stage: Stage, mailbox: Mailbox) -> None:
    """An unknown recipient is NotFound, and keeps nobody else's mail back."""
    sent = [parcel(mailbox, to) for to in ("dave", "bob", "dave", "carol")]
    outcomes = stage.hub.deliver(sent)
    assert [type(outcome) for outcome in outcomes] == [NotFound, type(None), NotFound, type(None)]
    assert [state_of(stage, one) for one in sent] == [None, "pending", None, "pending"]


def test_nothing_overtakes(stage: Stage, mailbox: Mailbox) -> None:
    """If one parcel cannot be delivered now, later ones to its recipient wait too, and others go."""
    sent = [parcel(mailbox, to) for to in ("bob", "carol", "bob", "carol")]
    stage.close("bob")
    outcomes = stage.hub.deliver(sent)
    assert outcomes[1] is outcomes[3] is None
    assert outcomes[0] is not None
    assert not isinstance(outcomes[0], (NotFound, Refused))
    assert outcomes[2] is outcomes[0]
    stage.open("bob")
    assert stage.held("bob") == {}
    assert stage.hub.deliver([sent[0], sent[2]]) == [None, None]
    assert sorted(stage.held("bob")) == sorted([sent[0].name, sent[2].name])


def test_locate_follows_the_message(stage: Stage, mailbox: Mailbox) -> None:
    """A message is located in each state that it reaches; one that is nowhere is None."""
    sent = parcel(mailbox, "bob")
    assert stage.hub.locate("bob", sent.name) is None
    stage.hub.deliver([sent])
    for state in ("processing", "done"):
        stage.settle("bob", sent.name, state)
        assert state_of(stage, sent) == state
