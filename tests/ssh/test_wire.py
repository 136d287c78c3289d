"""The wire with servers that are slow, odd or broken."""

import socket
import struct
import threading
from contextlib import suppress

import pytest

from tests.ssh.server import ServerLink
from xw.errors import Unreachable
from xw.files import sftp_packets as sftp
from xw.files.sftp import SftpFiles
from xw.files.sftp_wire import Wire

GREETING = struct.pack(">IBI", 5, sftp.VERSION, 3)


def packet(kind: int, number: int, body: bytes) -> bytes:
    return struct.pack(">IBI", len(body) + 5, kind, number) + body


def served(answers: bytes) -> Wire:
    """Return a wire whose server sends `answers` to any request, and then nothing."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs, suppress(OSError):  # the wire may have heard enough
            theirs.sendall(answers)
            theirs.shutdown(socket.SHUT_WR)
            while theirs.recv(1 << 16):
                pass

    threading.Thread(target=serve).start()
    return Wire(ours, "hub", lambda: 30.0)


ODD = {
    "chatter": b"Welcome to this host!\n",
    "another packet": struct.pack(">IBI", 5, sftp.STATUS, 3),
    "an empty packet": struct.pack(">I", 0) + bytes(9),
    "the end": b"",
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_sftp(odd: str) -> None:
    """A server that does not greet as SFTP does is unreachable, with a reason."""
    with pytest.raises(Unreachable, match=r"hub: .*(does not speak SFTP|connection was closed)"):
        served(ODD[odd])


def test_a_server_that_says_nothing() -> None:
    """A server that does not even greet is given up after the timeout."""
    ours, theirs = socket.socketpair()
    with theirs, pytest.raises(Unreachable, match="it does not answer"):
        Wire(ours, "hub", lambda: 0.1)


def test_answers_in_another_order() -> None:
    """Answers are matched by their numbers, not by their order."""
    looks = [packet(sftp.STATUS, number, struct.pack(">I", 10 + number)) for number in (3, 1, 2)]
    wire = served(GREETING + b"".join(looks))
    assert [reply.code for reply in wire.all([sftp.lstat(name) for name in "abc"])] == [11, 12, 13]
    wire.close()


@pytest.mark.parametrize("answer", [packet(sftp.STATUS, 99, bytes(4)), struct.pack(">I", 1 << 30) + bytes(8)])
def test_answers_that_make_no_sense(answer: bytes) -> None:
    """An answer to nothing, or one of a GB, ends the session."""
    wire = served(GREETING + answer)
    with pytest.raises(Unreachable):
        wire.all([sftp.lstat("a")])
    assert wire.broken


def test_a_server_that_ends_in_the_middle() -> None:
    """Half an answer is a lost connection, never half a value."""
    wire = served(GREETING + packet(sftp.STATUS, 1, bytes(8))[:-3])
    with pytest.raises(Unreachable, match="closed"):
        wire.all([sftp.lstat("a")])


def test_more_answers_than_the_window(tmp_path: object) -> None:
    """A burst whose answers are larger than all buffers together does not stall."""
    link = ServerLink()
    try:
        files = SftpFiles(link, str(tmp_path))
        for number in range(8):
            files.store([bytes(1 << 20)], str(number))
        found = [*files.read_all([str(number) for number in range(8)], 1 << 20)]
        assert found == [bytes(1 << 20)] * 8
    finally:
        link.close()


def test_an_abandoned_reader(tmp_path: object) -> None:
    """A large file read half-way leaves the session in order."""
    link = ServerLink()
    try:
        files = SftpFiles(link, str(tmp_path))
        files.store([bytes(1 << 20)], "large")
        for _ in range(3):
            pieces = files.read_chunks("large")
            next(pieces)
            del pieces
            assert files.read("large", 1 << 20) == bytes(1 << 20)
        assert not link.wire()._open
        assert len(link.servers) == 1
    finally:
        link.close()
