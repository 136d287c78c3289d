"""Sending: from a draft to a file that is durable at the recipient's, or in the outbox.

If the hub's directory contains the sender's mailbox too, sending is one publish into the recipients'
`pending/` and the sender's `sent/`. All other mail waits in `outbox/<to>/` until `outbox.flush` has delivered
it, in order. One lock per mailbox covers giving out ids, sending and flushing, so nothing overtakes.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from xw import clock, layout
from xw.attachments import Staged, stage_files
from xw.errors import (
    Closed,
    NotFound,
    Refused,
    Unreachable,
    Usage,
)
from xw.mailbox import Mailbox
from xw.message import Attachment, Fields, Message, decode, encode
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from xw.files.contract import Note
    from xw.hub.contract import Outgoing, Publisher
    from xw.shapes import mail
    from xw.words import Type


class Draft(NamedTuple):
    """A message to send. `to` are peers, `attachments` local paths, `more` optional fields.

    `sums` are the SHA-256 of the attachments in hex, if the caller knows them: others may have replaced the
    files since. With `noted`, the sender's own copy in `sent/` is made first, not last: after a crash, it
    shows the message to `complete`.
    """

    type: "Type"
    to: tuple[str, ...]
    body: str
    re: str | None = None
    thread: str | None = None
    attachments: tuple[str, ...] = ()
    expires: str | None = None
    more: Fields = {}  # noqa: RUF012  # never changed
    noted: bool = False
    sums: tuple[str, ...] = ()


class Sent(NamedTuple):
    """A durable message, and where it is for each recipient.

    `delivered` have it in `pending/`; for `waiting` it is in the outbox; `returned` are those for which a
    remote hub, once reached, refused it. `about` is the message that it answers, extends or repeats, for
    reports; `away` are instances that a broadcast left out.
    """

    id: str
    name: str
    delivered: tuple[str, ...]
    waiting: tuple[str, ...]
    returned: tuple[str, ...] = ()
    about: Message | None = None
    away: tuple[str, ...] = ()

    def to_json(self) -> "mail.Sent":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "id": self.id,
            "delivered": list(self.delivered),
            "outbox": list(self.waiting),
            "returned": list(self.returned),
            "about": self.about.about() if self.about else None,
            "away": list(self.away),
        }


def send(
    mailbox: Mailbox,
    hub: "Outgoing",
    draft: Draft,
    now: clock.Clock,
    before: Callable[[str, bytes], None] = lambda name, data: None,
) -> Sent:
    """Make a message durable for each recipient, and return where it is for each.

    `before` gets the file name and the bytes before anybody can see them; a caller that keeps them can
    `complete` the message after a crash without sending it twice. Raise NotFound (unknown peer), Refused (too
    large), Usage (an attachment is not a readable file) or OSError (disk); then nothing is kept.
    """
    check_recipients(hub, draft.to, mailbox.owner)
    publisher = hub.publisher(mailbox.owner)
    direct = _direct(publisher, draft.to)
    with mailbox.files.locked_briefly(mailbox.at(layout.LOCK)) as note:
        behind = set(mailbox.waiting_for())
        if behind.intersection(draft.to) and publisher:  # otherwise the next sync delivers the mail
            from xw.outbox import deliver

            behind = set(deliver(mailbox, hub).waiting)
        staged = stage_files(mailbox, draft.attachments, sums=draft.sums)
        try:
            message, data = _compose(mailbox, draft, staged, _next_time(mailbox, note, now))
            before(message.file_name, data)
            direct -= behind
            return _publish(mailbox, publisher, message, data, draft.to, direct, draft.noted)
        finally:
            for file in staged.values():
                with suppress(OSError):  # after success it is gone from the scratch folder
                    mailbox.files.remove(file.path)


def complete(mailbox: Mailbox, hub: "Outgoing", name: str, data: bytes | None = None) -> None:
    """Deliver a message to the recipients who lack it because its `send` was interrupted; else harmless.

    `data` are the bytes that `before` got; None for a message that was `noted`, which is in `sent/`.
    """
    from xw.withdrawals import withdrawn

    own, noted = mailbox.at(layout.SENT, name), data is None
    with mailbox.files.locked_briefly(mailbox.at(layout.LOCK)):
        if data is None:
            data = mailbox.files.read(own, layout.MESSAGE_LIMIT)
        else:
            with suppress(FileNotFoundError):
                mailbox.files.stat(own)
                return  # the own copy is made last, so everybody has theirs
        message = decode(name, data)
        returned = mailbox.refused(name) | withdrawn(mailbox, name)
        left = [to for to in message.to if not (to in returned or name in mailbox.outbox(to))]
        publisher = hub.publisher(mailbox.owner)
        direct: set[str] = set()
        if publisher:  # otherwise the outbox delivers it, once for each id
            left = [to for to in left if not _has(hub, to, name)]
            with suppress(Refused):  # then the whole message waits in the outbox
                direct = _direct(publisher, [to for to in left if to not in mailbox.waiting_for()])
        _publish(mailbox, publisher, message, data, left, direct, noted)


def _has(hub: "Outgoing", to: str, name: str) -> bool:
    """Return True if a recipient has a message; for a closed mailbox, its next delivery finds out."""
    try:
        return hub.locate(to, name) is not None
    except PermissionError:
        return False


def attach(
    mailbox: Mailbox, hub: "Outgoing", message: Message, paths: Sequence[str], now: clock.Clock
) -> Sent:
    """Add files to a sent message; its recipients get an `info` that lists them."""
    _direct(hub.publisher(mailbox.owner), message.to)  # check first, before making files
    with mailbox.files.locked_briefly(mailbox.at(layout.LOCK)):
        taken = {name.lower() for name in mailbox.attachment_names(message.id)}
        staged = stage_files(mailbox, paths, taken)
        for name, file in staged.items():
            mailbox.place(file, message.id, name)
    listed = [Attachment(name, file.size, file.sha256)._asdict() for name, file in staged.items()]
    body = f"{len(staged)} more file(s) for your copy of {layout.short_id(message.id)}: {', '.join(staged)}"
    thread = message.thread or message.id
    info = Draft("info", message.to, body, message.id, thread, more={"attached": listed})
    return send(mailbox, hub, info, now)


def repeat_dead_letter(mailbox: Mailbox, message: Message, paths: Sequence[str], now: clock.Clock) -> Sent:
    """Put a dead letter into its owner's `pending/` as a new message, still from its sender."""
    with mailbox.files.locked_briefly(mailbox.at(layout.LOCK)) as note:
        # Signed by its owner, who repeats it: its sender's signature is for the first one.
        left = ("format", "sent", "signature")
        fields = {key: value for key, value in message.fields.items() if key not in left}
        fields |= {"thread": message.thread or message.id, "retry_of": message.id}
        name, data = encode(fields, _next_time(mailbox, note, now), mailbox.sign)
        message_id = name.partition(".")[0]
        staged = stage_files(mailbox, paths, sums=[file.sha256 for file in message.attachments])
        for file, copy in zip(message.attachments, staged.values(), strict=True):
            mailbox.place(copy, message_id, file.name)
        mailbox.accept(name, data)
    return Sent(message_id, name, (mailbox.owner,), ())


def check_recipients(hub: "Outgoing", names: Sequence[str], sender: str) -> None:
    """Raise NotFound, with the nearest names, for an unknown recipient; Usage if there is none."""
    if not names:
        raise Usage("no recipient: name one")
    for name in names:
        try:
            known = hub.knows(name)
        except Unreachable:
            continue  # it waits in the outbox, and is returned if the hub does not know the name
        if not known:
            from xw.text import nearest

            try:
                hub.peer(name)
            except Closed as error:
                raise Closed(f"{error}; nothing was sent") from None
            except NotFound as error:
                peers = [peer for peer in hub.instances() if peer != sender]
                listed = f"peers: {', '.join(peers)}" if len(peers) <= 20 else "`xw peers` lists them"
                listed += f"; `{layout.EVERYONE}` is everybody"
                if not peers:
                    adds = f"`xw launch {name} -- PROGRAM` or `xw init --name {name}` adds {name}"
                    listed = f"there is nobody else yet: {adds}"
                raise NotFound(f"{error}{nearest(name, peers)}; {listed}; nothing was sent") from None


def last_time(mailbox: Mailbox) -> str:
    """Return the time of the last id that this mailbox has given out on this machine; empty if none was."""
    with mailbox.files.locked_briefly(mailbox.at(layout.LOCK)) as note:
        return _last_time(mailbox, note)


def _last_time(mailbox: Mailbox, note: "Note") -> str:
    last = note.recall()
    if layout.is_stamp(last):
        return last
    names = mailbox.names(layout.SENT)  # no note yet, one torn by a power cut, or one from a wrong clock
    return layout.time_of(names[-1]) if names else ""


def _next_time(mailbox: Mailbox, note: "Note", now: clock.Clock) -> int:
    """Return a time later than every id that this mailbox has given out on this machine."""
    last = _last_time(mailbox, note)
    at = max(now(), clock.from_stamp(last) + 1) if layout.is_stamp(last) else now()
    note.keep(clock.stamp(at))
    return at


def _compose(mailbox: Mailbox, draft: Draft, staged: dict[str, Staged], at: int) -> tuple[Message, bytes]:
    """Return the message that a draft makes at a time, and its bytes, after placing its attachments."""
    listed = [Attachment(name, file.size, file.sha256)._asdict() for name, file in staged.items()]
    fields: Fields = {
        "from": mailbox.owner,
        "type": draft.type,
        "to": list(draft.to),
        "re": draft.re,
        "thread": draft.thread,
        "body": draft.body,
        "attachments": listed,
        "expires": draft.expires,
    }
    name, data = encode(fields | draft.more, at, mailbox.sign)
    message = decode(name, data)  # xw must be able to read what it sends
    for file_name, file in staged.items():
        mailbox.place(file, message.id, file_name)
    return message, data


def _direct(publisher: "Publisher | None", names: Sequence[str]) -> set[str]:
    """Return the recipients to whom mail can be published now. Raise Refused before anything is made."""
    return {to for to in names if publisher and publisher.takes(to)}


def _publish(
    mailbox: Mailbox,
    publisher: "Publisher | None",
    message: Message,
    data: bytes,
    to: Sequence[str],
    direct: set[str],
    sent_first: bool = False,
) -> Sent:
    """Publish a message to the recipients in `direct`, into the outbox for the others, and into `sent/`."""
    delivered = tuple(one for one in to if one in direct)
    waiting = tuple(one for one in to if one not in direct)
    own = [f"{layout.OUTBOX}/{one}" for one in waiting]
    for folder in own:
        mailbox.files.make_folder(mailbox.at(folder))
    own.insert(0 if sent_first else len(own), layout.SENT)
    # One file for recipient and `sent/` is cheaper, but several recipients need one each: the move to
    # `done` sets a file's mtime, and `trace` shows each recipient's time.
    separate = len(message.to) > 1
    if publisher:
        for one in delivered:
            _hand_over(publisher, one, message)
        publisher.publish(message.file_name, data, delivered, own, own_first=sent_first, separate=separate)
    else:
        targets = [mailbox.at(folder, message.file_name) for folder in own]
        mailbox.files.publish(data, mailbox.at(layout.SCRATCH), targets, separate_files=separate)
    return Sent(message.id, message.file_name, delivered, waiting)


def _hand_over(publisher: "Publisher", to: str, message: Message) -> None:
    folder, files = message.files
    for file in files:
        wrong = publisher.bring(to, folder, file, added=bool(message.attached))
        if wrong:
            raise Refused(f"{wrong}; nothing was sent")
