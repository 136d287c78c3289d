"""Choose the mail that gets a turn, and write the text that presents it. For `loop` and `announce`.

It claims, settles and sends nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from xw import clock
from xw.bridges.frame import Mail, framed
from xw.errors import NoMessage, Refused, left_out
from xw.failure import Kind
from xw.instance import Instance
from xw.layout import INBOX
from xw.message import Attachment, Message
from xw.words import State

HOP_LIMIT = 8
_ANSWERED = ("task", "question")
INFOS = 20  # shown above one message; the others wait for the next


class Presentation(NamedTuple):
    """A text for the chat, and the file names of the infos above the message and the replies below it."""

    text: str
    infos: tuple[str, ...]
    riders: tuple[str, ...] = ()


def wants_answer(message: Message) -> bool:
    """Return True for a task, a question or a room's turn: nothing else, so that two bridges never loop."""
    room = message.fields.get("room")
    return message.type in _ANSWERED or (message.type != "info" and room == message.sender)


def unfit(message: Message, now: int) -> tuple[Kind, str] | None:
    """Return the kind of failure and the reason if a message must not be presented, else None."""
    if message.expired(now):
        return "expired", f"it expired at {message.expires}, before the chat could take it"
    if wants_answer(message) and message.hops >= HOP_LIMIT:
        return "hops", f"it follows {message.hops} automatic answers, and bridges stop there"
    return None


class Unshown:
    """Reports pending mail that cannot be read, each file once, and names it."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.names: set[str] = set()
        self._tell = tell

    def note(self, name: str, error: NoMessage) -> None:
        """Report a file, unless that was done."""
        if name not in self.names:
            self.names.add(name)
            self._tell(left_out(name, error))


def readable(
    instance: Instance, names: list[str], unshown: Unshown, state: State = "pending"
) -> Iterator[Message]:
    """Yield the messages `names`; move damaged pending ones to failed/, leave unreadable and newer ones."""
    for item in instance.mailbox.read_each(INBOX[state], names):
        if isinstance(item, Message):
            yield instance.mailbox.judged(item, INBOX[state])
        else:
            unshown.note(*item)


def show(
    instance: Instance, message: Message, infos: list[Message], limit: int, riders: Sequence[Message] = ()
) -> Presentation:
    """Return the text for a message with infos above and replies below, in at most `limit` bytes (0: any).

    Leave out the last infos, then the last replies, that do not fit. Cut a body that is too long, and name in
    the text the file that has it whole.
    """
    mail = as_mail(instance, message)
    above = [as_mail(instance, info) for info in infos[:INFOS]]
    below = [as_mail(instance, rider) for rider in riders]
    while True:
        text = framed(*above, mail, *below)
        if _fits(text, limit):
            shown = infos[: len(above)], riders[: len(below)]
            return Presentation(text, *(tuple(one.file_name for one in part) for part in shown))
        if above:
            above.pop()
        elif below:
            below.pop()
        else:
            return Presentation(_cut(instance, message, mail, limit), ())


def as_mail(instance: Instance, message: Message) -> Mail:
    """Return a message's fields for the frame."""
    age = (instance.now() - message.sent) / clock.SECOND
    return Mail(
        message.sender,
        message.type,
        message.short,
        age,
        message.body,
        wants_answer(message),
        tuple(_files(instance, message)),
        message.urgent,
        message.status,
    )


def _files(instance: Instance, message: Message) -> Iterator[str]:
    """Yield the paths of a message's files, and of the files that an `info` of `xw attach` announces."""
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
            raise Refused(
                f"{message.short} does not fit into the chat's {limit} bytes, even without its body"
            )


def _path(instance: Instance, owner: str, file: Attachment) -> str:
    return f"{instance.root}/{instance.mailbox.attachment(owner, file.name)}"


def _fits(text: str, limit: int) -> bool:
    return not limit or len(text.encode()) <= limit
