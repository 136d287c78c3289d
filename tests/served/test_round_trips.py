"""The round trips of a served hub: at most those of the same calls over SFTP."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hub.parcels import parcel
from tests.served.host import host
from tests.served.members import Members
from tests.ssh.server import ServerLink
from xw.files.local import LocalFiles
from xw.files.sftp import SftpFiles
from xw.hub.contract import Hub, Move, Parcel
from xw.hub.directory import DirectoryHub
from xw.hub.making import create_hub
from xw.hub.sighting import Sighting
from xw.mailbox import Mailbox

CARD = {"name": "alice", "kind": "agent"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A hub with alice, bob and carol."""
    root = tmp_path / "hub"
    create_hub(LocalFiles(str(root)), "test", "", group=False, links=True)
    for name in ("alice", "bob", "carol"):
        DirectoryHub(LocalFiles(str(root)), str(root)).register(name, {"name": name, "kind": "agent"})
    return root


@pytest.fixture
def served(place: Path) -> Iterator[Members]:
    made = Members(host(), place, "ssh://host/hub")
    yield made
    made.close()


@pytest.fixture
def link() -> Iterator[ServerLink]:
    made = ServerLink()
    yield made
    made.close()


def steps(letters: list[Parcel]) -> list[tuple[str, Callable[[Hub], object]]]:
    """Return what a machine asks, in order."""
    names = [one.name for one in letters]
    known = {name: Sighting(name) for name in ("alice", "bob", "carol")}
    moves = [Move(name, "pending", "done") for name in names[1:]]
    return [
        ("register", lambda hub: hub.register("alice", CARD)),
        ("deliver", lambda hub: hub.deliver(letters)),
        ("deliver again", lambda hub: hub.deliver(letters)),
        ("survey", lambda hub: hub.survey("alice", known, everyone=True)),
        ("fetch", lambda hub: list(hub.fetch("alice", [("pending", name) for name in names]))),
        ("attachment", lambda hub: list(hub.attachment("alice", letters[0].folder, "a.txt"))),
        ("claim", lambda hub: hub.claim("alice", names[0], b"0" * 32)),
        ("release", lambda hub: hub.release("alice", names[0], b"0" * 32)),
        ("settle", lambda hub: hub.settle("alice", moves)),
        ("show", lambda hub: hub.show("alice", b"{}")),
        ("locate", lambda hub: hub.locate("alice", names[0])),
        ("held", lambda hub: hub.held("alice", names)),
        ("withdraw", lambda hub: hub.withdraw("alice", names[1])),
        ("peer", lambda hub: hub.peer("bob")),
        ("peers", lambda hub: hub.peers()),
        ("identity", lambda hub: hub.identity()),
    ]


def test_no_more_than_over_sftp(served: Members, link: ServerLink, place: Path, tmp_path: Path) -> None:
    """Each call costs at most as many as over SFTP, and but for a file that is sent, one."""
    mailbox = Mailbox(LocalFiles(str(tmp_path / "home")), "alice")
    mailbox.files.make_folder("")
    mailbox.make()
    two = [
        [parcel(mailbox, "alice", str(kind), (("a.txt", b"x" * 5000),)) for _ in range(1)] for kind in "ab"
    ]
    for letters in two:
        letters += [parcel(mailbox, "alice") for _ in range(9)]
    sftp = DirectoryHub(SftpFiles(link, str(place)), "ssh://host/hub")
    way = served.of("alice")
    way.ping()
    sftp.ping()
    costs = {}
    for (what, there), (_, here) in zip(steps(two[0]), steps(two[1]), strict=True):
        before = link.round_trips
        there(sftp)
        over_sftp, before = link.round_trips - before, served.links["alice"].round_trips
        here(way)
        costs[what] = (served.links["alice"].round_trips - before, over_sftp)
    assert [what for what, (ours, theirs) in costs.items() if ours > theirs] == [], costs
    assert {what: ours for what, (ours, _) in costs.items() if ours > 1} == {"deliver": 2}, costs
