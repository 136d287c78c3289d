"""Attachments that come in over a served hub, and go on after a cut. Used by `delivering` and `server`.

A large file is written into the recipient's scratch folder under a name that a later connection finds again
(decision 56). What is there is hashed here, and only the rest is asked for. The hash of the whole decides: a
file that does not fit is written once more from its start.
"""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from xw.errors import Unreachable
from xw.files.contract import Part
from xw.files.disk import fsync
from xw.files.local import LocalFiles
from xw.hub.directory import DirectoryHub
from xw.message import Attachment

_CHUNK = 1 << 20
_WAIT_S = 20.0  # for the end of an upload whose connection was cut
_RETRY_S = 0.05


class Cut(Unreachable):
    """The client is gone in the middle of a file."""


class Upload:
    """The files of a parcel, whose bytes `ask(file, start)` yields. Its methods are those of a `Parcel`."""

    def __init__(self, ask: Callable[[Attachment, int], Iterator[bytes]]) -> None:
        self._ask = ask
        self._sha256 = ""
        self.start = 0
        self.checked = 0

    def read(self, file: Attachment) -> Iterator[bytes]:
        """Yield a file's bytes, from `start` on."""
        self._sha256 = file.sha256
        return self._ask(file, self.start)

    def part(self, _: str) -> "Upload":
        """Return what is known of a file that was cut off: itself."""
        self.start = 0
        return self

    def note(self, checked: int) -> None:
        """Ignore how much was compared: it is hashed each time."""

    def fits(self, sha256: str) -> bool:
        """Return True if this is the hash of the file that was read last."""
        return sha256 == self._sha256


class UploadFiles(LocalFiles):
    """`LocalFiles` that go on with an upload which an earlier connection has left."""

    def resume(self, read: Callable[[], Iterable[bytes]], path: str, part: Part) -> tuple[int, str]:
        """Write a file, and go on with what is there; see `contract.Files.resume`.

        If the whole does not have the file's hash, write it once more: a power cut may have left zeros.
        """
        if not isinstance(part, Upload):
            return super().resume(read, path, part)
        with self._walk() as walk, suppress(FileExistsError):
            os.close(walk.create(path, self._file_mode))
        with self._walk() as walk:
            handle = walk.open(path, os.O_RDWR | os.O_NONBLOCK)
            try:
                _lock(handle)
                size, sha256 = self._append(handle, read, part)
                if part.start and not part.fits(sha256):
                    part.start = 0
                    os.ftruncate(handle, 0)
                    size, sha256 = self._append(handle, read, part)
                fsync(handle)
            except OSError as error:
                error.filename = self.path(path)
                raise
            finally:
                os.close(handle)
            walk.sync(path.rpartition("/")[0])
        return size, sha256

    def _append(self, handle: int, read: Callable[[], Iterable[bytes]], part: Upload) -> tuple[int, str]:
        """Hash what a file has, add the rest, and return the size and the hash of the whole."""
        from hashlib import sha256

        hashed, size = sha256(), 0
        os.lseek(handle, 0, os.SEEK_SET)
        while piece := os.read(handle, _CHUNK):
            hashed.update(piece)
            size += len(piece)
        part.start = size
        for piece in read():
            view = memoryview(piece)
            while view:
                view = view[os.write(handle, view) :]
            hashed.update(piece)
            size += len(piece)
        return size, hashed.hexdigest()


def _lock(handle: int) -> None:
    """Lock a part against another connection that writes it: what was sent before a cut may still arrive.

    A server whose client is gone without a word waits a minute for it; until then the mail waits too.
    """
    until = time.monotonic() + _WAIT_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise OSError(errno.EBUSY, "another connection is sending this file") from None
        time.sleep(_RETRY_S)


class ServedDirectory(DirectoryHub):
    """The hub's directory, for a server: uploads go on."""

    def _place(self, group: bool = False, links: bool = True) -> LocalFiles:
        return UploadFiles(self.url, group=group, links=links)
