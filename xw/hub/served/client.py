"""A hub whose server gives this SSH key one mailbox: `ServedHub`, over one connection for each instance.

`hub.ssh` returns it where the server says so. Every duty is the server's (`calls`, `delivering`); this module
puts calls into words, and splits long lists so that each call stays within the protocol's bounds. `giving`
does so for mail that is sent.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, suppress
from typing import TypeVar, cast

from xw import layout
from xw.errors import Damaged, Refused, Unreachable, Unreadable, XwError
from xw.files.ssh.link import SshLink
from xw.finding import Finding
from xw.hub.contract import (
    Claim,
    Held,
    Hub,
    Limits,
    Located,
    Move,
    Parcel,
    Progress,
    Rooms,
    Survey,
    Unregistered,
    Withdrawn,
)
from xw.hub.served import frames
from xw.hub.served import protocol as words
from xw.hub.served.asking import Asking
from xw.hub.served.frames import Frame
from xw.hub.served.giving import Giving
from xw.hub.sighting import Peer, Sighting
from xw.sweep import Swept
from xw.words import State

LOOK_AGAIN_S = (2.0, 15.0)  # at first, and after a minute without mail
_Item = TypeVar("_Item")
_OWNERS = "is the hub owner's, on its host"


class ServedHub:
    """A `contract.Hub` that acts as one instance. `link` connects with the key that the host knows it by."""

    def __init__(self, url: str, link: Callable[[], SshLink]) -> None:
        self.url = url
        self.progress: Progress | None = None
        self._link = link
        self._asking = Asking(url, lambda: link().wire())

    @property
    def member(self) -> str:
        """The name that the host knows this key by."""
        return self._asking.greeting().name

    # What all members see

    def instances(self) -> list[str]:
        return [*words.names(self._asking.ask("instances"))]

    def knows(self, name: str) -> bool:
        return self._asking.ask("knows", name=name[:255]) is True

    def peer(self, name: str) -> Peer:
        told = self._asking.ask("peer", name=name[:255])
        return words.sighting_from_json(told, {}).peer(self.now())

    def peers(self) -> list[Peer]:
        parts, _ = self._asking.parts("peers")
        return [seen.peer(self.now()) for seen in _peers(parts, {})]

    def groups(self, name: str) -> tuple[str, ...] | None:
        told = self._asking.ask("groups", name=name)
        return None if told is None else tuple(words.names(told))

    def keys(self, names: Sequence[str]) -> list[str]:
        texts: list[str] = []
        for part in _parts(names, words.KEYS):
            texts += words.names(self._asking.ask("keys", names=[*part]))
        return texts

    def add_key(self, name: str, line: str) -> None:
        self._asking.ask("add_key", owner=name, line=line)

    def identity(self, known: str = "") -> str:  # noqa: ARG002  # no member gives a hub its id
        """Read it: no member makes or changes it."""
        return str(self._asking.ask("identity"))

    def group(self) -> str:
        return str(self._asking.ask("group"))

    def publisher(self, owner: str) -> None:  # noqa: ARG002  # the same for every owner
        """Return None: all mail must travel."""
        return

    def now(self) -> float:
        """Return the time by the last answer."""
        if self._asking.skew is None:
            self.ping()
        return time.time() + (self._asking.skew or 0.0)

    def limits(self) -> Limits:
        host = f"a room runs on the host of its hub's files: run this on the host of {self.url}"
        return Limits(look_again_s=LOOK_AGAIN_S, no_coordinator=host, one_owner=True)

    def rooms(self) -> Rooms:
        """Raise Refused: rooms are on the host, with all that they have heard."""
        raise Refused(f"{self.url} keeps no rooms for members: a served hub shows them on its host only")

    # Mail that the member sends

    def deliver(self, parcels: Sequence[Parcel]) -> list[XwError | None]:
        return Giving(self.url, self._asking, self.progress).deliver(parcels)

    def locate(self, to: str, name: str) -> Located | None:
        told = self._asking.ask("locate", to=to, name=name)
        return Located(*told) if isinstance(told, list) and len(told) == 2 else None

    def held(self, to: str, names: Sequence[str]) -> Held:
        states: dict[str, State] = {}
        since, unregistered = 0.0, 0.0
        for part in _parts(names, words.NAMES) or [[]]:
            told = self._asking.ask("held", to=to, names=[*part])
            found, since, unregistered = cast("tuple[dict[str, State], float, float]", told)
            states |= found
        return Held(states, since, unregistered)

    def withdraw(self, to: str, name: str) -> Withdrawn | None:
        return cast("Withdrawn | None", self._asking.ask("withdraw", to=to, name=name))

    def why(self, owner: str, name: str) -> Mapping[str, str]:
        told = self._asking.ask("why", owner=owner, name=name)
        return {str(key): str(value) for key, value in told.items()} if isinstance(told, dict) else {}

    # The own mailbox

    def register(self, name: str, card: Mapping[str, object], first: bool = False) -> bool:
        layout.check_name(name)
        return self._asking.ask("register", owner=name, card=dict(card), first=first) is True

    def unregister(self, name: str) -> Unregistered:
        parts, told = self._asking.parts("unregister", owner=name)
        returned = [
            (to, one) for frame in parts for to, one in cast("list[list[str]]", frame.head["returned"])
        ]
        left, archive = cast("list[str]", told)
        return Unregistered(left, archive, tuple(returned))

    def set_groups(self, name: str, groups: Sequence[str]) -> None:
        self._asking.ask("set_groups", owner=name, groups=[*groups])

    def survey(self, owner: str, known: Mapping[str, Sighting], everyone: bool = False) -> Survey:
        """Send only the times of what is known, and get only what has changed."""
        times = [
            # A card that could not be read is asked for again.
            [one.name, one.card_at if one.kind else 0.0, one.presence_at, one.keys_at]
            for one in [*known.values()][: words.KNOWN]
        ]
        parts, told = self._asking.parts("survey", owner=owner, known=times, everyone=everyone)
        states: dict[str, State] = {}
        for frame in parts:
            if "state" in frame.head:
                state = cast("State", frame.head["state"])
                states |= dict.fromkeys(words.names(frame.head["names"]), state)
        strays, nameless = cast("tuple[list[str], bool]", told)
        return Survey(states, tuple(_peers(parts, known)), tuple(strays), nameless)

    def fetch(
        self, owner: str, messages: Sequence[tuple[State, str]]
    ) -> Iterator[bytes | Unreadable | Damaged | None]:
        """Ask for as many as one answer holds; the server may stop before."""
        wanted = [*messages]
        while wanted:
            asked = [[state, name] for state, name in wanted[: words.NAMES]]
            parts, _ = self._asking.parts("fetch", owner=owner, messages=asked)
            if not 0 < len(parts) <= len(asked):
                raise Unreachable(f"{self.url}: it sent {len(parts)} messages of {len(asked)}")
            for frame in parts:
                yield self._fetched(frame)
            wanted = wanted[len(parts) :]

    def _fetched(self, frame: Frame) -> bytes | Unreadable | Damaged | None:
        if frame.head.get("gone"):
            return None
        if "error" in frame.head:
            error = words.error_from_json(frame.head["error"], self.url, self._asking.greeting().path)
            return error if isinstance(error, (Unreadable, Damaged)) else Unreadable(str(error))
        return frame.data

    def attachment(self, owner: str, folder: str, name: str) -> Iterator[bytes]:
        for frame in self._asking.frames("attachment", {"owner": owner, "folder": folder, "name": name}):
            if frame.kind == frames.BYTES:
                yield frame.data

    def settle(self, owner: str, moves: Sequence[Move]) -> list[XwError | OSError | None]:
        outcomes: list[XwError | OSError | None] = []
        for part in _parts(moves, words.MOVES):
            sent = [{**one._asdict(), "reason": one.reason[: words.REASON]} for one in part]
            told = self._asking.ask("settle", owner=owner, moves=sent)
            path = self._asking.greeting().path
            found = cast("list[object]", told)
            outcomes += [words.error_from_json(one, self.url, path) if one else None for one in found]
        return outcomes

    def claim(self, owner: str, name: str, token: bytes) -> Claim:
        return cast("Claim", self._asking.ask("claim", owner=owner, name=name, token=token.decode()))

    def release(self, owner: str, name: str, token: bytes) -> bool:
        return self._asking.ask("release", owner=owner, name=name, token=token.decode()) is True

    def set_aside(self, owner: str, state: State, name: str, reason: str) -> bool:
        reason = reason[: words.REASON]
        return self._asking.ask("set_aside", owner=owner, state=state, name=name, reason=reason) is True

    def show(self, owner: str, presence: bytes) -> None:
        self._asking.ask("show", {"owner": owner}, presence)

    def sweep(self, owner: str, days: int, dry_run: bool) -> Swept:
        parts, told = self._asking.parts("sweep", owner=owner, days=min(days, 40_000), dry_run=dry_run)
        paths: dict[str, list[str]] = {"messages": [], "attachments": [], "scratch": []}
        for frame in parts:
            for key, listed in frame.head.items():
                paths[key] += words.names(listed)
        size, left, busy = cast("tuple[int, list[str], bool]", told)
        return Swept(
            paths["messages"],
            paths["attachments"],
            paths["scratch"],
            size,
            left=tuple(map(XwError, left)),
            busy=busy,
        )

    # Marks, and calls that only the hub's owner may make

    def leave_mark(self, mark: str) -> None:
        self._asking.ask("leave_mark", mark=mark)

    def has_mark(self, mark: str) -> bool:
        return self._asking.ask("has_mark", mark=mark) is True

    def remove_mark(self, mark: str) -> None:
        self._asking.ask("remove_mark", mark=mark)

    def renew_identity(self) -> str:
        """Raise Refused."""
        self.ping()
        raise Refused(f"the id of {self.url} {_OWNERS}: `xw hub new-id` there")

    def move_to(self, new: Hub, tell: Callable[[str], None]) -> list[str]:  # noqa: ARG002
        """Raise Refused."""
        self.ping()
        raise Refused(f"moving {self.url} {_OWNERS}: `xw hub move` there")

    # Keeping

    def pushes(self, owners: Sequence[str]) -> Iterator[None]:
        """Listen on a session of its own."""
        self.ping()
        link = self._link()

        def listen() -> Iterator[None]:
            wire = link.session()
            # The connection's end ends the pushes, as the contract says.
            with suppress(Unreachable), closing(wire):
                for frame in self._asking.frames("pushes", {"owner": owners[0]}, wire=wire):
                    if frame.kind == frames.LOOK:
                        yield

        return listen()

    def findings(self, owner: str) -> Iterator[Finding]:
        """Report the way to the host; the mailbox's findings are the server's."""
        link = self._link()
        try:
            link.wire()
        except XwError:
            if not owner:
                yield from (Finding("ok", "connected", step) for step in link.steps)
            raise
        if not owner:
            yield from (Finding("ok", "connected", step) for step in link.steps)
        me = self.member
        yield Finding("ok", "connected", f"connected to {self.url}, a served hub that knows this key as {me}")
        if owner:
            told = self._asking.ask("findings", owner=owner)
            for one in told if isinstance(told, list) else []:
                yield Finding(*one)

    def peer_findings(self, owner: str) -> Iterator[Finding]:  # noqa: ARG002  # others' mailboxes are not shown
        """Yield nothing: others' mailboxes are not shown."""
        self.ping()
        yield from ()

    # The connection

    def caution(self) -> str:
        """Return "": the host syncs its own files."""
        return ""

    def closed(self, owner: str) -> str:  # noqa: ARG002  # the server decides at each step
        """Return "": the server decides at each step."""
        return ""

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """Limit the connection's steps and calls."""
        return self._link().within(seconds)

    def connect(self) -> None:
        """Connect, within the timeouts of name look-up, route, key exchange and login."""
        self._link().transport()
        self._asking.greeting()

    def ping(self) -> None:
        self._asking.ask("ping")

    def close(self) -> None:
        """Close the connection, even during a call of another thread."""
        self._link().close()


def _peers(parts: Sequence[Frame], known: Mapping[str, Sighting]) -> list[Sighting]:
    return [
        words.sighting_from_json(one, known)
        for frame in parts
        if "peers" in frame.head
        for one in cast("list[object]", frame.head["peers"])
    ]


def _parts(items: Sequence[_Item], most: int) -> list[Sequence[_Item]]:
    return [items[start : start + most] for start in range(0, len(items), most)]
