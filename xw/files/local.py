"""Files in a local directory: the durable, atomic steps that all of xw rests on.

The order of the steps is the guarantee: write, fsync the file, link, fsync the folder, and only then return.
Without one of them, a power cut loses mail. Used for mailboxes, directory hubs, attachments and locks.
"""

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress

from xw.errors import Damaged, XwError
from xw.files import Publication, Stat, locks
from xw.files.batch import Singles, attempt, publish_each, read_each
from xw.files.disk import close, fsync
from xw.files.ownership import Kept, Owner, is_planted, is_root, keep
from xw.files.walk import Walk

_CHUNK = 1 << 20
_READ = os.O_RDONLY | os.O_NONBLOCK
PLANTED = "a hard link to another user's file"


class LocalFiles(Singles):
    """`contract.Files` in the directory `root`.

    With `group`, folders are 2770 and files 0660 instead of 0700 and 0600. Without `links`, for file systems
    that have no hard links, files are published by rename, which is safe because their names contain their
    hash. No link below the root is followed, in any part of a path (`walk`).
    """

    def __init__(self, root: str, *, group: bool = False, links: bool = True) -> None:
        self.root = root
        self._file_mode = 0o660 if group else 0o600
        self._folder_mode = 0o2770 if group else 0o700
        self.group = group
        self._links = links
        self._heir: Owner | None = None

    def give_to(self, folder: str) -> None:
        """Make this folder's owner the owner of everything that root makes from now on."""
        if is_root():
            with self._walk() as walk:
                self._heir = walk.owner(folder)

    def private(self) -> "LocalFiles":
        """Return the same place, with files and folders that only their owner may use."""
        same = LocalFiles(self.root, links=self._links)
        same._heir = self._heir
        return same

    def divided(self, one: str, other: str) -> bool:
        if self.group or not is_root():
            return False
        with self._walk() as walk, suppress(FileNotFoundError):
            return walk.owner(one).user != walk.owner(other).user
        return False

    def foreign(self, path: str) -> bool:
        ours = {0, os.geteuid(), *([self._heir.user] if self._heir else [])}
        with self._walk() as walk, suppress(OSError):
            return walk.owner(path).user not in ours
        return False

    def path(self, relative: str) -> str:
        """Return the absolute path, for people and other programs."""
        return f"{self.root}/{relative}" if relative else self.root

    def list_folders(self, folders: Sequence[str]) -> list[list[str] | OSError]:
        with self._walk() as walk:  # one walk for all: it opens each folder once
            return [attempt(walk.list_folder, folder) for folder in folders]

    def stat_all(self, paths: Sequence[str]) -> list[Stat | OSError]:
        with self._walk() as walk:
            return [attempt(walk.stat, path) for path in paths]

    def read_all(self, paths: Sequence[str], limit: int) -> Iterator[bytes | OSError | Damaged]:
        with self._walk() as walk:
            yield from read_each(walk.read, paths, limit)

    def read_chunks(self, path: str) -> Iterator[bytes]:
        """Yield the file's bytes in chunks. As root, raise Damaged also for a link to another user's file."""
        with self._walk() as walk:
            handle = walk.open_regular(path)
            planted = self._is_planted(walk, handle, path)
        try:
            if planted:
                raise Damaged(f"it is {PLANTED}")
            while piece := os.read(handle, _CHUNK):
                yield piece
        except OSError as error:
            error.filename = self.path(path)
            raise
        finally:
            close(handle)

    def open(self, path: str) -> int:
        """Return a handle to read a regular file; the caller closes it. Damaged for anything else."""
        with self._walk() as walk:
            return walk.open_regular(path)

    def create(self, path: str) -> int:
        """Return a handle of a new, empty file, not synced; the caller closes it. FileExistsError."""
        with self._walk() as walk:
            return walk.create(path, self._file_mode, os.O_RDWR)

    def publish_all(self, items: Sequence[Publication]) -> list[OSError | None]:
        """Publish one item after the other, by links, or by renames if there are none."""
        return publish_each(self._publish, items)

    def _publish(self, item: Publication) -> None:
        with self._walk() as walk:
            self._publish_by(walk, item)

    def _publish_by(self, walk: Walk, item: Publication) -> None:
        data, scratch, targets, _, separate_files = item
        made: list[str] = []
        temporaries: list[str] = []
        try:
            if self._links:
                try:
                    # Write all files before linking one: a full disk then stops all of them.
                    while len(temporaries) < (len(targets) if separate_files else 1):
                        temporaries.append(self._write_scratch(walk, data, scratch))
                    for index, target in enumerate(targets):
                        self._link(walk, temporaries[index if separate_files else 0], target, data, made)
                finally:
                    for temporary in temporaries:
                        walk.unlink(temporary)
            else:
                for target in targets:
                    self._rename_new(walk, data, scratch, target, made)
            for folder in dict.fromkeys(_folder(target) for target in targets):
                walk.sync(folder)
        except OSError:
            # It is not acknowledged, so nobody may see it. Best effort: the disk is already failing.
            for target in made:
                with suppress(OSError):
                    walk.unlink(target)
            raise

    def replace(self, data: bytes, scratch: str, path: str) -> None:
        with self._walk() as walk:
            _rename_scratch(walk, self._write_scratch(walk, data, scratch), path)
            walk.sync(_folder(path))

    def rewrite(self, data: bytes, scratch: str, path: str) -> None:
        """Replace a file; keep its mode and, as far as this user may, its owner."""
        with self._walk() as walk:
            kept = walk.kept(path)
            _rename_scratch(walk, self._write_scratch(walk, data, scratch, kept), path)
            walk.sync(_folder(path))

    def store(self, pieces: Iterable[bytes], path: str) -> tuple[int, str]:
        from hashlib import sha256

        with self._walk() as walk:
            size, hashed = 0, sha256()
            handle = walk.create(path, self._file_mode)
            try:
                try:
                    for piece in pieces:
                        _write_all(handle, piece, self.path(path))
                        hashed.update(piece)
                        size += len(piece)
                    _sync(handle, self.path(path))
                finally:
                    os.close(handle)
                walk.sync(_folder(path))
            except (OSError, XwError):
                with suppress(OSError):
                    walk.unlink(path)
                raise
        return size, hashed.hexdigest()

    def move_all(self, moves: Sequence[tuple[str, str]]) -> list[OSError | None]:
        """Move one file after the other; moves in a row between the same two folders share their syncs."""
        from itertools import groupby  # built in: it loads no file

        outcomes: list[OSError | None] = []
        for (source, target), run in groupby(moves, lambda move: (_folder(move[0]), _folder(move[1]))):
            outcomes += self._move_between(source, target, list(run))
        return outcomes

    def _move_between(self, source: str, target: str, moves: list[tuple[str, str]]) -> list[OSError | None]:
        """Move files from folder `source` to folder `target`."""
        with self._walk() as walk:
            outcomes = [attempt(self._rename, walk, *move) for move in moves]
            if all(outcomes):
                return outcomes
            try:
                # The target first: after a crash a file is in one or both places, never in none.
                walk.sync(target)
                walk.sync(source)
            except OSError as error:
                # Undo it, because it is not durable: the next try would take it for moved,
                # and acknowledge it.
                for (old, new), failed in zip(moves, outcomes, strict=True):
                    if failed is None:
                        with suppress(OSError):
                            walk.rename(new, old)
                return [failed or error for failed in outcomes]
            return outcomes

    def _rename(self, walk: Walk, source: str, target: str) -> None:
        walk.folder(_folder(target))  # check that it is a folder before changing anything
        # The time first: after a crash between the two steps, gc must not find
        # a file that is done but still has its time of arrival.
        with suppress(PermissionError):  # another user's file: `stat` uses its ctime instead
            walk.touch(source)
        walk.rename(source, target)
        with suppress(FileNotFoundError):
            walk.unlink(source)  # between two links to one file, rename does nothing

    def remove_all(self, paths: Sequence[str]) -> list[OSError | None]:
        return [attempt(self._remove, path) for path in paths]

    def _remove(self, path: str) -> None:
        with self._walk() as walk:
            walk.unlink(path)
            walk.sync(_folder(path))

    def remove_folder(self, path: str) -> None:
        with self._walk() as walk:
            walk.remove_tree(path)
            walk.sync(_folder(path))

    def remove_empty_folder(self, path: str) -> None:
        with self._walk() as walk:
            walk.remove_empty(path)
            walk.sync(_folder(path))

    def make_folders(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._make_with_above(path)

    def _make_with_above(self, path: str) -> None:
        if not path:
            from xw.files.roots import make_root  # reading and sending mail never needs it

            make_root(self.root, self._folder_mode)
            return
        above = _folder(path)
        try:
            self._make_folder(path, above)
        except FileNotFoundError:
            self._make_with_above(above)
            # A second FileNotFoundError means that the folder above accepts no folders, such as one of /proc.
            self._make_folder(path, above)

    def _make_folder(self, path: str, above: str) -> None:
        with self._walk() as walk:
            try:
                walk.make_folder(path, self._folder_mode)
            except FileExistsError:
                kind = walk.stat(path).kind
                if kind == "link":
                    walk.folder(path)  # raises a NotADirectoryError that names the link
                if kind != "folder":
                    raise
            # Also if it existed: its maker may have died before syncing it.
            walk.sync(above)

    def sync_all(self, folders: Sequence[str]) -> list[OSError | None]:
        with self._walk() as walk:
            return [attempt(walk.sync, folder) for folder in folders]

    def writable(self, folder: str) -> bool:
        """Ask the system, which always answers True for root."""
        with self._walk() as walk, suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            return os.access(".", os.W_OK | os.X_OK, dir_fd=walk.folder(folder))
        return False

    def now(self) -> float:
        return time.time()

    def locked(self, path: str, timeout: float = 10.0) -> AbstractContextManager[None]:
        """Hold filelock's lock; a missing lock file is made with mode and owner."""
        return locks.locked(self._open_lock(path), self.path(path), timeout)

    def locked_briefly(self, path: str, timeout: float = 10.0) -> AbstractContextManager[locks.Note]:
        """Hold a bare `flock` on the same file."""
        return locks.locked_briefly(self._open_lock(path), self.path(path), timeout)

    def held(self, path: str) -> bool:
        with self._walk() as walk, suppress(FileNotFoundError):
            return locks.held(walk.open(path, _READ))
        return False

    def _walk(self) -> Walk:
        return Walk(self.root, self._heir, self.group)

    def _open_lock(self, path: str) -> int:
        """Return a handle of a lock file; if it is missing, make it with mode and owner."""
        with self._walk() as walk:
            while True:
                with suppress(FileNotFoundError):
                    handle = walk.open(path, os.O_RDWR | os.O_NONBLOCK)
                    planted = self._is_planted(walk, handle, path)
                    if stat.S_ISREG(os.fstat(handle).st_mode) and not planted:
                        return handle
                    os.close(handle)  # a note would overwrite the other user's file
                    why = PLANTED if planted else "not a regular file"
                    raise PermissionError(errno.EPERM, why, self.path(path))
                with suppress(FileExistsError):  # another process has just made it
                    return walk.create(path, self._file_mode, os.O_RDWR)

    def _is_planted(self, walk: Walk, handle: int, path: str) -> bool:
        """Return True if this process is root, and another user has linked a file into this place."""
        return is_root() and is_planted(handle, walk.heir(path), self.group)

    def _write_scratch(self, walk: Walk, data: bytes, scratch: str, kept: Kept | None = None) -> str:
        """Write and sync a new file under an unguessable name; return its path."""
        temporary = f"{scratch}/{os.urandom(12).hex()}" if scratch else os.urandom(12).hex()
        handle = walk.create(temporary, self._file_mode)
        try:
            try:
                if kept:
                    keep(handle, kept)
                _write_all(handle, data, self.path(temporary))
                _sync(handle, self.path(temporary))
            finally:
                os.close(handle)
        except OSError:
            # After a failed fsync a second one may report success wrongly: discard the file.
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
            walk.stat(target)
            self._must_equal(walk, target, data)
            return
        _rename_scratch(walk, self._write_scratch(walk, data, scratch), target)
        made.append(target)

    def _must_equal(self, walk: Walk, target: str, data: bytes) -> None:
        with suppress(Damaged):
            if walk.read(target, len(data)) == data:
                return
        raise FileExistsError(errno.EEXIST, "another file has this name", self.path(target))


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _rename_scratch(walk: Walk, temporary: str, target: str) -> None:
    try:
        walk.rename(temporary, target)
    except OSError:
        walk.unlink(temporary)
        raise


def _write_all(handle: int, data: bytes, path: str) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(handle, view) :]
    except OSError as error:
        error.filename = path  # of a handle, the system names none
        raise


def _sync(handle: int, path: str) -> None:
    try:
        fsync(handle)
    except OSError as error:
        error.filename = path
        raise
