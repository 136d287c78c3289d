"""Find the message that a reply answers when its sender does not name one. Called by `sending`."""

from collections.abc import Iterator, Sequence

from xw import layout
from xw.errors import Usage
from xw.gist import gist
from xw.instance import Instance
from xw.mailbox import OPEN, Place
from xw.message import Message

_ASKING = ("task", "question")
_LISTED = 8
_WIDTH = 60


def only_open(instance: Instance, peers: Sequence[str]) -> Message | None:
    """Return the only open task or question from these peers; None if there is none.

    A message is open if it is pending or being processed and has no reply from this instance. Raise Usage,
    with a list, if several are open.
    """
    found = {message.id: message for message in _received(instance, peers)}
    for answered in _answered(instance) if found else ():
        found.pop(answered, None)
    if len(found) > 1:
        listed = "; ".join(
            f"{one.short} {one.type} {one.sender}: {gist(one.body, _WIDTH)}"
            for one in list(found.values())[:_LISTED]
        )
        more = f"; and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        raise Usage(f"{len(found)} messages are open ({listed}{more}): use `xw reply ID`; nothing was sent")
    return next(iter(found.values()), None)


def _received(instance: Instance, peers: Sequence[str]) -> Iterator[Message]:
    mailbox = instance.mailbox
    for folder in OPEN:
        for name in mailbox.names(folder):
            parts = layout.file_name(name)
            if parts and parts.type in _ASKING and parts.sender in peers:
                message = mailbox.glance(Place(folder, name))
                if message:
                    yield message


def _answered(instance: Instance) -> Iterator[str]:
    """Yield the ids that this instance's replies answer."""
    mailbox = instance.mailbox
    for name in mailbox.names(layout.SENT):
        parts = layout.file_name(name)
        if parts and parts.type == "reply":
            message = mailbox.glance(Place(layout.SENT, name))
            if message and message.re:
                yield message.re
