"""A client that keeps to no rules: it sends whatever bytes it likes to a server, as one member."""

import json
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.served.host import host
from xw.hub.served import frames
from xw.hub.served import protocol as words
from xw.message import encode

GREETING = struct.pack(">IBI", 5, 1, 3)


class Rogue:
    """A connection, and all that the server has sent on it."""

    def __init__(self, hub: Path, member: str, first: bytes = GREETING, **seconds: float) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # until `close`
        self.stream, self.process = host().connect(hub, member, self._errors.fileno(), **seconds)
        self.stream.settimeout(20)
        self.member = member
        self.heard = b""
        self.send(first)
        self.greeting = self.packet() if first == GREETING else b""

    def send(self, data: bytes) -> None:
        """Send bytes; the server may have ended."""
        with suppress(OSError):
            self.stream.sendall(data)

    def packet(self) -> bytes:
        """Return the next packet, with its kind; empty at the end."""
        head = self._exactly(4)
        return self._exactly(int.from_bytes(head, "big")) if len(head) == 4 else b""

    def call(self, call: str, arguments: object, data: bytes = b"") -> dict[str, Any]:
        """Make a call; return the head of its answer, empty if the server has ended."""
        self.send(packed(frames.CALL, {"v": words.VERSION, "call": call, "with": arguments}, data))
        return self.answer()

    def deliver(self, *letters: tuple[str, str, bytes]) -> dict[str, Any]:
        """Deliver messages; return the head of the answer."""
        head = {"v": words.VERSION, "call": "deliver", "with": {"count": len(letters)}}
        parcels = [packed(frames.ITEM, {"to": to, "name": name}, data) for to, name, data in letters]
        self.send(packed(frames.CALL, head) + b"".join(parcels))
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Return the head of the next answer, after its parts."""
        while packet := self.packet():
            if packet[0] in (frames.ANSWER, frames.WANT):
                size = int.from_bytes(packet[1:5], "big")
                return {"kind": packet[0], **json.loads(packet[5 : 5 + size])}
        return {}

    def rest(self) -> bytes:
        """Return everything until the server ends the connection."""
        while data := self._some():
            self.heard += data
        return self.heard

    def complaint(self) -> str:
        """Return what the server printed on stderr."""
        self._errors.seek(0)
        return self._errors.read().decode()

    def alive(self) -> bool:
        """Return True if the server's process runs."""
        with suppress(ProcessLookupError):
            os.kill(self.process, 0)
            return True
        return False

    def close(self) -> None:
        """Close the connection."""
        self.stream.close()
        self._errors.close()

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size and (data := self._some(size - len(found))):
            found += data
        self.heard += found
        return found

    def _some(self, size: int = 1 << 16) -> bytes:
        try:
            return self.stream.recv(size)
        except ConnectionError:
            return b""


def packed(kind: int, head: object, data: bytes = b"") -> bytes:
    """Return a frame, whatever its head is."""
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack(">IBI", 5 + len(text) + len(data), kind, len(text)) + text + data


@contextmanager
def connected(hub: Path, member: str, **seconds: float) -> Iterator[Rogue]:
    """Yield a connection of a member, closed afterwards; `seconds` as in `Host.connect`."""
    made = Rogue(hub, member, **seconds)  # type: ignore[arg-type]  # `first` is none of them
    try:
        yield made
    finally:
        made.close()


def message(sender: str, *to: str, at: int = 1_795_239_012_000_000, **more: object) -> tuple[str, bytes]:
    """Return the name and the bytes of a message."""
    fields: dict[str, object] = {"from": sender, "type": "info", "to": [*to], "body": "hello", **more}
    return encode(fields, at)
