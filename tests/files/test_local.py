"""Cases of real file systems only: links, FIFOs, sparse files, other processes."""

import errno
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from xw.errors import Damaged
from xw.files import Publication
from xw.files.local import LocalFiles
from xw.files.walk import Walk

LIMIT = 1000


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    made = LocalFiles(str(tmp_path))
    for folder in ("tmp", "a", "b"):
        made.make_folder(folder)
    return made


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["link", "dangling link", "link to a folder", "fifo", "socket", "sparse"])
def test_what_is_no_regular_file_is_damaged(files: LocalFiles, tmp_path: Path, kind: str) -> None:
    """Links, FIFOs, sockets and terabytes of nothing are damaged, at once, and are not followed."""
    (tmp_path / "b/secret").write_bytes(b"secret")
    path = tmp_path / "a/one"
    if kind == "link":
        path.symlink_to(tmp_path / "b/secret")
    elif kind == "dangling link":
        path.symlink_to(tmp_path / "nowhere")
    elif kind == "link to a folder":
        path.symlink_to(tmp_path / "b")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    else:
        path.touch()
        os.truncate(path, 1 << 40)
    with pytest.raises(Damaged):
        files.read("a/one", LIMIT)
    if kind != "sparse":
        with pytest.raises(Damaged):
            next(files.read_chunks("a/one"))
    expected = {"fifo": "other", "socket": "other", "sparse": "file"}.get(kind, "link")
    assert files.stat("a/one").kind == expected


@pytest.mark.parametrize("links", [True, False])
def test_publish_does_not_go_through_a_link(tmp_path: Path, files: LocalFiles, links: bool) -> None:
    """A link with the target's name is FileExistsError, even to a file with the same bytes."""
    (tmp_path / "b/same").write_bytes(b"text")
    for goal in ("b/same", "b/nowhere"):
        (tmp_path / "a/one").unlink(missing_ok=True)
        (tmp_path / "a/one").symlink_to(tmp_path / goal)
        with pytest.raises(FileExistsError):
            LocalFiles(str(tmp_path), links=links).publish(b"text", "tmp", ["a/one"])
    assert files.list_folder("b") == ["same"]
    assert files.list_folder("tmp") == []


def test_replace_and_remove_do_not_go_through_a_link(tmp_path: Path, files: LocalFiles) -> None:
    """Replacing or removing a link leaves what it points to alone."""
    (tmp_path / "b/other").write_bytes(b"other")
    acts: list[Callable[[], None]] = [
        lambda: files.replace(b"new", "tmp", "a/one"),
        lambda: files.remove("a/one"),
    ]
    for act in acts:
        (tmp_path / "a/one").unlink(missing_ok=True)
        (tmp_path / "a/one").symlink_to(tmp_path / "b/other")
        act()
        assert (tmp_path / "b/other").read_bytes() == b"other"


def test_remove_folder_does_not_go_through_a_link(tmp_path: Path, files: LocalFiles) -> None:
    """Links in a removed folder go; what they point to stays."""
    (tmp_path / "b/other").write_bytes(b"other")
    files.make_folder("a/deep")
    (tmp_path / "a/deep/link").symlink_to(tmp_path / "b")
    files.remove_folder("a/deep")
    assert files.list_folder("a") == []
    assert files.list_folder("b") == ["other"]


def test_store_does_not_go_through_a_link(tmp_path: Path, files: LocalFiles) -> None:
    """A dangling link at the new file's name is FileExistsError; nothing appears at its target."""
    (tmp_path / "a/one").symlink_to(tmp_path / "b/elsewhere")
    with pytest.raises(FileExistsError):
        files.store([b"text"], "a/one")
    assert files.list_folder("b") == []


MOVE = """
import sys
from xw.files.local import LocalFiles
from xw.files.walk import Walk
files = LocalFiles(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
won = 0
for number in range(300):
    try:
        files.move(f"a/{number}", f"b/{number}")
    except FileNotFoundError:
        continue
    won += 1
print(won)
"""


def test_of_several_processes_one_moves_a_file(tmp_path: Path, files: LocalFiles) -> None:
    """Four processes that claim the same 300 files get each file once."""
    for number in range(300):
        (tmp_path / f"a/{number}").touch()
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", MOVE, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = [int(racer.communicate()[0]) for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0, 0]
    assert sum(won) == 300
    assert (files.list_folder("a"), len(files.list_folder("b"))) == ([], 300)


def test_folders_above_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are missing are made, and are as durable as the root itself."""
    synced, sync = set(), os.fsync

    def fsync(handle: int) -> None:
        synced.add(os.readlink(f"/proc/self/fd/{handle}"))
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    LocalFiles(str(tmp_path / "x/y/hub")).make_folder("")
    assert (tmp_path / "x/y/hub").stat().st_mode & 0o777 == 0o700
    assert synced == {str(tmp_path), str(tmp_path / "x"), str(tmp_path / "x/y")}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_place_that_takes_no_folders() -> None:
    """If the kernel reports ENOENT for a new name in an existing folder, that is the error."""
    for path in ("", "a/b"):
        with pytest.raises(FileNotFoundError):
            LocalFiles("/proc/xw").make_folder(path)


def test_paths_name_real_files(tmp_path: Path, files: LocalFiles) -> None:
    """`path` is the absolute path that another program can open."""
    files.publish(b"text", "tmp", ["a/one"])
    assert Path(files.path("a/one")).read_bytes() == b"text"
    assert files.path("") == str(tmp_path)


def test_create_takes_no_name_that_is_there(tmp_path: Path) -> None:
    """Creating a file over a file, a link or a folder is FileExistsError, and that stays unchanged."""
    (tmp_path / "file").write_text("old")
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    with Walk(str(tmp_path)) as walk:
        for name in ("file", "link", "dangling", "folder"):
            with pytest.raises(FileExistsError):
                walk.create(name, 0o600)
        with pytest.raises(FileExistsError):
            walk.make_folder("folder", 0o700)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "target", "link", "dangling", "folder"}
    assert (tmp_path / "file").read_text() == (tmp_path / "target").read_text() == "old"


@pytest.mark.root
def test_what_root_makes_for_an_owner_is_not_foreign(tmp_path: Path) -> None:
    """For root that acts for a mailbox's owner, that owner's files are its own."""
    files = LocalFiles(str(tmp_path))
    for name, user in (("box", 12345), ("mine", 12345), ("theirs", 12346)):
        (tmp_path / name).mkdir()
        os.chown(tmp_path / name, user, user)
    assert files.foreign("mine")
    files.give_to("box")
    assert (files.foreign("mine"), files.foreign("theirs")) == (False, True)


def test_a_batch_over_many_folders(files: LocalFiles) -> None:
    """One call, such as a message to all, acts in more folders than a process may have files open."""
    folders = [f"a/{number}" for number in range(200)]
    files.make_folders(folders)
    paths = [f"{folder}/x" for folder in folders]
    assert files.publish_all([Publication(b"x", "tmp", (path,)) for path in paths]) == [None] * 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/dev/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 100, hard))
    try:
        assert files.list_folders(folders) == [["x"]] * 200
        assert not any(isinstance(look, OSError) for look in files.stat_all(paths))
        assert list(files.read_all(paths, 10)) == [b"x"] * 200
        assert files.sync_all(folders) == [None] * 200
        for apart in (False, True):
            files.publish(b"y", "tmp", [f"{folder}/{apart}" for folder in folders], separate_files=apart)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("call", "act", "path"),
    [
        ("read", lambda files: files.read("a/one", 100), "a/one"),
        ("read", lambda files: list(files.read_chunks("a/one")), "a/one"),
        ("write", lambda files: files.store([b"text"], "a/new"), "a/new"),
        ("fsync", lambda files: files.store([b"text"], "a/new"), "a/new"),
        ("listdir", lambda files: files.list_folder("a"), "a"),
        ("fsync", lambda files: files.sync("a"), "a"),
    ],
)
def test_an_error_names_its_path(
    call: str,
    act: Callable[[LocalFiles], object],
    path: str,
    tmp_path: Path,
    files: LocalFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The failure of a call that takes a handle, and so names no file, becomes an error that does."""
    (tmp_path / "a/one").write_bytes(b"text")

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, call, broken)
    with pytest.raises(OSError, match="error") as raised:
        act(files)
    assert raised.value.filename == str(tmp_path / path)
