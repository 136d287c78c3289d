"""Read over SFTP: listings, attributes and files, many in one burst. Used by `sftp` alone."""

import errno
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from xw.batches import batches
from xw.errors import Damaged
from xw.files import Stat
from xw.files import sftp_packets as sftp
from xw.files.sftp_packets import CHUNK, Reply, Request
from xw.files.sftp_remote import Remote, os_error, raise_if
from xw.files.sftp_wire import Ask
from xw.words import FileKind


class Reader:
    """Reads in `remote`; remembers the regular files in each folder it has listed."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._sizes: dict[str, dict[str, int]] = {}  # folder → its regular files, as last listed

    def list_folders(self, folders: Sequence[str]) -> list[list[str] | OSError]:
        """List folders, and remember the sizes of their regular files for `read_all`."""
        found: list[list[str] | OSError] = []
        for folder, listed in zip(folders, self._remote.listed(folders), strict=True):
            if isinstance(listed, OSError):
                self._sizes.pop(folder, None)
                found.append(listed)
            else:
                self._sizes[folder] = {
                    name: look.size for name, look in listed.items() if look.kind == "file"
                }
                found.append(list(listed))
        return found

    def stat_all(self, paths: Sequence[str]) -> list[Stat | OSError]:
        """Return all paths' attributes, in one burst."""
        replies = self._remote.all([sftp.lstat(self._remote.full(path)) for path in paths])
        return [
            self._remote.error(reply, path) or sftp.attributes_of(reply)
            for path, reply in zip(paths, replies, strict=True)
        ]

    def read_all(self, paths: Sequence[str], limit: int) -> Iterator[bytes | OSError | Damaged]:
        """Yield files, read in batches; skip the request for the size of a file that was just listed."""
        sizes = self._regular(paths)

        def weight(path: str) -> int:
            size = sizes[path]
            return size if isinstance(size, int) and size <= limit else 0

        for part in batches(paths, weight):
            yield from self._read_burst({path: sizes[path] for path in part}, limit)

    def _read_burst(
        self, sizes: dict[str, int | OSError | Damaged], limit: int
    ) -> list[bytes | OSError | Damaged]:
        wanted = {
            path: Ask(sftp.open_read(self._remote.full(path)), _reading(size))
            for path, size in sizes.items()
            if isinstance(size, int) and size <= limit
        }
        replies = dict(zip(wanted, self._remote.ask(list(wanted.values())), strict=True))
        found: list[bytes | OSError | Damaged] = []
        for path, size in sizes.items():
            if not isinstance(size, int):
                found.append(size)
            elif path not in replies:
                found.append(_too_large(limit))
            else:
                found.append(self._joined(path, replies[path], limit))
        return found

    def read_chunks(self, path: str) -> Iterator[bytes]:
        """Yield a file's bytes, reading ahead by half the window."""
        (looked,) = self.stat_all([path])
        if isinstance(looked, OSError):
            raise looked
        if looked.kind != "file":
            raise _odd(looked.kind)
        wire = self._remote.link.wire()
        (reply,) = wire.all([sftp.open_read(self._remote.full(path))])
        raise_if(self._remote.error(reply, path))
        handle = wire.opened(reply)
        # Half the window: others may use this session while the caller pauses.
        depth = min(looked.size // CHUNK + 1, wire.window // 2 // CHUNK or 1)
        flying: deque[int] = deque()
        here = sent = 0
        try:
            while True:
                ahead = range(sent, sent + (depth - len(flying)) * CHUNK, CHUNK)
                flying.extend(wire.send([sftp.read(handle, offset) for offset in ahead]))
                sent = ahead.stop
                reply = wire.wait(flying.popleft())
                if reply.code == sftp.EOF:
                    return
                raise_if(self._remote.error(reply, path))
                piece = sftp.data_of(reply)
                yield piece
                here += len(piece)
                if len(piece) < CHUNK:  # the requests already sent have wrong offsets
                    wire.forget(flying)
                    flying.clear()
                    sent = here
        finally:
            wire.forget(flying)
            wire.end(handle)

    def _regular(self, paths: Sequence[str]) -> dict[str, int | OSError | Damaged]:
        """Return each regular file's size, or the reason for anything else. Known sizes cost no request.

        Opening a FIFO would hang the server, so a path is opened only after its kind is known.
        """
        found: dict[str, int | OSError | Damaged] = {}
        unseen: list[str] = []
        for path in paths:
            folder, _, name = path.rpartition("/")
            size = self._sizes.get(folder, {}).get(name)
            if size is None:
                unseen.append(path)
            else:
                found[path] = size
        for path, look in zip(unseen, self.stat_all(unseen), strict=True):
            if isinstance(look, OSError):
                found[path] = look
            else:
                found[path] = look.size if look.kind == "file" else _odd(look.kind)
        return found

    def _joined(self, path: str, replies: list[Reply], limit: int) -> bytes | OSError | Damaged:
        *pieces, measured = replies[1:] or replies * 2
        error = self._remote.error(replies[0], path) or self._remote.error(measured, path)
        if error:
            return error
        look = sftp.attributes_of(measured)
        if look.kind != "file":
            return _odd(look.kind)
        if look.size > limit:
            return _too_large(limit)
        data = b""
        for piece in pieces:
            if piece.code not in (sftp.OK, sftp.EOF):
                return self._remote.error(piece, path) or os_error(errno.EIO, self._remote.shown(path))
            data += sftp.data_of(piece)
            if len(data) % CHUNK:
                break
        if len(data) == look.size:
            return data
        # The file has grown since it was listed, or the server returns less than requested.
        try:
            data = b"".join(self.read_chunks(path))
        except (OSError, Damaged) as problem:
            return problem
        return data if len(data) <= limit else _too_large(limit)


def _reading(size: int) -> Callable[[bytes], list[Request]]:
    """Return the requests that read a file of this size, and measure it."""
    offsets = range(0, size + 1, CHUNK)
    return lambda handle: [*(sftp.read(handle, offset) for offset in offsets), sftp.fstat(handle)]


def _odd(kind: FileKind) -> Damaged:
    what = "a symbolic link, not a regular file" if kind == "link" else "not a regular file"
    return Damaged(f"it is {what}")


def _too_large(limit: int) -> Damaged:
    return Damaged(f"it has more than {limit:,} bytes")
