"""The views, upkeep, pushes and findings of every `Hub`, one sentence of the contract at a time."""

import json
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.hub.parcels import parcel, state_of
from tests.hub.stages import OWNERS, PUSHING, Stage
from xw.errors import NotFound, Unreachable
from xw.hub.contract import Hub, Move
from xw.hub.sighting import Sighting
from xw.mailbox import Mailbox
from xw.words import State

OTHER = "otherotherotherotherotherot"[:26]
MARK = "0123456789abcdef"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIARCAKlCSeM6DDeCV1IoFUyEy/kwIGATRBs0Hrjh1WFj"
BUSY = b'{"status": "busy", "task": "the parser", "ttl_s": 60}'


# show


def test_show(stage: Stage) -> None:
    """Peers see the presence that was shown last, aged by the hub's clock, and that of nobody else."""
    for presence in (b'{"status": "idle", "ttl_s": 60}', BUSY):
        stage.hub.show("bob", presence)
    there = stage.again()
    seen = there.peer("bob")
    assert (seen.status, seen.task) == ("busy", "the parser")
    assert seen.age is not None
    assert seen.age < 30
    assert [one.status for one in there.peers()] == ["-", "busy", "-"]
    there.close()


# keys


def test_keys(stage: Stage) -> None:
    """The first key of an instance stays the first; a later one follows, each once; others have none."""
    later = f"{KEY[:-1]}k proof"
    assert stage.hub.keys(["bob", "alice"]) == ["", ""]
    for line in (KEY, KEY, later, later, KEY):
        stage.hub.add_key("bob", line)
    there = stage.again()
    assert there.keys(["alice", "bob"]) == ["", f"{KEY}\n{later}\n"]
    (seen,) = [one for one in there.survey("alice", {"bob": Sighting("bob")}).peers if one.name == "bob"]
    assert seen.keys == f"{KEY}\n{later}\n"
    assert json.loads(seen.card)["key"] == KEY
    with pytest.raises(NotFound):
        stage.hub.add_key("dave", KEY)
    there.close()


def test_an_unregistered_name_has_no_keys(stage: Stage) -> None:
    """Whoever gets the name next is somebody else."""
    stage.hub.add_key("bob", KEY)
    stage.hub.unregister("bob")
    stage.hub.register("bob", {"name": "bob", "kind": "agent"})
    assert stage.hub.keys(["bob"]) == [""]


# sweep


def test_sweep(stage: Stage, mailbox: Mailbox) -> None:
    """Mail handled too long ago is removed with its files; open mail and recently handled mail stay."""
    states: tuple[State, ...] = ("done", "failed", "done", "pending", "processing")
    sent = [parcel(mailbox, "bob", body, (("data", b"x"),)) for body in "abcde"]
    stage.hub.deliver(sent)
    for one, state in zip(sent, states, strict=True):
        if state != "pending":
            stage.hub.settle("bob", [Move(one.name, "pending", state)])
    for one in (sent[0], sent[1], sent[3], sent[4]):
        stage.age("bob", one.name, 40)
    planned = stage.hub.sweep("bob", 30, dry_run=True)
    assert [state_of(stage, one) for one in sent] == list(states)
    swept = stage.hub.sweep("bob", 30, dry_run=False)
    assert swept == planned
    gone = [any(one.name in path for path in swept.messages) for one in sent]
    assert gone == [True, True, False, False, False]
    assert [state_of(stage, one) for one in sent] == [None, None, "done", "pending", "processing"]
    assert len(swept.attachments) == 2
    for one in sent[2:]:
        assert stage.file("bob", one.folder, "data") == b"x"
    with pytest.raises(FileNotFoundError):
        list(stage.hub.attachment("bob", sent[0].folder, "data"))
    assert stage.hub.sweep("bob", 30, dry_run=False).messages == []


# pushes


@pytest.mark.parametrize("stage", PUSHING, indirect=True)
def test_pushes(stage: Stage, mailbox: Mailbox) -> None:
    """The first comes when the watch begins, another after a delivery; `close` ends them."""
    pushes = stage.hub.pushes(["bob"])
    next(pushes)
    stage.again().deliver([parcel(mailbox, "bob")])
    next(pushes)
    listener = threading.Thread(target=lambda: list(pushes))
    listener.start()
    stage.hub.close()
    listener.join(30)
    assert not listener.is_alive()


# what it says of itself


def test_identity(stage: Stage) -> None:
    """A hub has one id, made once, the same for all who ask."""
    there = stage.again()
    identity = stage.hub.identity()
    assert identity
    assert {there.identity(), stage.hub.identity(), there.identity(OTHER)} == {identity}
    there.close()


@pytest.mark.parametrize("stage", OWNERS, indirect=True)
def test_an_identity_that_was_lost(stage: Stage) -> None:
    """The first who knows the id of a hub that has none gives it back; nobody after that changes it."""
    identity = stage.hub.identity()
    stage.lose_identity()
    there = stage.again()
    assert there.survey("bob", {}, everyone=True).nameless
    assert there.identity(identity) == identity
    assert not there.survey("bob", {}, everyone=True).nameless
    assert {stage.hub.identity(OTHER), stage.hub.identity()} == {identity}
    there.close()


def test_marks(stage: Stage) -> None:
    """A mark is seen by whoever reaches the hub, until it is removed; other marks are not."""
    there = stage.again()
    stage.hub.leave_mark(MARK)
    stage.hub.leave_mark(MARK)
    assert there.has_mark(MARK)
    assert not there.has_mark(MARK[::-1])
    assert stage.hub.instances() == ["alice", "bob", "carol"]
    for hub in (there, stage.hub):
        hub.remove_mark(MARK)
        assert not stage.hub.has_mark(MARK)
    there.close()


def test_limits(stage: Stage) -> None:
    """The seconds between two looks are given without a question, the first while busy."""
    stage.cut()
    busy, idle = stage.hub.limits().look_again_s
    assert 0 < busy <= idle


def test_findings(stage: Stage) -> None:
    """A healthy hub has no bad finding about a mailbox; a missing mailbox is one."""
    assert [one for one in stage.hub.findings("bob") if one.level == "bad"] == []
    assert "no-mailbox" in [one.code for one in stage.hub.findings("dave") if one.level == "bad"]


# the connection


def test_closed(stage: Stage) -> None:
    """There is no reason against a user who may change an instance's mail."""
    assert stage.hub.closed("bob") == ""


def test_the_connection(stage: Stage) -> None:
    """A hub can be reached, within a limit too, and again after `close`."""
    stage.hub.connect()
    with stage.hub.within(60):
        stage.hub.ping()
    stage.hub.close()
    stage.hub.close()
    assert stage.hub.knows("bob")


def test_progress(stage: Stage, mailbox: Mailbox) -> None:
    """Progress is reported for each file to its last byte, and for the message once it is delivered."""
    heard: dict[str, tuple[int, int]] = {}
    stage.hub.progress = lambda name, done, whole: heard.update({name: (done, whole)})
    sent = parcel(mailbox, "bob", files=(("data", b"x" * 5000),))
    stage.hub.deliver([sent])
    assert heard == {"data": (5000, 5000), sent.name: (len(sent.data), len(sent.data))}


# away


UNASKED = {"caution", "publisher", "now", "limits", "rooms", "closed", "within", "close"}
"""These may answer by themselves."""
MESSAGE = "20261129T020000000000Z-00000000.task.alice.json"
ASKED: dict[str, Callable[[Hub], object]] = {
    "instances": lambda hub: hub.instances(),
    "unregister": lambda hub: hub.unregister("bob"),
    "groups": lambda hub: hub.groups("bob"),
    "set_groups": lambda hub: hub.set_groups("bob", ["builds"]),
    "keys": lambda hub: hub.keys(["bob"]),
    "add_key": lambda hub: hub.add_key("bob", KEY),
    "knows": lambda hub: hub.knows("bob"),
    "peer": lambda hub: hub.peer("bob"),
    "peers": lambda hub: hub.peers(),
    "locate": lambda hub: hub.locate("bob", MESSAGE),
    "held": lambda hub: hub.held("bob", [MESSAGE]),
    "withdraw": lambda hub: hub.withdraw("bob", MESSAGE),
    "identity": lambda hub: hub.identity(),
    "renew_identity": lambda hub: hub.renew_identity(),
    "group": lambda hub: hub.group(),
    "move_to": lambda hub: hub.move_to(hub, lambda _: None),
    "leave_mark": lambda hub: hub.leave_mark(MARK),
    "has_mark": lambda hub: hub.has_mark(MARK),
    "remove_mark": lambda hub: hub.remove_mark(MARK),
    "register": lambda hub: hub.register("dave", {}),
    "survey": lambda hub: hub.survey("bob", {}),
    "fetch": lambda hub: list(hub.fetch("bob", [("pending", MESSAGE)])),
    "attachment": lambda hub: list(hub.attachment("bob", MESSAGE.partition(".")[0], "data")),
    "settle": lambda hub: hub.settle("bob", [Move(MESSAGE, "pending", "done")]),
    "claim": lambda hub: hub.claim("bob", MESSAGE, b"0" * 32),
    "release": lambda hub: hub.release("bob", MESSAGE, b"0" * 32),
    "set_aside": lambda hub: hub.set_aside("bob", "pending", MESSAGE, "no mail"),
    "why": lambda hub: hub.why("bob", MESSAGE),
    "show": lambda hub: hub.show("bob", BUSY),
    "sweep": lambda hub: hub.sweep("bob", 30, dry_run=False),
    "pushes": lambda hub: next(hub.pushes(["bob"])),
    "findings": lambda hub: list(hub.findings("bob")),
    "peer_findings": lambda hub: list(hub.peer_findings("bob")),
    "connect": lambda hub: hub.connect(),
    "ping": lambda hub: hub.ping(),
}


def _methods() -> Iterator[str]:
    for one in Hub.__mro__:
        yield from (name for name, value in vars(one).items() if callable(value) and name[0] != "_")


def test_all_methods_are_here() -> None:
    """No method of the contract is left out of the next test."""
    assert {*ASKED, "deliver"} | UNASKED == set(_methods())


@pytest.mark.parametrize("method", ASKED)
def test_a_hub_that_is_away(stage: Stage, method: str) -> None:
    """An unreachable hub is not an empty one: every question raises Unreachable."""
    stage.hub.knows("bob")
    stage.cut()
    with pytest.raises(Unreachable):
        ASKED[method](stage.hub)


def test_delivering_to_a_hub_that_is_away(stage: Stage, mailbox: Mailbox) -> None:
    """Mail for a hub that cannot be reached is Unreachable as a whole, and refused to nobody."""
    sent = parcel(mailbox, "bob")
    stage.cut()
    with pytest.raises(Unreachable):
        stage.hub.deliver([sent])
