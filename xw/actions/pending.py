"""`check`: which pending messages are shown, in which order, and what settles itself on the way.

Priority decides which are shown where there are more than the limit: urgent ones, then tasks, questions,
replies, infos; within each the higher `priority` first, then the older; last what has expired. They are
shown in the order sent.
"""

from collections.abc import Collection, Iterable, Iterator

from xw import layout
from xw.errors import NoMessage, Unreadable, Usage
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import Mailbox, Place
from xw.message import Message
from xw.record import NamedTuple
from xw.reports import Reports

TYPE_CHECKING = False  # read as true by type checkers; what is below serves them alone
if TYPE_CHECKING:
    from xw.shapes import mail

SHOWN = 20
MOST = 1000
"""The highest limit: what is shown is held in memory, up to 1 MiB a message."""
ALL = 10**9
_GLANCED = 200
"""Files that are parsed to find the threads of what is shown, however much is pending."""
_SEARCHED = 5000
"""Of the newest tasks and questions, and of the newest mail of any type, that is searched for urgent mail."""
_SEARCHED_SIZE = 64 * 1024 * 1024
_MARKS = (b'"urgent"', b'"priority"')  # as a field's name; in a body the quotes have a backslash before them
_USUAL = 5  # the priority of a message that gives none
_RANK = {"task": 0, "question": 1, "reply": 2, "info": 3}


class Wanted(NamedTuple):
    """Which pending messages `check` shows: at most `limit`, of one type, of one sender, the newest."""

    limit: int = SHOWN
    type: str | None = None
    sender: str | None = None
    newest: bool = False

    def fits(self, name: str) -> bool:
        """Return whether the message with this file name is one of those."""
        _, kind, sender, _ = name.split(".")
        return self.type in (None, kind) and self.sender in (None, sender)


class Pending(NamedTuple):
    """The pending messages that are shown, how many fit in all, and what could not be read (name, reason).

    `set_aside` went to `failed/`; `newer` stays in `pending/`, until xw or its permissions allow reading it.
    """

    messages: list[Message]
    total: int
    set_aside: list[tuple[str, str]]
    newer: list[tuple[str, str]]

    def to_json(self) -> "mail.Pending":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "messages": [message.to_json() for message in self.messages],
            "total": self.total,
            "set_aside": [{"name": name, "reason": reason} for name, reason in self.set_aside],
            "newer": [{"name": name, "reason": reason} for name, reason in self.newer],
        }


def most(everything: bool, limit: int | None) -> int:
    """Return how many messages are shown, as `--all` and `--limit` say. Usage."""
    if limit is not None and (everything or not 0 < limit <= MOST):
        raise Usage(f"--limit {limit}: give a number from 1 to {MOST:,}, without --all")
    return ALL if everything else limit or SHOWN


def check(instance: Instance, wanted: Wanted = Wanted()) -> Pending:  # noqa: B008  # frozen
    """Return the pending messages to show, in the order sent.

    Parses at most `limit` and some 200 files, and 5,000 expired ones, and searches the bytes of 10,000,
    however much is pending.
    """
    mailbox, now = instance.mailbox, instance.now()
    strays: list[tuple[str, NoMessage]] = []
    names = mailbox.pending(strays)
    if wanted.type or wanted.sender:
        names = [name for name in names if wanted.fits(name)]
    found: dict[str, Message] = {}
    late: list[Message] = []  # they take no place of what can still be acted on
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
        old = reports.superseded(item)
        if old and mailbox.supersede(old):
            gone += 1
            found.pop(old.file_name, None)
        if len(found) == wanted.limit:
            break
    found |= {item.file_name: item for item in late[: max(0, wanted.limit - len(found))]}
    messages = [found[name] for name in sorted(found)]
    return Pending(messages, len(names) + len(strays) - len(set_aside) - gone, set_aside, newer)


def _ranked(mailbox: Mailbox, names: list[str], wanted: Wanted, found: Collection[str]) -> Iterable[str]:
    """Return the names, those first that are to be shown; `found` as `_with_threads`."""
    if wanted.newest:
        return reversed(names)
    if len(names) <= wanted.limit:
        return names
    glance = _Glance(mailbox)
    return _with_threads(glance, _by_priority(glance, names), names, wanted.limit, found)


def _by_priority(glance: "_Glance", names: list[str]) -> Iterator[str]:
    """Yield the names: urgent ones, then by type, by priority and by age."""
    by_type: dict[str, list[str]] = {kind: [] for kind in layout.TYPES}
    for name in names:
        by_type[_type(name)].append(name)
    # Urgent mail has come of late, or has been shown before. What asks for something is searched first.
    asking = sorted(by_type["task"] + by_type["question"])
    searched = dict.fromkeys([*asking[: -_SEARCHED - 1 : -1], *names[: -_SEARCHED - 1 : -1]])
    special = {
        message.file_name: message
        for message in glance.marked(list(searched))
        if message.urgent or message.priority != _USUAL
    }
    ranked = sorted(special.values(), key=lambda one: (_RANK[one.type], -one.priority, one.id))
    yield from (one.file_name for one in ranked if one.urgent)
    for kind in sorted(_RANK, key=_RANK.__getitem__):
        others = [one for one in ranked if one.type == kind and not one.urgent]
        yield from (one.file_name for one in others if one.priority > _USUAL)
        yield from (name for name in by_type[kind] if name not in special)
        yield from (one.file_name for one in others if one.priority < _USUAL)


def _with_threads(
    glance: "_Glance", ranked: Iterable[str], names: list[str], limit: int, found: Collection[str]
) -> Iterator[str]:
    """Yield the ranked names, each before the same sender's older mail of its thread where that fits in.

    `found` are those of the yielded names that will be shown: what has expired, say, takes no room.
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
    """Reads pending files for what their names do not tell; parses at most `_GLANCED` for their threads."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._read: dict[str, Message | None] = {}

    def at(self, name: str) -> Message | None:
        """Return the message, or None where it cannot be read, or enough have been."""
        if name not in self._read and len(self._read) < _GLANCED:
            self._read[name] = self._mailbox.glance(Place(INBOX["pending"], name))
        return self._read.get(name)

    def marked(self, names: list[str]) -> Iterator[Message]:
        """Yield those of the messages that say how urgent they are, as far as `_SEARCHED_SIZE` goes."""
        folder, left = INBOX["pending"], _SEARCHED_SIZE
        paths = [self._mailbox.at(folder, name) for name in names]
        # Searching a file's bytes takes a third of the time of parsing it.
        for name, data in zip(names, self._mailbox.files.read_all(paths, layout.MESSAGE_LIMIT), strict=True):
            if not isinstance(data, bytes):
                continue
            left -= len(data)
            if left < 0:
                break
            if any(mark in data for mark in _MARKS):
                message = self._mailbox.glance(Place(folder, name))
                if message:
                    yield message

    def older(self, name: str, names: list[str], given: set[str]) -> list[str]:
        """Return the same sender's older pending mail of a message's thread, oldest first, if not given."""
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


def _type(name: str) -> str:
    """Return the type in a message's file name; a pattern would take its time for each of 100,000."""
    return name.split(".", 2)[1]
