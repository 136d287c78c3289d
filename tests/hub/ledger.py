"""A hub that keeps no files: mail in dictionaries, as a message broker would hold it.

The second implementation of `xw.hub.contract.Hub`. It shows that nothing above
the seam needs a hub to be a directory: it hands out no paths, knows no
folders, and takes in bytes.
"""

import time
from collections.abc import Mapping, Sequence

from xw.errors import NotFound, Refused, Unreachable, XwError
from xw.hub.contract import Located, Parcel, Peer
from xw.layout import STATES, check_name
from xw.mailbox import Mailbox
from xw.words import State


class Entry:
    """A message as the ledger holds it."""

    def __init__(self, data: bytes, state: State, since: float) -> None:
        self.data = data
        self.state = state
        self.since = since


class LedgerHub:
    """`contract.Hub` in dictionaries. `cut` takes it off the network, `closed` keeps out mail to some."""

    def __init__(self) -> None:
        self.url = "ledger:test"
        self.cut = False
        self.closed: set[str] = set()
        self.files: dict[tuple[str, str, str], bytes] = {}
        self._cards: dict[str, Mapping[str, object]] = {}
        self._entries: dict[str, dict[str, Entry]] = {}

    def instances(self) -> list[str]:
        """See `contract.Hub.instances`."""
        return sorted(self._reached())

    def everyone(self) -> list[str]:
        """See `contract.Hub.everyone`."""
        return sorted(name for name, card in self._reached().items() if card.get("kind") != "room")

    def knows(self, name: str) -> bool:
        """See `contract.Hub.knows`."""
        return name in self._reached()

    def peer(self, name: str) -> Peer:
        """See `contract.Hub.peer`."""
        card = self._reached().get(name)
        if card is None:
            raise NotFound(f"no peer {name!r} on {self.url}")
        waiting = sorted(key for key, entry in self._entries[name].items() if entry.state == "pending")
        kind, description, model = (str(card.get(key, "")) for key in ("kind", "description", "model"))
        oldest = waiting[0] if waiting else None
        return Peer(name, kind, description, (), model, status="-", task="", progress="",
                    pending=len(waiting), oldest=oldest, seen=None, age=None)  # fmt: skip

    def register(self, name: str, card: Mapping[str, object], first: bool = False) -> bool:
        """See `contract.Hub.register`."""
        new = check_name(name) not in self._reached()
        if first and not new:
            raise FileExistsError(name)
        self._cards[name] = dict(card)
        self._entries.setdefault(name, {})
        return new

    def pending_of(self, to: str, sender: Mailbox) -> str | None:
        """See `contract.Hub.pending_of`: here all mail has to travel."""
        return None

    def deliver(self, parcels: Sequence[Parcel]) -> list[XwError | None]:
        """See `contract.Hub.deliver`."""
        self._reached()
        held: dict[str, XwError] = {}
        outcomes: list[XwError | None] = []
        for parcel in parcels:
            error = held.get(parcel.to) or self._deliver(parcel)
            if error and not isinstance(error, (NotFound, Refused)):
                held[parcel.to] = error
            outcomes.append(error)
        return outcomes

    def locate(self, to: str, name: str) -> Located | None:
        """See `contract.Hub.locate`."""
        self._reached()
        entry = self._entries.get(to, {}).get(name)
        return Located(entry.state, entry.since) if entry else None

    def now(self) -> float:
        """See `contract.Hub.now`."""
        return time.time()

    def settle(self, to: str, name: str, state: State) -> None:
        """What a recipient does with its mail: only ever forward."""
        entry = self._entries[to][name]
        if STATES.index(state) > STATES.index(entry.state):
            entry.state, entry.since = state, self.now()

    def held(self, to: str) -> dict[str, bytes]:
        """All messages of a recipient, in whatever state."""
        return {name: entry.data for name, entry in self._entries[to].items()}

    def _reached(self) -> dict[str, Mapping[str, object]]:
        if self.cut:
            raise Unreachable(f"{self.url} cannot be reached")
        return self._cards

    def _deliver(self, parcel: Parcel) -> XwError | None:
        entries = self._entries.get(parcel.to)
        if entries is None:
            return NotFound(f"no peer {parcel.to!r} on {self.url}")
        if parcel.to in self.closed:
            return XwError(f"{parcel.to} takes no mail now")
        there = entries.get(parcel.name)
        if there and there.data != parcel.data:
            return Refused(f"{parcel.to} has another message named {parcel.name}")
        for file in parcel.files:
            pieces = parcel.source.files.chunks(parcel.source.attachment(parcel.folder, file.name))
            self.files[parcel.to, parcel.folder, file.name] = b"".join(pieces)
        entries.setdefault(parcel.name, Entry(parcel.data, "pending", self.now()))
        return None
