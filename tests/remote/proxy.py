"""A TCP proxy on loopback: passes bytes on late or slowly, holds them back, drops or resets connections."""

import socket
import struct
import threading
from contextlib import suppress
from queue import SimpleQueue
from time import monotonic, sleep

_LINGER = struct.pack("ii", 1, 0)  # closing sends a reset


class Proxy:
    """Listens on `port` for the server on `target`. `delay` is one way, in seconds; `rate` in bytes a second.

    `passed` counts the bytes that came from the client and from the server.
    """

    def __init__(self, target: int, delay: float = 0.0, rate: float = 0.0) -> None:
        self.delay = delay
        self.rate = rate
        self.cut_after = 0  # bytes from the client after which a connection is reset; 0 for never
        self.passed = [0, 0]
        self._target = target
        self._passing = threading.Event()
        self._passing.set()
        self._pairs: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """Hold back what comes from now on, as a network does that drops every packet."""
        self._passing.clear()

    def flow(self) -> None:
        """Pass on again."""
        self._passing.set()

    def drop(self) -> None:
        """Pass nothing more on the connections there are, without a word, as a NAT does; new ones work."""
        self._passing, dropped = threading.Event(), self._passing
        self._passing.set()
        dropped.clear()

    def reset(self) -> None:
        """Reset all connections; new ones are taken."""
        pairs, self._pairs = self._pairs, []
        for end in pairs:
            with suppress(OSError):  # it is closed already
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
                end.shutdown(socket.SHUT_RD)
            end.close()

    def close(self) -> None:
        """End all."""
        self._listener.close()
        self.flow()
        self.reset()

    def _accept(self) -> None:
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return  # the proxy was closed
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()  # the server is gone
                continue
            self._pairs += [near, far]
            passing = self._passing
            for side, (source, sink) in enumerate(((near, far), (far, near))):
                with suppress(OSError):  # it was reset meanwhile
                    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                queue: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
                threading.Thread(target=self._take, args=(source, queue, side), daemon=True).start()
                threading.Thread(target=self._give, args=(sink, queue, passing), daemon=True).start()

    def _take(self, source: socket.socket, queue: "SimpleQueue[tuple[float, bytes]]", side: int) -> None:
        data, taken = b"x", 0
        while data:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            self.passed[side] += len(data)
            queue.put((monotonic() + self.delay, data))
            taken += len(data)
            if side == 0 and 0 < self.cut_after < taken:
                self.reset()

    def _give(
        self, sink: socket.socket, queue: "SimpleQueue[tuple[float, bytes]]", passing: threading.Event
    ) -> None:
        while True:
            due, data = queue.get()
            sleep(max(0.0, due - monotonic()))
            passing.wait()
            try:
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                piece = 64 if self.rate else len(data)
                for start in range(0, len(data), piece):
                    sink.sendall(data[start : start + piece])
                    sleep(piece / self.rate if self.rate else 0.0)
            except OSError:
                return  # the other end has gone
