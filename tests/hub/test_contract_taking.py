"""The duties of every `Hub` for a mailbox's owner, one sentence of `xw/hub/contract.py` at a time."""

import json

import pytest

from tests.hub.parcels import parcel, state_of
from tests.hub.stages import Stage
from xw.errors import Damaged, NotFound, Unreadable
from xw.hub.contract import Move, Parcel
from xw.hub.sighting import Sighting
from xw.layout import STATES
from xw.mailbox import Mailbox
from xw.words import State

OURS, THEIRS = b"0123456789abcdef0123456789abcdef", b"fedcba9876543210fedcba9876543210"


@pytest.fixture
def sent(stage: Stage, mailbox: Mailbox) -> Parcel:
    """A message of alice's that is pending with bob, with a file."""
    made = parcel(mailbox, "bob", files=(("data.bin", bytes(range(256)) * 1000),))
    assert stage.hub.deliver([made]) == [None]
    return made


def shown(stage: Stage, *names: str, known: dict[str, Sighting] | None = None) -> dict[str, Sighting]:
    """Return a survey's peers: those in `known`, by default these names without earlier knowledge."""
    found = stage.hub.survey("bob", known or {name: Sighting(name) for name in names})
    return {one.name: one for one in found.peers}


# survey


def test_survey_shows_states(stage: Stage, mailbox: Mailbox) -> None:
    """Each message of the mailbox is shown once, in its state, and none of another's."""
    sent = [parcel(mailbox, "bob", state) for state in STATES]
    stage.hub.deliver([*sent, parcel(mailbox, "carol")])
    for one, state in list(zip(sent, STATES, strict=True))[1:]:
        stage.settle("bob", one.name, state)
    found = stage.hub.survey("bob", {})
    assert found.states == {one.name: state for one, state in zip(sent, STATES, strict=True)}
    assert found.peers == ()


def test_survey_of_an_empty_mailbox(stage: Stage) -> None:
    """An empty mailbox shows nothing, not even peers that nobody asked for."""
    found = stage.hub.survey("bob", {})
    assert (dict(found.states), found.peers, found.strays) == ({}, (), ())


def test_survey_tells_strays(stage: Stage, sent: Parcel) -> None:
    """Names that no message can have are strays, and no messages."""
    strays = stage.stray("bob")
    found = stage.hub.survey("bob", {})
    assert (found.strays, dict(found.states)) == (strays, {sent.name: "pending"})


def test_survey_shows_the_peers_asked_about(stage: Stage, sent: Parcel) -> None:
    """Peers in `known` are shown with card, mail and last change; one that is not there any more is not."""
    found = shown(stage, "bob", "carol", "dave")
    assert sorted(found) == ["bob", "carol"]
    assert json.loads(found["bob"].card)["description"] == "I am bob"
    assert (found["bob"].pending, found["bob"].oldest, found["carol"].pending) == (1, sent.name, 0)
    stage.settle("bob", sent.name, "done")
    assert shown(stage, "bob")["bob"].changed is not None


def test_survey_takes_what_did_not_change_from_what_is_known(stage: Stage) -> None:
    """A card that is known is not read again, but for one that has changed since."""
    stage.hub.show("carol", b'{"status": "busy", "ttl_s": 60}')
    known = {
        name: one._replace(card='{"kind": "known"}') for name, one in shown(stage, "bob", "carol").items()
    }
    known["bob"] = known["bob"]._replace(card_at=1.0)
    found = shown(stage, known=known)
    assert found["carol"] == known["carol"]
    assert json.loads(found["bob"].card)["description"] == "I am bob"


def test_survey_of_everyone(stage: Stage) -> None:
    """With `everyone` all instances are shown in order, known or not, the owner among them."""
    known = shown(stage, "carol")
    found = stage.hub.survey("bob", known, everyone=True).peers
    assert [one.name for one in found] == ["alice", "bob", "carol"]
    assert found[2] == known["carol"]


# fetch, attachment


def test_fetch(stage: Stage, mailbox: Mailbox) -> None:
    """Messages come byte for byte, in the order asked for, whatever their state."""
    sent = [parcel(mailbox, "bob", "x" * size) for size in (0, 10, 100_000)]
    stage.hub.deliver(sent)
    stage.settle("bob", sent[1].name, "processing")
    wanted: list[tuple[State, str]] = [
        ("pending", sent[2].name),
        ("processing", sent[1].name),
        ("pending", sent[0].name),
    ]
    assert list(stage.hub.fetch("bob", wanted)) == [sent[2].data, sent[1].data, sent[0].data]
    assert list(stage.hub.fetch("bob", [])) == []


def test_fetch_of_what_has_moved_on(stage: Stage, mailbox: Mailbox) -> None:
    """In place of a message that is not, or no longer, in that state comes None; others come."""
    sent = [parcel(mailbox, "bob", body) for body in ("one", "two", "three")]
    stage.hub.deliver(sent[:2])
    stage.settle("bob", sent[0].name, "done")
    assert list(stage.hub.fetch("bob", [("pending", one.name) for one in sent])) == [None, sent[1].data, None]


def test_fetch_of_what_cannot_be_read(stage: Stage, mailbox: Mailbox) -> None:
    """A message that may be readable later is Unreadable, one that never will be is Damaged; others come."""
    sent = [parcel(mailbox, "bob", body) for body in ("one", "two", "three")]
    stage.hub.deliver(sent)
    stage.bar("bob", sent[0].name)
    stage.damage("bob", sent[1].name)
    barred, damaged, whole = stage.hub.fetch("bob", [("pending", one.name) for one in sent])
    assert isinstance(barred, Unreadable)
    assert isinstance(damaged, Damaged)
    assert whole == sent[2].data


def test_attachment(stage: Stage, sent: Parcel) -> None:
    """The pieces of a file make the file; one that is not there is FileNotFoundError."""
    assert b"".join(stage.hub.attachment("bob", sent.folder, "data.bin")) == bytes(range(256)) * 1000
    for folder, name in ((sent.folder, "other.bin"), (parcel_id(sent), "data.bin")):
        with pytest.raises(FileNotFoundError):
            list(stage.hub.attachment("bob", folder, name))


def parcel_id(sent: Parcel) -> str:
    """Return an id that no message has."""
    return sent.folder[:-1] + ("0" if sent.folder[-1] != "0" else "1")


# settle


def test_settle(stage: Stage, mailbox: Mailbox) -> None:
    """Messages move on, several at once; their bytes stay the same."""
    sent = [parcel(mailbox, "bob", state) for state in STATES]
    stage.hub.deliver(sent)
    moves = [Move(one.name, "pending", state) for one, state in zip(sent[1:], STATES[1:], strict=True)]
    assert stage.hub.settle("bob", moves) == [None, None, None]
    assert [state_of(stage, one) for one in sent] == list(STATES)
    assert stage.held("bob") == {one.name: one.data for one in sent}
    assert stage.hub.settle("bob", []) == []


def test_settle_keeps_the_reason(stage: Stage, sent: Parcel) -> None:
    """A failed message has the reason and the kind that came with its move; one that is done has no note."""
    stage.hub.settle("bob", [Move(sent.name, "pending", "failed", "no such tool", "tries")])
    note = stage.hub.why("bob", sent.name)
    assert (note["reason"], note["kind"]) == ("no such tool", "tries")
    assert note["at"]
    stage.hub.settle("bob", [Move(sent.name, "failed", "done")])
    assert state_of(stage, sent) == "done"


@pytest.mark.parametrize("state", ["processing", "failed", "done"])
def test_settle_again(stage: Stage, sent: Parcel, state: State) -> None:
    """A move whose answer was lost may be asked for again: None, and nothing changes."""
    move = Move(sent.name, "pending", state, "no such tool", "tries")
    assert stage.hub.settle("bob", [move]) == [None]
    before = dict(stage.hub.why("bob", sent.name))
    assert stage.hub.settle("bob", [move]) == [None]
    assert state_of(stage, sent) == state
    assert dict(stage.hub.why("bob", sent.name)) == before
    assert bool(before) == (state == "failed")
    assert stage.held("bob") == {sent.name: sent.data}


@pytest.mark.parametrize("state", ["processing", "failed"])
def test_settle_what_another_has_settled(stage: Stage, sent: Parcel, state: State) -> None:
    """If another machine moved a message first, and further, the result is None, and nothing moves back."""
    stage.settle("bob", sent.name, "done")
    assert stage.hub.settle("bob", [Move(sent.name, "pending", state, "too late")]) == [None]
    assert state_of(stage, sent) == "done"
    assert stage.hub.why("bob", sent.name) == {}
    assert stage.hub.survey("bob", {}).states == {sent.name: "done"}


def test_settle_what_is_gone(stage: Stage, mailbox: Mailbox, sent: Parcel) -> None:
    """A message that another machine's gc has removed keeps no other back."""
    gone = parcel(mailbox, "bob", "never delivered")
    moves = [Move(one.name, "pending", "done") for one in (gone, sent)]
    assert stage.hub.settle("bob", moves) == [None, None]
    assert (state_of(stage, gone), state_of(stage, sent)) == (None, "done")


# claim


def test_claim_has_one_winner(stage: Stage, sent: Parcel) -> None:
    """One of two machines wins, the message is processing, and both get the same answer again."""
    there = stage.again()
    assert stage.hub.claim("bob", sent.name, OURS) == "won"
    assert state_of(stage, sent) == "processing"
    assert there.claim("bob", sent.name, THEIRS) == "lost"
    assert stage.hub.claim("bob", sent.name, OURS) == "ours"  # the first answer may have been lost
    assert there.claim("bob", sent.name, THEIRS) == "lost"
    there.close()


@pytest.mark.parametrize("state", ["done", "failed"])
def test_claim_of_what_is_settled(stage: Stage, sent: Parcel, state: State) -> None:
    """A settled message is nobody's to take, whoever had claimed it."""
    assert stage.hub.claim("bob", sent.name, OURS) == "won"
    stage.hub.settle("bob", [Move(sent.name, "processing", state)])
    assert [stage.hub.claim("bob", sent.name, token) for token in (OURS, THEIRS)] == ["lost", "lost"]
    assert state_of(stage, sent) == state


def test_claim_of_what_was_taken_without_a_token(stage: Stage, mailbox: Mailbox, sent: Parcel) -> None:
    """A claim of a message that is already in processing, or gone, is lost to another claimer."""
    stage.settle("bob", sent.name, "processing")
    for name in (sent.name, parcel(mailbox, "bob").name):
        assert stage.hub.claim("bob", name, OURS) == "lost"
    assert stage.held("bob") == {sent.name: sent.data}


def test_release(stage: Stage, sent: Parcel) -> None:
    """A released message stays in processing, and one of the next to claim it wins, whoever that is."""
    there = stage.again()
    assert stage.hub.claim("bob", sent.name, OURS) == "won"
    assert not there.release("bob", sent.name, THEIRS)
    assert there.claim("bob", sent.name, THEIRS) == "lost"
    for _ in range(2):  # it may be repeated
        assert stage.hub.release("bob", sent.name, OURS)
    assert state_of(stage, sent) == "processing"
    assert there.claim("bob", sent.name, THEIRS) == "won"
    assert stage.hub.claim("bob", sent.name, OURS) == "lost"
    assert there.claim("bob", sent.name, THEIRS) == "ours"
    assert not stage.hub.release("bob", sent.name, OURS)
    assert there.release("bob", sent.name, THEIRS)
    assert stage.hub.claim("bob", sent.name, OURS) == "won"
    there.close()


def test_release_of_what_is_not_claimed(stage: Stage, sent: Parcel) -> None:
    """A pending or settled message has no claim to release."""
    assert not stage.hub.release("bob", sent.name, OURS)
    stage.settle("bob", sent.name, "done")
    assert not stage.hub.release("bob", sent.name, OURS)
    assert state_of(stage, sent) == "done"


# set_aside, why


def test_set_aside(stage: Stage, sent: Parcel) -> None:
    """A file that is not mail goes to failed unchanged, with the reason; False once it is gone."""
    assert stage.hub.set_aside("bob", "pending", sent.name, "it is no mail")
    assert not stage.hub.set_aside("bob", "pending", sent.name, "it is no mail")
    assert stage.hub.survey("bob", {}).states == {sent.name: "failed"}
    note = stage.hub.why("bob", sent.name)
    assert (note["reason"], note["kind"]) == ("it is no mail", "damaged")
    assert stage.held("bob") == {sent.name: sent.data}


def test_set_aside_strays(stage: Stage, sent: Parcel) -> None:
    """A stray that was set aside is no longer listed as one."""
    for name in stage.stray("bob"):
        assert stage.hub.set_aside("bob", "pending", name, "no message's name")
    found = stage.hub.survey("bob", {})
    assert (found.strays, dict(found.states)) == ((), {sent.name: "pending"})


def test_why_without_a_note(stage: Stage, sent: Parcel) -> None:
    """A message that has not failed, or is missing, has no note."""
    assert stage.hub.why("bob", sent.name) == {}
    stage.settle("bob", sent.name, "done")
    assert stage.hub.why("bob", sent.name) == {}
    assert stage.hub.why("bob", parcel_id(sent) + ".info.alice.json") == {}


# whose mailbox


def test_taking_for_nobody(stage: Stage, sent: Parcel) -> None:
    """An owner without a mailbox on the hub is NotFound, not somebody without mail."""
    with pytest.raises(NotFound):
        stage.hub.survey("dave", {})
