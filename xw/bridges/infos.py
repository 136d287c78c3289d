"""Choose the pending infos that a bridge shows above the next message; settle expired and outdated ones.

Called by `loop`, which settles those that were shown. An info that cannot be shown or moved never delays the
message below it.
"""

from collections.abc import Callable

from xw.bridges import present
from xw.errors import XwError, unforeseen
from xw.instance import Instance
from xw.message import Message
from xw.reports import Reports


def choose(instance: Instance, tell: Callable[[str], None], unshown: present.Unshown) -> list[Message]:
    """Return the infos to show, oldest first, at most `present.INFOS`; the others stay pending.

    Move an expired one to `failed/`, and a report to `done/` once a later one of its kind and sender
    is chosen. An info that cannot be moved stays pending and is not shown.
    """
    mailbox = instance.mailbox
    names = [name for name in mailbox.pending() if not present.wants_turn(name)]
    chosen: dict[str, Message] = {}
    reports = Reports()
    for info in present.readable(instance, names, unshown):
        if not _may_show(instance, info, tell):
            continue
        chosen[info.file_name] = info
        old = reports.superseded(info)
        if old:
            mailbox.supersede(old)
            chosen.pop(old.file_name, None)
        if len(chosen) == present.INFOS:
            break  # there may be gigabytes of others
    return list(chosen.values())


def _may_show(instance: Instance, info: Message, tell: Callable[[str], None]) -> bool:
    try:
        if info.expired(instance.now()):
            instance.mailbox.expire(info, instance.now())
            return False
        present.as_mail(instance, info)
    except (XwError, OSError):
        raise
    except Exception as bug:  # noqa: BLE001  # a bug that an info triggers must not fail the message below it
        tell(f"failed (failed): {info.file_name}: {unforeseen(bug)}")
        instance.mailbox.fail(info.file_name, "failed", unforeseen(bug))
        return False
    return True
