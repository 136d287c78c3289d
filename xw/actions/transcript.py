"""`log` and `trace`: the transcript, and the places of a message's copies."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, NamedTuple, cast

from xw import clock, layout
from xw.actions.lookup import not_sent, open_named
from xw.errors import NoMessage, NotFound, Unreachable, Unreadable, XwError, explain, unforeseen
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import ARRIVED, RECEIVED, Place
from xw.message import Message
from xw.sender_status import SenderStatus
from xw.text import nearest
from xw.withdrawals import withdrawn
from xw.words import Where

if TYPE_CHECKING:
    from xw.shapes import mail

LeftOut = Callable[[str, XwError], None]  # gets a file's name and why it cannot be shown
Asleep = Callable[[], AbstractContextManager[None]]
"""A context entered while a thread sleeps, so that others may act for the same instance."""

_DAY = 86400
_TICK = clock.SECOND // 100  # the longest tick of the kernel's clock for files
_SAME = clock.SECOND // 20  # a file made this close to the time in its name was sent from here
_FOLDERS = (*ARRIVED, layout.SENT)


class Line(NamedTuple):
    """A message of the transcript, and its place."""

    message: Message
    place: Place

    def to_json(self) -> "mail.Placed":
        """Return the object that `--json` prints."""
        return cast("mail.Placed", {**self.message.to_json(), "state": self.place.state})


class Selection(NamedTuple):
    """The messages that a transcript shows; None and empty select all.

    `thread` is the id of any message of the thread. `since` is in microseconds since the epoch, compared with
    the time at which a message arrived on this machine or was sent from it.
    """

    thread: str | None = None
    peer: str | None = None
    grep: str | None = None
    since: int | None = None


class Traced(NamedTuple):
    """The state of one recipient's copy of a message.

    It is `unreached` on a hub that cannot be reached now, `absent` if the hub lacks it, and `unknown` if it
    is so old that it may have been handled and removed. `since` is in microseconds, None if unknown. `reply`
    is the id of the recipient's first answer, and `reply_status` what is known of its sender; a FORGED one
    counts only if there is no other. `reason` is why the recipient has it in `failed/`; `on_hold` is
    True if it waits for a recipient who is known to be on hold.
    """

    to: str
    where: Where
    since: int | None
    reply: str | None
    reason: str | None = None
    on_hold: bool = False
    reply_status: SenderStatus | None = None

    def to_json(self) -> "mail.Traced":
        """Return the object that `--json` prints."""
        since = None if self.since is None else clock.rfc3339(self.since)
        told = {**self._asdict(), "since": since}
        status = told.pop("reply_status")
        told |= {"reply_status": status and status.word, "reply_note": status.note if status else ""}
        return cast("mail.Traced", told)


def log(instance: Instance, selection: Selection, left_out: LeftOut) -> Generator[Line, None, None]:
    """Yield the transcript of received and sent mail, oldest first; `left_out` gets each unreadable message.

    Raise NotFound if no message belongs to the thread, or the peer is unknown.
    """
    yield from _lines(instance, _all_places(instance), _resolved(instance, selection), left_out)


def follow(
    instance: Instance, selection: Selection, left_out: LeftOut, asleep: Asleep = nullcontext
) -> Generator[Line, None, None]:
    """Yield the transcript as `log` does, then each message that arrives or is sent. Endless."""
    resolved = _resolved(instance, selection)
    folders = [f"{instance.root}/{instance.mailbox.at(folder)}" for folder in _FOLDERS]
    seen: set[str] = set()
    from xw.watch import Arrivals  # imports watchdog, which nothing else here needs

    with Arrivals(folders) as woken:
        while True:
            places = _all_places(instance)
            fresh = [place for place in places if place.name not in seen]
            yield from _lines(instance, fresh, resolved, left_out)
            seen.update(place.name for place in places)
            with asleep():
                woken.wait()


def trace(instance: Instance, token: str) -> tuple[Message, list[Traced]]:
    """Return a sent message, and the state of each recipient's copy."""
    mailbox = instance.mailbox
    place, message = open_named(mailbox, token, None, *RECEIVED)  # None is the group of sent mail
    if place.folder in INBOX.values():
        raise not_sent(place, "`xw trace` follows messages that you sent")
    marks: dict[str, Where] = dict.fromkeys(mailbox.refused(place.name), "returned")
    marks |= dict.fromkeys(withdrawn(mailbox, place.name), "withdrawn")
    replies = _replies(instance, message)
    return message, [_trace_one(instance, message, to, marks.get(to), replies.get(to)) for to in message.to]


def _trace_one(
    instance: Instance, message: Message, to: str, mark: Where | None, answer: Message | None
) -> Traced:
    """Trace one recipient's copy; `mark` is what this machine knows of it if it is neither here nor there."""
    if message.file_name in instance.mailbox.outbox(to):
        mark = "outbox"
    reply, status = (answer.id, answer.status) if answer else (None, None)
    try:
        located = instance.hub.locate(to, message.file_name)
    except Unreachable:
        return Traced(to, mark or "unreached", None, reply, reply_status=status)
    except OSError:
        if not mark:
            raise
        located = None  # the mailbox that cannot be read could not be written either
    if located:
        where = "withdrawn" if (located.state, mark) == ("failed", "withdrawn") else located.state
        reason = _why(instance, to, message) if where == "failed" else None
        held = where == "pending" and _on_hold(instance, to)
        return Traced(to, where, int(located.since * clock.SECOND), reply, reason, held, status)
    since = message.sent if mark == "outbox" else None
    missing = mark or ("unknown" if reply else _gone(instance, message, to))
    return Traced(to, missing, since, reply, reply_status=status)


def _on_hold(instance: Instance, name: str) -> bool:
    with suppress(XwError, OSError):  # who it is matters less than where the message is
        return instance.hub.peer(name).on_hold
    return False


def _gone(instance: Instance, message: Message, to: str) -> Where:
    """Return what became of a message that the hub lacks, as far as this can be known."""
    try:
        since = instance.hub.held(to, [message.file_name]).kept_since
        removed = may_be_removed(instance, message.sent, since, Clocks.of(instance))
        return "unknown" if removed else "absent"
    except NotFound:
        return "no-mailbox"
    except (XwError, OSError):
        return "unknown"


class Clocks(NamedTuple):
    """The time of the hub's clock and this machine's at one moment, in seconds since the epoch."""

    hub: float
    ours: float

    @classmethod
    def of(cls, instance: Instance) -> "Clocks":
        """Read both at once. The hub's first: what the call takes makes a message older, which is safe."""
        return cls(instance.hub.now(), instance.now() / clock.SECOND)


def may_be_removed(instance: Instance, sent: int, kept_since: float, clocks: Clocks) -> bool:
    """Return True if a recipient may have handled a message, and a gc removed it.

    `sent` is in microseconds of this machine's clock, `kept_since` as in `Held`. Peers that share this
    instance's xw.json have its retention.
    """
    at = sent / clock.SECOND + clocks.hub - clocks.ours
    return at < max(kept_since, clocks.hub - instance.config.retention_days * _DAY)


def _why(instance: Instance, to: str, message: Message) -> str | None:
    """Return the reason beside a recipient's failed copy; None if it cannot be read now."""
    with suppress(XwError, OSError):
        return instance.hub.why(to, message.file_name).get("reason")
    return None


def _replies(instance: Instance, message: Message) -> dict[str, Message]:
    """Return each recipient's first answer; `re` decides, because the clocks of senders differ.

    One that is FORGED is returned if there is no other.

    Of 100,000 replies, this reads those that reached this machine after the message left it.
    """
    found: dict[str, Message] = {}
    for place in _later_replies(instance, message):
        name = layout.file_name(place.name)
        known = found.get(name.sender) if name else None
        if name and (known is None or known.is_forged):
            for line in _lines(instance, [place], Selection(), _silent):
                if line.message.re == message.id and not (known and line.message.is_forged):
                    found[name.sender] = line.message
    return found


def _later_replies(instance: Instance, message: Message) -> list[Place]:
    """Return the recipients' replies that came after the message was sent, oldest first.

    Only times of one clock are compared: that of the files on this machine.
    """
    mailbox = instance.mailbox
    endings = tuple(f".reply.{name}.json" for name in message.to)
    places: dict[str, Place] = {}
    for folder in ARRIVED:
        for name in mailbox.files.list_folder(mailbox.at(folder)):
            if name.endswith(endings) and layout.is_message(name):
                places.setdefault(name, Place(folder, name))
    listed = [places[name] for name in sorted(places)]
    left = _left(instance, message)
    if left is None:
        return listed
    stats = mailbox.files.stat_all([mailbox.at(*place) for place in listed])
    # One that has moved since it was listed has an error here, and stays.
    return [
        place
        for place, stat in zip(listed, stats, strict=True)
        if isinstance(stat, OSError) or stat.mtime >= left
    ]


def _left(instance: Instance, message: Message) -> float | None:
    """Return a time before which no answer can have come, by the clock of the files; None if unknown."""
    from xw.files.birth import birth  # imported here because it loads ctypes

    for folder in (layout.SENT, *(f"{layout.OUTBOX}/{to}" for to in message.to)):
        path = f"{instance.root}/{instance.mailbox.at(folder, message.file_name)}"
        try:
            made, changed = birth(path), os.lstat(path).st_mtime
        except OSError:
            continue
        tick = _TICK / clock.SECOND
        if made is None or made > changed + tick or made > instance.mailbox.files.now() + tick:
            return None  # a copy of the file, or a clock that was put back
        return min(made, message.sent / clock.SECOND) - tick
    return None


def _all_places(instance: Instance) -> list[Place]:
    places: dict[str, Place] = {}
    for folder in _FOLDERS:
        for name in instance.mailbox.names(folder):
            places.setdefault(name, Place(folder, name))  # sent to oneself: the inbox's copy stands for both
    return [places[name] for name in sorted(places)]


def _resolved(instance: Instance, selection: Selection) -> Selection:
    _check_peer(instance, selection.peer)
    if selection.thread is None:
        return selection
    _, message = open_named(instance.mailbox, selection.thread)
    return selection._replace(thread=message.thread or message.id)


def _check_peer(instance: Instance, peer: str | None) -> None:
    """Raise NotFound if a name is neither on the hub nor in any message."""
    if peer is None:
        return
    known = instance.hub.instances()
    if peer in known:
        return
    if not any(_lines(instance, _all_places(instance), Selection(peer=peer), _silent)):
        where = f"no peer {peer!r} on {instance.hub.url}, and no message from or to one"
        raise NotFound(f"{where}{nearest(peer, known)}; `xw peers` lists them", "peers")


def _lines(
    instance: Instance, places: list[Place], selection: Selection, left_out: LeftOut
) -> Iterator[Line]:
    for place in places:
        if selection.since is not None and _arrived(instance, place) < selection.since:
            continue
        try:
            line = _read(instance, place)
        except OSError as error:  # an unreadable file must not hide other messages
            left_out(place.name, explain(error))
        except NoMessage as error:
            left_out(place.name, error)
        except Exception as bug:  # noqa: BLE001  # one message must not hide the others
            left_out(place.name, Unreadable(unforeseen(bug)))
        else:
            if line and _selected(line.message, selection):
                yield line._replace(message=instance.mailbox.judged(line.message, line.place.folder))


def _arrived(instance: Instance, place: Place) -> int:
    """Return when a message reached this machine, in microseconds of its clock; 0 if it is gone.

    A file's mtime is when it got into its present folder, and so an upper limit; its birth time is exact. A
    message sent from here has its time in its name, more precise than the file's.
    """
    from xw.files.birth import birth  # imported here because it loads ctypes

    for folder in dict.fromkeys((place.folder, *_FOLDERS)):
        path = f"{instance.root}/{instance.mailbox.at(folder, place.name)}"
        try:
            arrived = os.lstat(path).st_mtime
            made = birth(path)
        except OSError:
            continue  # moved since it was listed
        arrived = arrived if made is None else min(made, arrived)
        sent = clock.from_stamp(layout.time_of(place.name))
        # The kernel uses the time of its last tick for files.
        latest = round(arrived * clock.SECOND) + _TICK
        return sent if abs(sent - latest) < _SAME else latest
    return 0


def _silent(name: str, error: XwError) -> None:
    """Ignore a message that cannot be read: another command reports it."""


def _read(instance: Instance, place: Place) -> Line | None:
    """Return the message at a place, or where it has moved since it was listed; None if it is gone."""
    for folder in dict.fromkeys((place.folder, *_FOLDERS)):
        found = place._replace(folder=folder)
        try:
            return Line(instance.mailbox.read(found), found)
        except FileNotFoundError:
            continue
    return None


def _selected(message: Message, selection: Selection) -> bool:
    if selection.thread and selection.thread not in (message.thread, message.id):
        return False
    if selection.peer and selection.peer != message.sender and selection.peer not in message.to:
        return False
    return not selection.grep or selection.grep.lower() in message.body.lower()
