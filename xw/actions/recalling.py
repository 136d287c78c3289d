"""`recall`: withdraw a sent message that its recipients have not taken up yet."""

from typing import TYPE_CHECKING, NamedTuple, cast

from xw import layout, withdrawals
from xw.actions.lookup import not_sent, open_named
from xw.errors import Unreachable, XwError, explain
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import RECEIVED
from xw.message import Message
from xw.words import Where

if TYPE_CHECKING:
    from xw.shapes import mail


class Recalled(NamedTuple):
    """The result for one recipient: whether the message is withdrawn, where it is, and a note for people."""

    to: str
    withdrawn: bool
    where: Where
    note: str

    def to_json(self) -> "mail.Recalled":
        """Return the object that `--json` prints."""
        return cast("mail.Recalled", self._asdict())


class Recall(NamedTuple):
    """A message that its sender recalled, and the result for each recipient."""

    message: Message
    recipients: tuple[Recalled, ...]

    @property
    def errors(self) -> tuple[XwError, ...]:
        """The reasons why a recipient still has the message, or may have it."""
        short = self.message.short
        return tuple(
            (Unreachable if one.where == "unreached" else XwError)(f"{short} {one.to}: {one.note}")
            for one in self.recipients
            if not one.withdrawn
        )

    def to_json(self) -> "mail.Recall":
        """Return the object that `--json` prints."""
        recipients = [one.to_json() for one in self.recipients]
        return {"format": 1, "id": self.message.id, "recipients": recipients}


def recall(instance: Instance, token: str) -> Recall:
    """Withdraw a message from the outbox and from each recipient's `pending/`; repeating it is harmless.

    What a recipient has claimed or handled stays. A mirror's copy follows the hub's at its next sync.
    """
    mailbox = instance.mailbox
    place, message = open_named(mailbox, token, None, *RECEIVED)
    if place.folder in INBOX.values():
        raise not_sent(place, "`xw recall` withdraws messages that you sent")
    with instance.carrier.alone():  # else a flush could deliver what it has read already
        before = withdrawals.withdrawn(mailbox, place.name)
        # First: after a crash, nothing that may be withdrawn is sent again.
        withdrawals.note(mailbox, place.name, before.union(message.to))
        results = tuple(_recall_one(instance, message, to, to in before) for to in message.to)
        gone = {one.to for one in results if one.withdrawn}
        withdrawals.note(mailbox, place.name, gone)
    return Recall(message, results)


def _recall_one(instance: Instance, message: Message, to: str, before: bool) -> Recalled:
    mailbox, name = instance.mailbox, message.file_name
    waited = name in mailbox.outbox(to)
    if waited:
        mailbox.files.remove(mailbox.at(f"{layout.OUTBOX}/{to}", name))
    taken = "withdrawn from the outbox"
    try:
        found = instance.hub.withdraw(to, name)
    except (XwError, OSError) as error:
        why = str(explain(error))
        if waited:
            doubt = (
                f"{taken}; whether an earlier try delivered it is unknown: {why}: repeat `xw recall` later"
            )
            return Recalled(to, True, "withdrawn", doubt)
        return Recalled(to, False, "unreached", f"not withdrawn: {why}")
    if found == "withdrawn":
        follows = "; a mirror that has it drops it at its next sync" if instance.carrier.mirror else ""
        return Recalled(to, True, "withdrawn", f"withdrawn{follows}")
    if found:
        return Recalled(to, False, found, f"not withdrawn: too late, {_LATE[found]}")
    if waited:
        return Recalled(to, True, "withdrawn", taken)
    if before:
        return Recalled(to, True, "withdrawn", "withdrawn before")
    if to in mailbox.refused(name):
        return Recalled(to, False, "returned", "not withdrawn: the hub refused it before")
    return Recalled(to, False, "absent", "not withdrawn: it is not on the hub")


_LATE = {
    "pending": "it is moving",
    "processing": "it is claimed (processing)",
    "done": "it is done",
    "failed": "it has failed",
}
