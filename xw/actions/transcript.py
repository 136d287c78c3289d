"""What was said, and where it is: log, trace."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from xw import clock, layout
from xw.actions.inbox import open_named
from xw.errors import Damaged, NotFound, Unreachable, XwError, explain
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import Place
from xw.message import Message
from xw.text import nearest
from xw.watch import Arrivals

Tell = Callable[[str, XwError], None]  # is given a file's name and why it cannot be shown

_FOLDERS = (INBOX["pending"], INBOX["processing"], INBOX["done"], layout.SENT)


class Line(NamedTuple):
    """A message of the transcript, and where it lies."""

    message: Message
    place: Place


class Selection(NamedTuple):
    """Which messages a transcript is to show; None and empty select all.

    `thread` is any message of the thread, as an id; `since` microseconds since the epoch.
    """

    thread: str | None = None
    peer: str | None = None
    grep: str | None = None
    since: int | None = None


class Traced(NamedTuple):
    """Where one recipient's copy of a message is.

    `where` is outbox, returned, pending, processing, done, failed, unreached (on
    a hub that cannot be reached now) or unknown (handled, and removed since);
    `since` in microseconds, None where unknown;
    `reply` the id of the recipient's first answer.
    """

    to: str
    where: str
    since: int | None
    reply: str | None


def log(instance: Instance, selection: Selection, left_out: Tell) -> Iterator[Line]:
    """The transcript of inbox, done and sent, oldest first; `left_out` hears of what cannot be read.

    NotFound for a thread, or a peer, that nothing here is of.
    """
    yield from _lines(instance, _all_places(instance), _resolved(instance, selection), left_out)


def follow(instance: Instance, selection: Selection, left_out: Tell) -> Iterator[Line]:
    """The transcript as `log` gives it, then each message as it arrives or is sent. Endless."""
    resolved = _resolved(instance, selection)
    folders = [f"{instance.root}/{instance.mailbox.at(folder)}" for folder in _FOLDERS]
    seen: set[str] = set()
    with Arrivals(folders) as woken:
        while True:
            places = _all_places(instance)
            fresh = [place for place in places if place.name not in seen]
            yield from _lines(instance, fresh, resolved, left_out)
            seen.update(place.name for place in places)
            woken.wait()


def trace(instance: Instance, token: str) -> tuple[Message, list[Traced]]:
    """A sent message, and where each recipient's copy of it is."""
    mailbox = instance.mailbox
    outbox = [f"{layout.OUTBOX}/{peer}" for peer in mailbox.waiting_for()]
    place, message = open_named(mailbox, token, [layout.SENT, *outbox])
    returned = mailbox.refused(place.name)
    replies = _replies(instance, message)
    return message, [_trace_one(instance, message, to, to in returned, replies.get(to)) for to in message.to]


def _trace_one(instance: Instance, message: Message, to: str, returned: bool, reply: str | None) -> Traced:
    if returned:
        return Traced(to, "returned", None, reply)
    waits = message.file_name in instance.mailbox.outbox(to)
    try:
        located = instance.hub.locate(to, message.file_name)
    except Unreachable:
        return Traced(to, "outbox" if waits else "unreached", None, reply)
    except OSError:
        if not waits:
            raise
        located = None  # what keeps the recipient's mailbox from being read has kept the message here
    if located:
        return Traced(to, located.state, int(located.since * clock.SECOND), reply)
    return Traced(to, "outbox" if waits else "unknown", message.sent if waits else None, reply)


def _replies(instance: Instance, message: Message) -> dict[str, str]:
    """The id of the first answer from each recipient."""
    found: dict[str, str] = {}
    for place in _all_places(instance):
        name = layout.file_name(place.name)
        if name is None or place.folder == layout.SENT or place.name < message.id or name.sender in found:
            continue
        if name.type == "reply" and name.sender in message.to:
            for line in _lines(instance, [place], Selection(), _silent):
                if line.message.re == message.id:
                    found[name.sender] = name.id
    return found


def _all_places(instance: Instance) -> list[Place]:
    places: dict[str, Place] = {}
    for folder in _FOLDERS:
        for name in instance.mailbox.names(folder):
            places.setdefault(name, Place(folder, name))  # to oneself: the inbox's copy stands for both
    return [places[name] for name in sorted(places)]


def _resolved(instance: Instance, selection: Selection) -> Selection:
    _check_peer(instance, selection.peer)
    if selection.thread is None:
        return selection
    _, message = open_named(instance.mailbox, selection.thread)
    return selection._replace(thread=message.thread or message.id)


def _check_peer(instance: Instance, peer: str | None) -> None:
    """NotFound for a name that is neither on the hub nor in any message."""
    known = instance.hub.instances()
    if peer is None or peer in known:
        return
    if not any(_lines(instance, _all_places(instance), Selection(peer=peer), _silent)):
        where = f"no peer {peer!r} on {instance.hub.url}, and no message from or to one"
        raise NotFound(f"{where}{nearest(peer, known)}; `xw peers` lists them")


def _lines(instance: Instance, places: list[Place], selection: Selection, left_out: Tell) -> Iterator[Line]:
    earliest = clock.stamp(selection.since) if selection.since is not None else ""
    for place in places:
        if place.name < earliest:
            continue
        try:
            line = _read(instance, place)
        except OSError as error:  # one file's rights, or the disk below it, hide no other message
            left_out(place.name, explain(error))
        except Damaged as error:
            left_out(place.name, error)
        else:
            if line and _selected(line.message, selection):
                yield line


def _silent(name: str, error: XwError) -> None:
    """What cannot be read is told elsewhere."""


def _read(instance: Instance, place: Place) -> Line | None:
    """The message at a place, or where it has moved on to since it was listed; None if it is gone."""
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
