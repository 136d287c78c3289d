"""One connection to each host for the whole process, and a session on it for each thread that needs one.

`link_to` returns the link to a target; `SftpFiles` takes its sessions from it. A link connects when it is
first used, and again after it broke. `within` sets a deadline for every step, connecting included.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakSet

import paramiko

from xw.backoff import pauses
from xw.errors import Refused, Resting, Unreachable
from xw.files.sftp_wire import Wire
from xw.files.ssh.login import log_in
from xw.files.ssh.program import Budget
from xw.files.ssh.reach import Dropped, Transport, greet
from xw.files.ssh.refusals import Gate, check_places, counted
from xw.files.ssh.route import Route, find
from xw.files.ssh.session import LINE, SessionChannel, ask_channel, cut_off, why_no_sftp
from xw.files.ssh.stream import DeadlineSocket, open_stream
from xw.files.ssh.target import Target

_ANSWER = 15.0  # seconds for any one answer, unless a deadline is nearer
_PERSISTENCE = 20.0  # seconds to retry a host that is too busy to talk, unless a deadline is nearer
_KEEPALIVE = 15

# Silence paramiko: errors come as exceptions, and a log line on stderr is noise for agents.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)


class SshLink:
    """The connection to a host; see `sftp_remote.Link`. Its methods may be called from any thread.

    `find` looks up the route on each connect; `called` names the host until then. Refusals are noted for
    `gate`, the host by default.
    """

    def __init__(self, called: str, find: Callable[[Budget], Route], gate: str = "") -> None:
        self.name = called
        self._gate = Gate(gate or called)
        self._find = find
        self._via: SshLink | None = None
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._mine = threading.local()
        # Weak: a session ends with its thread, because a server allows only ten on a connection.
        self._wires: WeakSet[Wire] = WeakSet()
        self._idle: list[Wire] = []
        self._trips = 0
        self._carried = False  # True once this connection has carried SFTP
        self.steps: list[str] = []
        """The steps of connecting that the last try has done, for people."""
        self.key = ""
        """The name of the key with which the last login was made."""

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Give every use of this link in this thread `seconds` in all; raise Unreachable after that.

        On leaving, other threads may use its session: a program can have more threads than a server allows
        sessions.
        """
        before = self._limit()
        ends = time.monotonic() + seconds
        self._mine.ends = min(before, ends)
        try:
            yield
        finally:
            self._mine.ends = before
            wire: Wire | None = getattr(self._mine, "wire", None)
            if wire is not None and before == float("inf"):
                self._mine.wire = None
                self._idle.append(wire)

    @property
    def round_trips(self) -> int:
        """Number of round trips that its sessions have made; connecting does not count."""
        return self._trips

    @property
    def up(self) -> bool:
        """True if the connection exists, as far as is known."""
        return self._transport is not None and self._transport.is_active()

    def wire(self) -> Wire:
        """Return this thread's session; see `sftp_remote.Link.wire`."""
        wire: Wire | None = getattr(self._mine, "wire", None)
        while wire is None or wire.broken or not self.up:
            try:
                wire = self._idle.pop()
            except IndexError:
                wire = self.session()
        self._mine.wire = wire
        return wire

    def run(self, command: str) -> paramiko.Channel:
        """Start a command on the host, such as the watch helper; return its channel. Unreachable, Refused."""
        channel = self._channel()
        ask_channel(channel, "exec", command)
        channel.settimeout(self._budget(_ANSWER))
        return channel

    def lines(self, command: str) -> Iterator[str]:
        """Yield the lines that a command on the host prints, until it ends. Unreachable, Refused."""
        channel = self.run(command)
        channel.settimeout(None)  # it may be silent for hours; losing the link ends it
        try:
            yield from channel.makefile("r", -1)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise Unreachable(f"{self.name}: the command's connection was lost ({error})") from None
        finally:
            channel.close()

    def answer(self, command: str) -> str:
        """Return the first line that a short command on the host prints; empty if it cannot run commands."""
        channel = self.run(command)
        data = b""
        try:
            channel.shutdown_write()  # a server that starts SFTP for every command ends at the end of input
            while b"\n" not in data and len(data) < LINE and (piece := channel.recv(LINE)):
                data += piece
        except (paramiko.SSHException, EOFError, OSError):
            return ""  # too slow or cut off: the caller goes on without the answer
        finally:
            channel.close()
        return data.decode(errors="replace").partition("\n")[0].strip()

    def tunnel(self, host: str, port: int) -> paramiko.Channel:
        """Return a connection from the host to another host. Unreachable."""
        try:
            return self.transport().open_channel(
                "direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=self._budget(_ANSWER)
            )
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise Unreachable(f"{self.name}: cannot jump on to {host} port {port} ({error})") from None

    def transport(self) -> Transport:
        """Return the connection, made if there is none. Unreachable, Refused."""
        if not self._lock.acquire(timeout=self._budget(_PERSISTENCE)):
            raise Unreachable(f"{self.name}: still connecting; try again")
        try:
            if self._transport is None or not self._transport.is_active():
                self._idle.clear()
                self._transport = self._connect()
            return self._transport
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the connection and all its sessions."""
        for wire in list(self._wires):
            wire.close()
        if self._transport is not None:
            self._transport.close()
        if self._via is not None:  # the jump host may be the cause
            self._via.close()

    def _limit(self) -> float:
        ends: float = getattr(self._mine, "ends", float("inf"))
        return ends

    def _budget(self, usual: float) -> float:
        """Return the seconds that a step may take: `usual`, or the time left until the deadline."""
        return max(0.01, min(usual, self._limit() - time.monotonic()))

    def _connect(self) -> Transport:
        ends = min(self._limit(), time.monotonic() + _PERSISTENCE)
        # A person's command has no deadline, and tries again at once.
        self._gate.check(self._budget, in_background=self._limit() != float("inf"))
        self.steps.clear()
        self._carried = False
        route = self._find(self._budget)
        self.name = str(route)
        self._via = _jump_to(route.via) if route.via else None
        try:
            transport = self._connect_by(route, ends)
        except Resting:
            raise
        except Refused as error:
            self._gate.refused(error, route, self._budget)
            raise
        self._gate.passed()
        return transport

    def _connect_by(self, route: Route, ends: float) -> Transport:
        """Connect; retry until `ends` if the host is too busy to talk."""
        check_places(route, self._budget)
        for pause in pauses(0.2, 3.0):
            try:
                return self._try_to_connect(route)
            except Dropped:
                if time.monotonic() + pause > ends:
                    raise
                time.sleep(pause)
        raise AssertionError  # the pauses are endless

    def _try_to_connect(self, route: Route) -> Transport:
        if self._via is not None:
            try:
                with self._via.within(self._budget(float("inf"))):
                    stream = DeadlineSocket(self._via.tunnel(route.host, route.port))
            finally:
                tell = self._tell_steps([f"jump host {self._via.name}: {step}" for step in self._via.steps])
            tell(f"TCP: {self._via.name} reaches {route.host} port {route.port}")
        else:
            tell = self._tell_steps([])
            stream = open_stream(route, self._budget, tell)
        transport = greet(route, stream, self._budget, tell)
        try:
            with counted(route, self._budget):
                key = self.key = log_in(transport, route, self._budget)
        except (Unreachable, Refused):
            transport.close()
            raise
        tell(f"login: as {route.user} with {key}")
        transport.set_keepalive(_KEEPALIVE)
        return transport

    def _tell_steps(self, steps: list[str]) -> Callable[[str], None]:
        self.steps[:] = steps
        return self.steps.append

    def session(self) -> Wire:
        """Return a new session, for a caller that keeps it for itself. Unreachable, Refused."""
        channel = self._channel()
        stream = SessionChannel(channel)
        # Do not wait: paramiko would wait without a limit, and the greeting can follow at once.
        ask_channel(channel, "subsystem", "sftp")
        try:
            wire = Wire(stream, self.name, lambda: self._budget(_ANSWER), trip=self._count)
        except Unreachable as error:
            raise why_no_sftp(self.name, stream, self.up, self._carried, error) from None
        self._carried = True
        self._wires.add(wire)
        return wire

    def _count(self) -> None:
        self._trips += 1

    def _channel(self) -> paramiko.Channel:
        transport = self.transport()
        transport.clear_to_send_timeout = self._budget(_ANSWER)
        try:
            return transport.open_session(timeout=self._budget(_ANSWER))
        except paramiko.ChannelException:
            raise Unreachable(
                f"{self.name}: it opens no more sessions on this connection (MaxSessions in its sshd_config)"
            ) from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            if "imeout" in str(error):
                transport.close()  # a host that does not answer now will not answer a retry
            if not (self.up or self._carried):
                raise cut_off(self.name) from None
            raise Unreachable(f"{self.name}: it does not answer ({error})") from None


_links: dict[tuple[int, Target | Route, str], SshLink] = {}
_links_lock = threading.Lock()


def link_to(target: Target, key: str = "") -> SshLink:
    """Return the link to a target's host, the same for the whole process. It is not connected yet.

    With the path of a private key, that key alone is offered: a link for each, because the host may know each
    as somebody else.
    """
    host = target._replace(path="")
    if not key:
        return _link(host, host.login, lambda budget: find(host, budget))
    called = f"{host.login} {key}"  # a refusal of one key is none of another
    return _link(host, host.login, lambda budget: only(find(host, budget), key), key, called)


def only(route: Route, key: str) -> Route:
    """Return a route on which only the key in a file is offered."""
    alone = route._replace(named=(key,), usual=(), certificates=(), identities_only=True, agent=None)
    return alone._replace(served=True)


def _jump_to(route: Route) -> SshLink:
    return _link(route, str(route), lambda _: route)


def _link(
    place: Target | Route, called: str, find: Callable[[Budget], Route], key: str = "", gate: str = ""
) -> SshLink:
    with _links_lock:
        # A child process must not use its parent's connection.
        return _links.setdefault((os.getpid(), place, key), SshLink(called, find, gate))
