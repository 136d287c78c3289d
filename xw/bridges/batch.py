"""Choose the replies that a bridge shows together with the reply whose turn it is: one turn for all.

Called by `loop`, which claims them. It settles nothing.
"""

from collections.abc import Collection

from xw import layout
from xw.bridges import present
from xw.bridges.frame import framed
from xw.bridges.queue import Queue
from xw.instance import Instance
from xw.message import Message
from xw.unconfirmed import Unconfirmed

REPLIES = 10
SIZE = 32 * 1024
"""Bytes of the replies' text; a longer one is shown alone."""


def choose(
    instance: Instance,
    queue: Queue,
    head: Message,
    limit: int,
    unshown: present.Unshown,
    unconfirmed: Unconfirmed,
    without: Collection[str] = (),
) -> list[Message]:
    """Return the replies to show below `head`, the oldest first: none unless it is a reply itself.

    With it they are at most `REPLIES`, and take at most `SIZE` bytes and the chat's `limit`. None is of the
    senders in `without`.
    """
    if head.type != "reply" or present.wants_answer(head):
        return []
    chosen: list[Message] = []
    room = min(SIZE, limit or SIZE) - _size(instance, head)
    own_turn: set[str] = set()  # senders of a message that must not be overtaken
    for name in queue.replies(head.file_name, without):
        if layout.sender_of(name) in own_turn or room <= 0:
            continue
        reply = next(present.readable(instance, [name], unshown), None)
        if reply is None:
            queue.drop(name)
            continue
        if unconfirmed.waits(reply):
            queue.leave_out(name)
            continue
        if reply.expired(instance.now()):
            continue  # its own turn reports that
        try:
            size = _size(instance, reply) + 1
        except Exception:  # noqa: BLE001  # trouble with its files, or a bug: its own turn finds out
            size = None
        if size is None or present.wants_answer(reply):
            own_turn.add(reply.sender)
            continue
        room -= size
        if room < 0:
            break
        chosen.append(reply)
        if len(chosen) == REPLIES - 1:
            break
    return chosen


def _size(instance: Instance, message: Message) -> int:
    return len(framed(present.as_mail(instance, message)).encode())
