"""Reading and finishing what has arrived: check, read, done."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from xw import layout
from xw.errors import Damaged, Newer, NotFound, Unread, XwError
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import RECEIVED, Mailbox, Place
from xw.message import Attachment, Message
from xw.record import NamedTuple

SHOWN = 20


class Pending(NamedTuple):
    """The oldest pending messages, how many there are in all, and what could not be read (name, reason).

    `set_aside` went to `failed/`; `newer` stays in `pending/`, until xw or its rights allow reading it.
    """

    messages: list[Message]
    total: int
    set_aside: list[tuple[str, str]]
    newer: list[tuple[str, str]]


class DeadLetter(NamedTuple):
    """A file in `failed/`: its name, the note beside it, and the message if it is one."""

    name: str
    why: dict[str, str]
    message: Message | None


class Enclosed(NamedTuple):
    """An attachment as it lies here: what the message says of it, its path, and what is wrong or None."""

    file: Attachment
    path: str
    problem: str | None


class Opened(NamedTuple):
    """A message that was read: where it lies, and its attachments."""

    message: Message
    place: Place
    enclosed: list[Enclosed]


class Finished(NamedTuple):
    """What `done` did to one id: True if the message moved, False if it was done before, or the error.

    `name` is the message's file name, `message` what it says; None where it cannot be read.
    """

    token: str
    moved: bool
    error: XwError | None
    name: str | None = None
    message: Message | None = None


def check(instance: Instance, limit: int = SHOWN) -> Pending:
    """The oldest pending messages; at most `limit` files are shown, the others only counted."""
    strays: list[tuple[str, str]] = []
    names = instance.mailbox.pending(strays)
    messages: list[Message] = []
    set_aside: list[tuple[str, str]] = []
    newer: list[tuple[str, str]] = []
    for item in instance.mailbox.read_each(INBOX["pending"], names):
        if isinstance(item, Message):
            messages.append(item)
            if len(messages) == limit:
                break
        else:
            name, error = item
            (newer if isinstance(error, Unread) else set_aside).append((name, str(error)))
    return Pending(messages, len(names) - len(set_aside), strays + set_aside, newer)


def dead_letters(instance: Instance) -> list[DeadLetter]:
    """What lies in `failed/`, by name."""
    folder = INBOX["failed"]
    letters = []
    for name in sorted(instance.mailbox.files.names(instance.mailbox.at(folder))):
        if name.endswith(layout.WHY):
            continue
        try:
            message = instance.mailbox.read(Place(folder, name))
        except (Damaged, OSError):
            message = None
        letters.append(DeadLetter(name, instance.mailbox.why(name), message))
    return letters


def read(instance: Instance, token: str) -> Opened:
    """The message that `token` names, wherever it lies. NotFound; Damaged, then it has gone to `failed/`."""
    place, message = open_named(instance.mailbox, token)
    return Opened(message, place, enclosed(instance, message))


def open_named(mailbox: Mailbox, token: str, *groups: Iterable[str] | None) -> tuple[Place, Message]:
    """The message that `token` names, and where it lies; see `Mailbox.find` and `open_message`."""
    last = None
    while True:
        place = mailbox.find(token, *groups)
        try:
            return place, open_message(mailbox, place)
        except FileNotFoundError:
            if place == last:
                raise
            last = place  # where it lay: another command or a bridge has moved it on


def open_message(mailbox: Mailbox, place: Place) -> Message:
    """The message at a place. Damaged, naming the file, which goes from `pending/` to `failed/`."""
    try:
        return mailbox.read(place)
    except Newer as error:
        raise Newer(f"{place.name} cannot be shown: {error}") from None
    except Damaged as error:
        folder = place.folder
        if folder == INBOX["pending"]:
            mailbox.quarantine("pending", place.name, str(error))
            folder = INBOX["failed"]
        raise Damaged(f"{place.name} cannot be shown: {error}; it lies in {folder}/, untouched") from None


def enclosed(instance: Instance, message: Message) -> list[Enclosed]:
    """A message's attachments, those that an `info` of `xw attach` announces included."""
    listed = [(message.id, file) for file in message.attachments]
    listed += [(message.re or message.id, file) for file in message.attached]
    mailbox = instance.mailbox
    return [
        Enclosed(
            file,
            f"{instance.root}/{mailbox.attachment(owner, file.name)}",
            mailbox.missing(owner, [file]).get(file.name),
        )
        for owner, file in listed
    ]


def done(instance: Instance, tokens: Sequence[str]) -> list[Finished]:
    """Move messages to `done`. One wrong id does not keep the others back."""
    return [_finish(instance, token) for token in tokens]


def _finish(instance: Instance, token: str) -> Finished:
    mailbox = instance.mailbox
    try:
        place = mailbox.find(token, *RECEIVED)
        if place.state == "failed":
            raise NotFound(
                f"{token} is a dead letter: `xw check --failed` says why, `xw retry` sends it again"
            )
        message = _glance(mailbox, place)
        return Finished(token, mailbox.settle(place.name), None, place.name, message)
    except XwError as error:
        return Finished(token, False, error)


def _glance(mailbox: Mailbox, place: Place) -> Message | None:
    """The message at a place, for saying what was acted on; None where it cannot be read."""
    with suppress(OSError, Damaged):  # it can be settled all the same
        return mailbox.read(place)
    return None
