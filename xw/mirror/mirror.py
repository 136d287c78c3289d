"""A hub as a mirror on this machine remembers it; reached only where that does not do.

The mirror is a directory with the mailboxes of this machine's instances, and
notes of its own. `sync` does the travelling; commands read the mirror and pay
nothing for the distance. Works over any `contract.Hub`.
"""

import time

from xw.errors import Unreachable, XwError
from xw.mailbox import Mailbox
from xw.mirror.notes import Notes

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from xw.hub.contract import Hub, Limits, Located, Parcel, Rooms
    from xw.hub.sighting import Peer, Sighting

    _Answer = TypeVar("_Answer")


class Mirror:
    """A mailbox in a mirror of a hub, and that hub's `contract.Outgoing` half; `policy` adds when to sync.

    A question that the mirror cannot answer is asked of the hub, for at most
    `timeout` seconds, and not at all while a try that failed is fresh. `hint` is
    what somebody must do where a worktree's own mirror carries the mail.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        url: str,
        open_hub: "Callable[[], Hub]",
        offline: bool = False,
        timeout: float = 5.0,
        hint: str = "",
    ) -> None:
        self.mailbox = mailbox
        self.files = mailbox.files
        self.url = url
        self._open_hub = open_hub
        self._hub: Hub | None = None
        self.offline = offline
        self.timeout = timeout
        self.hint = hint
        self.notes = Notes(mailbox.files, url)

    @property
    def hub(self) -> "Hub":
        """Return the hub, whose code is loaded when it is first needed."""
        if self._hub is None:
            self._hub = self._open_hub()
        return self._hub

    @property
    def mirror(self) -> "Mirror":
        return self

    @property
    def look_again_s(self) -> tuple[float, float]:
        """As the hub's limits say."""
        return self.hub.limits().look_again_s

    def redirect(self, url: str, hub: "Hub") -> None:
        """Reach the hub by another URL from now on."""
        if self._hub:
            self._hub.close()
        self.url = self.notes.url = url
        self._hub = hub

    def remote(self) -> "Hub":
        """Return the hub itself, for what has no limit. Raise Unreachable with --offline."""
        if self.offline:
            raise Unreachable(f"{self.url}: not reached, because of --offline")
        return self.hub

    def closed(self) -> str:
        """Return why this process cannot change its mail on the hub, and what to do; empty if it can."""
        closed = self.hub.closed(self.mailbox.owner)
        return f"{closed}: {self.hint}" if closed and self.hint else closed

    def asked(self, question: "Callable[[Hub], _Answer]") -> "_Answer":
        """Return the hub's answer, within the limit. Unreachable, also where it was so a moment ago."""
        away = self.notes.away()
        if away.in_backoff() and not self.offline:
            raise Unreachable(f"{away.why} (tried a moment ago)")
        hub = self.remote()
        try:
            with hub.within(self.timeout):
                return question(hub)
        except Unreachable as error:
            self.notes.failed(str(error))
            raise

    # The hub, for senders

    def instances(self) -> list[str]:
        """Ask the hub; return those that syncs have seen where it is away."""
        try:
            return self.asked(lambda hub: hub.instances())
        except Unreachable:
            return sorted(self.notes.sightings())

    def everyone(self) -> list[str]:
        """Return those that syncs have seen, with the kind that was seen."""
        return sorted(name for name, seen in self.notes.sightings().items() if seen.kind != "room")

    def knows(self, name: str) -> bool:
        """Ask the hub about a name that no sync has seen, and that no mail came from."""
        met = name in self.notes.sightings() or name in self.notes.interesting(self.mailbox.owner)
        return met or self.asked(lambda hub: hub.knows(name))

    def peer(self, name: str) -> "Peer":
        """Return it as the last sync saw it, aged since; ask the hub about others."""
        return self.known(name) or self.asked(lambda hub: hub.peer(name))

    def peers(self) -> "list[Peer]":
        """Return all as syncs have seen them, aged since."""
        sightings, skew = self.notes.remembered()
        now = time.time() + skew
        return [seen.peer(now) for _, seen in sorted(sightings.items())]

    def publisher(self, owner: str) -> None:  # noqa: ARG002  # whoever it is
        """Return None: all mail has to travel."""
        return

    def deliver(self, parcels: "Sequence[Parcel]") -> list[XwError | None]:
        return self.remote().deliver(parcels)

    def locate(self, to: str, name: str) -> "Located | None":
        """Ask the hub."""
        return self.asked(lambda hub: hub.locate(to, name))

    def now(self) -> float:
        """Ask the hub."""
        return self.asked(lambda hub: hub.now())

    def limits(self) -> "Limits":
        return self.hub.limits()

    def rooms(self) -> "Rooms":
        """Return the hub's; what is asked of them has no limit."""
        return self.remote().rooms()

    # The mailbox

    def claim(self, name: str) -> bool:
        """Let the hub decide, then move the copy."""
        owner, token = self.mailbox.owner, self.notes.token()
        if self.asked(lambda hub: hub.claim(owner, name, token)) == "lost":
            return False
        return self.mailbox.start(name) or self.mailbox.state_of(name) == "processing"  # a sync may be faster

    def holds(self, name: str) -> bool:
        """Claim again."""
        return self.claim(name)

    def known(self, name: str) -> "Peer | None":
        """Return it as the last sync saw it, aged since."""
        sightings, skew = self.notes.remembered()
        seen = sightings.get(name)
        return seen.peer(time.time() + skew) if seen else None

    def sighting(self, name: str) -> "Sighting":
        """Return how the last sync saw it."""
        from xw.hub.sighting import Sighting

        return self.notes.sightings().get(name, Sighting(name))

    def watched(self) -> bool:
        """Look whether a watcher holds its lock."""
        return self.notes.watched(self.mailbox.owner)

    def rest(self) -> None:
        """Close a connection, which wakes this process ten times a second, where a watcher has another."""
        if self.watched():
            self.close()

    def close(self) -> None:
        if self._hub:
            self._hub.close()
