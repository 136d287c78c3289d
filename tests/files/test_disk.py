"""On a Mac, whose own fsync stops at the drive's cache, data reaches the disk: tested with a Mac's fcntl."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

import xw
from xw.files.local import LocalFiles

_FULL = 51  # F_FULLFSYNC, as macOS numbers it
_LACKING = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY, errno.ENOSYS)
_FAILING = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EBADF)


class Mac:
    """The syncs of this process: `full` or `plain`, and the path; `error` is what a full one fails with."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.syncs: list[tuple[str, str]] = []
        self.error = 0
        self._fcntl, self._fsync = fcntl.fcntl, os.fsync
        patch.setattr(fcntl, "F_FULLFSYNC", _FULL, raising=False)
        patch.setattr(fcntl, "fcntl", self._control)
        patch.setattr(os, "fsync", self._plain)

    def of(self, kind: str) -> list[str]:
        """Return the names synced in this way, in order."""
        return [os.path.basename(path) for how, path in self.syncs if how == kind]

    def becomes_linux(self) -> None:
        """Take the full sync away."""
        fcntl.F_FULLFSYNC = None  # type: ignore[attr-defined]  # the fixture takes it back

    def _control(self, handle: int, command: int, *more: int) -> object:
        if command != _FULL:
            return self._fcntl(handle, command, *more)
        self.syncs.append(("full", os.readlink(f"/proc/self/fd/{handle}")))
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        return self._fsync(handle)

    def _plain(self, handle: int) -> None:
        self.syncs.append(("plain", os.readlink(f"/proc/self/fd/{handle}")))
        self._fsync(handle)


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Mac:
    return Mac(monkeypatch)


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    made = LocalFiles(str(tmp_path / "hub"))
    for folder in ("", "tmp", "a", "b"):
        made.make_folder(folder)
    return made


def every_step(files: LocalFiles) -> None:
    """All that `contract.Files` calls durable."""
    files.publish(b"1", "tmp", ["a/one", "b/one"])
    files.publish(b"1", "tmp", ["a/two", "b/two"], separate_files=True)
    files.replace(b"2", "tmp", "a/three")
    files.store([b"3"], "a/four")
    files.move("a/four", "b/four")
    files.remove("b/four")
    files.make_folder("a/folder")
    files.remove_folder("a/folder")
    files.sync("a")
    LocalFiles(f"{files.root}/x/y").make_folder("")


def test_every_durable_step_of_a_mac(files: LocalFiles, mac: Mac) -> None:
    """On a Mac each sync of a file or folder is a full one, as many as Linux makes, and none is plain."""
    every_step(files)
    assert mac.of("plain") == []
    full = mac.of("full")
    assert {"a", "b", "hub", "x", "four"} <= set(full)
    mac.becomes_linux()
    LocalFiles(f"{files.root}/other").make_folder("")
    other = LocalFiles(f"{files.root}/other")
    for folder in ("tmp", "a", "b"):
        other.make_folder(folder)
    mac.syncs.clear()
    every_step(other)
    assert mac.of("full") == []
    assert len(mac.of("plain")) == len(full)


@pytest.mark.parametrize("number", _LACKING, ids=errno.errorcode.get)
def test_a_file_system_that_has_no_full_sync(files: LocalFiles, mac: Mac, number: int) -> None:
    """If a file system refuses a full sync, a plain one of the same file follows."""
    mac.error = number
    every_step(files)
    assert mac.of("full") == mac.of("plain") != []


@pytest.mark.parametrize("number", _FAILING, ids=errno.errorcode.get)
def test_a_full_sync_that_fails(files: LocalFiles, mac: Mac, number: int) -> None:
    """A full sync that failed is not made good by a plain one: nothing is acknowledged or left behind."""
    mac.error = number
    with pytest.raises(OSError, match=os.strerror(number)):
        files.publish(b"1", "tmp", ["a/one"])
    with pytest.raises(OSError, match=os.strerror(number)):
        files.sync("a")
    assert mac.of("plain") == []
    assert (files.list_folder("a"), files.list_folder("tmp")) == ([], [])


def test_nobody_else_syncs() -> None:
    """Only `files.disk` calls the system's own sync; whatever else is durable goes through it."""
    package = Path(xw.__file__).parent
    calling = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if any(call in path.read_text() for call in ("os.fsync", "os.fdatasync", "os.sync(", "F_FULLFSYNC"))
    ]
    assert calling == ["files/disk.py"]
