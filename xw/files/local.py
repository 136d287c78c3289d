"""Files in a local directory: the durable, atomic steps that all of xw rests on.

The order of the steps is the guarantee: write, fsync the file, link, fsync the
folder, only then return. Take one away and a power cut loses mail.
Called for mailboxes and directory hubs; attachments and locks too.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from xw.errors import Busy, Damaged, XwError
from xw.files import Look
from xw.files.disk import fsync
from xw.files.one_by_one import OneByOne
from xw.files.walk import Walk

_CHUNK = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NONBLOCK


class LocalFiles(OneByOne):
    """`contract.Files` in the directory `root`.

    With `group`, folders are 2770 and files 0660 instead of 0700 and 0600.
    Without `links`, for file systems that have no hard links, files are
    published by rename, which is safe because their names carry their hash.

    No link below the root is followed, in any part of a path (`walk`).
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
        with Walk(self.root) as walk:
            handle = walk.listed(folder)
        try:
            return os.listdir(handle)
        finally:
            os.close(handle)

    def look(self, path: str) -> Look:
        """See `contract.Files.look`."""
        with Walk(self.root) as walk:
            return walk.look(path)

    def look_all(self, paths: Sequence[str]) -> list[Look | OSError]:
        """See `contract.Files.look_all`."""
        found: list[Look | OSError] = []
        with Walk(self.root) as walk:  # one for all: their folders are opened once
            for path in paths:
                try:
                    found.append(walk.look(path))
                except OSError as error:
                    found.append(error)
        return found

    def read(self, path: str, limit: int) -> bytes:
        """See `contract.Files.read`."""
        with Walk(self.root) as walk:
            return walk.read(path, limit)

    def read_all(self, paths: Sequence[str], limit: int) -> Iterator[bytes | OSError | Damaged]:
        """See `contract.Files.read_all`."""
        with Walk(self.root) as walk:
            for path in paths:
                try:
                    data = walk.read(path, limit)
                except (OSError, Damaged) as error:
                    yield error
                else:
                    yield data

    def chunks(self, path: str) -> Iterator[bytes]:
        """See `contract.Files.chunks`."""
        with Walk(self.root) as walk:
            handle = walk.open_regular(path)
        try:
            while piece := os.read(handle, _CHUNK):
                yield piece
        finally:
            os.close(handle)

    def publish(self, data: bytes, scratch: str, targets: Sequence[str], apart: bool = False) -> None:
        """See `contract.Files.publish`."""
        with Walk(self.root) as walk:
            self._publish(walk, data, scratch, targets, apart)

    def _publish(self, walk: Walk, data: bytes, scratch: str, targets: Sequence[str], apart: bool) -> None:
        made: list[str] = []
        temporaries: list[str] = []
        try:
            if self._links:
                try:
                    # All are written before the first is seen: a full disk then stops all.
                    while len(temporaries) < (len(targets) if apart else 1):
                        temporaries.append(self._write_scratch(walk, data, scratch))
                    for index, target in enumerate(targets):
                        self._link(walk, temporaries[index if apart else 0], target, data, made)
                finally:
                    for temporary in temporaries:
                        walk.unlink(temporary)
            else:
                for target in targets:
                    self._rename_new(walk, data, scratch, target, made)
            for folder in dict.fromkeys(_folder(target) for target in targets):
                walk.sync(folder)
        except OSError:
            # Not acknowledged, so not to be seen: best effort, since the disk is failing already.
            for target in made:
                with suppress(OSError):
                    walk.unlink(target)
            raise

    def replace(self, data: bytes, scratch: str, path: str) -> None:
        """See `contract.Files.replace`."""
        with Walk(self.root) as walk:
            _rename_scratch(walk, self._write_scratch(walk, data, scratch), path)
            walk.sync(_folder(path))

    def store(self, pieces: Iterable[bytes], path: str) -> tuple[int, str]:
        """See `contract.Files.store`."""
        from hashlib import sha256

        with Walk(self.root) as walk:
            size, hashed = 0, sha256()
            handle = walk.create(path, self._file_mode)
            try:
                try:
                    for piece in pieces:
                        _write_all(handle, piece)
                        hashed.update(piece)
                        size += len(piece)
                    fsync(handle)
                finally:
                    os.close(handle)
                walk.sync(_folder(path))
            except (OSError, XwError):
                with suppress(OSError):
                    walk.unlink(path)
                raise
        return size, hashed.hexdigest()

    def move(self, source: str, target: str) -> None:
        """See `contract.Files.move`."""
        with Walk(self.root) as walk:
            walk.folder(_folder(target))  # before anything is changed: it may be none
            # The time first: after a crash between the two steps, gc must not find
            # a file that is done already but still has the time it arrived at.
            with suppress(PermissionError):  # another user's, of which `look` then tells another time
                walk.touch(source)
            walk.rename(source, target)
            with suppress(FileNotFoundError):
                walk.unlink(source)  # between two links to one file, rename succeeds and does nothing
            try:
                # The target first: the file may then be found in both places, never in none.
                walk.sync(_folder(target))
                walk.sync(_folder(source))
            except OSError:
                # Not durable, so not done: left there, the next try would take it for moved,
                # and acknowledge it.
                with suppress(OSError):
                    walk.rename(target, source)
                raise

    def remove(self, path: str) -> None:
        """See `contract.Files.remove`."""
        with Walk(self.root) as walk:
            walk.unlink(path)
            walk.sync(_folder(path))

    def remove_folder(self, path: str) -> None:
        """See `contract.Files.remove_folder`."""
        with Walk(self.root) as walk:
            walk.remove_tree(path)
            walk.sync(_folder(path))

    def make_folder(self, path: str) -> None:
        """See `contract.Files.make_folder`."""
        if not path:
            self._make_root()
            return
        above = _folder(path)
        try:
            self._make_folder(path, above)
        except FileNotFoundError:
            self.make_folder(above)
            # Again a FileNotFoundError: the folder above is there, and takes none: one of /proc, for example.
            self._make_folder(path, above)

    def _make_folder(self, path: str, above: str) -> None:
        with Walk(self.root) as walk:
            try:
                walk.make_folder(path, self._folder_mode)
            except FileExistsError:
                kind = walk.look(path).kind
                if kind == "link":
                    walk.folder(path)  # raises NotADirectoryError, which says that it is a link
                if kind != "folder":
                    raise
            # Also where it was there: whoever made it may have died before syncing it.
            walk.sync(above)

    def _make_root(self) -> None:
        above = os.path.dirname(self.root)
        for again in (False, True):
            try:
                os.mkdir(self.root, self._folder_mode)
                os.chmod(self.root, self._folder_mode)  # mkdir's mode went through the umask
                break
            except FileExistsError:
                if not os.path.isdir(self.root):
                    raise
                break
            except FileNotFoundError:
                if again:
                    raise  # the folder above is there, and takes none: one of /proc, for example
                _make_above(above)
        _sync(os.open(above, _FOLDER), above)

    def sync(self, folder: str) -> None:
        """See `contract.Files.sync`."""
        with Walk(self.root) as walk:
            walk.sync(folder)

    def writable(self, folder: str) -> bool:
        """See `contract.Files.writable`."""
        with Walk(self.root) as walk, suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            return os.access(".", os.W_OK | os.X_OK, dir_fd=walk.folder(folder))
        return False

    def now(self) -> float:
        """See `contract.Files.now`."""
        return time.time()

    @contextmanager
    def locked(self, path: str, patience: float = 10.0) -> "Iterator[_Note]":
        """See `contract.Files.locked`."""
        full = self.path(path)
        with Walk(self.root) as walk:
            handle = walk.open(path, os.O_RDWR | os.O_CREAT, self._file_mode)
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
            with Walk(self.root) as walk:
                handle = walk.open(path, _READ)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # which many may have at once
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(handle)

    def _write_scratch(self, walk: Walk, data: bytes, scratch: str) -> str:
        """A new, synced file with `data` under an unguessable name; its path."""
        temporary = f"{scratch}/{os.urandom(12).hex()}" if scratch else os.urandom(12).hex()
        handle = walk.create(temporary, self._file_mode)
        try:
            try:
                _write_all(handle, data)
                fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            error.filename = error.filename or self.path(temporary)
            # After a failed fsync a second one would lie: throw the file away.
            with suppress(OSError):
                walk.unlink(temporary)
            raise
        return temporary

    def _link(self, walk: Walk, temporary: str, target: str, data: bytes, made: list[str]) -> None:
        try:
            walk.link(temporary, target)
            made.append(target)
        except FileExistsError:
            self._must_equal(walk, target, data)

    def _rename_new(self, walk: Walk, data: bytes, scratch: str, target: str, made: list[str]) -> None:
        with suppress(FileNotFoundError):
            walk.look(target)
            self._must_equal(walk, target, data)
            return
        _rename_scratch(walk, self._write_scratch(walk, data, scratch), target)
        made.append(target)

    def _must_equal(self, walk: Walk, target: str, data: bytes) -> None:
        with suppress(Damaged):
            if walk.read(target, len(data)) == data:
                return
        raise FileExistsError(errno.EEXIST, "another file has this name", self.path(target))


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


def _rename_scratch(walk: Walk, temporary: str, target: str) -> None:
    try:
        walk.rename(temporary, target)
    except OSError:
        walk.unlink(temporary)
        raise


def _sync(handle: int, folder: str) -> None:
    """Sync the folder that is open as `handle`, and close it."""
    try:
        fsync(handle)
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
