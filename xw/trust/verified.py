"""The messages whose signature was checked before: the file `verified.bin` beside the pins.

A record has 40 bytes: the SHA-256 of a message's file, and 8 bytes that stand for sender and time. A message
in it is not checked again, which saves each `check` the import of the crypto library. A second message of the
same sender and time is a replay with other bytes. The file is a cache: it may be deleted at any time.
"""

import os
from contextlib import suppress

from xw.layout import new_sha256

FILE = "verified.bin"
_RECORD = 40
_TAG = 8
_MOST = 512 * 1024  # bytes; then the older half goes


class Verified:
    """The records in a hub's folder of keys."""

    def __init__(self, folders: tuple[str, ...]) -> None:
        self._folders = folders
        self._known: bytes | None = None

    def has(self, data: bytes, sender: str, stamp: str) -> bool:
        """Return True if this very message was verified before."""
        return _record(data, sender, stamp) in self._records()

    def is_second(self, data: bytes, sender: str, stamp: str) -> bool:
        """Return True if another message of this sender and time was verified before."""
        known, tag = self._records(), _tag(sender, stamp)
        at = known.find(tag)
        own = new_sha256(data).digest()
        while at >= 0:
            if at >= _RECORD - _TAG and known[at - _RECORD + _TAG : at] != own:
                return True
            at = known.find(tag, at + 1)
        return False

    def add(self, data: bytes, sender: str, stamp: str) -> None:
        """Note that a message was verified; where nothing can be written, only for this process."""
        record = _record(data, sender, stamp)
        self._known = self._records() + record
        for folder in self._folders:
            with suppress(OSError):
                handle = os.open(
                    f"{folder}/{FILE}", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600
                )
                try:
                    os.write(handle, record)
                finally:
                    os.close(handle)
                if len(self._known) > _MOST:
                    self._shorten(folder)
                return

    def _shorten(self, folder: str) -> None:
        from xw.files.local import LocalFiles

        kept = self._records()[-(_MOST // 2 // _RECORD * _RECORD) :]
        LocalFiles(folder).rewrite(kept, "", FILE)
        self._known = kept

    def _records(self) -> bytes:
        if self._known is None:
            self._known = b"".join(map(_read, self._folders))
        return self._known


def _read(folder: str) -> bytes:
    try:
        handle = os.open(f"{folder}/{FILE}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        about = os.fstat(handle)
        if os.geteuid() and about.st_uid not in (os.geteuid(), 0):
            return b""  # another user could have others' forgeries verified
        with suppress(OSError):
            return os.read(handle, 2 * _MOST)
    finally:
        os.close(handle)
    return b""


def _record(data: bytes, sender: str, stamp: str) -> bytes:
    digest: bytes = new_sha256(data).digest()
    return digest + _tag(sender, stamp)


def _tag(sender: str, stamp: str) -> bytes:
    digest: bytes = new_sha256(f"{sender} {stamp}".encode()).digest()
    return digest[:_TAG]
