"""A file that goes on where it was cut: what is there is compared before anything is added."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ssh.server import ServerLink
from xw.errors import Unreachable
from xw.files.sftp import SftpFiles

WHOLE = os.urandom(700_000)


class Known:
    """A `contract.Part` in memory."""

    def __init__(self, checked: int = 0) -> None:
        self.checked = checked

    def note(self, checked: int) -> None:
        self.checked = checked


@pytest.fixture
def files(tmp_path: Path) -> Iterator[SftpFiles]:
    link = ServerLink()
    made = SftpFiles(link, str(tmp_path))
    made.make_folders(["tmp"])
    yield made
    link.close()


def pieces(whole: bytes = WHOLE, size: int = 100_000) -> Iterator[bytes]:
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


LEFT = {
    "nothing": (None, 0),
    "nothing, and an old note": (None, 500_000),
    "an empty file": (b"", 0),
    "a part": (WHOLE[:333_333], 0),
    "a part that was compared": (WHOLE[:333_333], 200_000),
    "less than was compared": (WHOLE[:100_000], 200_000),
    "all": (WHOLE, 0),
    "too much": (WHOLE + b"x", 0),
    "other bytes": (WHOLE[:1000] + b"other" + WHOLE[1005:333_333], 0),
    "other bytes at the end": (WHOLE[:333_333] + bytes(32_000), 200_000),
    "another file, shorter than the note": (bytes(100_000), 200_000),
}


@pytest.mark.parametrize("left", LEFT)
def test_it_is_whole(files: SftpFiles, left: str, tmp_path: Path) -> None:
    """Whatever an earlier call has left, the file has the right bytes in the end."""
    there, checked = LEFT[left]
    if there is not None:
        (tmp_path / "tmp/x.part").write_bytes(there)
    size, digest = files.resume(pieces, "tmp/x.part", Known(checked))
    assert (tmp_path / "tmp/x.part").read_bytes() == WHOLE
    assert (size, len(digest)) == (len(WHOLE), 64)


def test_it_goes_on(files: SftpFiles, tmp_path: Path) -> None:
    """A cut connection leaves what it has written; the next one sends the rest, and notes what it saw."""

    def cut() -> Iterator[bytes]:
        yield from pieces(WHOLE[:400_000])
        files._link.wire().close()
        yield b"never written"

    with pytest.raises(Unreachable):
        files.resume(cut, "tmp/x.part", Known())
    there = (tmp_path / "tmp/x.part").read_bytes()
    assert there == WHOLE[: len(there)]
    inode, known = (tmp_path / "tmp/x.part").stat().st_ino, Known()
    files.resume(pieces, "tmp/x.part", known)
    assert (tmp_path / "tmp/x.part").stat().st_ino == inode
    assert (tmp_path / "tmp/x.part").read_bytes() == WHOLE
    assert known.checked > 0 or len(there) < 200_000


def test_a_link_is_not_followed(files: SftpFiles, tmp_path: Path) -> None:
    """A link in the scratch file's place is an error, and its target is left alone."""
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / "tmp/x.part").symlink_to(tmp_path / "other")
    with pytest.raises(FileExistsError):
        files.resume(pieces, "tmp/x.part", Known())
    assert (tmp_path / "other").read_bytes() == b"other"
