"""`check`: choose and order the pending messages to show, and settle those that need nobody.

Above the limit, priority decides: urgent mail, then tasks, questions, replies, infos; within a type the
higher `priority`, then the older; expired mail last. The chosen messages are shown in the order sent.
"""

from collections.abc import Collection, Iterable, Iterator

from xw import layout
from xw.errors import NoMessage, NotFound, Unreadable, Usage
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import Mailbox, Place
from xw.message import USUAL, Message
from xw.named_tuple import NamedTuple
from xw.reports import Reports

TYPE_CHECKING = False  # type checkers read it as true: the imports are for them only
if TYPE_CHECKING:
    from xw.shapes import mail

    _Files = tuple[tuple[str, str], ...]

SHOWN = 20
MOST = 1000
"""The highest limit: shown messages are held in memory, up to 1 MiB each."""
ALL = 10**9
LIGHT = 256 * 1024
"""Characters: the bodies that `check --json` prints unless a limit was asked for."""
_GLANCED = 200
"""At most this many files are parsed to find the threads of shown messages."""
_SEARCHED = 5000
"""This many of the newest tasks and questions, and of the newest mail, are searched for urgent mail."""
_SEARCHED_SIZE = 64 * 1024 * 1024
_RANK = {"task": 0, "question": 1, "reply": 2, "info": 3}


class Wanted(NamedTuple):
    """The messages that `check` shows: at most `limit`, of a type, from a sender, or the newest.

    With `only`, no others than those with these file names.
    """

    limit: int = SHOWN
    type: str | None = None
    sender: str | None = None
    newest: bool = False
    only: frozenset[str] | None = None

    def fits(self, name: str) -> bool:
        """Return True if the message with this file name is wanted."""
        _, kind, sender, _ = name.split(".")
        fits = self.type in (None, kind) and self.sender in (None, sender)
        return fits and (self.only is None or name in self.only)


class Inbox:
    """The messages to show, in the order sent (iterate it), and the `total` number that match. Frozen.

    Files in `set_aside` could not be read and went to `failed/`, each as (name, reason). Those in `newer`
    stay in `pending/` until a newer xw or new permissions allow reading them. `claimed` has the ids of
    messages that were claimed and are not finished.
    """

    # Written out: a NamedTuple would be iterated by its fields, and costs each `check` more to make.
    __slots__ = ("claimed", "messages", "newer", "set_aside", "total")
    messages: tuple[Message, ...]
    total: int
    set_aside: "_Files"
    newer: "_Files"
    claimed: tuple[str, ...]

    def __init__(
        self,
        messages: Iterable[Message],
        total: int,
        set_aside: "Iterable[tuple[str, str]]" = (),
        newer: "Iterable[tuple[str, str]]" = (),
        claimed: Iterable[str] = (),
    ) -> None:
        for name, value in (
            ("messages", tuple(messages)),
            ("total", total),
            ("set_aside", tuple(set_aside)),
            ("newer", tuple(newer)),
            ("claimed", tuple(claimed)),
        ):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an Inbox is frozen: {name} cannot be set")

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)

    def __getitem__(self, index: int) -> Message:
        return self.messages[index]

    def __reduce__(self) -> tuple[type["Inbox"], tuple[object, ...]]:
        # Copying and pickling would set the fields one by one.
        return Inbox, (self.messages, self.total, self.set_aside, self.newer, self.claimed)

    def __repr__(self) -> str:
        return f"Inbox({len(self.messages)} of {self.total} messages)"

    def light(self, characters: int = LIGHT) -> "Inbox":
        """Return the inbox without its longest messages: the bodies of the others fit, or it has one.

        The `total` counts those left out too.
        """
        kept: list[Message] = []
        for message in sorted(self.messages, key=lambda one: len(one.body)):
            characters -= len(message.body)
            if characters < 0 and kept:
                break
            kept.append(message)
        kept.sort(key=lambda one: one.file_name)
        return Inbox(kept, self.total, self.set_aside, self.newer, self.claimed)

    def to_json(self) -> "mail.Pending":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "messages": [message.to_json() for message in self.messages],
            "total": self.total,
            "set_aside": [{"name": name, "reason": reason} for name, reason in self.set_aside],
            "newer": [{"name": name, "reason": reason} for name, reason in self.newer],
            "claimed": list(self.claimed),
        }


def most(everything: bool, limit: int | None) -> int:
    """Return the number of messages to show. Raise Usage if the limit is out of range, or both are given."""
    if limit is not None and (everything or not 0 < limit <= MOST):
        with_all = " and all messages" if everything else ""
        raise Usage(f"invalid limit {limit}{with_all}: give a number from 1 to {MOST:,}, or all")
    return ALL if everything else limit or SHOWN


def check(instance: Instance, wanted: Wanted = Wanted()) -> Inbox:  # noqa: B008  # frozen
    """Return the pending messages to show, in the order sent.

    However much is pending, this parses at most `limit` plus about 200 files plus 5,000 expired ones, and
    searches the bytes of 10,000.
    """
    mailbox, now = instance.mailbox, instance.now()
    strays: list[tuple[str, NoMessage]] = []
    names = mailbox.pending(strays)
    if wanted.type or wanted.sender or wanted.only is not None:
        names = [name for name in names if wanted.fits(name)]
    if wanted.sender and not names:
        check_sender(instance, wanted.sender)
    found: dict[str, Message] = {}
    late: list[Message] = []  # expired; they must not displace mail that can still be acted on
    reports = Reports()
    set_aside = [(name, str(error)) for name, error in strays if not isinstance(error, Unreadable)]
    newer = [(name, str(error)) for name, error in strays if isinstance(error, Unreadable)]
    gone = passed_over = 0
    for item in mailbox.read_each(INBOX["pending"], _ranked(mailbox, names, wanted, found)):
        if not isinstance(item, Message):
            name, error = item
            (newer if isinstance(error, Unreadable) else set_aside).append((name, str(error)))
            continue
        if mailbox.expire(item, now):
            gone += 1
            continue
        if item.expired(now) and not wanted.newest and passed_over < _SEARCHED:
            passed_over += 1
            if len(late) < wanted.limit:
                late.append(item)
            continue
        found[item.file_name] = item
        old = reports.superseded(mailbox.judged(item)) if item.report else None
        if old and mailbox.supersede(old):
            gone += 1
            found.pop(old.file_name, None)
        if len(found) == wanted.limit:
            break
    found |= {item.file_name: item for item in late[: max(0, wanted.limit - len(found))]}
    messages = [mailbox.judged(found[name]) for name in sorted(found)]
    claimed = [name.partition(".")[0] for name in mailbox.claimed()]
    return Inbox(messages, len(names) + len(strays) - len(set_aside) - gone, set_aside, newer, claimed)


def check_sender(instance: Instance, sender: str) -> None:
    """Raise NotFound if nobody has this name: no mail from a misspelt sender says nothing about the mail."""
    known = [*instance.hub.instances(), layout.POSTMASTER]
    if sender not in known:
        from xw.text import nearest

        listed = nearest(sender, known)
        raise NotFound(
            f"no mail from {sender!r}, and no such instance{listed}; `xw peers` lists them", "peers"
        )


def _ranked(mailbox: Mailbox, names: list[str], wanted: Wanted, found: Collection[str]) -> Iterable[str]:
    """Return the names, the first to show first; for `found` see `_with_threads`."""
    if wanted.newest:
        return reversed(names)
    if len(names) <= wanted.limit:
        return names
    glance = _Glance(mailbox)
    return _with_threads(glance, _by_priority(glance, names), names, wanted.limit, found)


def _by_priority(glance: "_Glance", names: list[str]) -> Iterator[str]:
    """Yield the names: urgent ones first, then by type, priority and age."""
    by_type: dict[str, list[str]] = {kind: [] for kind in layout.TYPES}
    for name in names:
        by_type[layout.type_in(name)].append(name)
    # Older urgent mail has been shown before, so the newest is enough. Tasks and questions come first.
    asking = sorted(by_type["task"] + by_type["question"])
    searched = dict.fromkeys([*asking[: -_SEARCHED - 1 : -1], *names[: -_SEARCHED - 1 : -1]])
    special = {
        message.file_name: message
        for message in glance.marked(list(searched))
        if message.urgent or message.priority != USUAL
    }
    ranked = sorted(special.values(), key=lambda one: (_RANK[one.type], -one.priority, one.id))
    yield from (one.file_name for one in ranked if one.urgent)
    for kind in sorted(_RANK, key=_RANK.__getitem__):
        others = [one for one in ranked if one.type == kind and not one.urgent]
        yield from (one.file_name for one in others if one.priority > USUAL)
        yield from (name for name in by_type[kind] if name not in special)
        yield from (one.file_name for one in others if one.priority < USUAL)


def _with_threads(
    glance: "_Glance", ranked: Iterable[str], names: list[str], limit: int, found: Collection[str]
) -> Iterator[str]:
    """Yield the ranked names, each followed by its sender's older mail of the thread while there is room.

    `found` holds the yielded names that will be shown; expired mail, for one, takes no room.
    """
    given: set[str] = set()
    for name in ranked:
        if name in given:
            continue
        given.add(name)
        yield name
        room = limit - len(found)
        if name in found and room > 0:
            for one in glance.older(name, names, given)[-room:]:
                given.add(one)
                yield one


class _Glance:
    """Reads pending files for what their names do not show; parses at most `_GLANCED` of them."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._read: dict[str, Message | None] = {}

    def at(self, name: str) -> Message | None:
        """Return the message, or None if it cannot be read or `_GLANCED` files have been."""
        if name not in self._read and len(self._read) < _GLANCED:
            self._read[name] = self._mailbox.glance(Place(INBOX["pending"], name))
        return self._read.get(name)

    def marked(self, names: list[str]) -> Iterator[Message]:
        """Yield the messages that set their priority or urgency, within the first `_SEARCHED_SIZE` bytes."""
        left = _SEARCHED_SIZE
        for _, size, message in self._mailbox.marked(names):
            left -= size
            if left < 0:
                break
            if message:
                yield message

    def older(self, name: str, names: list[str], given: set[str]) -> list[str]:
        """Return the names of the sender's older pending mail in the thread, without those in `given`."""
        message = self.at(name)
        if message is None or message.thread is None:
            return []
        same = f".{message.sender}.json"
        found = []
        for other in names:
            if other >= name or len(self._read) >= _GLANCED:
                break
            if other.endswith(same) and other not in given:
                before = self.at(other)
                if before and message.thread in (before.thread, before.id):
                    found.append(other)
        return found
