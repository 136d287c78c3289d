"""`gc`: remove old mail. Safe in cron: one at a time, only this instance's mailbox, never waiting mail."""

from xw import layout
from xw.errors import Busy
from xw.instance import Instance
from xw.sweep import Swept


def gc(instance: Instance, days: int, dry_run: bool = False) -> Swept:
    """Remove messages handled or sent more than `days` days ago, with their attachments.

    Do nothing while another gc runs. Keep pending and processing mail, the outbox, sent copies that are not
    delivered yet, mail that the remote hub does not know to be handled, and an open room's record.
    """
    mailbox = instance.mailbox
    try:
        with mailbox.files.locked(mailbox.at(layout.GC_LOCK), timeout=0):
            return instance.carrier.sweep(days, dry_run)
    except Busy:
        return Swept([], [], [], 0, busy=True)
