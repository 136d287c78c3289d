"""The frames of a served hub: length, kind, a head in JSON, raw bytes. Used by its server and its client.

A frame is `uint32 length, byte kind, uint32 length of the head, head, data`, like an SFTP packet in its first
five bytes. So one reader takes both, and an SFTP client that meets a served hub gets an answer. `Channel` is
the server's end of a connection; the client's is `files.sftp_wire.Wire`.
"""

import json
import os
import select
import struct
import time
from collections.abc import Mapping
from threading import Lock

from xw.errors import Damaged
from xw.message import parse_object
from xw.named_tuple import NamedTuple

CALL, BYTES, ANSWER, ITEM, WANT, LOOK, TICK = 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7
"""A call; a piece of a file; the end of an answer; a part of it; a file is wanted; look; still at work."""
KINDS = range(CALL, TICK + 1)

HEAD_LIMIT = 1024 * 1024
"""Bytes of a head."""
DATA_LIMIT = 1024 * 1024
"""Bytes of the data in a frame: a whole message."""
LIMIT = 8 + HEAD_LIMIT + DATA_LIMIT
PIECE = 128 * 1024
"""Bytes of a file in one frame."""

_AT_ONCE = 64 * 1024
_FRAME_S = 30.0  # for a frame that has begun to arrive, and more for each …
_RATE = 2 * 1024  # … bytes in a second that the slowest line carries
_STUCK_S = 60.0  # for the other side to take bytes


class Broken(Exception):
    """The other side does not keep to the protocol, or is gone: the connection ends."""


class Frame(NamedTuple):
    """A frame that was received."""

    kind: int
    head: Mapping[str, object]
    data: bytes = b""


def pack(kind: int, head: Mapping[str, object], data: bytes = b"") -> bytes:
    """Return a frame's bytes. Raise ValueError above the limits."""
    text = json.dumps(head, separators=(",", ":")).encode()
    if len(text) > HEAD_LIMIT or len(data) > DATA_LIMIT:
        raise ValueError(f"a frame with {len(text)} and {len(data)} bytes")
    return struct.pack(">IBI", 5 + len(text) + len(data), kind, len(text)) + text + data


def unpack(packet: bytes) -> Frame:
    """Return the frame in a packet without its length. Raise Broken."""
    kind, size = packet[0], int.from_bytes(packet[1:5], "big")
    if kind not in KINDS or not 2 <= size <= min(HEAD_LIMIT, len(packet) - 5):
        raise Broken(f"a frame of kind {kind} with a head of {size} bytes in {len(packet)}")
    if len(packet) - 5 - size > DATA_LIMIT:
        raise Broken(f"a frame with {len(packet) - 5 - size} bytes of data")
    try:
        return Frame(kind, parse_object(packet[5 : 5 + size]), packet[5 + size :])
    except Damaged as error:
        raise Broken(f"the head of a frame: {error}") from None


class Channel:
    """The server's end: packets over two file handles, with limits of size and time."""

    def __init__(self, inward: int, outward: int) -> None:
        self._inward = inward
        self._outward = outward
        self._buffer = bytearray()
        self._sending = Lock()  # a sign of life may come between two frames of an answer, and not into one
        for handle in (inward, outward):
            os.set_blocking(handle, False)

    def receive(self, idle: float | None = None) -> bytes | None:
        """Return the next packet without its length; None at the end.

        Raise Broken for one that is too large, too slow, or does not begin within `idle` seconds.
        """
        if not self._fill(4, None if idle is None else time.monotonic() + idle):
            return None
        size = int.from_bytes(self._buffer[:4], "big")
        if not 1 <= size <= LIMIT:
            raise Broken(f"a packet of {size} bytes")
        if not self._fill(4 + size, time.monotonic() + _FRAME_S + size / _RATE):
            return None
        packet = bytes(self._buffer[4 : 4 + size])
        del self._buffer[: 4 + size]
        return packet

    def frame(self) -> Frame:
        """Return the next frame, in the middle of a call. Raise Broken also at the end."""
        packet = self.receive(_STUCK_S)
        if packet is None or len(packet) < 5:
            raise Broken("the connection ended in the middle of a call")
        return unpack(packet)

    def send(self, data: bytes) -> None:
        """Send bytes. Raise Broken if the other side takes none for a minute."""
        with self._sending:
            self._send(memoryview(data))

    def _send(self, view: memoryview) -> None:
        waiting = select.poll()
        waiting.register(self._outward, select.POLLOUT)
        while view:
            if not waiting.poll(_STUCK_S * 1000):
                raise Broken("the other side takes no bytes")
            try:
                view = view[os.write(self._outward, view[:_AT_ONCE]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Broken(str(error)) from None

    def tell(self, kind: int, head: Mapping[str, object], data: bytes = b"") -> None:
        """Send a frame."""
        self.send(pack(kind, head, data))

    def _fill(self, size: int, until: float | None) -> bool:
        """Read until the buffer has `size` bytes; return False at the end of the input."""
        waiting = select.poll()
        waiting.register(self._inward, select.POLLIN)
        while len(self._buffer) < size:
            # Once a packet has begun, the rest of its length follows at once, or never.
            left = until if until is not None else time.monotonic() + _FRAME_S if self._buffer else None
            if not waiting.poll(None if left is None else max(0.0, left - time.monotonic()) * 1000):
                raise Broken("a packet that does not end")
            try:
                data = os.read(self._inward, _AT_ONCE)
            except BlockingIOError:
                continue
            except OSError as error:
                raise Broken(str(error)) from None
            if not data:
                return False
            self._buffer += data
        return True
