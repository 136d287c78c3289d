"""Removing what is old: gc. Fit for cron: one at a time, own mailbox only, never mail that waits."""

from xw import layout
from xw.errors import Busy
from xw.instance import Instance
from xw.sweep import Swept


def gc(instance: Instance, days: int, dry_run: bool = False) -> Swept | None:
    """Remove what was handled or sent more than `days` days ago, and its attachments.

    None while another gc runs. Never touches pending, processing or the outbox, the sent copy of what is not
    delivered yet, what the hub elsewhere has not been told is handled, nor the record of a room that is open.
    """
    mailbox = instance.mailbox
    try:
        with mailbox.files.locked(mailbox.at(layout.GC_LOCK), timeout=0):
            return instance.carrier.sweep(days, dry_run)
    except Busy:
        return None
