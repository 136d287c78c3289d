"""A filter before OpenSSH's real `sftp-server` that answers OK to requests and drops them.

As rclone's server does with hard links. Everything else reaches the real server and its real files.
"""

import os
import socket
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.ssh.server import PROGRAM, WINDOW, ServerLink
from xw.files import sftp_packets as sftp
from xw.files.sftp_wire import Wire

Lies = Callable[[int, bytes], bool]  # by a request's kind and its body, without its number
KINDS = {"write": 6, "remove": 13, "make folder": 14, "remove folder": 15, "rename": 18}
EXTENSIONS = {"hardlink": sftp.HARDLINK, "posix rename": sftp.POSIX_RENAME, "fsync": sftp.FSYNC}


def about(*names: str, where: str = "") -> Lies:
    """Requests by their names in KINDS and EXTENSIONS, whose body holds `where`."""
    kinds = {KINDS[name] for name in names if name in KINDS}
    extensions = {EXTENSIONS[name].encode() for name in names if name in EXTENSIONS}

    def lies(kind: int, body: bytes) -> bool:
        named = kind == sftp.EXTENDED and body[4 : 4 + int.from_bytes(body[:4], "big")] in extensions
        # The name of a folder's mode is set too: a folder that is not there would give the lie away.
        follows = kind == 9 and "make folder" in names
        return (kind in kinds or named or follows) and where.encode() in body

    return lies


class LyingLink(ServerLink):
    """A `ServerLink` whose server reports success for requests that `lies` selects, and does nothing.

    Requests that `refuses` selects get the answer `code`, which is the bare `Failure`, with `words`. `asked`
    are the kinds of all requests.
    """

    def __init__(self, lies: Lies) -> None:
        super().__init__()
        self.lies = lies
        self.refuses: Lies = lambda kind, body: False
        self.code = sftp.FAILURE
        self.words = b""
        self.asked: list[int] = []
        self.told = 0
        self._threads: list[threading.Thread] = []

    def _start(self) -> Wire:
        ours, near = socket.socketpair()
        far, theirs = socket.socketpair()
        server = subprocess.Popen([PROGRAM], stdin=theirs.fileno(), stdout=theirs.fileno())
        theirs.close()
        lock = threading.Lock()  # an answer of ours must not cut one of the server's in two
        for work in (lambda: self._asked(near, far, lock), lambda: _answered(near, far, lock)):
            thread = threading.Thread(target=work)
            thread.start()
            self._threads.append(thread)
        wire = Wire(ours, self.name, lambda: 30.0, WINDOW, self._count)
        self.servers.append((server, wire))
        return wire

    def _asked(self, near: socket.socket, far: socket.socket, lock: threading.Lock) -> None:
        with suppress(OSError):
            while packet := _packet(near):
                self.asked.append(packet[0])
                if packet[0] != sftp.INIT and self.lies(packet[0], packet[5:]):
                    self.told += 1
                    with lock:
                        near.sendall(_framed(bytes([sftp.STATUS]) + packet[1:5] + bytes(12)))
                elif packet[0] != sftp.INIT and self.refuses(packet[0], packet[5:]):
                    said = struct.pack(">II", self.code, len(self.words)) + self.words + bytes(4)
                    with lock:
                        near.sendall(_framed(bytes([sftp.STATUS]) + packet[1:5] + said))
                else:
                    far.sendall(_framed(packet))
        far.close()

    def close(self) -> None:
        super().close()
        for thread in self._threads:
            thread.join(10)


def _answered(near: socket.socket, far: socket.socket, lock: threading.Lock) -> None:
    with suppress(OSError):
        while packet := _packet(far):
            with lock:
                near.sendall(_framed(packet))
    near.close()


def _framed(packet: bytes) -> bytes:
    return struct.pack(">I", len(packet)) + packet


def _packet(stream: socket.socket) -> bytes:
    head = _exactly(stream, 4)
    return _exactly(stream, int.from_bytes(head, "big")) if head else b""


def _exactly(stream: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = stream.recv(size - len(data))
        if not piece:
            return b""
        data += piece
    return data


def forced(folder: Path, *names: str, where: str = "") -> str:
    """Return a line for sshd's configuration: this filter before the server, for the `names` of requests.

    While the file `honest` lies in the folder, all is done.
    """
    folder.mkdir(exist_ok=True)
    script = folder / "lying-server"
    root = Path(__file__).parents[2]
    script.write_text(
        f"#!/bin/sh\ncd {root} && exec {sys.executable} -m tests.ssh.liar {folder}/honest '{where}' "
        + " ".join(f"'{name}'" for name in names)
        + "\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return f"ForceCommand {script}"


def main(honest: str, where: str, *names: str) -> None:
    """Speak SFTP on standard input and output."""
    lies = about(*names, where=where)
    lock = threading.Lock()
    server = subprocess.Popen(
        [PROGRAM, "-d", os.path.expanduser("~")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdin
    assert server.stdout
    read, write = server.stdout.fileno(), server.stdin.fileno()

    def answer() -> None:
        while data := os.read(read, 1 << 16):
            with lock:
                os.write(1, data)
        os._exit(0)

    threading.Thread(target=answer, daemon=True).start()
    waiting = b""
    while data := os.read(0, 1 << 16):
        waiting += data
        while len(waiting) >= 4 and len(waiting) >= 4 + (size := int.from_bytes(waiting[:4], "big")):
            packet, waiting = waiting[4 : 4 + size], waiting[4 + size :]
            if packet[0] != sftp.INIT and lies(packet[0], packet[5:]) and not os.path.exists(honest):
                with lock:
                    os.write(1, _framed(bytes([sftp.STATUS]) + packet[1:5] + bytes(12)))
            else:
                os.write(write, _framed(packet))
    server.kill()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
