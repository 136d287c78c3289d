"""SFTP version 3, packet by packet: requests as bytes, answers as values.

Sources: draft-ietf-secsh-filexfer-02, and OpenSSH's PROTOCOL file (section 4) for the extensions. This module
sends nothing; `sftp_wire` does. Paramiko's own client is not used: it turns all but two status codes into an
`OSError` without a number, and cannot send the requests of a step together.
"""

import errno
import os
import stat
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from xw.files import Stat
from xw.words import FileKind

INIT, VERSION, STATUS, HANDLE, DATA, NAME, ATTRS = 1, 2, 101, 102, 103, 104, 105
EXTENDED, EXTENDED_REPLY = 200, 201
CLOSE = 4

OK, EOF, NO_SUCH_FILE, DENIED, FAILURE, BAD_MESSAGE, UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8

FSYNC = "fsync@openssh.com"
HARDLINK = "hardlink@openssh.com"
POSIX_RENAME = "posix-rename@openssh.com"
LSETSTAT = "lsetstat@openssh.com"
STATVFS = "statvfs@openssh.com"
SERVED_HUB = "xw-hub@1"
"""The extension of a server that is no SFTP server, but xw's own (`hub.served`)."""

CHUNK = 32 * 1024  # every server must accept packets up to 34,000 bytes
_READ, _WRITE, _CREATE, _EXCLUSIVE = 0x01, 0x02, 0x08, 0x20
_HAS_SIZE, _HAS_OWNER, _HAS_MODE, _HAS_TIMES, _HAS_MORE = 0x01, 0x02, 0x04, 0x08, 0x80000000
_KINDS: dict[int, FileKind] = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}

# The errno behind a standard code: OpenSSH's errno_to_portable, read backwards.
_NUMBERS = {
    NO_SUCH_FILE: errno.ENOENT,
    DENIED: errno.EACCES,
    BAD_MESSAGE: errno.EINVAL,
    UNSUPPORTED: errno.EOPNOTSUPP,
}


_WORDS = 200  # bytes of a server's words in an error
_USUAL = frozenset(
    (
        "",
        "failure",
        "permission denied",
        "no such file",
        "no such file or directory",
        "bad message",
        "invalid argument",
        "operation unsupported",
        "operation not supported",
    )
)


class Request(NamedTuple):
    """A request without its number; `answer` is the approximate size of its answer in bytes."""

    kind: int
    body: bytes
    answer: int = 64


class Reply(NamedTuple):
    """An answer without its number."""

    kind: int
    body: bytes

    @property
    def code(self) -> int:
        """The status code; OK for an answer that is not a status."""
        return int.from_bytes(self.body[:4], "big") if self.kind == STATUS else OK

    def error(self, path: str) -> OSError | None:
        """Return the error that an answer reports for `path`, or None. A bare `Failure` has no errno."""
        if self.code == OK:
            return None
        number = _NUMBERS.get(self.code)
        if number is None:
            # The caller looks for the cause later: a full disk, a quota, another file system.
            told = f"the server said: {self.words}" if self.words else "the server says only `Failure`"
            return OSError(None, told, path)
        reason = os.strerror(number)
        return OSError(number, f"{reason} (the server said: {self.words})" if self.words else reason, path)

    @property
    def words(self) -> str:
        """The server's own words about an error; empty if they add nothing to the code."""
        if self.kind != STATUS or len(self.body) < 8:
            return ""
        from xw.text import visible

        said = visible(_take_string(self.body, 4)[0][:_WORDS].decode("utf-8", "replace").strip(), "")
        return "" if said.rstrip(".").casefold() in _USUAL else said


class Space(NamedTuple):
    """The free bytes and files of a file system, whether it is read-only, and its number on the host."""

    free: int
    files: int
    readonly: bool
    system: int


def open_read(path: str) -> Request:
    """Open a file or folder for reading; an open folder can be synced."""
    return Request(3, _text(path) + struct.pack(">II", _READ, 0))


def open_new(path: str, mode: int) -> Request:
    """Create a file that must not exist. Sends the mode too; otherwise it would be 0644."""
    return Request(3, _text(path) + struct.pack(">III", _WRITE | _CREATE | _EXCLUSIVE, _HAS_MODE, mode))


def open_again(path: str) -> Request:
    """Open an existing file for reading and writing."""
    return Request(3, _text(path) + struct.pack(">II", _READ | _WRITE, 0))


def close(handle: bytes) -> Request:
    """Close a handle."""
    return Request(CLOSE, _string(handle))


def read(handle: bytes, offset: int, size: int = CHUNK) -> Request:
    """Read up to `size` bytes; the server may give fewer."""
    return Request(5, _string(handle) + struct.pack(">QI", offset, size), size + 64)


def write(handle: bytes, offset: int, data: bytes) -> Request:
    """Write at an offset."""
    return Request(6, _string(handle) + struct.pack(">Q", offset) + _string(data))


def writes(handle: bytes, data: bytes, offset: int = 0) -> list[Request]:
    """Return the requests that write all of `data`."""
    return [
        write(handle, offset + start, data[start : start + CHUNK]) for start in range(0, len(data), CHUNK)
    ]


def lstat(path: str) -> Request:
    """Ask for a path's attributes, without following a link."""
    return Request(7, _text(path))


def stat_of(path: str) -> Request:
    """Ask for a path's attributes, following a link."""
    return Request(17, _text(path))


def fstat(handle: bytes) -> Request:
    """Ask for an open file's attributes."""
    return Request(8, _string(handle))


def set_mode(path: str, mode: int) -> Request:
    """Change a path's mode: the mode sent on creation went through the server's umask."""
    return Request(9, _text(path) + struct.pack(">II", _HAS_MODE, mode))


def set_open_mode(handle: bytes, mode: int) -> Request:
    """Change an open file's mode."""
    return Request(10, _string(handle) + struct.pack(">II", _HAS_MODE, mode))


def set_time(path: str, seconds: int, *, links: bool) -> Request:
    """Change a path's mtime; with `links`, a link's own (if the server can)."""
    times = struct.pack(">III", _HAS_TIMES, seconds, seconds)
    return extended(LSETSTAT, path, tail=times) if links else Request(9, _text(path) + times)


def open_folder(path: str) -> Request:
    """Open a folder for listing."""
    return Request(11, _text(path))


def list_folder(handle: bytes) -> Request:
    """Ask for the next names of a folder; OpenSSH sends 100."""
    return Request(12, _string(handle), 32 * 1024)


def remove(path: str) -> Request:
    """Remove a file."""
    return Request(13, _text(path))


def make_folder(path: str, mode: int) -> Request:
    """Make a folder."""
    return Request(14, _text(path) + struct.pack(">II", _HAS_MODE, mode))


def remove_folder(path: str) -> Request:
    """Remove an empty folder."""
    return Request(15, _text(path))


def rename(source: str, target: str) -> Request:
    """Rename a path; never overwrites."""
    return Request(18, _text(source) + _text(target))


def extended(name: str, *paths: str, tail: bytes = b"") -> Request:
    """Return an extension's request."""
    return Request(EXTENDED, _text(name) + b"".join(map(_text, paths)) + tail)


def fsync(handle: bytes) -> Request:
    """Make an open file or folder durable."""
    return extended(FSYNC, tail=_string(handle))


def handle_of(reply: Reply) -> bytes:
    """Return the handle in an answer."""
    return _take_string(reply.body, 0)[0]


def data_of(reply: Reply) -> bytes:
    """Return the bytes in an answer to `read`; empty at the end of the file."""
    return _take_string(reply.body, 0)[0] if reply.kind == DATA else b""


def attributes_of(reply: Reply) -> Stat:
    """Return the attributes in an answer."""
    return _take_stat(reply.body, 0)[0]


def names_of(reply: Reply) -> Iterator[tuple[str, Stat]]:
    """Yield the names in an answer to `list_folder`, each with its attributes; links are not followed."""
    count, at = int.from_bytes(reply.body[:4], "big"), 4
    for _ in range(count):
        name, at = _take_string(reply.body, at)
        _, at = _take_string(reply.body, at)  # the line as in `ls -l`
        look, at = _take_stat(reply.body, at)
        if name not in (b".", b".."):
            yield os.fsdecode(name), look


def space_of(reply: Reply) -> Space:
    """Return the free space in an answer to `statvfs@openssh.com`."""
    _, unit, _, _, free, _, _, files, system, flags, _ = struct.unpack(">11Q", reply.body[:88])
    return Space(unit * free, files, bool(flags & 1), system)


def extensions_of(body: bytes) -> dict[str, bytes]:
    """Return the extensions in a `VERSION` packet: name → data."""
    found, at = {}, 4
    while at < len(body):
        name, at = _take_string(body, at)
        data, at = _take_string(body, at)
        found[name.decode("ascii", "replace")] = data
    return found


def version(extensions: Mapping[str, bytes]) -> bytes:
    """Return a server's `VERSION` packet, whole, with these extensions."""
    pairs = b"".join(_string(name.encode()) + _string(data) for name, data in extensions.items())
    return struct.pack(">IBI", 5 + len(pairs), VERSION, 3) + pairs


def status(number: bytes, code: int, text: str) -> bytes:
    """Return a server's `STATUS` packet, whole, in answer to the request with this number."""
    body = number + struct.pack(">I", code) + _string(text.encode()) + _string(b"en")
    return struct.pack(">IB", 1 + len(body), STATUS) + body


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _text(path: str) -> bytes:
    return _string(os.fsencode(path))


def _take_string(body: bytes, at: int) -> tuple[bytes, int]:
    end = at + 4 + int.from_bytes(body[at : at + 4], "big")
    return body[at + 4 : end], end


def _take_stat(body: bytes, at: int) -> tuple[Stat, int]:
    size = mode = mtime = 0
    flags = int.from_bytes(body[at : at + 4], "big")
    at += 4
    if flags & _HAS_SIZE:
        size, at = int.from_bytes(body[at : at + 8], "big"), at + 8
    if flags & _HAS_OWNER:
        at += 8
    if flags & _HAS_MODE:
        mode, at = int.from_bytes(body[at : at + 4], "big"), at + 4
    if flags & _HAS_TIMES:
        mtime, at = int.from_bytes(body[at + 4 : at + 8], "big"), at + 8
    if flags & _HAS_MORE:
        count, at = int.from_bytes(body[at : at + 4], "big"), at + 4
        for _ in range(2 * count):
            _, at = _take_string(body, at)
    return Stat(_KINDS.get(stat.S_IFMT(mode), "other"), size, float(mtime), stat.S_IMODE(mode)), at
