"""Full, read-only and other users' disks: xw finds the cause behind the server's bare `Failure`."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.ssh.server import ServerLink
from xw.errors import Damaged, Refused, XwError, explain
from xw.files import Publication
from xw.files.sftp import SftpFiles

NOBODY = 65534


@pytest.fixture
def link() -> Iterator[ServerLink]:
    made = ServerLink()
    yield made
    made.close()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small disk with the given options; it is gone after the test."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
        return folder

    yield mount
    subprocess.run(["umount", "-l", folder], check=False)


ACTS: dict[str, Callable[[SftpFiles], object]] = {
    "publish": lambda files: files.publish(b"x" * 300_000, "tmp", ["a/one"]),
    "replace": lambda files: files.replace(b"x" * 300_000, "tmp", "a/one"),
    "store": lambda files: files.store(iter([b"x" * 100_000] * 3), "a/one"),
}


@pytest.mark.root
@pytest.mark.parametrize("act", ACTS)
def test_a_full_disk(link: ServerLink, mounted: Callable[[str], Path], act: str) -> None:
    """A file that does not fit raises ENOSPC, leaves nothing, and works once there is room."""
    disk = mounted("size=512k")
    files = SftpFiles(link, str(disk))
    files.make_folders(["tmp", "a"])
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * 350_000)
    with pytest.raises(OSError, match="No space left") as caught:
        ACTS[act](files)
    assert caught.value.errno == errno.ENOSPC
    assert "the disk is full" in str(explain(caught.value))
    assert files.list_folders(["tmp", "a"]) == [[], []]
    ballast.unlink()
    ACTS[act](files)
    assert files.stat("a/one").size == 300_000


@pytest.mark.root
def test_a_disk_without_inodes(link: ServerLink, mounted: Callable[[str], Path]) -> None:
    """A disk that is out of inodes is as full as any, for files and folders."""
    disk = mounted("nr_inodes=10")
    files = SftpFiles(link, str(disk))
    files.make_folders(["tmp", "a"])
    files.now()
    for number in range(7):
        (disk / str(number)).touch()
    acts: list[Callable[[], object]] = [
        lambda: files.publish(b"x", "tmp", ["a/one"]),
        lambda: files.make_folder("b"),
    ]
    for act in acts:
        with pytest.raises(OSError, match="No space left"):
            act()


@pytest.mark.root
def test_some_of_a_batch_fit(link: ServerLink, mounted: Callable[[str], Path]) -> None:
    """Of ten messages those that fit are delivered, in order, and none after the first that did not."""
    files = SftpFiles(link, str(mounted("size=512k")))
    files.make_folders(["tmp", "a"])
    items = [Publication(b"x" * 80_000, "tmp", (f"a/{number}",)) for number in range(10)]
    outcomes = files.publish_all(items)
    there = sorted(files.list_folder("a"))
    assert 0 < len(there) < 10
    assert there == [str(number) for number in range(len(there))]
    assert [outcome is None for outcome in outcomes] == [number < len(there) for number in range(10)]
    assert all(outcome.errno == errno.ENOSPC for outcome in outcomes if outcome)
    assert files.list_folder("tmp") == []


@pytest.mark.root
def test_a_read_only_disk(link: ServerLink, mounted: Callable[[str], Path]) -> None:
    """Every change on a read-only disk raises EROFS, which is refused; reading works."""
    disk = mounted("size=512k")
    files = SftpFiles(link, str(disk))
    files.make_folders(["tmp", "a"])
    files.publish(b"text", "tmp", ["a/one"])
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    acts: list[Callable[[], object]] = [
        lambda: files.publish(b"x", "tmp", ["a/two"]),
        lambda: files.replace(b"x", "tmp", "a/one"),
        lambda: files.store([b"x"], "a/two"),
        lambda: files.move("a/one", "a/two"),
        lambda: files.remove("a/one"),
        lambda: files.make_folder("b"),
    ]
    for act in acts:
        with pytest.raises(OSError, match="Read-only") as caught:
            act()
        assert isinstance(explain(caught.value), Refused)
    assert not files.writable("a")
    assert files.read("a/one", 10) == b"text"


def test_a_folder_of_another(tmp_path: Path) -> None:
    """In another user's folder, everything is a PermissionError that names the path on the host."""
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o700)
    # Root may go anywhere, so a server of root's is run as somebody else.
    if os.geteuid() == 0:
        link = ServerLink(user=NOBODY)
    else:
        link = ServerLink()
        shut.chmod(0)
    try:
        files = SftpFiles(link, str(shut))
        acts: list[Callable[[], object]] = [
            lambda: files.list_folder(""),
            lambda: files.publish(b"x", "tmp", ["a/one"]),
            lambda: files.make_folder("a"),
            lambda: files.read("a/one", 10),
        ]
        for act in acts:
            with pytest.raises(PermissionError) as caught:
                act()
            problem: XwError = explain(caught.value)
            assert isinstance(problem, Refused)
            assert f"hub:{shut}" in str(problem)
        assert not files.writable("")
    finally:
        link.close()
        shut.chmod(0o700)


@pytest.mark.root
def test_a_folder_that_may_not_be_made(tmp_path: Path) -> None:
    """If the folders above the root may not be made, the error names that, not that they are missing."""
    link = ServerLink(user=NOBODY)
    try:
        with TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)  # nobody may look, and make nothing
            with pytest.raises(PermissionError) as caught:
                SftpFiles(link, f"{folder}/a/b/hub").make_folder("")
            assert caught.value.filename == f"hub:{folder}/a"
    finally:
        link.close()


@pytest.mark.parametrize("mask", ["000", "077", "777"])
@pytest.mark.parametrize("group", [False, True])
def test_modes_do_not_depend_on_the_servers_umask(tmp_path: Path, mask: str, group: bool) -> None:
    """Folders and files have their modes under every umask of the server."""
    link = ServerLink("-u", mask)
    files = SftpFiles(link, str(tmp_path / "place"), group=group)
    try:
        files.make_folders(["tmp", "a/b"])
        files.publish(b"x", "tmp", ["a/published"])
        files.replace(b"x", "tmp", "a/replaced")
        files.store([b"x"], "a/stored")
    finally:
        link.close()
    for name in ("published", "replaced", "stored"):
        assert (tmp_path / "place/a" / name).stat().st_mode & 0o7777 == (0o660 if group else 0o600)
    for folder in ("", "a", "a/b"):
        assert (tmp_path / "place" / folder).stat().st_mode & 0o7777 == (0o2770 if group else 0o700)


@pytest.mark.parametrize("kind", ["link", "dangling link", "link to a folder", "fifo", "sparse"])
@pytest.mark.parametrize("listed", [False, True])
def test_what_is_no_regular_file_is_damaged(
    link: ServerLink, tmp_path: Path, kind: str, listed: bool
) -> None:
    """Links, FIFOs and terabytes of nothing are damaged, at once, and are not followed."""

    (tmp_path / "secret").write_bytes(b"secret")
    path = tmp_path / "one"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "sparse":
        path.touch()
        os.truncate(path, 1 << 40)
    else:
        path.symlink_to({"link": tmp_path / "secret", "link to a folder": tmp_path}.get(kind, "nowhere"))
    files = SftpFiles(link, str(tmp_path))
    if listed:
        files.list_folder("")
    with pytest.raises(Damaged):
        files.read("one", 1000)
    if kind != "sparse":
        with pytest.raises(Damaged):
            next(files.read_chunks("one"))
    if kind in ("link", "dangling link"):
        with pytest.raises(FileExistsError):
            files.publish(b"secret", "", ["one"])
        with pytest.raises(FileExistsError):
            files.store([b"secret"], "one")
        files.remove("one")
        assert not path.is_symlink()
    assert (tmp_path / "secret").read_bytes() == b"secret"


def test_a_linked_folder_is_not_emptied(link: ServerLink, tmp_path: Path) -> None:
    """Removing a folder removes links in it, not their targets; a link is not a folder."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/file").touch()
    (tmp_path / "mine/link").symlink_to(tmp_path / "theirs")
    (tmp_path / "direct").symlink_to(tmp_path / "theirs")
    files = SftpFiles(link, str(tmp_path))
    files.remove_folder("mine")
    with pytest.raises(NotADirectoryError):
        files.remove_folder("direct")
    assert (tmp_path / "theirs/file").exists()
