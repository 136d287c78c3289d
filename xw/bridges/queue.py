"""The kept listing of `pending/`, from which a bridge takes its next message.

A folder of 20,000 messages costs a tenth of a second to list, so the queue lists it again only when
something may have arrived, and takes every turn in between from memory. A name in it proves nothing: the
message may have been settled since, and whoever reads it finds out.

Urgent messages come first, then those of higher `priority`, then the older. A file's name shows neither, so
the bytes of each message are searched once, a bounded number at each look, the newest first.
"""

import heapq
import time
from collections.abc import Callable, Collection, Iterator

from xw import layout
from xw.mailbox import Mailbox

SEARCHED = 2000
"""At most this many messages are searched for urgency and priority at one look."""
SEARCHED_SIZE = 64 * 1024 * 1024
_USUAL = (True, -5)
_SHARE = 10  # listings of a folder in which something always arrives take a tenth of the time

Rank = tuple[bool, int]
"""Not urgent, and the negative priority: the lowest is presented first."""


class Queue:
    """The pending messages of one mailbox, as listed last. Not thread-safe.

    `arrivals` returns another value once something may have arrived.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        arrivals: Callable[[], object] = object,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mailbox = mailbox
        self._arrivals = arrivals
        self._monotonic = monotonic
        self._seen: object = None
        self._next_look = float("-inf")
        self._ranks: dict[str, Rank] = {}  # by name; those that want a turn
        self._infos: dict[str, list[str]] = {}  # by sender, the oldest last
        self._aged: dict[str, list[str]] = {}  # likewise those that want a turn
        self._ranked: dict[str, list[tuple[Rank, str]]] = {}  # the same, the last to present first
        self._unsearched: list[str] = []
        self._gone: set[str] = set()
        self._left_out: set[str] = set()
        self._admitted: Collection[str] | None = None

    def admit(self, names: Collection[str] | None) -> None:
        """Offer only these messages from now on; None for all."""
        self._admitted = names

    def holds_back(self) -> bool:
        """Return True if a message that wants a turn is not among those admitted."""
        return any(name not in self._gone and not self.admits(name) for name in self._ranks)

    def admits(self, name: str) -> bool:
        """Return True if a message may be offered."""
        return self._admitted is None or name in self._admitted

    def look(self) -> None:
        """List the folder if something may have arrived; search some more messages for their rank."""
        seen, now = self._arrivals(), self._monotonic()
        if seen != self._seen and (now >= self._next_look or self.first() is None):
            self._list()
            self._seen = seen
            self._next_look = now + _SHARE * (self._monotonic() - now)
        self._search()

    def _list(self) -> None:
        names = self._mailbox.pending()
        self._left_out.intersection_update(names)
        before, self._ranks, self._gone = self._ranks, {}, set()
        self._infos, self._aged, self._ranked, fresh = {}, {}, {}, []
        for name in reversed(names):
            if name in self._left_out:
                continue
            sender = layout.sender_of(name)
            if layout.type_in(name) == "info":
                self._infos.setdefault(sender, []).append(name)
                continue
            if name not in before:
                fresh.append(name)
            self._ranks[name] = before.get(name, _USUAL)
            self._aged.setdefault(sender, []).append(name)
        for sender in self._aged:
            self._rank(sender)
        self._unsearched = fresh + [name for name in self._unsearched if name in self._ranks]

    def _search(self) -> None:
        names, left, done = self._unsearched[:SEARCHED], SEARCHED_SIZE, 0
        moved: set[str] = set()
        for name, size, message in self._mailbox.marked(names):
            done += 1
            left -= size
            if message:
                self._ranks[name] = (not message.urgent, -message.priority)
                moved.add(message.sender)
            if left < 0:
                break
        del self._unsearched[:done]
        for sender in moved:
            self._rank(sender)

    def _rank(self, sender: str) -> None:
        ranked = ((self._ranks[name], name) for name in self._aged[sender])
        self._ranked[sender] = sorted(ranked, reverse=True)

    def first(self, without: Collection[str] = ()) -> str | None:
        """Return the name of the message to present first, of all but these senders', or None."""
        heads = (self._next_of(sender) for sender in list(self._ranked) if sender not in without)
        return min(filter(None, heads), default=(_USUAL, None))[1]

    def _next_of(self, sender: str) -> tuple[Rank, str] | None:
        ranked = self._ranked[sender]
        while ranked and ranked[-1][1] in self._gone:
            ranked.pop()
        if self._admitted is None:
            return ranked[-1] if ranked else None
        left = (one for one in reversed(ranked) if one[1] not in self._gone and one[1] in self._admitted)
        return next(left, None)

    def drop(self, name: str) -> None:
        """Take a message out that is not pending any more, or cannot be read now, until the next listing."""
        self._gone.add(name)

    def leave_out(self, name: str) -> None:
        """Take a message out for as long as it is listed: another machine has it, or nobody may show it."""
        self.drop(name)
        self._left_out.add(name)

    def let_in(self, names: Collection[str]) -> None:
        """List messages again that were left out."""
        if names:
            self._left_out.difference_update(names)
            self._seen, self._next_look = None, float("-inf")

    def replies(self, head: str, without: Collection[str] = ()) -> Iterator[str]:
        """Yield the replies that may be shown together with the reply `head`, the oldest first.

        They are younger than it, of its rank, and no older message of their sender waits, `head` and the
        yielded ones apart.
        """
        rank = self._ranks.get(head, _USUAL)
        yield from heapq.merge(
            *(self._replies_of(sender, rank, head) for sender in self._aged if sender not in without)
        )

    def _replies_of(self, sender: str, rank: Rank, head: str) -> Iterator[str]:
        for name in reversed(self._aged[sender]):
            if name == head or name in self._gone:
                continue
            if not self.admits(name):
                return
            if name < head or layout.type_in(name) != "reply" or self._ranks[name] != rank:
                return
            yield name

    def infos(self, head: str, freed: Collection[str] = ()) -> Iterator[str]:
        """Yield the infos to show above the message `head`, the oldest first, those in `freed` too.

        They are older than it, and than every message of their sender that still waits for its turn.
        """
        let_go = sorted(name for name in freed if name < self._before(layout.sender_of(name), head))
        yield from heapq.merge(let_go, *(self._infos_of(sender, head) for sender in list(self._infos)))

    def _infos_of(self, sender: str, head: str) -> Iterator[str]:
        infos = self._infos[sender]
        while infos and infos[-1] in self._gone:
            infos.pop()
        before = self._before(sender, head)
        for name in reversed(infos):
            if name >= before:
                return
            if name not in self._gone and self.admits(name):
                yield name

    def _before(self, sender: str, head: str) -> str:
        """Return the name of the first message that an info of this sender must not overtake."""
        aged = self._aged.get(sender, [])
        while aged and aged[-1] in self._gone:
            aged.pop()
        return min(head, aged[-1]) if aged else head
