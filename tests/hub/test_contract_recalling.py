"""What senders ask of every `Hub` about mail that they have sent: which is there, and to withdraw it."""

import os
import threading
import time
from pathlib import Path

import pytest

from tests.hub.parcels import parcel, state_of
from tests.hub.stages import LedgerStage, Stage
from xw import layout
from xw.errors import NotFound, XwError
from xw.files.local import LocalFiles
from xw.hub.contract import Move
from xw.hub.directory import DirectoryHub
from xw.mailbox import Mailbox
from xw.message import encode
from xw.words import State

TOKEN = b"0" * 32


def test_withdraw(stage: Stage, mailbox: Mailbox) -> None:
    """A pending message fails as withdrawn, with its bytes; asking again answers the same."""
    sent, other = parcel(mailbox, "bob"), parcel(mailbox, "bob")
    stage.hub.deliver([sent, other])
    for _ in range(2):
        assert stage.hub.withdraw("bob", sent.name) == "withdrawn"
    assert stage.hub.why("bob", sent.name)["kind"] == "withdrawn"
    assert (state_of(stage, sent), state_of(stage, other)) == ("failed", "pending")
    assert stage.held("bob")[sent.name] == sent.data
    assert stage.hub.claim("bob", sent.name, TOKEN) == "lost"
    assert stage.hub.deliver([sent]) == [None]
    assert state_of(stage, sent) == "failed"


@pytest.mark.parametrize("state", layout.STATES[1:])
def test_withdraw_too_late(stage: Stage, mailbox: Mailbox, state: State) -> None:
    """What is claimed or settled stays as it is, and its state is the answer."""
    sent = parcel(mailbox, "bob")
    stage.hub.deliver([sent])
    stage.hub.settle("bob", [Move(sent.name, "pending", state, "it went wrong", "failed")])
    assert stage.hub.withdraw("bob", sent.name) == state
    assert state_of(stage, sent) == state
    if state == "failed":
        assert stage.hub.why("bob", sent.name)["kind"] == "failed"


def test_withdraw_what_is_not_there(stage: Stage, mailbox: Mailbox) -> None:
    """Neither a message nor a mailbox that the hub lacks can be withdrawn from."""
    assert stage.hub.withdraw("bob", parcel(mailbox, "bob").name) is None
    assert stage.hub.withdraw("nobody", parcel(mailbox, "nobody").name) is None


def test_withdraw_against_a_claim(stage: Stage, mailbox: Mailbox) -> None:
    """Of a withdrawal and a claim at the same moment, exactly one wins, and both know which."""
    rounds = 200 if not hasattr(stage, "ends") or "ssh" not in stage.hub.url else 40
    there, won = stage.again(), {"withdrawn": 0, "claimed": 0}
    sent = [parcel(mailbox, "bob", str(number)) for number in range(rounds)]
    stage.hub.deliver(sent)
    for one in sent:
        start = threading.Barrier(2)
        claims: list[str] = []

        def claim(name: str = one.name, start: threading.Barrier = start, claims: list[str] = claims) -> None:
            start.wait()
            claims.append(there.claim("bob", name, TOKEN))

        thread = threading.Thread(target=claim)
        thread.start()
        start.wait()
        withdrawn = stage.hub.withdraw("bob", one.name)
        thread.join()
        state = state_of(stage, one)
        outcome = (str(withdrawn), *claims, str(state))
        assert outcome in (("withdrawn", "lost", "failed"), ("processing", "won", "processing"))
        won["withdrawn" if state == "failed" else "claimed"] += 1
    there.close()
    assert sum(won.values()) == rounds


def test_withdraw_against_a_bridge_that_fails_it(tmp_path: Path) -> None:
    """200 times: whoever claims it keeps it, with its own reason, even where it fails the message at once."""
    hub = DirectoryHub(LocalFiles(str(tmp_path)), str(tmp_path))
    bob = Mailbox(hub.files, "bob")
    bob.make()
    (tmp_path / "hub.json").write_text('{"format": 1, "name": "hub"}')
    outcomes = set()
    for number in range(200):
        fields: dict[str, object] = {"from": "alice", "type": "task", "to": ["bob"], "body": str(number)}
        name, data = encode(fields, 1_795_239_012_000_000 + number)
        bob.accept(name, data)
        start = threading.Barrier(2)
        claimed: list[bool] = []

        def bridge(name: str = name, start: threading.Barrier = start, claimed: list[bool] = claimed) -> None:
            start.wait()
            claimed.append(bob.start(name))
            if claimed[0]:
                bob.fail(name, "uncertain", "it may have been shown", "processing")

        thread = threading.Thread(target=bridge)
        thread.start()
        start.wait()
        if number % 3:
            time.sleep(number % 7 * 2e-5)  # so that either may be first
        found = hub.withdraw("bob", name)
        thread.join()
        outcomes.add(found)
        kind = bob.why(name)["kind"]
        assert (kind == "withdrawn") == (not claimed[0]), (found, kind)
        assert (found == "withdrawn") == (kind == "withdrawn"), (found, kind)
        assert bob.state_of(name) == "failed"
    assert "withdrawn" in outcomes
    assert not [
        name for name in os.listdir(tmp_path / "bob/inbox/failed") if not _has_its_letter(tmp_path, name)
    ]


def _has_its_letter(root: Path, name: str) -> bool:
    return (root / "bob/inbox/failed" / name.removesuffix(".why.json")).exists()


# held


def test_held(stage: Stage, mailbox: Mailbox) -> None:
    """A mailbox tells the state of each message that it has, and nothing of others."""
    sent = [parcel(mailbox, "bob", body) for body in "abcde"]
    stage.hub.deliver(sent[:4])
    for one, state in zip(sent, layout.STATES, strict=False):
        if state != "pending":
            stage.settle("bob", one.name, state)
    states = stage.hub.held("bob", [one.name for one in sent]).states
    assert states == {one.name: state for one, state in zip(sent, layout.STATES, strict=False)}


def test_what_may_have_been_removed(stage: Stage, mailbox: Mailbox) -> None:
    """All mail of 30 days is surely there, until a gc has removed newer mail."""
    sent = parcel(mailbox, "bob")
    stage.hub.deliver([sent])
    stage.settle("bob", sent.name, "done")
    now = stage.hub.now()
    assert stage.hub.held("bob", []).kept_since == pytest.approx(now - 30 * 86400, abs=60)
    stage.age("bob", sent.name, 10)
    stage.hub.sweep("bob", 5, dry_run=True)
    assert stage.hub.held("bob", []).kept_since == pytest.approx(now - 30 * 86400, abs=60)
    stage.hub.sweep("bob", 5, dry_run=False)
    assert stage.hub.held("bob", []).kept_since == pytest.approx(now - 5 * 86400, abs=60)


def test_a_mailbox_that_cannot_be_seen(stage: Stage, mailbox: Mailbox) -> None:
    """A closed mailbox is not an empty one, and neither is one that the hub does not have."""
    stage.close("bob")
    with pytest.raises(XwError) as error:
        stage.hub.held("bob", [parcel(mailbox, "bob").name])
    assert not isinstance(error.value, NotFound)
    stage.open("bob")
    with pytest.raises(NotFound):
        stage.hub.held("nobody", [])


@pytest.mark.parametrize("folder", [f"inbox/{state}" for state in layout.STATES])
def test_a_folder_that_is_gone(stage: Stage, mailbox: Mailbox, folder: str) -> None:
    """Without one of its folders, nobody can say what a mailbox lacks."""
    if isinstance(stage, LedgerStage):
        return  # it has no folders
    stage.files.move(f"bob/{folder}", "bob/away")  # type: ignore[attr-defined]
    with pytest.raises(XwError):
        stage.hub.held("bob", [parcel(mailbox, "bob").name])
