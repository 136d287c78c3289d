"""What a bridge presents: which mail asks for a turn, and the text that shows it.

Chooses and writes, and claims, settles and sends nothing; `loop` and `announce` call it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from xw import clock, layout
from xw.bridges.frame import Mail, framed
from xw.errors import Refused
from xw.instance import Instance
from xw.layout import INBOX
from xw.message import Attachment, Message

HOP_LIMIT = 8
_ANSWERED = ("task", "question")
INFOS = 20  # shown above one message; the others wait for the next


class Shown(NamedTuple):
    """A text for the chat, and the file names of the infos that it shows above the message."""

    text: str
    infos: tuple[str, ...]


def wants_turn(name: str) -> bool:
    """Return whether a message gets a turn of its own, by its file name: all but an info do."""
    parts = layout.file_name(name)
    return parts is not None and parts.type != "info"


def wants_answer(message: Message) -> bool:
    """Return whether it is answered: a task, a question or a room's turn, so that no two bridges loop."""
    room = message.fields.get("room")
    return message.type in _ANSWERED or (message.type != "info" and room == message.sender)


def unfit(message: Message, now: int) -> tuple[str, str] | None:
    """Return the kind and reason why a message must not be presented; None if it may be."""
    if message.expired(now):
        return "expired", f"it expired at {message.expires}, before the chat could take it"
    if wants_answer(message) and message.hops >= HOP_LIMIT:
        return "hops", f"{message.hops} automatic answers led to it, and no bridge gives another"
    return None


def readable(instance: Instance, names: list[str]) -> Iterator[Message]:
    """Return the pending messages `names`; damaged ones are set aside, those of a newer format stay."""
    for item in instance.mailbox.read_each(INBOX["pending"], names):
        if isinstance(item, Message):
            yield item


def show(instance: Instance, message: Message, infos: list[Message], limit: int) -> Shown:
    """Return the text for a message and the infos above it, in at most `limit` bytes (0: any).

    Infos that find no room wait. A body that is too long is cut, which the text
    says, and lies whole in a file that it names.
    """
    mail = as_mail(instance, message)
    above = infos[:INFOS]
    while True:
        text = framed(mail, tuple(as_mail(instance, info) for info in above))
        if _fits(text, limit):
            return Shown(text, tuple(info.file_name for info in above))
        if not above:
            return Shown(_cut(instance, message, mail, limit), ())
        above = above[:-1]


def as_mail(instance: Instance, message: Message) -> Mail:
    """Return what the frame shows of a message."""
    age = (instance.now() - message.sent) / clock.SECOND
    return Mail(
        message.sender,
        message.type,
        message.short,
        age,
        message.body,
        wants_answer(message),
        tuple(_files(instance, message)),
    )


def _files(instance: Instance, message: Message) -> Iterator[str]:
    """Return the paths of a message's files, and of those that an `info` of `xw attach` announces."""
    for owner, files in ((message.id, message.attachments), (message.attached_to, message.attached)):
        wrong = instance.mailbox.unsound(owner, files)
        for file in files:
            path = _path(instance, owner, file)
            yield f"{path} (PROBLEM: {wrong[file.name]})" if file.name in wrong else path


def _cut(instance: Instance, message: Message, mail: Mail, limit: int) -> str:
    whole = instance.mailbox.keep_beside(message, "body.txt", message.body.encode())
    paths = (*mail.attachments, _path(instance, message.id, whole))
    size = len(message.body)
    while True:
        size = size * 3 // 4
        note = f"(cut here: the first {size:,} of {len(message.body):,} characters; the file has them all)"
        text = framed(mail._replace(body=f"{message.body[:size]}\n{note}", attachments=paths))
        if _fits(text, limit):
            return text
        if not size:
            raise Refused(f"not even the frame of {message.short} fits into the chat's {limit} bytes")


def _path(instance: Instance, owner: str, file: Attachment) -> str:
    return f"{instance.root}/{instance.mailbox.attachment(owner, file.name)}"


def _fits(text: str, limit: int) -> bool:
    return not limit or len(text.encode()) <= limit
