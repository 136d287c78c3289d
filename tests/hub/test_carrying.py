"""Mail that is carried to a place where some of it is already."""

from pathlib import Path

import pytest

from tests.hub.parcels import parcel
from xw.files.local import LocalFiles
from xw.hub.carrying import carry_inbox
from xw.hub.contract import Parcel
from xw.layout import INBOX, RANK, STATES
from xw.mailbox import Mailbox
from xw.words import State


@pytest.fixture
def boxes(tmp_path: Path) -> tuple[Mailbox, Mailbox]:
    """Two mailboxes of bob's."""
    made = [Mailbox(LocalFiles(str(tmp_path / place)), "bob") for place in ("old", "new")]
    for one in made:
        one.make()
    return made[0], made[1]


@pytest.fixture
def sent(tmp_path: Path) -> Parcel:
    """A message to bob."""
    alice = Mailbox(LocalFiles(str(tmp_path / "alice")), "alice")
    alice.make()
    return parcel(alice, "bob")


@pytest.mark.parametrize("here", STATES)
@pytest.mark.parametrize("there", STATES)
def test_a_message_in_both(boxes: tuple[Mailbox, Mailbox], sent: Parcel, here: State, there: State) -> None:
    """It is in the new place alone, once, in the furthest state."""
    old, new = boxes
    old.accept(sent.name, sent.data, here)
    new.accept(sent.name, sent.data, there)
    carry_inbox(old, new)
    assert old.state_of(sent.name) is None
    assert [state for state in STATES if sent.name in new.names(INBOX[state])] == [
        max(here, there, key=lambda state: RANK[state])
    ]


def test_a_copy_with_other_bytes(boxes: tuple[Mailbox, Mailbox], sent: Parcel) -> None:
    """Where a damaged file has the message's name, neither is lost."""
    old, new = boxes
    old.accept(sent.name, sent.data)
    new.files.replace(b"damaged", "bob/inbox/tmp", new.at(INBOX["done"], sent.name))
    carry_inbox(old, new, [(INBOX["pending"], "pending")])
    assert new.files.read(new.at(INBOX["done"], sent.name), 100) == b"damaged"
    assert old.names(INBOX["pending"]) == [sent.name]


def test_what_cannot_be_read_stays(boxes: tuple[Mailbox, Mailbox], sent: Parcel) -> None:
    """A link in the place of a message stays where it is, and what follows is carried."""
    old, new = boxes
    Path(old.files.root, old.at(INBOX["pending"], f"20200101{sent.name[8:]}")).symlink_to("/etc/passwd")
    old.accept(sent.name, sent.data)
    carry_inbox(old, new)
    assert new.names(INBOX["pending"]) == [sent.name]
    assert len(old.names(INBOX["pending"])) == 1
