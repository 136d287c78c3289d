"""Take over an unneeded mirror, outbox and history included, because its hub has another URL.

Each message is durable in the new place before it is removed from the old one. Leftovers, such as an
unreadable file, stay in a folder that is not named like a mailbox.
"""

import os
from contextlib import ExitStack, suppress

from xw import layout
from xw.errors import Busy, Damaged, XwError, explain
from xw.files.contract import Files
from xw.hub.carrying import INBOX_FOLDERS, carry_mailbox
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.mirror.notes import MACHINE
from xw.mirror.siblings import mailboxes

_BUSY_S = 10.0  # time for a sync of the old mirror to end
_USERS = {layout.WATCH_LOCK: "a `xw sync --watch`", layout.BRIDGE_LOCK: "a bridge"}


def take_over(old: Files, new: Files, problems: list[str], *, mirror: bool) -> None:
    """Take all mailboxes of the mirror in `old` into `new`: a `mirror`, or the hub's own directory.

    A mailbox that cannot be taken stays, and is named in `problems`.
    """
    if mirror:
        _take_token(old, new)
    for name in mailboxes(old.root):
        source, target = Mailbox(old, name, mirror=True), Mailbox(new, name, mirror=mirror)
        try:
            if mirror:
                target.make()
            take_mailbox(source, target)
            if not source.waiting_for():
                old.move(name, f".{name}.{os.urandom(4).hex()}")
        except (XwError, OSError) as error:
            problems.append(f"{old.root}/{name}: {explain(error)}")


def take_mailbox(source: Mailbox, target: Mailbox) -> None:
    """Move a mailbox's content into another of the same instance. Raise Busy while a process serves it."""
    for lock, user in _USERS.items():
        if source.files.held(source.at(lock)):
            raise Busy(f"{user} uses this mailbox: stop it, then run `xw sync`")
    with ExitStack() as held:
        held.enter_context(source.files.locked(source.at(layout.SYNC_LOCK), _BUSY_S))
        # Always in the same order, so that two processes do not wait for each other.
        boxes = sorted((source, target), key=lambda box: box.files.root)
        notes = {id(box): held.enter_context(box.files.locked_briefly(box.at(layout.LOCK))) for box in boxes}
        last, ours = notes[id(source)].recall(), notes[id(target)].recall()
        if layout.is_stamp(last) and last > ours:
            notes[id(target)].keep(last)  # ids continue from the later one
        carry_mailbox(source, target)


def take_leftovers(source: Mailbox, target: Mailbox) -> None:
    """Take an instance's sent, unsent and handled mail from a place that its hub has left."""
    try:
        left = source.names(layout.SENT) or source.waiting_for() or source.names(INBOX["done"])
    except OSError:
        return  # it had no mailbox there, or it is not accessible
    if left:
        with suppress(OSError, XwError), ExitStack() as held:  # the next command tries again
            for box in (source, target):
                held.enter_context(box.files.locked_briefly(box.at(layout.LOCK)))
            carry_mailbox(source, target, INBOX_FOLDERS[1:])


def _take_token(old: Files, new: Files) -> None:
    """Keep the word by which the hub knows claims of the old mirror, unless the new one has made claims."""
    for name in mailboxes(new.root):
        with suppress(OSError):
            if Mailbox(new, name).names(INBOX["processing"]):
                return
    with suppress(OSError, Damaged):
        new.replace(old.read(MACHINE, layout.MESSAGE_LIMIT), "", MACHINE)
