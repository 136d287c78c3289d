"""The signed messages that gc has removed here: the file `swept.bin` beside the pins.

A copy of such a message has a good signature, so only this tells it from new mail. A record is 16 bytes of
the SHA-256 of a mailbox's owner and the message's file: the same message may wait for another owner.
"""

import os
from collections.abc import Iterable
from contextlib import suppress

from xw.layout import new_sha256

FILE = "swept.bin"
_RECORD = 16
_MOST = 1024 * 1024  # bytes; then the older half goes


class Swept:
    """The records for one mailbox's owner, in a hub's folders of keys."""

    def __init__(self, folders: tuple[str, ...], owner: str) -> None:
        self._folders = folders
        self._owner = owner.encode()
        self._known: bytes | None = None

    def has(self, data: bytes) -> bool:
        """Return True if gc has removed this very message from the owner's mailbox."""
        if self._known is None:
            self._known = b""
            for folder in self._folders:
                with suppress(OSError):
                    self._known += _read(folder)
        return self._at(self._known, self._record(data))

    def add(self, messages: Iterable[bytes]) -> None:
        """Note messages that will be removed, durable; where nothing can be written, nothing is noted."""
        from xw.files.local import LocalFiles

        for folder in self._folders:
            files = LocalFiles(folder)
            with suppress(OSError):
                files.make_folder("")
                with files.locked_briefly("swept.lock"):
                    before = _read(folder)  # raises, lest one that cannot be read now be replaced
                    records = (self._record(data) for data in messages)
                    new = b"".join(record for record in records if not self._at(before, record))
                    if new:
                        kept = before[-(_MOST // 2) :] if len(before) + len(new) > _MOST else before
                        files.replace(kept + new, "", FILE)
                self._known = None
                return

    def _record(self, data: bytes) -> bytes:
        digest: bytes = new_sha256(self._owner + b" " + new_sha256(data).digest()).digest()
        return digest[:_RECORD]

    @staticmethod
    def _at(known: bytes, record: bytes) -> bool:
        at = known.find(record)
        while at % _RECORD and at >= 0:
            at = known.find(record, at + 1)
        return at >= 0


def _read(folder: str) -> bytes:
    """Return the records in a folder; none if there is no file. Raise OSError."""
    try:
        handle = os.open(f"{folder}/{FILE}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    try:
        found = os.read(handle, 2 * _MOST)
    finally:
        os.close(handle)
    return found[: len(found) // _RECORD * _RECORD]
