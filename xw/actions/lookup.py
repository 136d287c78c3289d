"""Find the message that an id names, and open it. Called by the verbs that take an id."""

from collections.abc import Iterable
from contextlib import suppress

from xw import layout
from xw.errors import Damaged, NotFound, Unreadable
from xw.layout import INBOX
from xw.mailbox import Mailbox, Place
from xw.message import Message


def open_named(mailbox: Mailbox, token: str, *groups: Iterable[str] | None) -> tuple[Place, Message]:
    """Return the message that `token` names, and its place; see `Mailbox.find` and `open_message`."""
    last = None
    while True:
        place = mailbox.find(token, *groups)
        try:
            return place, open_message(mailbox, place)
        except FileNotFoundError:
            if place == last:
                raise
            last = place  # not there any more: another command or a bridge has moved it


def open_message(mailbox: Mailbox, place: Place) -> Message:
    """Return the message at a place. Raise Damaged, after moving the file from `pending/` to `failed/`."""
    try:
        return mailbox.read(place)
    except Unreadable as error:
        raise type(error)(f"{place.name} cannot be shown: {error}") from None
    except Damaged as error:
        folder = place.folder
        if folder == INBOX["pending"]:
            with suppress(OSError):  # a file that cannot be moved stays
                mailbox.quarantine("pending", place.name, str(error))
                folder = INBOX["failed"]
        raise Damaged(f"{place.name} cannot be shown: {error}; it is in {folder}/, unchanged") from None


def not_sent(place: Place, act: str) -> NotFound:
    """Return the error for a sender's command on a message that this instance has received."""
    short, name = layout.short_id(place.name), layout.file_name(place.name)
    sender = name.sender if name else "another"
    return NotFound(f"{sender} sent you {short}, it is in {place.folder}: {act}; `xw read {short}` prints it")
