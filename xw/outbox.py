"""The outbox: deliver waiting mail in order to each recipient, or return it to its sender.

A sync calls `flush`. `post` puts mail into the outbox, and calls `deliver` if older mail to the same
recipient still waits there.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from xw import clock, failure, layout
from xw.batches import batches
from xw.errors import Damaged, NotFound, Refused, Unreadable, XwError, explain, is_general, unforeseen
from xw.hub.contract import Outgoing, Parcel
from xw.mailbox import Mailbox
from xw.message import Fields, decode, encode

_ROOM = 64 * 1024  # bytes of a message for the sentence and the places around another one's text


class Flushed(NamedTuple):
    """The result of a flush.

    `delivered` and `returned` have (recipient, file name), `waiting` the error for each recipient whose mail
    still waits.
    """

    delivered: tuple[tuple[str, str], ...]
    returned: tuple[tuple[str, str], ...]
    waiting: dict[str, XwError]


def flush(mailbox: Mailbox, hub: Outgoing) -> Flushed:
    """Deliver the outbox, each recipient's oldest message first.

    Mail that the hub refuses permanently comes back as an `info` from postmaster.
    """
    with mailbox.files.locked_briefly(mailbox.at(layout.LOCK)):
        found = _parcels(mailbox)
        if hub.publisher(mailbox.owner):
            return _deliver(mailbox, hub, *found)
    # Without the lock: a remote hub is slow, and other senders must not wait for it. Each flush
    # delivers a prefix of the same order, and a message delivered twice is there once.
    return _deliver(mailbox, hub, *found)


def deliver(mailbox: Mailbox, hub: Outgoing) -> Flushed:
    """Deliver the outbox like `flush`, for a caller that holds the mailbox's lock."""
    return _deliver(mailbox, hub, *_parcels(mailbox))


def _parcels(mailbox: Mailbox) -> tuple[list[Parcel], list[tuple[str, str]], dict[str, XwError]]:
    """Return the outbox's parcels, each recipient's oldest first, and the damaged copies that were returned.

    Third, return the recipients whose next message cannot be read now, with the error.
    """
    parcels: list[Parcel] = []
    returned: list[tuple[str, str]] = []
    stuck: dict[str, XwError] = {}
    for to in mailbox.waiting_for():
        try:
            names = mailbox.outbox(to)
        except PermissionError as error:
            stuck[to] = explain(error)
            continue
        for name in names:
            path = mailbox.at(f"{layout.OUTBOX}/{to}", name)
            try:
                data = mailbox.files.read(path, layout.MESSAGE_LIMIT)
                folder, files = decode(name, data).files
                reader = mailbox.reader(folder)
                parcels.append(Parcel(to, name, data, mailbox.owner, folder, files, reader))
            except FileNotFoundError:
                continue  # another flush has just delivered it
            except Unreadable as error:
                stuck[to] = type(error)(f"{name}: {error}")
                break  # so that none overtakes
            except Damaged as damage:
                if _return_damaged(mailbox, to, name, damage):
                    returned.append((to, name))
            except XwError:
                raise
            except OSError as error:  # another user's file, or its disk: it delays nobody else's mail
                if is_general(error):
                    raise
                if mailbox.files.foreign(path):
                    continue  # another user put it there, so it is not the owner's mail; `doctor` names it
                stuck[to] = explain(error)
                break
            except Exception as bug:  # noqa: BLE001  # one message must not delay all others
                stuck[to] = XwError(f"{name}: {unforeseen(bug)}")
                break
    return parcels, returned, stuck


def _deliver(
    mailbox: Mailbox,
    hub: Outgoing,
    parcels: Sequence[Parcel],
    damaged: Sequence[tuple[str, str]],
    stuck: dict[str, XwError],
) -> Flushed:
    delivered, returned = [], [*damaged]
    waiting: dict[str, XwError] = {}
    for batch in _light_first(parcels):
        part = [parcel for parcel in batch if parcel.to not in waiting]  # so that none overtakes
        for parcel, error in zip(part, _outcomes(hub, part), strict=True):
            if error is None:
                with suppress(FileNotFoundError):  # another flush has delivered it too
                    mailbox.files.remove(mailbox.at(f"{layout.OUTBOX}/{parcel.to}", parcel.name))
                delivered.append((parcel.to, parcel.name))
            elif isinstance(error, (NotFound, Refused)):
                return_to_sender(
                    mailbox, parcel.to, parcel.name, decode(parcel.name, parcel.data).thread, str(error)
                )
                returned.append((parcel.to, parcel.name))
            else:
                waiting[parcel.to] = error
    return Flushed(tuple(delivered), tuple(returned), stuck | waiting)


def _light_first(parcels: Sequence[Parcel]) -> Iterator[list[Parcel]]:
    """Yield batches: first mail that waits for no file, then that with the fewest bytes of files before it.

    Each recipient's order is kept, and a long upload delays nobody else's mail.
    """
    weights: dict[str, int] = {}
    weighed: list[tuple[int, Parcel]] = []
    for parcel in parcels:
        weights[parcel.to] = weights.get(parcel.to, 0) + sum(file.size for file in parcel.files)
        weighed.append((weights[parcel.to], parcel))
    yield from batches([parcel for weight, parcel in weighed if not weight], lambda one: len(one.data))
    heavy = sorted((pair for pair in weighed if pair[0]), key=lambda pair: pair[0])
    for batch in batches(heavy, lambda pair: sum(file.size for file in pair[1].files) + len(pair[1].data)):
        yield [parcel for _, parcel in batch]


def _outcomes(hub: Outgoing, parcels: Sequence[Parcel]) -> list[XwError | None]:
    """Return the outcomes of `hub.deliver`; after a bug in xw, deliver each parcel alone."""
    try:
        return hub.deliver(parcels)
    except (XwError, OSError):
        raise
    except Exception as bug:  # noqa: BLE001  # the parcel that triggers it waits, and its successors
        if len(parcels) == 1:
            return [XwError(unforeseen(bug))]
    outcomes: list[XwError | None] = []
    held: dict[str, XwError] = {}  # so that none overtakes
    for parcel in parcels:
        error = held.get(parcel.to) or _outcomes(hub, [parcel])[0]
        outcomes.append(error)
        if error and not isinstance(error, (NotFound, Refused)):
            held[parcel.to] = error
    return outcomes


def _return_damaged(mailbox: Mailbox, to: str, name: str, damage: Damaged) -> bool:
    """Return a damaged outbox copy to its sender; return False for another user's that cannot be moved."""
    try:
        return_to_sender(mailbox, to, name, None, f"the outbox copy is damaged: {damage}")
    except OSError:
        if mailbox.files.foreign(mailbox.at(f"{layout.OUTBOX}/{to}", name)):
            return False  # not the owner's mail, which it must not delay
        raise
    return True


def return_to_sender(mailbox: Mailbox, to: str, name: str, thread: str | None, reason: str) -> None:
    """Return a message that no hub will take to its sender, with the reason."""
    message_id = name.partition(".")[0]
    fields: Fields = {
        "from": layout.POSTMASTER,
        "type": "info",
        "to": [mailbox.owner],
        "re": message_id,
        "thread": thread or message_id,
        "body": failure.returned(to, layout.REFUSED, message_id, reason),
        "protocol": failure.payload("refused", reason, message_id, to),
    }
    # With the original's time, so that a repetition after a crash makes the same file.
    mailbox.accept(*encode(fields, clock.from_stamp(layout.time_of(name)), mailbox.sign))
    mailbox.refuse(to, name, reason)


def return_of_former(old: Mailbox, new: Mailbox, reason: str) -> int:
    """Return all mail in the outbox of a former name to the mailbox of the present one; return its number.

    Each message becomes an info with its text, because only its old name could send it again. Repeating the
    call after a crash is harmless: the infos are the same.
    """
    count = 0
    with old.files.locked_briefly(old.at(layout.LOCK)):
        for to in old.outboxes():
            for name in old.outbox(to):
                message_id = name.partition(".")[0]
                fields: Fields = {
                    "from": layout.POSTMASTER,
                    "type": "info",
                    "to": [new.owner],
                    "re": message_id,
                    "thread": message_id,
                    "body": f"{failure.not_delivered(to, reason)} {_kept(old, to, name)}",
                    "protocol": failure.payload("gone", reason, message_id, to),
                }
                new.accept(*encode(fields, clock.from_stamp(layout.time_of(name)), new.sign))
                old.refuse(to, name, reason)
                count += 1
    return count


def _kept(box: Mailbox, to: str, name: str) -> str:
    """Return the text of a message in the outbox and the places of its files, or where the message is."""
    place = f"Your message is {box.files.root}/{box.at(layout.REFUSED, name)}."
    try:
        data = box.files.read(box.at(f"{layout.OUTBOX}/{to}", name), layout.MESSAGE_LIMIT)
        message = decode(name, data)
    except (XwError, OSError):  # damaged, or not readable now: it is kept as it is
        return place
    folder, files = message.files
    paths = [f"{box.files.root}/{box.at(f'{layout.ATTACHMENTS}/{folder}', file.name)}" for file in files]
    listed = "".join(f"\n{path}" for path in paths)
    if len(data) > layout.MESSAGE_LIMIT - _ROOM:
        return place + (f" Its files:{listed}" if paths else "")
    return f"Your text was:\n\n{message.body}" + (f"\n\nIts files:{listed}" if paths else "")
