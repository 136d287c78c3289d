"""All members of a served hub as one `Hub`: each call is made by the member that it is about."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.served.host import Host
from xw import layout
from xw.errors import Refused, Unreachable, XwError
from xw.files.sftp_wire import Wire
from xw.files.ssh.target import Target
from xw.hub.contract import Parcel
from xw.hub.served.client import ServedHub

_OF_FIRST = (
    *("survey", "fetch", "attachment", "settle", "claim", "release", "set_aside", "show", "sweep"),
    *("register", "unregister", "set_groups", "add_key", "findings", "peer_findings", "closed", "why"),
)


class MemberLink:
    """The way of one member to the server, for `ServedHub`: a session is a server process of its own."""

    def __init__(self, host: Host, hub: Path, member: str, cut: Callable[[], bool] = lambda: False) -> None:
        self.name = "hub"
        self.steps: list[str] = []
        self._is_cut = cut
        self.round_trips = 0
        self.processes: list[int] = []
        self._host = host
        self._hub = hub
        self._member = member
        self._patience = 30.0
        self._mine = threading.local()
        self._wires: list[tuple[threading.Thread, Wire]] = []

    def wire(self) -> Wire:
        self.transport()
        wire: Wire | None = getattr(self._mine, "wire", None)
        if wire is None or wire.broken:
            wire = self._mine.wire = self.session()
        return wire

    def session(self) -> Wire:
        self.transport()
        stream, process = self._host.connect(self._hub, self._member)
        self.processes.append(process)
        wire = Wire(_Stream(stream), self.name, lambda: self._patience, trip=self._count)
        for _, old in [one for one in self._wires if not one[0].is_alive()]:
            old.close()  # a session ends with its thread, as on a real link
        self._wires = [(thread, old) for thread, old in self._wires if thread.is_alive()]
        self._wires.append((threading.current_thread(), wire))
        return wire

    def transport(self) -> None:
        if self._is_cut():
            raise Unreachable("hub: no route to host")
        if not self._member:
            raise Refused("hub: login refused: tried no key of a member")

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        before, self._patience = self._patience, seconds
        try:
            yield
        finally:
            self._patience = before

    def close(self) -> None:
        for _, wire in self._wires:
            wire.close()
        self._wires.clear()

    def _count(self) -> None:
        self.round_trips += 1


class _Stream:
    """A socket whose `close` also wakes a thread that reads from it, as a channel's does."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def close(self) -> None:
        with suppress(OSError):
            self._inner.shutdown(socket.SHUT_RDWR)
        self._inner.close()


class Members:
    """A `contract.Hub` whose calls go to the server as the member that each is about; others as alice."""

    def __init__(self, host: Host, place: Path, url: str) -> None:
        self.url = url
        self._host = host
        self._place = place
        self._hubs: dict[str, ServedHub] = {}
        self.links: dict[str, MemberLink] = {}
        self._progress: Any = None
        self._cut = False

    def of(self, name: str) -> ServedHub:
        """Return the hub as a member reaches it."""
        if name not in self._hubs:
            member = name if layout.is_name(name) else "alice"
            link = self.links[name] = MemberLink(self._host, self._place, member, lambda: self._cut)
            self._hubs[name] = ServedHub(self.url, lambda: link)  # type: ignore[arg-type,return-value]
        return self._hubs[name]

    @property
    def progress(self) -> Any:
        return self._progress

    @progress.setter
    def progress(self, progress: Any) -> None:
        self._progress = self.of("alice").progress = progress

    def __getattr__(self, name: str) -> Any:
        if name in _OF_FIRST:
            return lambda owner, *more, **others: getattr(self.of(owner), name)(owner, *more, **others)
        return getattr(self.of("alice"), name)

    def deliver(self, parcels: Sequence[Parcel]) -> list[XwError | None]:
        (sender,) = {parcel.sender for parcel in parcels}
        return self.of(sender).deliver(parcels)

    def locate(self, to: str, name: str) -> Any:
        return self.of(layout.sender_of(name)).locate(to, name)

    def withdraw(self, to: str, name: str) -> Any:
        return self.of(layout.sender_of(name)).withdraw(to, name)

    def pushes(self, owners: Sequence[str]) -> Iterator[None]:
        return self.of(owners[0]).pushes(owners)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        with ExitStack() as limits:
            for hub in list(self._hubs.values()) or [self.of("alice")]:
                limits.enter_context(hub.within(seconds))
            yield

    def cut(self) -> None:
        """Take the host off the network."""
        self._cut = True
        for link in self.links.values():
            link.close()

    def close(self) -> None:
        for hub in self._hubs.values():
            hub.close()


class ServedWay:
    """The way to a served hub without sshd: a link for each key, whose file has its member's name."""

    def __init__(self, host: Host, keys: Path) -> None:
        self.keys = keys
        self.cut = False
        self.others: list[Members] = []
        self._host = host
        self._links: dict[tuple[str, str], MemberLink] = {}

    def link_to(self, target: Target, key: str = "") -> MemberLink:
        """Return the link with a key; without one, it is refused as a login without keys."""
        place = (target.path, key)
        if place not in self._links:
            self._links[place] = MemberLink(self._host, Path(target.path), Path(key).name, lambda: self.cut)
        return self._links[place]

    def close(self) -> None:
        """Close all connections."""
        for link in self._links.values():
            link.close()
        for members in self.others:
            members.close()
