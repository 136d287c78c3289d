"""Choose the infos that a bridge shows above the next message; settle expired and outdated ones.

They are pending, or claimed by a process that has let go of them. Called by `loop`, which settles those that
were shown. An info that cannot be shown or moved never delays the message below it.
"""

from collections.abc import Callable

from xw import delivery
from xw.bridges import present
from xw.bridges.queue import Queue
from xw.errors import XwError, unforeseen
from xw.instance import Instance
from xw.message import Message
from xw.mirror import holding
from xw.reports import Reports
from xw.unconfirmed import Unconfirmed
from xw.words import State

READ = 100
"""At most this many infos are read for one message: expired and outdated ones are read and not shown."""
SIZE = 1024 * 1024
"""Characters of the shown infos, which a turn's note must hold; a first longer one is shown alone."""


def choose(
    instance: Instance,
    queue: Queue,
    head: Message,
    tell: Callable[[str], None],
    unshown: present.Unshown,
    unconfirmed: Unconfirmed,
) -> list[Message]:
    """Return the infos to show above `head`, oldest first, at most `present.INFOS`; the others stay pending.

    Move an expired one to `failed/`, and a report to `done/` once a later one of its kind and sender
    is chosen. An info that cannot be moved stays pending and is not shown.
    """
    mailbox = instance.mailbox
    chosen: dict[str, Message] = {}
    reports = Reports()
    size = read = 0
    freed = [
        name
        for name in holding.free(mailbox)
        if not delivery.wants_turn(name) and instance.carrier.holds(name)
    ]
    for name in queue.infos(head.file_name, freed):
        state: State = "processing" if name in freed else "pending"
        info = next(present.readable(instance, [name], unshown, state), None)
        if info is None or not _may_show(instance, info, state, tell):
            queue.drop(name)
        elif unconfirmed.waits(info):
            queue.leave_out(name)
        else:
            size += len(info.body)
            if chosen and size > SIZE:
                break
            chosen[name] = info
            old = reports.superseded(info)
            if old:
                mailbox.supersede(old)
                queue.drop(old.file_name)
                if chosen.pop(old.file_name, None):
                    size -= len(old.body)
        read += info is not None
        if len(chosen) == present.INFOS or read == READ:
            break  # there may be gigabytes of others
    return list(chosen.values())


def _may_show(instance: Instance, info: Message, state: State, tell: Callable[[str], None]) -> bool:
    try:
        if info.expired(instance.now()):
            instance.mailbox.expire(info, instance.now(), state)
            return False
        present.as_mail(instance, info)
    except (XwError, OSError):
        raise
    except Exception as bug:  # noqa: BLE001  # a bug that an info triggers must not fail the message below it
        tell(f"failed (failed): {info.file_name}: {unforeseen(bug)}")
        instance.mailbox.fail(info.file_name, "failed", unforeseen(bug), state)
        return False
    return True
