"""The round trips of batches: the cost of a sync on a slow network."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ssh.server import ServerLink
from xw.files import Publication
from xw.files.sftp import SftpFiles
from xw.hub.directory import DirectoryHub

ITEMS = [Publication(b"x" * 2000, "tmp", (f"a/{number}",)) for number in range(10)]
PATHS = [target for item in ITEMS for target in item.targets]


@pytest.fixture
def link() -> Iterator[ServerLink]:
    made = ServerLink()
    yield made
    made.close()


@pytest.fixture
def files(link: ServerLink, tmp_path: Path) -> SftpFiles:
    made = SftpFiles(link, str(tmp_path / "hub"))
    made.make_folders(["tmp", "a", "b"])
    made.now()
    return made


def cost(files: SftpFiles, before: int) -> int:
    return files.round_trips - before


def test_batches_cost_few_round_trips(files: SftpFiles) -> None:
    """Listing, looking, reading what was listed, moving, removing: 1. Reading unseen, publishing: 2."""
    before = files.round_trips
    assert files.publish_all(ITEMS) == [None] * 10
    assert cost(files, before) == 2
    unseen = SftpFiles(files._link, files.root)
    before = files.round_trips
    assert [*unseen.read_all(PATHS, 4000)] == [b"x" * 2000] * 10
    assert cost(files, before) == 2
    before = files.round_trips
    assert isinstance(files.list_folders(["a", "b", "tmp"])[0], list)
    assert cost(files, before) == 1
    before = files.round_trips
    assert [*files.read_all(PATHS, 4000)] == [b"x" * 2000] * 10
    assert cost(files, before) == 1
    before = files.round_trips
    assert not any(isinstance(look, OSError) for look in files.stat_all(PATHS))
    assert cost(files, before) == 1
    before = files.round_trips
    assert files.move_all([(path, f"b/{path[2:]}") for path in PATHS]) == [None] * 10
    assert cost(files, before) == 1
    before = files.round_trips
    assert files.remove_all([f"b/{path[2:]}" for path in PATHS]) == [None] * 10
    assert cost(files, before) == 1


def test_joining_costs_few_round_trips(files: SftpFiles) -> None:
    """A new mailbox with all its folders and its card: 6; again: 5."""
    hub = DirectoryHub(files, "ssh://hub/")
    files.replace(b"{}", "", "hub.json")
    for new, limit in ((True, 6), (False, 5)):
        before = files.round_trips
        assert hub.register("alice", {"name": "alice"}) == new
        assert cost(files, before) <= limit
    assert hub.mailbox("alice").pending() == []


@pytest.mark.parametrize("ahead", [-3600.0, -0.4, 0.4, 3600.0])
def test_the_hubs_clock(
    link: ServerLink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    """`now` is the hub's time whatever this machine's clock says, learnt from any file written."""
    real = time.time
    monkeypatch.setattr("xw.files.sftp.time.time", lambda: real() - ahead)

    def is_now(look: Callable[[], float]) -> bool:
        """Return True if a time is between the time before and the time after, to two seconds."""
        before, found, after = real(), look(), real()
        return before - 2 <= found <= after + 2

    files = SftpFiles(link, str(tmp_path))
    assert is_now(files.now)
    assert files.list_folder("") == []
    other = SftpFiles(link, str(tmp_path))
    other.replace(b"x", "", "one")
    before = other.round_trips
    assert is_now(other.now)
    assert cost(other, before) == 0

    def moved() -> float:
        other.move("one", "two")
        return other.stat("two").mtime

    assert is_now(moved)


def test_without_guessing_handles(files: SftpFiles, link: ServerLink) -> None:
    """If handles cannot be guessed, everything works the same in at most twice as many round trips."""
    link.wire()._guessing = False
    before = files.round_trips
    assert files.publish_all(ITEMS) == [None] * 10
    assert cost(files, before) == 4
    before = files.round_trips
    (names,) = files.list_folders(["a"])
    assert isinstance(names, list)
    assert [*files.read_all([f"a/{name}" for name in names], 4000)] == [b"x" * 2000] * 10
    assert cost(files, before) == 4


def test_a_wrong_guess_is_noticed(files: SftpFiles, link: ServerLink) -> None:
    """A handle that is not the one guessed is used all the same, no other is touched, none stays open."""
    wire = link.wire()
    wire._guess = b"\x00\x00\x00\x09"
    assert files.publish_all(ITEMS) == [None] * 10
    assert not wire._guessing
    assert [*files.read_all(PATHS, 4000)] == [b"x" * 2000] * 10
    assert not wire._open
    files.stat("a")  # the closes were not waited for, and are done before this
    (server, _), *_ = link.servers
    assert not any("hub" in str(file.readlink()) for file in Path(f"/proc/{server.pid}/fd").iterdir())
