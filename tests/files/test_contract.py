"""The duties of every `Files`, one sentence of `xw/files/contract.py` at a time."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.files.places import Place
from xw.errors import Busy, Damaged, Usage
from xw.files import Publication
from xw.files.contract import Files
from xw.files.local import LocalFiles
from xw.files.sftp import SftpFiles

LIMIT = 1000


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def put(files: Files, path: str, data: bytes = b"text") -> None:
    files.publish(data, "tmp", [path])


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_modes_do_not_depend_on_the_umask(place: Place, mask: int) -> None:
    """Folders and files have the place's modes under every umask."""
    with umask(mask):
        place.files.make_folder("deep/er")
        put(place.files, "a/published")
        place.files.replace(b"x", "tmp", "a/replaced")
        place.files.store([b"x"], "a/stored")
    for folder in ("deep", "deep/er"):
        assert place.files.stat(folder).mode == place.folder_mode
    for name in ("published", "replaced", "stored"):
        assert place.files.stat(f"a/{name}").mode == place.file_mode


def test_names_lists_what_is_in_a_folder(place: Place) -> None:
    """A folder lists its files and folders, not those below them."""
    put(place.files, "a/one")
    place.files.make_folder("a/two/three")
    assert sorted(place.files.list_folder("a")) == ["one", "two"]


def test_names_of_no_folder(place: Place) -> None:
    """A missing folder and a file are errors, never an empty listing."""
    put(place.files, "a/one")
    with pytest.raises(FileNotFoundError):
        place.files.list_folder("nowhere")
    with pytest.raises(NotADirectoryError):
        place.files.list_folder("a/one")


def test_look_tells_kind_and_size(place: Place) -> None:
    """A look tells a file from a folder, its size, and when it was written."""
    before = place.files.now()
    put(place.files, "a/one", b"12345")
    there = place.files.stat("a/one")
    assert (there.kind, there.size) == ("file", 5)
    assert before - 1 <= there.mtime <= place.files.now() + 1
    assert place.files.stat("a").kind == "folder"
    with pytest.raises(FileNotFoundError):
        place.files.stat("a/two")


def test_read_up_to_its_limit(place: Place) -> None:
    """A file of exactly the limit is read; one byte more is damaged."""
    put(place.files, "a/fits", b"x" * LIMIT)
    put(place.files, "a/large", b"x" * (LIMIT + 1))
    put(place.files, "a/empty", b"")
    assert place.files.read("a/fits", LIMIT) == b"x" * LIMIT
    assert place.files.read("a/empty", LIMIT) == b""
    with pytest.raises(Damaged):
        place.files.read("a/large", LIMIT)


def test_read_refuses_a_folder(place: Place) -> None:
    """A folder is damaged mail, to `read` and to `chunks`; a missing file is not found."""
    for read in (
        lambda path: place.files.read(path, LIMIT),
        lambda path: list(place.files.read_chunks(path)),
    ):
        with pytest.raises(Damaged):
            read("a")
        with pytest.raises(FileNotFoundError):
            read("a/missing")


def test_chunks_give_the_whole_file(place: Place) -> None:
    """The pieces of a large file, put together, are the file."""
    data = os.urandom(3_000_001)
    put(place.files, "a/large", data)
    assert b"".join(place.files.read_chunks("a/large")) == data


def test_publish_to_all_targets(place: Place) -> None:
    """Every target has the bytes, and nothing stays in the scratch folder."""
    place.files.publish(b"text", "tmp", ["a/one", "b/one"])
    assert place.files.read("a/one", LIMIT) == place.files.read("b/one", LIMIT) == b"text"
    assert place.files.list_folder("tmp") == []


def test_publish_again(place: Place) -> None:
    """The same bytes at a target count as done, and the other targets are still made."""
    put(place.files, "a/one")
    place.files.publish(b"text", "tmp", ["a/one", "b/one"])
    assert place.files.list_folder("a") == place.files.list_folder("b") == ["one"]
    assert place.files.list_folder("tmp") == []


@pytest.mark.parametrize("other", [b"", b"texts", b"tex", b"TEXT"])
def test_publish_never_overwrites(place: Place, other: bytes) -> None:
    """Other bytes at a target are FileExistsError; they stay, and no other target is left."""
    put(place.files, "b/one", other)
    with pytest.raises(FileExistsError):
        place.files.publish(b"text", "tmp", ["a/one", "b/one"])
    assert place.files.read("b/one", LIMIT) == other
    assert place.files.list_folder("a") == place.files.list_folder("tmp") == []


def test_publish_onto_a_folder(place: Place) -> None:
    """A folder that has the target's name is FileExistsError."""
    place.files.make_folder("a/one")
    with pytest.raises(FileExistsError):
        put(place.files, "a/one")
    assert place.files.list_folder("tmp") == []


def test_publish_into_no_folder(place: Place) -> None:
    """If one target's folder is missing, no target is made."""
    with pytest.raises(FileNotFoundError):
        place.files.publish(b"text", "tmp", ["a/one", "nowhere/one"])
    assert place.files.list_folder("a") == place.files.list_folder("tmp") == []


def broken_at_each_step(
    place: Place, act: Callable[[], object], unchanged: Callable[[], object], after: Callable[[], object]
) -> int:
    """Run `act` with its first step broken, then its second …; how many steps it has."""
    number = 0
    while True:
        number += 1
        with place.breaking(number) as steps:
            try:
                act()
            except OSError:
                failed = True
            else:
                failed = False
        if not failed:
            assert len(steps) < number, f"the failure of {steps[number - 1]} was swallowed"
            after()
            return number - 1
        unchanged()


def test_publish_is_all_or_nothing(place: Place) -> None:
    """A failure at any step leaves no target and no scratch file, and the call can be repeated."""

    def unchanged() -> None:
        assert all(place.files.list_folder(folder) == [] for folder in ("a", "b", "tmp"))

    def after() -> None:
        assert place.files.read("a/one", LIMIT) == place.files.read("b/one", LIMIT) == b"text"

    def act() -> None:
        place.files.publish(b"text", "tmp", ["a/one", "b/one"])

    assert broken_at_each_step(place, act, unchanged, after) >= 5


def test_move_that_fails_changes_nothing(place: Place) -> None:
    """A failure at any step of a move leaves the file in place, and the move can be repeated."""
    put(place.files, "a/one")

    def unchanged() -> None:
        assert (place.files.list_folder("a"), place.files.list_folder("b")) == (["one"], [])

    def after() -> None:
        assert (place.files.list_folder("a"), place.files.list_folder("b")) == ([], ["one"])

    assert broken_at_each_step(place, lambda: place.files.move("a/one", "b/one"), unchanged, after) >= 1


def test_moves_in_a_row_fail_each_for_itself(place: Place) -> None:
    """Of several moves, a missing source fails alone; a failure of one step leaves no file in two places."""
    names = ["one", "two", "three"]
    for name in names:
        put(place.files, f"a/{name}")
    moves = [(f"a/{name}", f"b/{name}") for name in ("one", "missing", "two", "three")]
    number = 0
    while place.files.list_folder("a"):
        number += 1
        with place.breaking(number):
            outcomes = place.files.move_all(moves)
        assert outcomes[1] is not None
        moved = {
            name for name, failed in zip(("one", "", "two", "three"), outcomes, strict=True) if not failed
        }
        assert moved <= set(place.files.list_folder("b"))
        assert sorted(place.files.list_folder("a") + place.files.list_folder("b")) == sorted(names)
        for name in place.files.list_folder("b") if place.files.list_folder("a") else ():
            place.files.move(f"b/{name}", f"a/{name}")
    assert number > 1
    assert sorted(place.files.list_folder("b")) == sorted(names)


def test_replace_that_fails_is_whole(place: Place) -> None:
    """A failure at any step of a replacement leaves the old or the new bytes, and no scratch file."""
    put(place.files, "a/one", b"old")

    def unchanged() -> None:
        assert place.files.read("a/one", LIMIT) in (b"old", b"new")
        assert place.files.list_folder("tmp") == []

    def after() -> None:
        assert place.files.read("a/one", LIMIT) == b"new"

    assert broken_at_each_step(place, lambda: place.files.replace(b"new", "tmp", "a/one"), unchanged, after)


def test_store_that_fails_leaves_nothing(place: Place) -> None:
    """A store that fails at any step leaves no file."""

    def unchanged() -> None:
        assert place.files.list_folder("a") == []

    def after() -> None:
        assert place.files.read("a/one", LIMIT) == b"text"

    assert broken_at_each_step(place, lambda: place.files.store([b"te", b"xt"], "a/one"), unchanged, after)


def test_replace(place: Place) -> None:
    """A replacement makes the file, then takes its place, with nothing left in scratch."""
    for data in (b"old", b"newer"):
        place.files.replace(data, "tmp", "a/one")
        assert place.files.read("a/one", LIMIT) == data
    assert place.files.list_folder("tmp") == []


def test_store(place: Place) -> None:
    """A stored file has the given bytes; `store` returns its size and hash."""
    pieces = [os.urandom(70_000) for _ in range(3)]
    whole = b"".join(pieces)
    assert place.files.store(iter(pieces), "a/one") == (len(whole), hashlib.sha256(whole).hexdigest())
    assert place.files.read("a/one", len(whole)) == whole
    assert place.files.store([], "a/empty") == (0, hashlib.sha256().hexdigest())


def test_store_keeps_what_is_there(place: Place) -> None:
    """Storing over a file is FileExistsError, and the file stays."""
    put(place.files, "a/one", b"old")
    with pytest.raises(FileExistsError):
        place.files.store([b"new"], "a/one")
    assert place.files.read("a/one", LIMIT) == b"old"


def test_store_of_a_source_that_fails(place: Place) -> None:
    """A source that fails half-way leaves no file."""

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise OSError("the source is gone")

    with pytest.raises(OSError, match="the source is gone"):
        place.files.store(pieces(), "a/one")
    assert place.files.list_folder("a") == []


def test_move_a_file(place: Place) -> None:
    """A moved file has its bytes, its new name, and the time of the move."""
    put(place.files, "a/one")
    place.backdate("a/one")
    before = place.files.now()
    place.files.move("a/one", "b/two")
    assert (place.files.list_folder("a"), place.files.list_folder("b")) == ([], ["two"])
    assert place.files.read("b/two", LIMIT) == b"text"
    assert place.files.stat("b/two").mtime >= before - 1


def test_move_a_folder(place: Place) -> None:
    """A moved folder takes along all below it."""
    place.files.make_folder("a/deep/er")
    put(place.files, "a/deep/er/one")
    place.files.move("a/deep", "b/other")
    assert place.files.read("b/other/er/one", LIMIT) == b"text"
    assert place.files.list_folder("a") == []


def test_move_of_nothing(place: Place) -> None:
    """A source that is gone, or a target without folder, is FileNotFoundError and changes nothing."""
    put(place.files, "a/one")
    for source, target in (("a/two", "b/two"), ("a/one", "nowhere/one")):
        with pytest.raises(FileNotFoundError):
            place.files.move(source, target)
    assert (place.files.list_folder("a"), place.files.list_folder("b")) == (["one"], [])


def test_move_has_one_winner(place: Place) -> None:
    """Of eight callers that move one file, one succeeds and seven get FileNotFoundError."""
    for turn in range(20):
        put(place.files, f"a/{turn}")
        start = threading.Barrier(8)
        with ThreadPoolExecutor(8) as pool:
            racers = [pool.submit(_moves, place.files, str(turn), start) for _ in range(8)]
        assert sorted(racer.result() for racer in racers) == [False] * 7 + [True]


def _moves(files: Files, name: str, start: threading.Barrier) -> bool:
    start.wait()
    try:
        files.move(f"a/{name}", f"b/{name}")
    except FileNotFoundError:
        return False
    return True


def test_remove(place: Place) -> None:
    """A removed file is gone; a missing one is FileNotFoundError; a folder is not removed."""
    put(place.files, "a/one")
    place.files.remove("a/one")
    assert place.files.list_folder("a") == []
    with pytest.raises(FileNotFoundError):
        place.files.remove("a/one")
    with pytest.raises(OSError, match="a"):
        place.files.remove("a")
    assert place.files.stat("a").kind == "folder"


def test_remove_folder(place: Place) -> None:
    """A folder goes with all below it and nothing beside it; a missing one is FileNotFoundError."""
    place.files.make_folder("a/deep/er")
    put(place.files, "a/deep/er/one")
    put(place.files, "a/deeper")
    place.files.remove_folder("a/deep")
    assert place.files.list_folder("a") == ["deeper"]
    with pytest.raises(FileNotFoundError):
        place.files.remove_folder("a/deep")


def test_remove_empty_folder(place: Place) -> None:
    """Only an empty folder goes; one that holds something stays; a missing one is FileNotFoundError."""
    place.files.make_folder("a/deep")
    put(place.files, "a/deep/one")
    with pytest.raises(OSError, match="deep"):
        place.files.remove_empty_folder("a/deep")
    assert place.files.list_folder("a/deep") == ["one"]
    place.files.remove("a/deep/one")
    place.files.remove_empty_folder("a/deep")
    assert place.files.list_folder("a") == []
    with pytest.raises(FileNotFoundError):
        place.files.remove_empty_folder("a/deep")


def test_make_folder(place: Place) -> None:
    """A folder is made with those above it; again is harmless; a file in the way is FileExistsError."""
    for _ in range(2):
        place.files.make_folder("x/y/z")
    assert place.files.stat("x/y/z").kind == "folder"
    put(place.files, "a/one")
    with pytest.raises(FileExistsError):
        place.files.make_folder("a/one")


def test_sync(place: Place) -> None:
    """A folder can be synced at any time; a missing one is FileNotFoundError."""
    place.files.sync("a")
    with pytest.raises(FileNotFoundError):
        place.files.sync("nowhere")


def test_writable(place: Place) -> None:
    """A folder of this user is writable, a missing one is not."""
    assert place.files.writable("a")
    assert not place.files.writable("nowhere")


WAYS = ["locked", "locked_briefly"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("other", WAYS)
def test_a_lock_keeps_others_out(place: Place, way: str, other: str) -> None:
    """While a lock is held, in either way, another caller is Busy; then it is free, also after an error."""
    hold, take = getattr(place.files, way), getattr(place.files, other)
    if not place.locks:
        with pytest.raises(Usage, match="lock"), hold("a/.lock"):
            pytest.fail("a lock that locks nothing")
        return
    with hold("a/.lock"):
        with pytest.raises(Busy), take("a/.lock", timeout=0):
            pytest.fail("two hold the lock")
        with take("b/.lock", timeout=0):
            pass
    with pytest.raises(RuntimeError), hold("a/.lock", timeout=0):
        raise RuntimeError
    with take("a/.lock", timeout=0):
        pass


@pytest.mark.parametrize("way", WAYS)
def test_looking_at_a_lock(place: Place, way: str) -> None:
    """A lock is held while it has a holder, and not before, afterwards, or because another looks."""
    if not place.locks:
        return
    assert not place.files.held("a/.lock")
    with getattr(place.files, way)("a/.lock"):
        assert place.files.held("a/.lock")
        assert not place.files.held("b/.lock")
    assert not place.files.held("a/.lock")
    with ThreadPoolExecutor(4) as many:
        assert not any(many.map(lambda _: place.files.held("a/.lock"), range(4000)))


def test_a_lock_keeps_a_note(place: Place) -> None:
    """The next holder recalls the last holder's note; the first recalls an empty one."""
    if not place.locks:
        return
    with place.files.locked_briefly("a/.lock") as note:
        assert note.recall() == ""
        note.keep("20261121T053012123456Z")
    with place.files.locked("a/.lock"):
        pass  # keeps the note
    with place.files.locked_briefly("a/.lock") as note:
        assert note.recall() == "20261121T053012123456Z"
        note.keep("20261121T053012123457Z")
        assert note.recall() == "20261121T053012123457Z"


def test_names_of_several(place: Place) -> None:
    """Each folder has its listing or its own error, also one of several hundred names."""
    names = [f"{number:03}-{'x' * 60}" for number in range(450)]
    assert (
        place.files.publish_all([Publication(b"", "tmp", (f"a/{name}",)) for name in names]) == [None] * 450
    )
    put(place.files, "b/one")
    for _ in range(2):
        found = place.files.list_folders(["a", "nowhere", "b/one", "b"])
        assert isinstance(found[0], list)
        assert sorted(found[0]) == names
        assert [type(outcome) for outcome in found[1:3]] == [FileNotFoundError, NotADirectoryError]
        assert found[3] == ["one"]


def test_look_at_several(place: Place) -> None:
    """Each path has its look or its own error."""
    put(place.files, "a/one", b"12345")
    one, two, folder = place.files.stat_all(["a/one", "a/two", "a"])
    assert not isinstance(one, OSError)
    assert (one.kind, one.size) == ("file", 5)
    assert isinstance(two, FileNotFoundError)
    assert not isinstance(folder, OSError)
    assert folder.kind == "folder"


@pytest.mark.parametrize("listed", [False, True])
def test_read_several(place: Place, listed: bool) -> None:
    """Each path has its bytes or its own error, with and without a listing just before."""
    limit = 100_000
    sizes = (0, 1, 32_768, 32_769, 65_536, limit)
    for size in sizes:
        put(place.files, f"a/{size}", b"x" * size)
    put(place.files, "a/large", b"x" * (limit + 1))
    place.files.make_folder("a/folder")
    if listed:
        place.files.list_folders(["a"])
    paths = [*(f"a/{size}" for size in sizes), "a/large", "a/folder", "a/missing"]
    found = [*place.files.read_all(paths, limit)]
    assert found[: len(sizes)] == [b"x" * size for size in sizes]
    assert [type(outcome) for outcome in found[len(sizes) :]] == [Damaged, Damaged, FileNotFoundError]


def test_read_what_changed_since_it_was_listed(place: Place) -> None:
    """A file that went, shrank or grew after its listing is read as it is."""
    for name in ("gone", "shrunk", "grown"):
        put(place.files, f"a/{name}", b"x" * 50_000)
    place.files.list_folders(["a"])
    place.files.remove("a/gone")
    place.files.replace(b"y", "tmp", "a/shrunk")
    place.files.replace(b"z" * 90_000, "tmp", "a/grown")
    gone, shrunk, grown = place.files.read_all(["a/gone", "a/shrunk", "a/grown"], 90_000)
    assert isinstance(gone, FileNotFoundError)
    assert (shrunk, grown) == (b"y", b"z" * 90_000)
    (grown,) = place.files.read_all(["a/grown"], 60_000)
    assert isinstance(grown, Damaged)


def test_publish_several(place: Place) -> None:
    """Each item is published or has its own error; one refused permanently does not delay the next."""
    put(place.files, "a/2", b"other")
    items = [
        Publication(f"text {number}".encode(), "tmp", (f"a/{number}", f"b/{number}")) for number in range(4)
    ]
    outcomes = place.files.publish_all(items)
    assert [type(outcome) for outcome in outcomes] == [type(None), type(None), FileExistsError, type(None)]
    assert sorted(place.files.list_folder("b")) == ["0", "1", "3"]
    assert place.files.read("a/3", LIMIT) == b"text 3"
    assert place.files.list_folder("tmp") == []


def test_publish_several_in_order(place: Place) -> None:
    """After an item that failed, none with a folder of its own is left; the others are."""
    items = [
        Publication(b"0", "tmp", ("a/0",)),
        Publication(b"1", "tmp", ("a/1", "nowhere/1")),
        Publication(b"2", "tmp", ("a/2",)),
        Publication(b"3", "tmp", ("b/3",)),
    ]
    outcomes = place.files.publish_all(items)
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        FileNotFoundError,
        FileNotFoundError,
        type(None),
    ]
    assert (place.files.list_folder("a"), place.files.list_folder("b")) == (["0"], ["3"])
    assert place.files.list_folder("tmp") == []


def test_move_and_remove_several(place: Place) -> None:
    """Each move and each removal is done or has its own error."""
    for name in ("one", "two"):
        put(place.files, f"a/{name}")
    moved = place.files.move_all([("a/one", "b/one"), ("a/none", "b/none"), ("a/two", "b/two")])
    assert [type(outcome) for outcome in moved] == [type(None), FileNotFoundError, type(None)]
    assert sorted(place.files.list_folder("b")) == ["one", "two"]
    removed = place.files.remove_all(["b/one", "b/none", "b/two"])
    assert [type(outcome) for outcome in removed] == [type(None), FileNotFoundError, type(None)]
    assert place.files.list_folder("b") == []


def test_sync_several(place: Place) -> None:
    """Each folder is synced or has its own error."""
    synced = place.files.sync_all(["a", "nowhere", "b"])
    assert [type(outcome) for outcome in synced] == [type(None), FileNotFoundError, type(None)]


def test_make_several_folders(place: Place) -> None:
    """Folders that share those above them are made together, again is harmless."""
    for _ in range(2):
        place.files.make_folders(["x/y/z", "x/y/w", "a", "x/v"])
    assert sorted(place.files.list_folder("x")) == ["v", "y"]
    assert sorted(place.files.list_folder("x/y")) == ["w", "z"]
    assert place.files.stat("x/y/w").mode == place.folder_mode


@pytest.mark.parametrize("kind", [LocalFiles, SftpFiles])
def test_what_has_no_docstring_is_described_in_the_contract(kind: type) -> None:
    """A public method of a place either says what it does, or the contract says it."""
    for name, method in vars(kind).items():
        if callable(method) and not name.startswith("_") and not method.__doc__:
            assert vars(Files)[name].__doc__, name
