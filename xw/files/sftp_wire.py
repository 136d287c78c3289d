"""An SFTP session: send the requests of a step together, and wait for all answers.

A round trip is a burst sent while no answer was pending. For one thread at a time. Every failure of the
connection is `Unreachable`, after which the session is unusable. Used by the other files of `sftp`.

Work on a file needs its handle, which the server returns from the open: two round trips. OpenSSH numbers
handles from 0 and reuses the one closed last, so while none is open the next one is known, and the open, the
work and the close travel together. Each guess is checked. If it was wrong (another server), the work met no
open file; it is repeated with the true handle, and the session stops guessing.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from xw.errors import Refused, Unreachable
from xw.files import sftp_packets as sftp
from xw.files.sftp_packets import HANDLE, Reply, Request

_FLUSH = 64 * 1024  # bytes of requests written to the stream at once
_BIGGEST = 4 << 20  # bytes of an answer; anything larger is not SFTP
_PATIENT_S = 60.0  # between two looks at a stream on which nothing needs to come
_TOGETHER = 64  # handles open at once if handles cannot be guessed


_SERVED = (
    "{}: this key opens one mailbox of a served hub there, and no SFTP: "
    "`xw init` again, with the same --name and --hub, finds that out and continues"
)


class Stream(Protocol):
    """A channel or a socket."""

    def sendall(self, data: bytes, /) -> None:
        """Send all bytes. OSError."""

    def recv(self, size: int, /) -> bytes:
        """Return some bytes; empty at the end. OSError."""

    def settimeout(self, seconds: float, /) -> None:
        """Set the timeout of `sendall` and `recv` in seconds; they raise TimeoutError."""

    def close(self) -> None:
        """Close the stream."""


class Ask(NamedTuple):
    """A request; or an open, and in `work` the requests for its handle before it is closed.

    With `closes`, the close must succeed: a server without fsync may write only then.
    """

    first: Request
    work: Callable[[bytes], Sequence[Request]] | None = None
    closes: bool = False


class Wire:
    """An SFTP session on a stream.

    `timeout` returns the seconds that the next answer may take. `window` is the number of answer bytes that
    may be pending: with more, a server that cannot send its answers stops reading requests, and both sides
    wait for ever. `trip` is called for each round trip.
    """

    def __init__(
        self,
        stream: Stream,
        name: str,
        timeout: Callable[[], float],
        window: int = 1 << 20,
        trip: Callable[[], None] = lambda: None,
    ) -> None:
        self.window = window
        self._trip = trip
        self.broken = False
        self.unsynced = False
        """True once the server has refused to sync a file or folder, whatever it offers."""
        self.syncs_no_folder = False
        """True once it is known that the server syncs no folder at all."""
        self._stream = stream
        self._name = name
        self._timeout = timeout
        self._number = 0
        self._inward = bytearray()
        self._awaited: dict[int, int] = {}  # request number → approximate bytes of its answer
        self._under_way = 0  # their sum
        self._arrived: dict[int, Reply] = {}
        self._unwanted: set[int] = set()
        self._open: set[bytes] = set()
        self._guess = bytes(4)
        self.extensions = self._greet()
        self.no_sftp = _SERVED.format(name) if sftp.SERVED_HUB in self.extensions else ""
        """Why the server takes no SFTP requests, although it greets as if it did."""
        self._guessing = sftp.FSYNC in self.extensions

    def exchange(self, asks: Sequence[Ask]) -> list[list[Reply]]:
        """Send all, in order, and wait; return for each ask the answers to its first request and its work.

        Work whose open failed has no answers. The answer to the close is left out, unless `closes` is set and
        the close failed: then it comes last.
        """
        if self._guessing and not self._open:
            return self._exchange_guessing(asks)
        found: list[list[Reply]] = []
        for part in _parts(asks):
            firsts = self.all([ask.first for ask in part])
            found += self._work(part, [[first] for first in firsts])
        return found

    def send(self, requests: Sequence[Request]) -> list[int]:
        """Send requests without waiting; return their numbers for `wait` or `forget`."""
        if self.no_sftp and requests:
            raise Refused(self.no_sftp)
        numbers: list[int] = []
        outward = bytearray()
        if requests and len(self._awaited) == len(self._unwanted):
            self._trip()
        for request in requests:
            while self._awaited and self._under_way + request.answer > self.window:
                self._flush(outward)
                self._receive()
            self._number = self._number % 0xFFFFFFFF + 1
            head = struct.pack(">IBI", len(request.body) + 5, request.kind, self._number)
            outward += head + request.body
            self._awaited[self._number] = request.answer
            self._under_way += request.answer
            numbers.append(self._number)
            if len(outward) >= _FLUSH:
                self._flush(outward)
        self._flush(outward)
        return numbers

    def wait(self, number: int) -> Reply:
        """Return the answer to a request that was sent."""
        while number not in self._arrived:
            self._receive()
        return self._arrived.pop(number)

    def forget(self, numbers: Iterable[int]) -> None:
        """Discard the answers to requests that were sent, now or when they arrive."""
        for number in numbers:
            if self._arrived.pop(number, None) is None and number in self._awaited:
                self._unwanted.add(number)

    def all(self, requests: Sequence[Request]) -> list[Reply]:
        """Send requests; return their answers."""
        return [self.wait(number) for number in self.send(requests)]

    def opened(self, reply: Reply) -> bytes:
        """Record that a handle stays open, and return it."""
        handle = sftp.handle_of(reply)
        self._open.add(handle)
        return handle

    def end(self, handle: bytes) -> None:
        """Close a handle without waiting."""
        if not self.broken:
            self.forget([self.begin_end(handle)])

    def begin_end(self, handle: bytes) -> int:
        """Close a handle; return the request's number for `wait` or `forget`."""
        (number,) = self.send([sftp.close(handle)])
        self._closed(handle)
        return number

    # Packets of another protocol, for a server whose extension says that it speaks one

    def speak(self, packets: bytes, begins: bool = True) -> None:
        """Send packets of another protocol; `begins` if that makes a round trip."""
        if begins:
            self._trip()
        for start in range(0, len(packets), _FLUSH):  # each within the timeout: a line may be slow
            self._flush(bytearray(packets[start : start + _FLUSH]))

    def hear(self, patient: bool = False) -> bytes:
        """Return the next packet of another protocol, without its length; `patient` may take for ever."""
        return self._packet(patient)

    def close(self) -> None:
        """Close the session."""
        self.broken = True
        self._stream.close()

    def _exchange_guessing(self, asks: Sequence[Ask]) -> list[list[Reply]]:
        requests: list[Request] = []
        spans: list[tuple[int, int]] = []
        guess = self._guess
        for ask in asks:
            work = [*ask.work(guess), sftp.close(guess)] if ask.work else []
            spans.append((len(requests), len(work)))
            requests += [ask.first, *work]
        replies = self.all(requests)
        found: list[list[Reply]] = []
        wrong: list[int] = []
        for index, (start, length) in enumerate(spans):
            first = replies[start]
            if length == 0 or first.kind != HANDLE:
                found.append([first])
            elif sftp.handle_of(first) == guess:
                close = replies[start + length]
                found.append(replies[start : start + length] + _unclosed(asks[index], close))
            else:
                wrong.append(index)
                found.append([first])
        if wrong:
            self._guessing = False
            again = self._work([asks[index] for index in wrong], [found[index] for index in wrong])
            for index, replies in zip(wrong, again, strict=True):
                found[index] = replies
        return found

    def _work(self, asks: Sequence[Ask], found: list[list[Reply]]) -> list[list[Reply]]:
        """Send the work of each ask whose open returned a handle; return all answers so far."""
        sent: list[tuple[list[int], int]] = []
        for ask, (first, *_) in zip(asks, found, strict=True):
            if ask.work is None or first.kind != HANDLE:
                sent.append(([], 0))
                continue
            handle = self.opened(first)
            sent.append((self.send(ask.work(handle)), self.begin_end(handle)))
        answered: list[list[Reply]] = []
        for ask, replies, (numbers, closing) in zip(asks, found, sent, strict=True):
            worked = [self.wait(number) for number in numbers]
            answered.append(replies + worked + (_unclosed(ask, self.wait(closing)) if closing else []))
        return answered

    def _closed(self, handle: bytes) -> None:
        self._open.discard(handle)
        self._guess = handle

    def _greet(self) -> dict[str, bytes]:
        try:
            self._stream.settimeout(self._timeout())
            self._stream.sendall(struct.pack(">IBI", 5, sftp.INIT, 3))
        except OSError as error:
            raise self._lost(error) from None
        packet = self._packet()
        if packet[0] != sftp.VERSION:
            raise self._lost("it does not speak SFTP")
        return sftp.extensions_of(packet[1:])

    def _receive(self) -> None:
        packet = self._packet()
        number = int.from_bytes(packet[1:5], "big")
        awaited = self._awaited.pop(number, None)
        if awaited is None:
            raise self._lost("it sent an answer that xw did not ask for")
        self._under_way -= awaited
        if number in self._unwanted:
            self._unwanted.discard(number)
        else:
            self._arrived[number] = Reply(packet[0], packet[5:])

    def _packet(self, patient: bool = False) -> bytes:
        self._fill(4, patient)
        size = 4 + int.from_bytes(self._inward[:4], "big")
        if not 5 <= size <= _BIGGEST:
            # Output of a shell's start-up files comes first, and looks like a length.
            raise self._lost("it does not speak SFTP: does a start-up file there print something?")
        self._fill(size)
        packet = bytes(self._inward[4:size])
        del self._inward[:size]
        return packet

    def _fill(self, size: int, patient: bool = False) -> None:
        while len(self._inward) < size:
            try:
                self._stream.settimeout(_PATIENT_S if patient else self._timeout())
                data = self._stream.recv(1 << 16)
            except TimeoutError as error:
                if patient:
                    continue
                raise self._lost(error) from None
            except (OSError, EOFError) as error:
                raise self._lost(error) from None
            if not data:
                raise self._lost("the connection was closed")
            self._inward += data

    def _flush(self, outward: bytearray) -> None:
        if not outward:
            return
        try:
            self._stream.settimeout(self._timeout())
            self._stream.sendall(bytes(outward))
        except (OSError, EOFError) as error:
            raise self._lost(error) from None
        outward.clear()

    def _lost(self, why: object) -> Unreachable:
        self.close()
        if isinstance(why, TimeoutError):
            why = "it does not answer"
        return Unreachable(f"{self._name}: {why}: nothing more was acknowledged; try again")


def _unclosed(ask: Ask, close: Reply) -> list[Reply]:
    """Return the answer to a close if it reports that written data may be lost."""
    return [close] if ask.closes and close.code != sftp.OK else []


def _parts(asks: Sequence[Ask]) -> list[list[Ask]]:
    """Return the asks in order, in parts that open at most `_TOGETHER` handles each."""
    parts: list[list[Ask]] = [[]]
    opens = 0
    for ask in asks:
        opens += ask.work is not None
        if opens > _TOGETHER:
            parts.append([])
            opens = 1
        parts[-1].append(ask)
    return parts
