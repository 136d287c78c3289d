"""Files in a local directory: the durable, atomic steps that all of xw rests on.

The order of the steps is the guarantee: write, fsync the file, link, fsync the
folder, only then return. Take one away and a power cut loses mail.
Called for mailboxes and directory hubs; attachments and locks too.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from xw.errors import Busy, Damaged, XwError
from xw.files import Look
from xw.files.one_by_one import OneByOne

_CHUNK = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO that somebody put into a mailbox must not hang its owner.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


class LocalFiles(OneByOne):
    """`contract.Files` in the directory `root`.

    With `group`, folders are 2770 and files 0660 instead of 0700 and 0600.
    Without `links`, for file systems that have no hard links, files are
    published by rename, which is safe because their names carry their hash.
    """

    def __init__(self, root: str, *, group: bool = False, links: bool = True) -> None:
        self.root = root
        self._file_mode = 0o660 if group else 0o600
        self._folder_mode = 0o2770 if group else 0o700
        self._links = links

    def path(self, relative: str) -> str:
        """The absolute path, for people and for programs that are handed a file."""
        return f"{self.root}/{relative}" if relative else self.root

    def names(self, folder: str) -> list[str]:
        """See `contract.Files.names`."""
        handle = self._open_folder(folder)
        try:
            return os.listdir(handle)
        finally:
            os.close(handle)

    def look(self, path: str) -> Look:
        """See `contract.Files.look`."""
        found = os.lstat(self.path(path))
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "other")
        return Look(kind, found.st_size, found.st_mtime, stat.S_IMODE(found.st_mode))

    def read(self, path: str, limit: int) -> bytes:
        """See `contract.Files.read`."""
        handle = self._open_regular(path)
        try:
            data = b""
            # One byte over the limit is enough to know; a sparse file may claim terabytes.
            while len(data) <= limit and (piece := os.read(handle, limit + 1 - len(data))):
                data = data + piece if data else piece
        finally:
            os.close(handle)
        if len(data) > limit:
            raise Damaged(f"it has more than {limit:,} bytes")
        return data

    def chunks(self, path: str) -> Iterator[bytes]:
        """See `contract.Files.chunks`."""
        handle = self._open_regular(path)
        try:
            while piece := os.read(handle, _CHUNK):
                yield piece
        finally:
            os.close(handle)

    def publish(self, data: bytes, scratch: str, targets: Sequence[str], apart: bool = False) -> None:
        """See `contract.Files.publish`."""
        made: list[str] = []
        temporaries: list[str] = []
        try:
            if self._links:
                try:
                    # All are written before the first is seen: a full disk then stops all.
                    while len(temporaries) < (len(targets) if apart else 1):
                        temporaries.append(self._write_scratch(data, scratch))
                    for index, target in enumerate(targets):
                        self._link(temporaries[index if apart else 0], target, data, made)
                finally:
                    for temporary in temporaries:
                        os.unlink(temporary)
            else:
                for target in targets:
                    self._rename_new(data, scratch, target, made)
            for folder in dict.fromkeys(_folder(target) for target in targets):
                self._sync_folder(folder)
        except OSError:
            # Not acknowledged, so not to be seen: best effort, since the disk is failing already.
            for target in made:
                with suppress(OSError):
                    os.unlink(self.path(target))
            raise

    def replace(self, data: bytes, scratch: str, path: str) -> None:
        """See `contract.Files.replace`."""
        self._rename(self._write_scratch(data, scratch), path)
        self._sync_folder(_folder(path))

    def store(self, pieces: Iterable[bytes], path: str) -> tuple[int, str]:
        """See `contract.Files.store`."""
        from hashlib import sha256

        size, hashed, full = 0, sha256(), self.path(path)
        handle = os.open(full, _NEW, self._file_mode)
        try:
            try:
                os.fchmod(handle, self._file_mode)
                for piece in pieces:
                    _write_all(handle, piece)
                    hashed.update(piece)
                    size += len(piece)
                os.fsync(handle)
            finally:
                os.close(handle)
            self._sync_folder(_folder(path))
        except (OSError, XwError):
            with suppress(OSError):
                os.unlink(full)
            raise
        return size, hashed.hexdigest()

    def move(self, source: str, target: str) -> None:
        """See `contract.Files.move`."""
        # The time first: after a crash between the two steps, gc must not find
        # a file that is done already but still has the time it arrived at.
        os.utime(self.path(source), follow_symlinks=False)
        os.rename(self.path(source), self.path(target))
        with suppress(FileNotFoundError):
            os.unlink(self.path(source))  # between two links to one file, rename succeeds and does nothing
        try:
            # The target first: the file may then be found in both places, never in none.
            self._sync_folder(_folder(target))
            self._sync_folder(_folder(source))
        except OSError:
            # Not durable, so not done: left there, the next try would take it for moved, and acknowledge it.
            with suppress(OSError):
                os.rename(self.path(target), self.path(source))
            raise

    def remove(self, path: str) -> None:
        """See `contract.Files.remove`."""
        os.unlink(self.path(path))
        self._sync_folder(_folder(path))

    def remove_folder(self, path: str) -> None:
        """See `contract.Files.remove_folder`."""
        from shutil import rmtree

        rmtree(self.path(path))
        self._sync_folder(_folder(path))

    def make_folder(self, path: str) -> None:
        """See `contract.Files.make_folder`."""
        full = self.path(path)
        above = os.path.dirname(full)
        for again in (False, True):
            try:
                os.mkdir(full, self._folder_mode)
                os.chmod(full, self._folder_mode)  # mkdir's mode went through the umask
                break
            except FileExistsError:
                if not os.path.isdir(full):
                    raise
                break
            except FileNotFoundError:
                if again:
                    raise  # the folder above is there, and takes none: one of /proc, for example
                if path:
                    self.make_folder(_folder(path))
                else:
                    _make_above(above)
        # Also where it was there: whoever made it may have died before syncing it.
        _sync(os.open(above, _FOLDER), above)

    def sync(self, folder: str) -> None:
        """See `contract.Files.sync`."""
        self._sync_folder(folder)

    def writable(self, folder: str) -> bool:
        """See `contract.Files.writable`."""
        full = self.path(folder)
        return os.access(full, os.W_OK | os.X_OK) and not os.path.islink(full)

    def now(self) -> float:
        """See `contract.Files.now`."""
        return time.time()

    @contextmanager
    def locked(self, path: str, patience: float = 10.0) -> "Iterator[_Note]":
        """See `contract.Files.locked`."""
        full = self.path(path)
        handle = os.open(full, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, self._file_mode)
        try:
            deadline = time.monotonic() + patience
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise Busy(
                            f"{full}: another xw process has held this lock for {patience:.0f} s: "
                            f"is it stopped? `fuser {full}` names it"
                        ) from None
                    time.sleep(0.002)
            yield _Note(handle)
        finally:
            os.close(handle)

    def held(self, path: str) -> bool:
        """See `contract.Files.held`."""
        try:
            handle = os.open(self.path(path), _READ)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # which many may have at once
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(handle)

    def _open_regular(self, path: str) -> int:
        full = self.path(path)
        try:
            handle = os.open(full, _READ)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise Damaged("it is a symbolic link, not a regular file") from None
            if error.errno == errno.ENXIO:
                raise Damaged("it is a socket, not a regular file") from None
            raise
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise Damaged("it is no regular file")
        return handle

    def _write_scratch(self, data: bytes, scratch: str) -> str:
        """A new, synced file with `data` under an unguessable name; its absolute path."""
        temporary = self.path(f"{scratch}/{os.urandom(12).hex()}")
        handle = os.open(temporary, _NEW, self._file_mode)
        try:
            try:
                os.fchmod(handle, self._file_mode)  # open's mode went through the umask
                _write_all(handle, data)
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            error.filename = error.filename or temporary
            # After a failed fsync a second one would lie: throw the file away.
            with suppress(OSError):
                os.unlink(temporary)
            raise
        return temporary

    def _link(self, temporary: str, target: str, data: bytes, made: list[str]) -> None:
        try:
            os.link(temporary, self.path(target))
            made.append(target)
        except FileExistsError:
            self._must_equal(target, data)

    def _rename_new(self, data: bytes, scratch: str, target: str, made: list[str]) -> None:
        if os.path.lexists(self.path(target)):
            self._must_equal(target, data)
            return
        self._rename(self._write_scratch(data, scratch), target)
        made.append(target)

    def _rename(self, temporary: str, target: str) -> None:
        try:
            os.rename(temporary, self.path(target))
        except OSError:
            os.unlink(temporary)
            raise

    def _must_equal(self, target: str, data: bytes) -> None:
        with suppress(Damaged):
            if self.read(target, len(data)) == data:
                return
        raise FileExistsError(errno.EEXIST, "another file has this name", self.path(target))

    def _sync_folder(self, folder: str) -> None:
        _sync(self._open_folder(folder), self.path(folder))

    def _open_folder(self, folder: str) -> int:
        """A handle of a folder, which must be no link: what lies behind one is not ours to list or change."""
        # The root itself may be reached by a link: the user named it.
        return os.open(self.path(folder), _FOLDER | os.O_NOFOLLOW if folder else _FOLDER)


class _Note:
    """See `contract.Note`."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def recall(self) -> str:
        return os.pread(self._handle, 64, 0).decode("ascii", "replace")

    def keep(self, text: str) -> None:
        os.pwrite(self._handle, text.encode(), 0)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _sync(handle: int, folder: str) -> None:
    """Sync the folder that is open as `handle`, and close it."""
    try:
        os.fsync(handle)
    except OSError as error:
        error.filename = folder
        raise
    finally:
        os.close(handle)


def _make_above(folder: str) -> None:
    """Make a folder that is not ours alone, and those above it where they are missing; durable."""
    above = os.path.dirname(folder)
    if not os.path.isdir(above):
        _make_above(above)
    with suppress(FileExistsError):
        os.mkdir(folder)
    _sync(os.open(above, _FOLDER), above)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
