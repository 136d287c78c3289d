"""What an agent has done itself about a message that its bridge has shown it: replied, or failed it.

An agent may run `xw reply` in the turn in which it is asked to answer in its next message. Then that reply is
the answer, and the bridge sends no second one. Only replies since the text went in count: an earlier one was
sent without it.
"""

from collections.abc import Iterator

from xw import layout, post
from xw.bridges.turn import Ending
from xw.layout import INBOX
from xw.mailbox import Mailbox, Place
from xw.message import Message
from xw.mirror import holding

_NEVER = "0"  # before every time


def begin(mailbox: Mailbox) -> str:
    """Return the time after which each message sent from here has its id; never empty."""
    return post.last_time(mailbox) or _NEVER


def find(mailbox: Mailbox, message: Message, since: str) -> Message | None:
    """Return the first reply to a message's sender that was sent after `since`; None if `since` is empty.

    Lists the sent mail only if anything was sent since, and reads only the replies among that.
    """
    if not since or post.last_time(mailbox) <= since:
        return None
    for place in _replies(mailbox, message.sender, since):
        reply = mailbox.glance(place)
        if reply and reply.re == message.id and message.sender in reply.to:
            return reply
    return None


def failed(mailbox: Mailbox, name: str) -> Ending | None:
    """Return the ending of a message that `xw fail` has moved, or was about to move when killed; or None."""
    if mailbox.exists(INBOX["failed"], name):
        return Ending("failed", "failed")
    held = holding.load(mailbox, name)
    return Ending("failed", "failed", held.reason, held.letter, held.data) if held and held.letter else None


def _replies(mailbox: Mailbox, to: str, since: str) -> Iterator[Place]:
    ending = f".reply.{mailbox.owner}.json"
    # The outbox too: a reply whose `xw reply` was killed may be in there alone.
    for folder in (layout.SENT, f"{layout.OUTBOX}/{to}"):
        names = mailbox.names(layout.SENT) if folder == layout.SENT else mailbox.outbox(to)
        for name in names:
            if name.endswith(ending) and layout.time_of(name) > since:
                yield Place(folder, name)
