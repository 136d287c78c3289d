"""A stream of bytes to a host: addresses, TCP, or its ProxyCommand. Used by `reach`, `link` and `keys`.

Every step has a timeout and its own error text.
"""

import errno
import os
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import chain, zip_longest
from typing import IO

import paramiko

from xw.errors import NO_NETWORK, OFFLINE_HERE, Unreachable
from xw.files.ssh.program import Budget
from xw.files.ssh.route import Route

_LOOK_UP = 10.0
_CONNECT_S = 10.0
SEND_S = 15.0
"""Seconds for which a host may take no bytes, unless a deadline is nearer."""

_HEAD_START = 0.25  # seconds before the next address is tried as well: RFC 8305
_EXIT_S = 0.5  # for a ProxyCommand that has closed its output to exit
_KEPT = 400  # bytes of what a host or a ProxyCommand says, for error texts


class DeadlineSocket:
    """A socket, or a jump host's channel, whose `send` cannot wait for ever.

    Paramiko retries for as long as the other side takes nothing: a stopped host would block the sender
    permanently. `limit` are the seconds for which it may take nothing.
    """

    def __init__(self, inner: "socket.socket | paramiko.Channel", limit: float = SEND_S) -> None:
        self.command: subprocess.Popen[bytes] | None = None  # the ProxyCommand at the other end
        self.complaint: LastWords | None = None  # its stderr
        self.opening = b""  # the first bytes that were received
        self.ended = False  # True once the other side has closed it
        self._inner = inner
        self.limit = limit
        self._stuck: float | None = None
        self._closed = False  # paramiko reads this attribute

    def send(self, data: bytes) -> int:
        """Send some bytes. Raise TimeoutError to try again, another OSError after the limit."""
        try:
            sent = self._inner.send(data)
        except TimeoutError:
            now = time.monotonic()
            self._stuck = self._stuck or now
            if now - self._stuck > self.limit:
                raise OSError(errno.EPIPE, "it accepts no more data") from None
            raise
        except ConnectionError:
            with suppress(OSError):  # its last words
                self.recv(_KEPT)
            self.ended = True
            raise
        self._stuck = None
        return sent

    def recv(self, size: int) -> bytes:
        """Return some received bytes."""
        try:
            data = self._inner.recv(size)
        except ConnectionError:
            self.ended = True
            raise
        self.ended = not data
        if len(self.opening) < _KEPT:
            self.opening += data[: _KEPT - len(self.opening)]
        return data

    @property
    def address(self) -> str:
        """Return the address at the other end."""
        return str(self._inner.getpeername()[0])

    def settimeout(self, seconds: float | None) -> None:
        """Set the timeout of `send` and `recv`."""
        self._inner.settimeout(seconds)

    def close(self) -> None:
        """Close the stream, and end its ProxyCommand."""
        self._closed = True
        with suppress(paramiko.SSHException, OSError, EOFError):  # the channel's connection is gone
            self._inner.close()
        if self.command is not None:
            if self.ended:  # its exit code is the reason
                with suppress(subprocess.TimeoutExpired):
                    self.command.wait(_EXIT_S)
            if self.command.poll() is None:
                # Kill it with all its children: one that is stopped or ignores signals would never end.
                with suppress(ProcessLookupError):
                    os.killpg(self.command.pid, signal.SIGKILL)
            self.command.wait()


class LastWords:
    """The end of a ProxyCommand's stderr. A thread reads all, because a full pipe would stop the command."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._end = b""
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while data := os.read(pipe.fileno(), _KEPT):
                self._end = (self._end + data)[-_KEPT:]

    def line(self) -> str:
        """Return the last line, once the command has ended; empty if there is none."""
        self._thread.join(_EXIT_S)  # a background process may keep it open
        lines = self._end.decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def open_stream(route: Route, budget: Budget, tell: Callable[[str], None]) -> DeadlineSocket:
    """Return a TCP connection to a host, or its ProxyCommand; `tell` gets each step done. Unreachable."""
    if route.command is not None:
        tell(f"the ProxyCommand was started: `{route.command}`")
        try:
            return _command(route)
        except OSError as error:  # a sandbox may forbid even a pair of sockets
            raise Unreachable(_why_no_connection(route, error)) from None
    addresses = _addresses(route, budget)
    tell(f"name: {route.host} has {len(addresses)} {'addresses' if addresses[1:] else 'address'}")
    stream = _race(route, addresses, budget(route.connect_s or _CONNECT_S))
    tell(f"TCP: {stream.getpeername()[0]} takes connections on port {route.port}")
    stream.settimeout(None)
    # Without this, each answer takes 40 ms longer.
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return DeadlineSocket(stream)


def _race(route: Route, addresses: "list[socket._RetAddress]", limit: float) -> socket.socket:
    """Return the first connection that succeeds. Unreachable.

    Each address has a head start before the next is tried beside it: an address that drops all packets, as
    IPv6 often does, must not use up the time.
    """
    ends = time.monotonic() + limit
    waiting, problem = _alternating(addresses), None
    with selectors.DefaultSelector() as trying:
        try:
            while waiting or trying.get_map():
                left = ends - time.monotonic()
                if left <= 0:
                    break
                if waiting:
                    try:
                        trying.register(_begin(route, waiting.pop(0)), selectors.EVENT_WRITE)
                    except OSError as error:
                        problem = error
                        continue
                for key, _ in trying.select(min(left, _HEAD_START) if waiting else left):
                    stream = key.fileobj
                    assert isinstance(stream, socket.socket)
                    trying.unregister(stream)
                    number = stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if number == 0:
                        return stream
                    stream.close()
                    problem = OSError(number, os.strerror(number))
        finally:
            for key in list(trying.get_map().values()):
                if isinstance(key.fileobj, socket.socket):
                    key.fileobj.close()
    raise Unreachable(_why_no_connection(route, problem or TimeoutError()))


def _alternating(addresses: "list[socket._RetAddress]") -> "list[socket._RetAddress]":
    """Return addresses in turns of their families: several dead ones of one family must cost little."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    others = [address for address in addresses if address[0] != addresses[0][0]]
    return [address for address in chain.from_iterable(zip_longest(first, others)) if address is not None]


def _begin(route: Route, address: "socket._RetAddress") -> socket.socket:
    """Return a socket that is connecting. OSError."""
    family, kind, protocol, _, place = address
    stream = socket.socket(family, kind, protocol)
    try:
        if route.bind:
            stream.bind((route.bind, 0))
        stream.setblocking(False)
        number = stream.connect_ex(place)
        if number not in (0, errno.EINPROGRESS, errno.EINTR):
            raise OSError(number, os.strerror(number))
    except OSError:
        stream.close()
        raise
    return stream


def _addresses(route: Route, budget: Budget) -> "list[socket._RetAddress]":
    """Return the addresses of the host's name. Uses a thread, because a lookup has no timeout."""
    found: list[socket._RetAddress] = []
    problems: list[str] = []

    def look() -> None:
        try:
            found.extend(socket.getaddrinfo(route.host, route.port, route.family, socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            problems.append(getattr(error, "strerror", None) or str(error))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(budget(_LOOK_UP))
    if problems and is_cut_off():
        raise Unreachable(f"{route}: {OFFLINE_HERE}")
    if problems:
        raise Unreachable(
            f"{route}: no such host name ({problems[0]}): is it spelt right, and is the network up? "
            f"`getent hosts {route.host}` tries it"
        )
    if not found:
        raise Unreachable(f"{route}: its name could not be looked up in time: is the network up?")
    return found


def is_cut_off() -> bool:
    """Return True if the system lets this process reach no address, as in a sandbox. Sends nothing."""
    for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((address, 9))
        except OSError:
            continue
        return False
    return True


def _why_no_connection(route: Route, error: OSError | None) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"{route}: nothing listens on port {route.port}: is sshd running there, is the port right?"
    if isinstance(error, TimeoutError):
        return f"{route}: no answer on port {route.port}: is the host up, does a firewall drop it?"
    if error and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return f"{route}: no route to it: is the network (or the VPN) up, or is this a sandbox without one?"
    if error and error.errno in NO_NETWORK:
        return f"{route}: {error.strerror}: {OFFLINE_HERE}"
    return f"{route}: {error}: `ssh -v {route}` shows more"


def _command(route: Route) -> DeadlineSocket:
    ours, theirs = socket.socketpair()
    stream = DeadlineSocket(ours)
    with theirs:
        stream.command = subprocess.Popen(  # in a shell, as OpenSSH does
            ["/bin/sh", "-c", f"exec {route.command}"],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    assert stream.command.stderr is not None
    stream.complaint = LastWords(stream.command.stderr)
    return stream


def socket_of_agent(path: str, limit: float) -> "socket.socket | None":
    """Return a connection to the agent at `path`, with a timeout for its answers; None without an agent."""
    try:
        stream = socket.socket(socket.AF_UNIX)
    except OSError:
        return None  # a sandbox forbids it
    try:
        stream.settimeout(limit)
        stream.connect(os.fspath(path))
    except OSError:
        stream.close()  # the agent is gone
        return None
    return stream
