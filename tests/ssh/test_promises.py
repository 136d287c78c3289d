"""A server that says OK and does nothing is found out before anything is acknowledged."""

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.team import until
from tests.ssh.liar import KINDS, Lies, LyingLink, about
from xw.files import Publication
from xw.files.sftp import SftpFiles
from xw.files.sftp_packets import CLOSE
from xw.hub.directory import DirectoryHub

Serve = Callable[[Lies], SftpFiles]


def nothing(kind: int, body: bytes) -> bool:
    return False


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """`serve(lies)`: a place with folders, made while the server was still honest."""
    links: list[LyingLink] = []

    def one(lies: Lies, *, with_links: bool = True) -> SftpFiles:
        link = LyingLink(nothing)
        links.append(link)
        files = SftpFiles(link, str(tmp_path / "place"), links=with_links)
        files.make_folders(["tmp", "a", "b"])
        files.publish(b"old", "tmp", ["a/old"])
        link.lies = lies
        return files

    yield one
    for link in links:
        link.close()


def caught(act: Callable[[], object]) -> str:
    with pytest.raises(OSError, match="answered OK") as found:
        act()
    assert found.value.errno == errno.EPROTO
    return str(found.value)


DEEDS: dict[str, tuple[Lies, Callable[[SftpFiles], object], str]] = {
    "publish": (about("hardlink"), lambda files: files.publish(b"x", "tmp", ["a/new"]), "a hard link"),
    "publish to several": (
        about("hardlink", where="b/new"),
        lambda files: files.publish(b"x", "tmp", ["a/new", "b/new"]),
        "a hard link",
    ),
    "publish apart": (
        about("hardlink", where="b/new"),
        lambda files: files.publish(b"x", "tmp", ["a/new", "b/new"], separate_files=True),
        "a hard link",
    ),
    "replace": (about("posix rename"), lambda files: files.replace(b"x", "tmp", "a/old"), "a rename"),
    "replace nothing": (about("posix rename"), lambda files: files.replace(b"x", "tmp", "a/new"), "a rename"),
    "replace with as many bytes": (
        about("posix rename"),
        lambda files: files.replace(b"new", "tmp", "a/old"),
        "a rename",
    ),
    "move": (about("posix rename"), lambda files: files.move("a/old", "b/old"), "a rename"),
    "remove": (about("remove"), lambda files: files.remove("a/old"), "a removal"),
    "remove a folder": (about("remove folder"), lambda files: files.remove_folder("b"), "a removal"),
    "remove an empty folder": (
        about("remove folder"),
        lambda files: files.remove_empty_folder("b"),
        "a removal",
    ),
    "make a folder": (about("make folder"), lambda files: files.make_folders(["c"]), "making a folder"),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_nothing_is_acknowledged(serve: Serve, deed: str, tmp_path: Path) -> None:
    """The deed raises, nothing has changed, nothing is left in scratch; an honest server then does it."""
    lies, act, said = DEEDS[deed]
    files = serve(lies)
    assert said in caught(lambda: act(files))
    link = files._link
    assert isinstance(link, LyingLink)
    assert link.told
    link.lies = nothing
    assert files.list_folders(["tmp", "a", "b"]) == [[], ["old"], []]
    assert files.read("a/old", 10) == b"old"
    act(files)


def test_publish_by_rename(serve: Callable[..., SftpFiles]) -> None:
    """A rename in place of a link is looked at as well."""
    files = serve(about("rename"), with_links=False)
    assert "a rename" in caught(lambda: files.publish(b"x", "tmp", ["a/new"]))
    assert sorted(files.list_folder("a")) == ["old"]


ACTS: dict[str, Callable[[SftpFiles], object]] = {
    "publish": lambda files: files.publish(b"x" * 100_000, "tmp", ["a/new"]),
    "replace": lambda files: files.replace(b"x" * 100_000, "tmp", "a/new"),
    "store": lambda files: files.store([b"x" * 60_000, b"x" * 40_000], "a/new"),
}


@pytest.mark.parametrize("where", ["write", "half"])
@pytest.mark.parametrize("act", ACTS)
def test_bytes_that_are_not_written(serve: Serve, act: str, where: str) -> None:
    """A file that has fewer bytes than were written is thrown away, whatever fsync said."""
    seen: list[int] = []

    def lies(kind: int, body: bytes) -> bool:
        seen.append(kind)
        return kind == 6 and (where == "write" or seen.count(6) == 4)

    files = serve(lies)
    with pytest.raises(OSError, match="Input/output error"):
        ACTS[act](files)
    assert files.list_folders(["tmp", "a"]) == [[], ["old"]]


@pytest.mark.parametrize("guessing", [True, False])
@pytest.mark.parametrize("act", ACTS)
def test_a_close_that_fails(serve: Serve, act: str, guessing: bool) -> None:
    """A server that keeps the bytes until the close, and then cannot, acknowledges nothing."""
    files = serve(nothing)
    link = files._link
    assert isinstance(link, LyingLink)
    link.wire()._guessing = guessing
    link.refuses = lambda kind, body: kind == CLOSE and link.asked.count(KINDS["write"]) > 0
    with pytest.raises(OSError, match="only `Failure`"):
        ACTS[act](files)
    link.refuses = nothing
    assert files.list_folders(["tmp", "a"]) == [[], ["old"]]


def test_nothing_is_linked_behind_what_was_not_written(serve: Serve) -> None:
    """A message after one that could not be written never appears in its folder, not even for a moment."""
    linked: list[bytes] = []

    def lies(kind: int, body: bytes) -> bool:
        if about("hardlink")(kind, body):
            linked.append(body)
        return kind == KINDS["write"] and b"unwritten" in body

    files = serve(lies)
    items = [
        Publication(data, "tmp", (target,))
        for data, target in ((b"x", "a/1"), (b"unwritten", "a/2"), (b"x", "a/3"), (b"x", "b/4"))
    ]
    outcomes = files.publish_all(items)
    assert [outcome is None for outcome in outcomes] == [True, False, False, True]
    assert [body[-1:] for body in linked] == [b"1", b"4"]


def test_a_link_that_shows_something_else(serve: Serve, tmp_path: Path) -> None:
    """A target that has other bytes than were written, by its size, is not acknowledged."""

    def empty(kind: int, body: bytes) -> bool:
        if about("hardlink")(kind, body):
            (tmp_path / "place/a/new").touch()
            return True
        return False

    assert "a hard link" in caught(lambda: serve(empty).publish(b"x", "tmp", ["a/new"]))


def test_a_rename_that_only_removes(serve: Serve, tmp_path: Path) -> None:
    """A replacement that is at neither name is not acknowledged."""

    def loses(kind: int, body: bytes) -> bool:
        if about("posix rename")(kind, body):
            for path in (tmp_path / "place/tmp").iterdir():
                path.unlink()
            return True
        return False

    assert "a rename" in caught(lambda: serve(loses).replace(b"x", "tmp", "a/new"))


def test_an_opened_file_that_is_not_there(serve: Serve, tmp_path: Path) -> None:
    """A stored file whose name shows nothing, or a file of another size, is not acknowledged."""
    files = serve(nothing)

    def pieces() -> Iterator[bytes]:
        yield b"x"
        (tmp_path / "place/a/new").unlink()

    assert "writing a file" in caught(lambda: files.store(pieces(), "a/new"))


def test_several_of_which_one_is_a_lie(serve: Serve) -> None:
    """In a batch, an item that was not linked fails; later ones to its folder wait, others arrive."""
    files = serve(about("hardlink", where="a/2"))
    items = [Publication(b"x", "tmp", (target,)) for target in ("a/1", "a/2", "a/3", "b/1")]
    outcomes = files.publish_all(items)
    assert [outcome is None for outcome in outcomes] == [True, False, False, True]
    assert sorted(files.list_folder("a")) == ["1", "old"]
    assert files.list_folders(["tmp", "b"]) == [[], ["1"]]


def test_several_moves_and_removals(serve: Serve) -> None:
    """In a batch, each false answer is reported for its own item."""
    files = serve(nothing)
    for name in ("1", "2", "3"):
        files.publish(b"x", "tmp", [f"a/{name}"])
    link = files._link
    assert isinstance(link, LyingLink)
    link.lies = about("posix rename", where="b/2")
    moved = files.move_all([(f"a/{name}", f"b/{name}") for name in ("1", "2", "3")])
    assert [outcome is None for outcome in moved] == [True, False, True]
    link.lies = about("remove", where="b/1")
    removed = files.remove_all(["b/1", "b/3"])
    assert [outcome is None for outcome in removed] == [False, True]


def test_no_more_round_trips(serve: Serve) -> None:
    """Looking costs none: publishing takes 2, and replacing, moving and removing what they took."""
    files = serve(nothing)
    files.now()
    acts: list[tuple[Callable[[], object], int]] = [
        (lambda: files.publish(b"x", "tmp", ["a/1", "b/1"]), 2),
        (lambda: files.replace(b"x", "tmp", "a/2"), 2),
        (lambda: files.move("a/2", "b/2"), 1),
        (lambda: files.remove("b/2"), 1),
    ]
    for act, trips in acts:
        before = files.round_trips
        act()
        assert files.round_trips - before == trips


def test_what_its_owner_moves_on_at_once_was_delivered(serve: Serve, tmp_path: Path) -> None:
    """A target that its owner has already moved on counts as delivered."""
    files = serve(nothing)
    place = tmp_path / "place"

    def claims(kind: int, body: bytes) -> bool:
        # Between the link, which the server was asked before, and the look, the recipient claims.
        if kind == 7 and body.endswith(b"a/new"):
            until((place / "a/new").exists)
            (place / "a/new").rename(place / "b/new")
        return False

    link = files._link
    assert isinstance(link, LyingLink)
    link.lies = claims
    item = Publication(b"x", "tmp", ("a/new",), ("b/new",))
    assert files.publish_all([item]) == [None]
    assert files.list_folders(["tmp", "b"]) == [[], ["new"]]


def test_two_links_to_one_file(serve: Serve, tmp_path: Path) -> None:
    """A move between two links to one file, with which rename does nothing, removes the first."""
    files = serve(nothing)
    (tmp_path / "place/b/old").hardlink_to(tmp_path / "place/a/old")
    files.move("a/old", "b/old")
    assert files.list_folders(["a", "b"]) == [[], ["old"]]


def test_a_card_and_a_claim(serve: Serve, tmp_path: Path) -> None:
    """No mailbox is made without its card, and no claim is won that was not made."""
    link = LyingLink(nothing)
    try:
        hub = DirectoryHub(SftpFiles(link, str(tmp_path / "hub")), "ssh://hub/")
        hub.files.make_folder("")
        hub.files.replace(b"{}", "", "hub.json")
        link.lies = about("posix rename", where="card.json")
        caught(lambda: hub.register("alice", {"name": "alice"}))
        link.lies = nothing
        assert hub.register("alice", {"name": "alice"})
        mailbox = hub.mailbox("alice")
        hub.files.publish(b"x", "alice/inbox/tmp", ["alice/inbox/pending/x"])
        link.lies = about("posix rename")
        caught(lambda: mailbox.start("x"))
        assert mailbox.state_of("x") == "pending"
    finally:
        link.close()
