"""A hub that keeps no files: mail in dictionaries, as a message broker would hold it.

It shows that nothing above the seam needs a hub to be a directory: it hands out
no paths, knows no folders, and gives and takes bytes. One server lives in this
process for each URL (`ledger://name`), and each `LedgerHub` is a connection to it.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from xw import clock, layout
from xw.errors import Damaged, Moved, NotFound, Refused, Unreachable, Unreadable, Usage, XwError
from xw.failure import unregistered
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
from xw.hub.sighting import Peer, Sighting
from xw.layout import RANK, check_name
from xw.message import decode
from xw.sweep import Swept
from xw.words import State


class Entry:
    """A message as the ledger holds it; `token` is whose claim it is, `note` why it failed.

    `ails` is what keeps it from being read, for tests.
    """

    def __init__(self, data: bytes, state: State, since: float) -> None:
        self.data = data
        self.state = state
        self.since = since
        self.token: bytes | None = b""  # None: released
        self.note: dict[str, str] = {}
        self.ails: Damaged | Unreadable | None = None


class Server:
    """The state shared by all connections to one ledger, once it was `made`.

    `cut` takes it off the network, `closed` keeps mail out.
    """

    def __init__(self) -> None:
        self.identity = ""
        self.marks: set[str] = set()
        self.moved = ""
        self.made = False
        self.cut = False
        self.closed: set[str] = set()
        self.cards: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.revisions: dict[str, float] = {}
        self.presences: dict[str, tuple[bytes, float]] = {}
        self.acted: dict[str, float] = {}
        self.entries: dict[str, dict[str, Entry]] = {}
        self.files: dict[tuple[str, str, str], bytes] = {}
        self.swept: dict[str, float] = {}
        self.left: dict[str, float] = {}
        self.changed = threading.Condition()
        self.version = 0

    def touch(self) -> None:
        """Wake those who wait for pushes."""
        with self.changed:
            self.version += 1
            self.changed.notify_all()


LOOK_AGAIN_S = (0.2, 1.0)
SERVERS: dict[str, Server] = {}


class LedgerHub:
    """A connection to a ledger: `contract.Hub` without files."""

    def __init__(self, url: str, server: Server) -> None:
        self.url = url
        self.server = server
        self.progress: Progress | None = None
        self._open = True

    def _reached(self) -> Server:
        if self.server.cut or not self.server.made:
            raise Unreachable(f"{self.url} cannot be reached")
        if self.server.moved:
            raise Moved(self.url, self.server.moved)
        return self.server

    # Who

    def caution(self) -> str:
        """Return "": the server syncs."""
        return ""

    def identity(self, known: str = "") -> str:
        """Return the server's."""
        server = self._reached()
        server.identity = server.identity or known or secrets.token_hex(16)
        return server.identity

    def renew_identity(self) -> str:
        """Make another id."""
        self._reached().identity = secrets.token_hex(16)
        return self.server.identity

    def group(self) -> str:
        """Return nothing: a ledger has no groups."""
        if self.server.cut:
            raise Unreachable(f"{self.url} cannot be reached")
        return ""

    def move_to(self, new: Hub, tell: Callable[[str], None]) -> list[str]:
        """Hand all over to another ledger."""
        if not isinstance(new, LedgerHub):
            raise Refused(f"{new.url} is no ledger, and only into one can {self.url} be moved")
        old, there = self.server, new.server
        if old.cut or there.cut:
            raise Unreachable(f"{self.url} cannot be reached")
        if old.moved not in ("", new.url) or there is old or (there.cards and there.identity != old.identity):
            raise Refused(f"{self.url} cannot be moved to {new.url}")
        self.server.moved = new.url
        there.identity = old.identity = old.identity or secrets.token_hex(16)
        there.cards |= old.cards
        there.keys |= old.keys
        there.revisions |= old.revisions
        there.presences |= old.presences
        there.acted |= old.acted
        there.files |= old.files
        for name, entries in old.entries.items():
            there.entries.setdefault(name, {}).update(entries)
            tell(name)
        old.entries = {name: {} for name in old.entries}
        old.touch()
        return []

    def leave_mark(self, mark: str) -> None:
        """Keep a mark."""
        self._reached().marks.add(mark)

    def has_mark(self, mark: str) -> bool:
        """Look for a mark."""
        return mark in self._reached().marks

    def remove_mark(self, mark: str) -> None:
        """Forget a mark."""
        self._reached().marks.discard(mark)

    def instances(self) -> list[str]:
        """List the cards."""
        return sorted(self._reached().cards)

    def knows(self, name: str) -> bool:
        """Look for a card."""
        return name in self._reached().cards

    def peer(self, name: str) -> Peer:
        """Show an instance."""
        if not self.knows(name):
            raise NotFound(f"no peer {name!r} on {self.url}")
        return self._sighting(name).peer(self.now())

    def peers(self) -> list[Peer]:
        """Show all."""
        return [self.peer(name) for name in self.instances()]

    def _sighting(self, name: str, known: Sighting | None = None) -> Sighting:
        server, entries = self._reached(), self._entries(name)
        waiting = sorted(key for key, entry in entries.items() if entry.state == "pending")
        presence, at = server.presences.get(name, (b"", 0.0))
        revision = server.revisions[name]
        return Sighting(
            name,
            card=known.card if known and known.card_at == revision else server.cards[name],
            card_at=revision,
            presence=presence.decode(),
            presence_at=at,
            pending=len(waiting),
            oldest=waiting[0] if waiting else None,
            changed=server.acted.get(name),
            keys=server.keys.get(name, ""),
        )

    def _entries(self, owner: str) -> dict[str, Entry]:
        entries = self._reached().entries.get(owner)
        if entries is None:
            raise NotFound(f"{self.url} has no mailbox for {owner!r}: `xw init --name {owner}` makes one")
        return entries

    def register(self, name: str, card: Mapping[str, object], first: bool = False) -> bool:
        """Keep a card, with a number that no card had before."""
        server = self._reached()
        new = check_name(name) not in server.cards
        if first and not new:
            raise FileExistsError(name)
        old = json.loads(server.cards.get(name, "{}"))
        kept = {key: value for key, value in old.items() if key not in layout.CARD_FIELDS}
        server.cards[name] = json.dumps({**card, **kept})
        server.revisions[name] = max(server.revisions.values(), default=1.0) + 1.0
        server.entries.setdefault(name, {})
        return new

    def unregister(self, name: str) -> Unregistered:
        """Keep nothing but what goes back."""
        entries = self._entries(name)
        if self.peer(name).bridge_runs:
            raise Refused(f"a bridge of {name} runs")
        back = [one for one, entry in entries.items() if entry.state in ("pending", "processing")]
        for one in back:
            info = unregistered(name, one, decode(one, entries[one].data).thread)
            to = layout.sender_of(one)
            self.deliver([Parcel(to, *info, to, info[0].partition(".")[0], (), lambda _: iter(()))])
        for parts in (
            self.server.cards,
            self.server.keys,
            self.server.entries,
            self.server.presences,
            self.server.acted,
        ):
            parts.pop(name, None)
        self.server.swept[name] = self.server.left[name] = time.time()
        return Unregistered(name, "", tuple((layout.sender_of(one), one) for one in sorted(back)))

    def groups(self, name: str) -> tuple[str, ...] | None:
        """Look into the card."""
        self._entries(name)
        listed = json.loads(self.server.cards[name]).get("groups")
        return None if listed is None else tuple(listed)

    def set_groups(self, name: str, groups: Sequence[str]) -> None:
        """Keep the card with other groups."""
        self._entries(name)
        self.server.cards[name] = json.dumps({**json.loads(self.server.cards[name]), "groups": list(groups)})
        self.server.revisions[name] = max(self.server.revisions.values(), default=1.0) + 1.0

    def keys(self, names: Sequence[str]) -> list[str]:
        """Return the lines of each name."""
        return [self._reached().keys.get(name, "") for name in names]

    def add_key(self, name: str, line: str) -> None:
        """Keep the line behind those before."""
        self._entries(name)
        lines = self.server.keys.get(name, "").splitlines()
        self.server.keys[name] = "".join(f"{one}\n" for one in dict.fromkeys((*lines, line)))
        card = json.loads(self.server.cards[name])
        self.server.cards[name] = json.dumps({**card, "key": " ".join((lines or [line])[0].split()[:2])})
        self.server.revisions[name] = max(self.server.revisions.values(), default=1.0) + 1.0

    # Give

    def publisher(self, owner: str) -> None:
        """Return None: mail travels."""
        return

    def deliver(self, parcels: Sequence[Parcel]) -> list[XwError | None]:
        """Keep each parcel and its files."""
        self._reached()
        held: dict[str, XwError] = {}
        outcomes: list[XwError | None] = []
        for parcel in parcels:
            error = held.get(parcel.to) or self._deliver(parcel)
            if error and not isinstance(error, (NotFound, Refused)):
                held[parcel.to] = error
            outcomes.append(error)
        if parcels:  # otherwise each sync would wake the next
            self.server.touch()
        return outcomes

    def _deliver(self, parcel: Parcel) -> XwError | None:
        entries = self.server.entries.get(parcel.to)
        if entries is None:
            return NotFound(f"no peer {parcel.to!r} on {self.url}")
        if parcel.to in self.server.closed:
            return XwError(f"{parcel.to} takes no mail now")
        there = entries.get(parcel.name)
        if there and there.data != parcel.data:
            return Refused(f"{parcel.to} has another message named {parcel.name}")
        for file in parcel.files:
            data = b"".join(parcel.read(file))
            if layout.new_sha256(data).hexdigest() != file.sha256:
                return Refused(f"its file {file.name} is not as it was sent")
            key = (parcel.to, parcel.folder, file.name)
            added = not parcel.name.startswith(f"{parcel.folder}.")
            if added and self.server.files.get(key, data) != data:
                return Refused(f"its file {file.name} has the name of another file")
            self.server.files[key] = data
            if self.progress:
                self.progress(file.name, len(data), len(data))
        entries.setdefault(parcel.name, Entry(parcel.data, "pending", self.now()))
        if self.progress:
            self.progress(parcel.name, len(parcel.data), len(parcel.data))
        return None

    def locate(self, to: str, name: str) -> Located | None:
        """Look for a message."""
        entry = self._reached().entries.get(to, {}).get(name)
        return Located(entry.state, entry.since) if entry else None

    def held(self, to: str, names: Sequence[str]) -> Held:
        """Look for messages."""
        entries = self._entries(to)
        if to in self.server.closed:
            raise XwError(f"{to} cannot be seen now")
        states = {name: entries[name].state for name in names if name in entries}
        since = max(self.server.swept.get(to, 0.0), time.time() - 30 * 86400)
        return Held(states, since, self.server.left.get(to, 0.0))

    def withdraw(self, to: str, name: str) -> Withdrawn | None:
        """Let a pending message fail."""
        entry = self._reached().entries.get(to, {}).get(name)
        if entry and entry.state == "pending":
            self._move(to, entry, "failed", "its sender withdrew it", "withdrawn")
            self.server.touch()
        if entry is None:
            return None
        return "withdrawn" if entry.note.get("kind") == "withdrawn" else entry.state

    def now(self) -> float:
        """Return this machine's time."""
        self._reached()
        return time.time()

    def limits(self) -> Limits:
        """Return what this hub offers: no rooms."""
        return Limits(LOOK_AGAIN_S, no_coordinator=f"{self.url} keeps no rooms")

    def rooms(self) -> Rooms:
        """Raise Refused: it keeps none."""
        raise Refused(f"{self.url} keeps no rooms: make them on a hub that is a directory")

    # Take

    def survey(self, owner: str, known: Mapping[str, Sighting], everyone: bool = False) -> Survey:
        """Return states and sightings."""
        states = {name: entry.state for name, entry in self._entries(owner).items()}
        shown = [name for name in self.instances() if everyone or name in known]
        seen = tuple(self._sighting(name, known.get(name)) for name in shown)
        return Survey(states, seen, nameless=everyone and not self.server.identity)

    def fetch(
        self, owner: str, messages: Sequence[tuple[State, str]]
    ) -> Iterator[bytes | Unreadable | Damaged | None]:
        """Yield the bytes."""
        for state, name in messages:
            entry = self._entries(owner).get(name)
            yield (entry.ails or entry.data) if entry and entry.state == state else None

    def attachment(self, owner: str, folder: str, name: str) -> Iterator[bytes]:
        """Yield the bytes at once."""
        data = self._reached().files.get((owner, folder, name))
        if data is None:
            raise FileNotFoundError(name)
        yield data

    def settle(self, owner: str, moves: Sequence[Move]) -> list[XwError | OSError | None]:
        """Move messages on, never back."""
        for move in moves:
            entry = self._entries(owner).get(move.name)
            if entry and RANK[move.state] > RANK[entry.state]:
                self._move(owner, entry, move.state, move.reason, move.kind or "failed")
        if moves:  # otherwise each sync would wake the next
            self.server.touch()
        return [None for _ in moves]

    def _move(self, owner: str, entry: Entry, state: State, reason: str = "", kind: str = "") -> None:
        entry.state, entry.since = state, self.now()
        entry.note = {"reason": reason, "kind": kind, "at": clock.rfc3339(clock.now())}
        self.server.acted[owner] = self.now()

    def claim(self, owner: str, name: str, token: bytes) -> Claim:
        """Give a pending message to the first who asks."""
        entry = self._entries(owner).get(name)
        if entry is None or entry.state not in ("pending", "processing"):
            return "lost"
        if entry.state == "pending":
            self._move(owner, entry, "processing")
            entry.token = token
            self.server.touch()
            return "won"
        if entry.token is None:
            entry.token = token
            return "won"
        return "ours" if entry.token == token else "lost"

    def release(self, owner: str, name: str, token: bytes) -> bool:
        """Forget who has a message."""
        entry = self._entries(owner).get(name)
        if entry is None or entry.state != "processing" or entry.token not in (None, b"", token):
            return False
        entry.token = None
        return True

    def set_aside(self, owner: str, state: State, name: str, reason: str) -> bool:
        """Mark a message as failed."""
        entry = self._entries(owner).get(name)
        if entry is None or entry.state != state:
            return False
        self._move(owner, entry, "failed", reason, "damaged")
        return True

    def why(self, owner: str, name: str) -> Mapping[str, str]:
        """Return the note."""
        entry = self._entries(owner).get(name)
        return entry.note if entry and entry.state == "failed" else {}

    # Keep

    def show(self, owner: str, presence: bytes) -> None:
        """Keep a presence."""
        self._reached().presences[owner] = (presence, time.time())

    def sweep(self, owner: str, days: int, dry_run: bool) -> Swept:
        """Forget what is old, and its files."""
        server = self._reached()
        before = (time.time() - days * 86400) * clock.SECOND
        old = [
            name
            for name, entry in self._entries(owner).items()
            if entry.state in ("done", "failed") and entry.since * clock.SECOND < before
        ]
        ids = {name.partition(".")[0] for name in old}
        files = [key for key in server.files if key[0] == owner and key[1] in ids]
        if not dry_run:
            if old:
                server.swept[owner] = max(server.swept.get(owner, 0.0), before / clock.SECOND)
            for name in old:
                del server.entries[owner][name]
            for key in files:
                del server.files[key]
        return Swept(old, ["/".join(key[1:]) for key in files], [], 0)

    def pushes(self, owners: Sequence[str]) -> Iterator[None]:
        """Yield at each change."""
        server = self._reached()
        self._open, seen = True, server.version
        return self._pushes(server, seen)

    def _pushes(self, server: Server, seen: int) -> Iterator[None]:
        yield
        while not self._ended():
            with server.changed:
                while server.version == seen and not self._ended():
                    server.changed.wait()
                seen = server.version
            yield

    def _ended(self) -> bool:
        return self.server.cut or not self._open

    def findings(self, owner: str) -> Iterator[Finding]:
        """Say whether it is there."""
        known = self.knows(owner)
        yield Finding("ok", "connected", f"connected to {self.url}")
        if not known:
            what, fix = f"the hub has no mailbox for {owner}", f"xw init --name {owner}"
            yield Finding("bad", "no-mailbox", what, fix)

    def peer_findings(self, owner: str) -> Iterator[Finding]:
        """Yield nothing: an entry has no parts that could break."""
        self._reached()
        yield from ()

    def closed(self, owner: str) -> str:  # nobody is kept out
        """Return nothing."""
        return ""

    def within(self, seconds: float) -> AbstractContextManager[None]:  # it answers at once
        """Limit nothing."""
        return nullcontext()

    def connect(self) -> None:
        """Reach the server."""
        self._open = True
        self._reached()

    def ping(self) -> None:
        """Reach the server."""
        self._reached()

    def close(self) -> None:
        """End the pushes."""
        self._open = False
        self.server.touch()


def open_hub(url: str) -> LedgerHub:
    """Return a connection to the ledger at `ledger://name`; see `xw.hub.opening`."""
    if not layout.is_name(url.removeprefix("ledger://")):
        raise Usage(f"{url}: write ledger://name")
    return LedgerHub(url, SERVERS.setdefault(url, Server()))


def join(url: str, readme: str, group: str, tell: Callable[[str], None]) -> tuple[bool, LedgerHub]:
    """Return whether the ledger is new, and a connection; see `xw.hub.opening`."""
    if group:
        raise Usage(f"{url} cannot be shared with a Unix group: leave out --group")
    hub = open_hub(url)
    new = not (hub.server.made or hub.server.cut)
    if new:
        tell(f"making a hub at {url}")
        hub.server.made = True
    hub.connect()
    return new, hub
