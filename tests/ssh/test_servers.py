"""SFTP servers other than OpenSSH's: what they refuse makes a hub less durable, not useless."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.team import until
from tests.ssh.liar import Lies, LyingLink, about
from tests.ssh.test_promises import nothing
from xw.files import Publication
from xw.files import sftp_packets as sftp
from xw.files.sftp import SftpFiles

OPEN, SET_MODE, SET_OPEN_MODE = 3, 9, 10


def path_of(body: bytes) -> bytes:
    return body[4 : 4 + int.from_bytes(body[:4], "big")]


def folders_opened(below: bytes = b"/") -> Lies:
    """Opens of folders for reading, below a path: listing one is another request."""
    return lambda kind, body: (
        kind == OPEN
        and body.endswith(b"\0\0\0\x01\0\0\0\0")
        and path_of(body).startswith(below)
        and os.path.isdir(path_of(body))
    )


def folders_synced(below: bytes = b"") -> Lies:
    """Syncs of an open folder below a path, known by the open that travels before it."""
    opens: list[bytes] = []

    def refuses(kind: int, body: bytes) -> bool:
        if kind == OPEN:
            opens.append(path_of(body))
        return about("fsync")(kind, body) and os.path.isdir(opens[-1]) and opens[-1].startswith(below)

    return refuses


def modes(kind: int, body: bytes) -> bool:
    return kind in (SET_MODE, SET_OPEN_MODE)


SERVERS: dict[str, tuple[Lies, int, bytes]] = {
    "opens no folder": (folders_opened(), sftp.FAILURE, b"Is a directory"),
    "denies to open folders": (folders_opened(), sftp.DENIED, b"Permission denied"),
    "denies to sync folders": (folders_synced(), sftp.DENIED, b""),
    "cannot sync folders": (folders_synced(), sftp.FAILURE, b"Failure"),
    "syncs no file": (about("fsync"), sftp.UNSUPPORTED, b""),
    "knows no sync": (about("fsync"), sftp.BAD_MESSAGE, b""),
    "sets no modes": (modes, sftp.BAD_MESSAGE, b""),
    "knows no modes": (modes, sftp.UNSUPPORTED, b"Operation unsupported"),
}
ACTS: dict[str, Callable[[SftpFiles], object]] = {
    "make folders": lambda files: files.make_folders(["tmp", "a", "b/c"]),
    "publish": lambda files: files.publish(b"x", "tmp", ["a/one", "b/one"]),
    "replace": lambda files: files.replace(b"x", "tmp", "a/two"),
    "store": lambda files: files.store([b"x", b"y"], "a/three"),
    "move": lambda files: files.move("a/three", "b/three"),
    "sync": lambda files: files.sync("b"),
    "remove": lambda files: files.remove("b/three"),
    "remove a folder": lambda files: files.remove_folder("b"),
}


@pytest.fixture
def link() -> Iterator[LyingLink]:
    made = LyingLink(nothing)
    yield made
    made.close()


def refuse(link: LyingLink, refuses: Lies, code: int, words: bytes = b"") -> None:
    link.refuses, link.code, link.words = refuses, code, words


@pytest.mark.parametrize("server", SERVERS)
def test_a_hub_on_it(link: LyingLink, server: str, tmp_path: Path) -> None:
    """Every change is made, privately, and the place is known not to be durable if it does not sync."""
    refuse(link, *SERVERS[server])
    files = SftpFiles(link, str(tmp_path / "place"))
    for act in ACTS.values():
        act(files)
    assert sorted(files.list_folder("a")) == ["one", "two"]
    assert (tmp_path / "place/a/one").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "place/a").stat().st_mode & 0o777 == 0o700
    assert files.durable == ("modes" in server)


@pytest.mark.parametrize("server", SERVERS)
def test_joining_one(link: LyingLink, server: str, tmp_path: Path) -> None:
    """`durable` finds it out by itself, before anything was written."""
    refuse(link, *SERVERS[server])
    if "file" in server or "knows no sync" in server:
        link.refuses = folders_synced()  # what can be seen without writing
    assert SftpFiles(link, str(tmp_path)).durable == ("modes" in server)


@pytest.mark.parametrize("refuses", [folders_synced, folders_opened])
def test_a_folder_that_cannot_be_synced(
    link: LyingLink, refuses: Callable[[bytes], Lies], tmp_path: Path
) -> None:
    """If other folders can be synced, a failed sync is an error, and nothing is acknowledged or left."""
    files = SftpFiles(link, str(tmp_path))
    files.make_folders(["tmp", "a"])
    shut = os.fsencode(tmp_path / "a")
    refuse(link, refuses(shut), sftp.FAILURE)
    if refuses is folders_opened:  # a folder that may not be listed either
        link.refuses = lambda kind, body: kind in (OPEN, 11) and path_of(body) == shut
    (outcome,) = files.publish_all([Publication(b"x", "tmp", ("a/one",))])
    assert outcome is not None
    link.refuses = nothing
    assert files.list_folders(["tmp", "a"]) == [[], []]
    assert files.durable


def test_a_mode_that_lets_others_in(link: LyingLink, tmp_path: Path) -> None:
    """Where no mode can be set and others could read the file, nothing is published."""
    files = SftpFiles(link, str(tmp_path))
    files.make_folders(["tmp", "a", "b"])

    def opens(kind: int, body: bytes) -> bool:
        if kind == SET_OPEN_MODE:
            until(lambda: [*tmp_path.glob("*/*")] != [])
            for path in tmp_path.glob("*/*"):
                path.chmod(0o644)
        return kind == SET_OPEN_MODE

    refuse(link, opens, sftp.BAD_MESSAGE)
    for act in ("publish", "replace", "store"):
        with pytest.raises(PermissionError, match=r"sets no modes.*mode 644"):
            ACTS[act](files)
        assert files.list_folders(["tmp", "a"]) == [[], []]


def test_the_servers_own_words(link: LyingLink, tmp_path: Path) -> None:
    """An error has what the server said, in one printable line, unless it says no more than its code."""
    files = SftpFiles(link, str(tmp_path))
    said = {
        (sftp.FAILURE, b"Is a directory"): (None, "the server said: Is a directory"),
        (sftp.FAILURE, b"Failure"): (None, "the server says only `Failure`"),
        (sftp.DENIED, b"Permission denied"): (errno.EACCES, "Permission denied"),
        (sftp.DENIED, b"full\n\x1b[2J"): (
            errno.EACCES,
            r"Permission denied (the server said: full\x0a\x1b[2J)",
        ),
        (14, b"No space left"): (None, "the server said: No space left"),
    }
    for (code, words), (number, told) in said.items():
        refuse(link, lambda kind, body: kind == 11, code, words)
        with pytest.raises(OSError) as caught:  # noqa: PT011  # the text is compared below
            files.list_folder("")
        assert (caught.value.errno, caught.value.strerror) == (number, told)


def test_a_failure_without_a_cause(link: LyingLink, tmp_path: Path) -> None:
    """A bare failure on a disk with room names what is left."""
    files = SftpFiles(link, str(tmp_path))
    files.make_folders(["tmp", "a"])
    refuse(link, lambda kind, body: kind == 6, sftp.FAILURE)
    with pytest.raises(OSError, match=r"`Failure`, and its disk has room: is a quota used up"):
        files.publish(b"x", "tmp", ["a/one"])
