"""Files in memory: for tests, and to prove the contract by a second implementation.

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
from xw.files import Look
from xw.files.contract import Note
from xw.files.one_by_one import OneByOne


class _Node:
    """A file or folder; hard links are several names of one node."""

    def __init__(self, data: bytes | None, mtime: float) -> None:
        self.data = data  # None: a folder
        self.mtime = mtime


class _Note:
    """See `contract.Note`."""

    def __init__(self) -> None:
        self._text = ""

    def recall(self) -> str:
        return self._text

    def keep(self, text: str) -> None:
        self._text = text


class MemoryFiles(OneByOne):
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

    def names(self, folder: str) -> list[str]:
        """See `contract.Files.names`."""
        self._folder_at(folder)
        return [_name(path) for path in self._nodes if path and _parent(path) == folder]

    def look(self, path: str) -> Look:
        """See `contract.Files.look`."""
        node = self._at(path)
        if node.data is None:
            return Look("folder", 0, node.mtime, 0o700)
        return Look("file", len(node.data), node.mtime, 0o600)

    def read(self, path: str, limit: int) -> bytes:
        """See `contract.Files.read`."""
        data = self._at(path).data
        if data is None:
            raise Damaged("it is no regular file")
        if len(data) > limit:
            raise Damaged(f"it has more than {limit:,} bytes")
        return data

    def chunks(self, path: str) -> Iterator[bytes]:
        """See `contract.Files.chunks`."""
        data = self._at(path).data
        if data is None:
            raise Damaged("it is no regular file")
        yield from (data[start : start + 4096] for start in range(0, len(data), 4096))

    def publish(self, data: bytes, scratch: str, targets: Sequence[str], apart: bool = False) -> None:
        """See `contract.Files.publish`."""
        node = self._write(data, scratch)
        made: list[str] = []
        try:
            for target in targets:
                self._folder_at(_parent(target))
                self._faults("link", target)
                there = self._nodes.get(target)
                if there is None:
                    self._nodes[target] = self._write(data, scratch) if apart else node
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
        """See `contract.Files.replace`."""
        node = self._write(data, scratch)
        self._folder_at(_parent(path))
        self._faults("rename", path)
        self._nodes[path] = node

    def store(self, pieces: Iterable[bytes], path: str) -> tuple[int, str]:
        """See `contract.Files.store`."""
        if path in self._nodes:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        data = b"".join(pieces)
        self._nodes[path] = self._write(data, _parent(path))
        return len(data), sha256(data).hexdigest()

    def move(self, source: str, target: str) -> None:
        """See `contract.Files.move`."""
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

    def remove(self, path: str) -> None:
        """See `contract.Files.remove`."""
        if self._at(path).data is None:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        self._faults("unlink", path)
        del self._nodes[path]

    def remove_folder(self, path: str) -> None:
        """See `contract.Files.remove_folder`."""
        self._folder_at(path)
        self._faults("unlink", path)
        for below in [below for below in self._nodes if below == path or below.startswith(path + "/")]:
            del self._nodes[below]

    def make_folder(self, path: str) -> None:
        """See `contract.Files.make_folder`."""
        if path:
            self.make_folder(_parent(path))
        if path not in self._nodes:
            self._faults("mkdir", path)
            self._nodes[path] = _Node(None, self._clock())
        elif self._nodes[path].data is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)

    def sync(self, folder: str) -> None:
        """See `contract.Files.sync`."""
        self._folder_at(folder)
        self._faults("sync", folder)

    def writable(self, folder: str) -> bool:
        """See `contract.Files.writable`."""
        return folder in self._nodes and self._nodes[folder].data is None

    def foreign(self, path: str) -> bool:  # noqa: ARG002  # all is this process's
        """See `contract.Files.foreign`."""
        return False

    def divided(self, one: str, other: str) -> bool:  # noqa: ARG002  # all is this process's
        """See `contract.Files.divided`."""
        return False

    def now(self) -> float:
        """See `contract.Files.now`."""
        return self._clock()

    @contextmanager
    def locked(self, path: str, patience: float = 10.0) -> Iterator[None]:
        """See `contract.Files.locked`."""
        with self.locked_briefly(path, patience):
            yield

    @contextmanager
    def locked_briefly(self, path: str, patience: float = 10.0) -> Iterator[Note]:
        """See `contract.Files.locked_briefly`."""
        lock, note = self._locks.setdefault(path, (Lock(), _Note()))
        if not lock.acquire(timeout=patience):
            raise Busy(f"{path}: another thread has held this lock for {patience:.0f} s")
        try:
            yield note
        finally:
            lock.release()

    def held(self, path: str) -> bool:
        """See `contract.Files.held`."""
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
