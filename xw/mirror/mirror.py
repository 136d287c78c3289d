"""A hub as a mirror on this machine remembers it, which asks the hub only if needed.

The mirror is a directory with the mailboxes of this machine's instances and its own notes. `sync` moves mail;
commands read the mirror, at local speed. Works over any `contract.Hub`.
"""

import time

from xw import layout
from xw.errors import Moved, Refused, Unreachable, XwError
from xw.mailbox import Mailbox
from xw.mirror.notes import MOVES, Notes

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import TypeVar

    from xw.hub.contract import Held, Hub, Limits, Located, Parcel, Rooms, Withdrawn
    from xw.hub.sighting import Peer, Sighting

    _Answer = TypeVar("_Answer")


class Mirror:
    """A mailbox in a mirror of a hub, and that hub's `contract.Outgoing` half; `policy` adds when to sync.

    A question that the mirror cannot answer goes to the hub, for at most `timeout` seconds, and not at all
    shortly after a failed try. `hint` is the advice to the user if a worktree's own mirror carries the mail.
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
        """The hub, whose code is loaded on first use."""
        if self._hub is None:
            self._hub = self._open_hub()
        return self._hub

    @property
    def mirror(self) -> "Mirror":
        return self

    @property
    def look_again_s(self) -> tuple[float, float]:
        """The hub's limits."""
        return self.hub.limits().look_again_s

    def redirect(self, url: str, hub: "Hub") -> None:
        """Use another URL for the hub from now on."""
        if self._hub:
            self._hub.close()
        self.url = self.notes.url = url
        self._hub = hub

    def follow(self, moved: Moved, limit: float | None) -> "Hub":
        """Use the hub at its new place from now on, through several moves; return it.

        Each place is asked for at most `limit` seconds. Raise Refused if another hub is there.
        """
        from contextlib import nullcontext

        from xw.hub.opening import open_hub

        known = self.notes.about()
        left = [self.url]
        for _ in range(MOVES):
            try:
                there = open_hub(moved.url, known.key(self.mailbox.owner))
                with there.within(limit) if limit else nullcontext():
                    identity = there.identity(known.id or "")
                break
            except Moved as further:
                left.append(moved.url)
                moved = further
            except Unreachable as error:
                raise Unreachable(f"the hub {self.url} has moved to {moved.url}; {error}") from None
        else:
            raise Unreachable(f"the hub {self.url} has moved in a circle")
        if known.id and identity and identity != known.id:
            raise Refused(
                f"the hub {self.url} reports a move to {moved.url}, but another hub is there: "
                "ask the person who moved it; nothing was sent"
            )
        about = known._replace(id=identity or known.id, moved=(*known.moved, *left)).at(moved.url, *left)
        self.notes.note_hub(about)
        self.redirect(moved.url, there)
        return there

    def remote(self) -> "Hub":
        """Return the hub itself, for calls without a limit. Raise Unreachable with --offline."""
        if self.offline:
            raise Unreachable(f"{self.url}: not reached, because of --offline")
        about = self.notes.about()
        now = about.leads(self.url)
        if now != self.url:  # another process has followed the hub; the old place may be gone
            from xw.hub.opening import open_hub

            self.redirect(now, open_hub(now, about.key(self.mailbox.owner)))
        return self.hub

    def closed(self) -> str:
        """Return why this process cannot change its mail on the hub, and what to do; empty if it can."""
        closed = self.hub.closed(self.mailbox.owner)
        return f"{closed}: {self.hint}" if closed and self.hint else closed

    def asked(self, question: "Callable[[Hub], _Answer]") -> "_Answer":
        """Return the hub's answer, within the limit, wherever it has moved meanwhile.

        Raise Unreachable, also shortly after a failed try; Refused if another hub is at the new place.
        """
        away = self.notes.state(self.mailbox.owner)
        if away.in_backoff() and not self.offline:
            raise Unreachable(f"{away.why} (tried a moment ago)")
        hub = self.remote()
        try:
            for _ in range(MOVES):
                try:
                    with hub.within(self.timeout):
                        return question(hub)
                except Moved as moved:  # not left to a sync: beside a `sync --watch` this process makes none
                    hub = self.follow(moved, self.timeout)
            raise Unreachable(f"the hub {self.url} has moved in a circle")
        except Unreachable as error:
            self.notes.failed(str(error))
            raise

    # The hub, for senders

    def instances(self) -> list[str]:
        """Ask the hub; if it is unreachable, return the instances seen by syncs."""
        try:
            return self.asked(lambda hub: hub.instances())
        except Unreachable:
            return sorted(self.notes.sightings())

    def knows(self, name: str) -> bool:
        """Ask the hub about a name that no sync has seen, and that no mail came from."""
        met = name in self.notes.sightings() or name in self.notes.interesting(self.mailbox.owner)
        return met or self.asked(lambda hub: hub.knows(name))

    def peer(self, name: str) -> "Peer":
        """Return the peer as the last sync saw it, with its present age; ask the hub about others."""
        return self.known(name) or self.asked(lambda hub: hub.peer(name))

    def peers(self) -> "list[Peer]":
        """Return all peers as syncs have seen them, with their present age."""
        sightings, skew = self.notes.remembered()
        now = time.time() + skew
        return [seen.peer(now) for _, seen in sorted(sightings.items())]

    def keys(self, names: "Sequence[str]") -> list[str]:
        """Return the keys as syncs have seen them, without asking the hub: `check` shows who signed."""
        seen = self.notes.sightings()
        return [seen[name].keys if name in seen else "" for name in names]

    def publisher(self, owner: str) -> None:  # noqa: ARG002  # the same for every owner
        """Return None: all mail must travel."""
        return

    def deliver(self, parcels: "Sequence[Parcel]") -> list[XwError | None]:
        from xw.mirror.parts import Parts

        parts = Parts(self.mailbox)
        return self.remote().deliver([parcel._replace(part=parts.at) for parcel in parcels])

    def locate(self, to: str, name: str) -> "Located | None":
        """Ask the hub."""
        return self.asked(lambda hub: hub.locate(to, name))

    def held(self, to: str, names: "Sequence[str]") -> "Held":
        """Ask the hub."""
        return self.asked(lambda hub: hub.held(to, names))

    def withdraw(self, to: str, name: str) -> "Withdrawn | None":
        """Let the hub decide."""
        return self.asked(lambda hub: hub.withdraw(to, name))

    def why(self, owner: str, name: str) -> "Mapping[str, str]":
        """Ask the hub."""
        return self.asked(lambda hub: hub.why(owner, name))

    def now(self) -> float:
        """Ask the hub."""
        return self.asked(lambda hub: hub.now())

    def limits(self) -> "Limits":
        return self.hub.limits()

    def rooms(self) -> "Rooms":
        """Return the hub's rooms, whose calls have no limit."""
        return self.remote().rooms()

    # The mailbox

    def claim(self, name: str) -> bool:
        """Let the hub decide, then move the copy."""
        owner, token = self.mailbox.owner, self.notes.token()
        if self.asked(lambda hub: hub.claim(owner, name, token)) == "lost":
            return False
        return self.mailbox.start(name) or self.mailbox.state_of(name) == "processing"  # a sync may be faster

    def alone(self) -> "AbstractContextManager[object]":
        """Hold the lock of syncs, who deliver without the senders' lock."""
        return self.mailbox.files.locked(self.mailbox.at(layout.SYNC_LOCK))

    def release(self, name: str) -> bool:
        """Let the hub give the claim to any machine."""
        owner, token = self.mailbox.owner, self.notes.token()
        return self.asked(lambda hub: hub.release(owner, name, token))

    def holds(self, name: str) -> bool:
        """Claim again."""
        return self.claim(name)

    def known(self, name: str) -> "Peer | None":
        """Return the peer as the last sync saw it, with its present age."""
        sightings, skew = self.notes.remembered()
        seen = sightings.get(name)
        return seen.peer(time.time() + skew) if seen else None

    def sighting(self, name: str) -> "Sighting":
        """Return the last sync's sighting."""
        from xw.hub.sighting import Sighting

        return self.notes.sightings().get(name, Sighting(name))

    def watched(self) -> bool:
        """Test whether a watcher holds its lock."""
        return self.notes.watched(self.mailbox.owner)

    def rest(self) -> None:
        """Close a connection, which wakes this process ten times a second, if a watcher has another."""
        if self.watched():
            self.close()

    def close(self) -> None:
        if self._hub:
            self._hub.close()
