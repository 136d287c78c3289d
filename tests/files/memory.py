"""Files in memory: a place whose clock and faults a test decides, and a second proof of the contract.

It passes the suite that `LocalFiles` passes; `faults` lets a test make any
step fail. Nothing here survives the process.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from threading import Lock

from xw.errors import Busy, Damaged
from xw.files import Publication, Stat
from xw.files.batch import Singles, attempt, publish_each, read_each
from xw.files.contract import Note


class _Node:
    """A file or folder; hard links are several names of one node."""

    def __init__(self, data: bytes | None, mtime: float) -> None:
        self.data = data  # None: a folder
        self.mtime = mtime


class _Note:
    handle = -1

    def __init__(self) -> None:
        self._text = ""

    def recall(self) -> str:
        return self._text

    def keep(self, text: str) -> None:
        self._text = text


class MemoryFiles(Singles):
    """`contract.Files` in a dictionary.

    `clock` gives mtimes in seconds. `faults`, if given, is called with the
    name of each step (`write`, `link`, `sync`, `rename`, `unlink`, `mkdir`) and
    its path before the step is done, and may raise.
    """

    def __init__(self, clock: Callable[[], float], faults: Callable[[str, str], None] | None = None) -> None:
        self.root = "/memory"
        self.group = False
        self._clock = clock
        self._faults = faults or (lambda step, path: None)
        self._nodes: dict[str, _Node] = {"": _Node(None, clock())}
        self._locks: dict[str, tuple[Lock, _Note]] = {}

    def list_folders(self, folders: Sequence[str]) -> list[list[str] | OSError]:
        return [attempt(self._names, folder) for folder in folders]

    def stat_all(self, paths: Sequence[str]) -> list[Stat | OSError]:
        return [attempt(self._look, path) for path in paths]

    def read_all(self, paths: Sequence[str], limit: int) -> Iterator[bytes | OSError | Damaged]:
        return read_each(self._read, paths, limit)

    def publish_all(self, items: Sequence[Publication]) -> list[OSError | None]:
        return publish_each(self._publish, items)

    def move_all(self, moves: Sequence[tuple[str, str]]) -> list[OSError | None]:
        return [attempt(self._move, *move) for move in moves]

    def remove_all(self, paths: Sequence[str]) -> list[OSError | None]:
        return [attempt(self._remove, path) for path in paths]

    def sync_all(self, folders: Sequence[str]) -> list[OSError | None]:
        return [attempt(self._sync, folder) for folder in folders]

    def make_folders(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._make_folder(path)

    def _names(self, folder: str) -> list[str]:
        self._folder_at(folder)
        return [_name(path) for path in self._nodes if path and _parent(path) == folder]

    def _look(self, path: str) -> Stat:
        node = self._at(path)
        if node.data is None:
            return Stat("folder", 0, node.mtime, 0o700)
        return Stat("file", len(node.data), node.mtime, 0o600)

    def _read(self, path: str, limit: int) -> bytes:
        data = self._at(path).data
        if data is None:
            raise Damaged("it is not a regular file")
        if len(data) > limit:
            raise Damaged(f"it has more than {limit:,} bytes")
        return data

    def read_chunks(self, path: str) -> Iterator[bytes]:
        data = self._at(path).data
        if data is None:
            raise Damaged("it is not a regular file")
        yield from (data[start : start + 4096] for start in range(0, len(data), 4096))

    def _publish(self, item: Publication) -> None:
        data, scratch, targets, _, separate_files = item
        node = self._write(data, scratch)
        made: list[str] = []
        try:
            for target in targets:
                self._folder_at(_parent(target))
                self._faults("link", target)
                there = self._nodes.get(target)
                if there is None:
                    self._nodes[target] = self._write(data, scratch) if separate_files else node
                    made.append(target)
                elif there.data != data:
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
            for folder in {_parent(target) for target in targets}:
                self._faults("sync", folder)
        except OSError:
            for target in made:
                del self._nodes[target]
            raise

    def replace(self, data: bytes, scratch: str, path: str) -> None:
        node = self._write(data, scratch)
        self._folder_at(_parent(path))
        self._faults("rename", path)
        self._nodes[path] = node

    def store(self, pieces: Iterable[bytes], path: str) -> tuple[int, str]:
        if path in self._nodes:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        data = b"".join(pieces)
        self._nodes[path] = self._write(data, _parent(path))
        return len(data), sha256(data).hexdigest()

    def _move(self, source: str, target: str) -> None:
        moving = self._at(source)
        self._folder_at(_parent(target))
        self._faults("rename", source)
        self._at(source)  # another caller may have moved it while this one was held up
        if moving.data is None:
            if any(path.startswith(target + "/") for path in self._nodes):
                raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), target)
            for path in [path for path in self._nodes if path.startswith(source + "/")]:
                self._nodes[target + path[len(source) :]] = self._nodes.pop(path)
        self._nodes[target] = self._nodes.pop(source)
        moving.mtime = self._clock()

    def _remove(self, path: str) -> None:
        if self._at(path).data is None:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        self._faults("unlink", path)
        del self._nodes[path]

    def remove_folder(self, path: str) -> None:
        self._folder_at(path)
        self._faults("unlink", path)
        for below in [below for below in self._nodes if below == path or below.startswith(path + "/")]:
            del self._nodes[below]

    def remove_empty_folder(self, path: str) -> None:
        self._folder_at(path)
        self._faults("rmdir", path)
        if any(below.startswith(path + "/") for below in self._nodes):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)
        del self._nodes[path]

    def _make_folder(self, path: str) -> None:
        if path:
            self._make_folder(_parent(path))
        if path not in self._nodes:
            self._faults("mkdir", path)
            self._nodes[path] = _Node(None, self._clock())
        elif self._nodes[path].data is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)

    def _sync(self, folder: str) -> None:
        self._folder_at(folder)
        self._faults("sync", folder)

    def writable(self, folder: str) -> bool:
        return folder in self._nodes and self._nodes[folder].data is None

    def foreign(self, path: str) -> bool:  # all is this process's
        return False

    def divided(self, one: str, other: str) -> bool:  # all is this process's
        return False

    def now(self) -> float:
        return self._clock()

    @contextmanager
    def locked(self, path: str, timeout: float = 10.0) -> Iterator[None]:
        with self.locked_briefly(path, timeout):
            yield

    @contextmanager
    def locked_briefly(self, path: str, timeout: float = 10.0) -> Iterator[Note]:
        lock, note = self._locks.setdefault(path, (Lock(), _Note()))
        if not lock.acquire(timeout=timeout):
            raise Busy(f"{path}: another thread has held this lock for {timeout:.0f} s")
        try:
            yield note
        finally:
            lock.release()

    def held(self, path: str) -> bool:
        return path in self._locks and self._locks[path][0].locked()

    def _write(self, data: bytes, scratch: str) -> _Node:
        self._folder_at(scratch)
        self._faults("write", scratch)
        return _Node(bytes(data), self._clock())

    def _at(self, path: str) -> _Node:
        if path not in self._nodes:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return self._nodes[path]

    def _folder_at(self, path: str) -> None:
        if self._at(path).data is not None:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _name(path: str) -> str:
    return path.rpartition("/")[2]
