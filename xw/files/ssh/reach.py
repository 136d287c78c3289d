"""From a route to a connection whose host is proven: addresses, TCP, jump hosts, key exchange, host key.

Every step has a timeout and its own message. Nothing is asked of anybody: what
OpenSSH would ask is an error that says what to type. Used by `link` alone.
"""

import errno
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import paramiko
from paramiko.message import Message

from xw.errors import Refused, Unreachable
from xw.files.ssh import certificate, known_hosts, revoked
from xw.files.ssh.route import Route

Budget = Callable[[float], float]  # how long a step may take that usually may take so long, in seconds
_CONNECT, _HANDSHAKE = 10.0, 15.0
_PLAIN = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
_SIGNS = {"rsa-sha2-512": "ssh-rsa", "rsa-sha2-256": "ssh-rsa"}  # algorithm → type of key


class Dropped(Unreachable):
    """The host took the connection and let go before a word: too many connect at once, as a rule."""


class Watched:
    """A socket, or a jump host's channel, on which nobody waits for ever to send.

    Paramiko tries again for as long as the other side takes nothing: a stopped
    host would hold the sender for good.
    """

    def __init__(self, inner: "socket.socket | paramiko.Channel", limit: float = _HANDSHAKE) -> None:
        self.command: subprocess.Popen[bytes] | None = None  # the ProxyCommand at the other end
        self._inner = inner
        self._limit = limit
        self._stuck: float | None = None
        self._closed = False  # paramiko looks at this

    def send(self, data: bytes) -> int:
        """Send some; TimeoutError to try again, another OSError after the limit."""
        try:
            sent = self._inner.send(data)
        except TimeoutError:
            now = time.monotonic()
            self._stuck = self._stuck or now
            if now - self._stuck > self._limit:
                raise OSError(errno.EPIPE, "it takes nothing any more") from None
            raise
        self._stuck = None
        return sent

    def recv(self, size: int) -> bytes:
        """Receive some."""
        return self._inner.recv(size)

    def settimeout(self, seconds: float | None) -> None:
        """How long `send` and `recv` wait."""
        self._inner.settimeout(seconds)

    def close(self) -> None:
        """End it."""
        self._closed = True
        with suppress(paramiko.SSHException, OSError, EOFError):  # a channel whose own connection is gone
            self._inner.close()
        if self.command is not None:
            if self.command.poll() is None:
                # With all that it started, and not asked: one that is stopped or deaf would never end.
                with suppress(ProcessLookupError):
                    os.killpg(self.command.pid, signal.SIGKILL)
            self.command.wait()


class Transport(paramiko.Transport):
    """A transport that asks first for keys that can be checked, and keeps the host's key as it was sent."""

    def __init__(self, stream: Watched, algorithms: tuple[str, ...]) -> None:
        super().__init__(stream)  # type: ignore[arg-type]  # all that paramiko uses of a socket
        self._wanted = algorithms
        self.blob = b""

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The host key algorithms to offer."""
        return self._wanted

    def _verify_key(self, host_key: bytes, sig: bytes) -> None:
        self.blob = bytes(host_key)
        super()._verify_key(host_key, sig)  # type: ignore[misc]  # not in the stubs


class Shown(NamedTuple):
    """A host's key as messages show it."""

    name: str
    type: str
    fingerprint: str


def open_stream(route: Route, budget: Budget) -> Watched:
    """A TCP connection to a host, or to its ProxyCommand. Unreachable."""
    if route.command is not None:
        return _command(route)
    problem: OSError | None = None
    for family, kind, protocol, _, address in _addresses(route, budget):
        stream = socket.socket(family, kind, protocol)
        try:
            stream.settimeout(budget(_CONNECT))
            stream.connect(address)
        except OSError as error:
            stream.close()
            problem = error
            continue
        # Without this each answer waited for 40 ms.
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Watched(stream)
    raise Unreachable(_why_no_connection(route, problem))


def greet(route: Route, stream: Watched, budget: Budget) -> Transport:
    """Exchange keys on a stream and make sure of the host. Unreachable, Refused."""
    lines = known_hosts.read(route.known_hosts)
    host, port = (route.known_as, 22) if route.known_as else (route.host, route.port)
    transport = Transport(stream, _algorithms(lines, host, port))
    limit = budget(_HANDSHAKE)
    began = time.monotonic()
    transport.banner_timeout = transport.handshake_timeout = limit
    try:
        transport.start_client(timeout=limit)
        if not transport.blob or not transport.initial_kex_done:
            raise _silent(route, limit)
        _check_host(route, host, port, lines, transport.blob)
    except paramiko.ssh_exception.IncompatiblePeer as error:
        transport.close()
        raise Unreachable(
            f"{route}: no common way to encrypt ({error}): upgrade the older of the two"
        ) from None
    except (Unreachable, Refused):
        transport.close()
        raise
    except Exception as error:  # noqa: BLE001  # paramiko hands on whatever a strange host made of its thread
        transport.close()
        stream.close()
        if stream.command is not None and stream.command.returncode in (126, 127):  # the shell's word for it
            raise Unreachable(
                f"{route}: its ProxyCommand cannot be run: `{route.command}`; `ssh -G {route.host}` shows it"
            ) from None
        if time.monotonic() - began > 0.9 * limit:
            raise _silent(route, limit) from None
        raise Dropped(
            f"{route}: it takes connections but does not speak SSH, or too many connect at once "
            f"({_first(error)}): try again, or raise MaxStartups in its sshd_config"
        ) from None
    return transport


def _silent(route: Route, limit: float) -> Unreachable:
    return Unreachable(
        f"{route}: it takes connections but does not answer ({limit:.1f} s): is it overloaded?"
    )


def _addresses(route: Route, budget: Budget) -> "list[socket._RetAddress]":
    """What the name resolves to. In a thread of its own: looking up has no timeout."""
    found: list[socket._RetAddress] = []
    problems: list[OSError] = []

    def look() -> None:
        try:
            found.extend(socket.getaddrinfo(route.host, route.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            problems.append(OSError(str(error)))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(budget(_CONNECT))
    if problems:
        raise Unreachable(
            f"{route}: no such host name ({problems[0]}): is it spelt right, and is the network up? "
            f"`getent hosts {route.host}` tries it"
        )
    if not found:
        raise Unreachable(f"{route}: its name could not be looked up in time: is the network up?")
    return found


def _why_no_connection(route: Route, error: OSError | None) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"{route}: nothing listens on port {route.port}: is sshd running there, is the port right?"
    if isinstance(error, TimeoutError):
        return f"{route}: no answer on port {route.port}: is the host up, does a firewall drop it?"
    if error and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return f"{route}: no route to it: is the network (or the VPN) up?"
    return f"{route}: {error}: `ssh -v {route}` shows more"


def _command(route: Route) -> Watched:
    ours, theirs = socket.socketpair()
    stream = Watched(ours)
    with theirs:
        stream.command = subprocess.Popen(  # in a shell, as OpenSSH does
            ["/bin/sh", "-c", f"exec {route.command}"],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            start_new_session=True,
        )
    return stream


def _algorithms(lines: list[known_hosts.Line], host: str, port: int) -> tuple[str, ...]:
    """What to offer: certificates if an authority counts here, then the types known, then the rest."""
    about = known_hosts.of_host(lines, host, port) or known_hosts.of_host(lines, host, 22)
    types = {line.type for line in about if not line.marker}
    plain = sorted(_PLAIN, key=lambda name: _SIGNS.get(name, name) not in types)
    signed = (
        [name + certificate.SUFFIX for name in _PLAIN] if known_hosts.authorities(lines, host, port) else []
    )
    return (*signed, *plain)


def _check_host(route: Route, host: str, port: int, lines: list[known_hosts.Line], blob: bytes) -> None:
    """Refused, with what to do, unless the key is known and in use."""
    why = revoked.why_refused(blob, route.revoked)
    if why:
        raise Refused(f"{route}: its host key {known_hosts.fingerprint(revoked.plain(blob))} {why}")
    if certificate.is_certificate(blob):
        counted = [line.blob for line in known_hosts.authorities(lines, host, port)]
        why = certificate.why_not(blob, host, counted)
        if not why:
            signer = certificate.parse(blob).authority
            gone = known_hosts.revoked(lines, host, port, signer)
            gone = gone or known_hosts.revoked(lines, host, port, blob)
            why = f"its authority is revoked ({gone.place})" if gone else None
        if why:
            raise Refused(f"{route}: {why}: ask whoever runs it; nothing was sent")
        return
    key_type = Message(blob).get_text()
    found = known_hosts.verdict(lines, host, port, key_type, blob)
    if found.state != "known":
        name = known_hosts.name_of(host, port)
        shown = Shown(name, key_type, known_hosts.fingerprint(blob))
        raise Refused(f"{route}: {_why_not_known(route, found, shown)}")


def _why_not_known(route: Route, found: known_hosts.Verdict, shown: Shown) -> str:
    file = route.known_hosts[0] if route.known_hosts else "~/.ssh/known_hosts"
    port = f"-p {route.port} " if route.port != 22 else ""
    scan = f"`ssh-keyscan -H {port}-t {_short(shown.type)} {route.host} >> {file}`"
    place = found.line.place if found.line else ""
    if found.state == "revoked":
        return f"its host key {shown.fingerprint} is revoked ({place}): do not trust it; ask whoever runs it"
    if found.state == "changed":
        path = place.rpartition(":")[0]
        return (
            f"its host key has changed ({place} knows another; it shows {shown.fingerprint}): "
            f"somebody may be in between; if it was renewed, "
            f"`ssh-keygen -R '{shown.name}' -f {path}`, then {scan}"
        )
    if found.state == "other-type":
        known = _short(found.line.type) if found.line else "other"
        return (
            f"it shows a host key of another type than is known ({place} has {known}; it shows {shown.type} "
            f"{shown.fingerprint}): compare it with the owner's, then {scan}"
        )
    what = f"{shown.type} {shown.fingerprint}"
    return f"its host key is unknown ({what}): compare it with the owner's, then {scan}"


def _short(key_type: str) -> str:
    """A type of key as ssh-keyscan's -t takes it."""
    return "ecdsa" if key_type.startswith("ecdsa") else key_type.removeprefix("ssh-")


def _first(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def socket_of_agent(path: str, limit: float) -> "socket.socket | None":
    """A connection to the agent at `path`; None where there is none. Its answers have a timeout too."""
    stream = socket.socket(socket.AF_UNIX)
    try:
        stream.settimeout(limit)
        stream.connect(os.fspath(path))
    except OSError:
        stream.close()  # an agent that is gone is as good as none
        return None
    return stream
