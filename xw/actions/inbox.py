"""Reading and finishing what has arrived: check, read, done."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from xw import clock, layout
from xw.errors import Damaged, NotFound, Unreadable, XwError
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import RECEIVED_FIRST, Mailbox, Place
from xw.message import Attachment, Message
from xw.record import NamedTuple

TYPE_CHECKING = False  # read as true by type checkers; what is below serves them alone
if TYPE_CHECKING:
    from xw.shapes import mail


class DeadLetter(NamedTuple):
    """A file in `failed/`: its name, the note beside it, and the message if it is one."""

    name: str
    why: dict[str, str]
    message: Message | None

    def to_json(self) -> "mail.DeadLetter":
        """Return it for programs."""
        return {
            "name": self.name,
            "id": layout.id_of(self.name),
            "kind": self.why.get("kind"),
            "reason": self.why.get("reason"),
            "at": _time_or_none(self.why.get("at")),
            "message": self.message.to_json() if self.message else None,
        }


class Enclosed(NamedTuple):
    """An attachment as it lies here: what the message says of it, its path, and what is wrong or None."""

    file: Attachment
    path: str
    problem: str | None

    def to_json(self) -> "mail.Enclosed":
        """Return it for programs: as in the message, with its path here and what is wrong with it."""
        name, size, sha256 = self.file
        return {"name": name, "size": size, "sha256": sha256, "path": self.path, "problem": self.problem}


class Opened(NamedTuple):
    """A message that was read: where it lies, and its attachments."""

    message: Message
    place: Place
    enclosed: list[Enclosed]

    def to_json(self) -> "mail.Opened":
        """Return it for programs."""
        files = [file.to_json() for file in self.enclosed]
        return {**self.message.to_json(), "state": self.place.state, "files": files}


class Finished(NamedTuple):
    """What `done` did to one id: True if the message moved, False if it was done before, or the error.

    `name` is the message's file name, `message` what it says; None where it cannot be read.
    """

    token: str
    moved: bool
    error: XwError | None
    name: str | None = None
    message: Message | None = None

    def to_json(self) -> "mail.Finished":
        """Return it for programs."""
        found = layout.file_name(self.name) if self.name else None
        return {
            "token": self.token,
            "id": found.id if found else None,
            "type": found.type if found else None,
            "from": found.sender if found else None,
            "first_line": self.message.about()["first_line"] if self.message else None,
            "moved": self.moved,
            "error": str(self.error) if self.error else None,
            "code": self.error.word if self.error else None,
        }


def dead_letters(
    instance: Instance, limit: int, kind: str | None = None, sender: str | None = None
) -> tuple[list[DeadLetter], int]:
    """Return the newest that lie in `failed/`, at most `limit`, oldest first; and how many lie there.

    With `kind` or `sender`, only messages of that type or sender, as their file names tell.
    """
    folder = INBOX["failed"]
    names = instance.mailbox.files.list_folder(instance.mailbox.at(folder))
    names = sorted(name for name in names if not name.endswith(layout.WHY) and _is_of(name, kind, sender))
    letters = []
    for name in names[max(0, len(names) - limit) :]:
        message = instance.mailbox.glance(Place(folder, name))
        letters.append(DeadLetter(name, instance.mailbox.why(name), message))
    return letters, len(names)


def _time_or_none(text: str | None) -> str | None:
    """Return a note's time in UTC; None where it has none that can be read."""
    try:
        return clock.utc(text or "")
    except (ValueError, OverflowError):
        return None


def _is_of(name: str, kind: str | None, sender: str | None) -> bool:
    if kind is None and sender is None:
        return True
    found = layout.file_name(name)
    return found is not None and kind in (None, found.type) and sender in (None, found.sender)


def read(instance: Instance, token: str) -> Opened:
    """The message that `token` names, wherever it lies. NotFound; Damaged, then it has gone to `failed/`."""
    place, message = open_named(instance.mailbox, token)
    return Opened(message, place, enclosed(instance, message))


def open_named(mailbox: Mailbox, token: str, *groups: Iterable[str] | None) -> tuple[Place, Message]:
    """The message that `token` names, and where it lies; see `Mailbox.find` and `open_message`."""
    last = None
    while True:
        place = mailbox.find(token, *groups)
        try:
            return place, open_message(mailbox, place)
        except FileNotFoundError:
            if place == last:
                raise
            last = place  # where it lay: another command or a bridge has moved it on


def open_message(mailbox: Mailbox, place: Place) -> Message:
    """The message at a place. Damaged, naming the file, which goes from `pending/` to `failed/`."""
    try:
        return mailbox.read(place)
    except Unreadable as error:
        raise type(error)(f"{place.name} cannot be shown: {error}") from None
    except Damaged as error:
        folder = place.folder
        if folder == INBOX["pending"]:
            with suppress(OSError):  # where it cannot be moved, it is left
                mailbox.quarantine("pending", place.name, str(error))
                folder = INBOX["failed"]
        raise Damaged(f"{place.name} cannot be shown: {error}; it lies in {folder}/, untouched") from None


def enclosed(instance: Instance, message: Message) -> list[Enclosed]:
    """A message's attachments, those that an `info` of `xw attach` announces included."""
    listed = [(message.id, file) for file in message.attachments]
    listed += [(message.attached_to, file) for file in message.attached]
    mailbox = instance.mailbox
    wrong = {owner: mailbox.unsound(owner, [f for o, f in listed if o == owner]) for owner, _ in listed}
    return [
        Enclosed(
            file,
            f"{instance.root}/{mailbox.attachment(owner, file.name)}",
            str(wrong[owner][file.name]) if file.name in wrong[owner] else None,
        )
        for owner, file in listed
    ]


def done(instance: Instance, tokens: Sequence[str]) -> list[Finished]:
    """Move messages to `done`. One wrong id does not keep the others back."""
    return [_finish(instance, token) for token in tokens]


def _finish(instance: Instance, token: str) -> Finished:
    mailbox = instance.mailbox
    try:
        place = mailbox.find(token, *RECEIVED_FIRST)
        if place.state in (layout.SENT, layout.OUTBOX):
            raise _not_received(mailbox, place)
        if place.state == "failed":
            raise NotFound(
                f"{token} is a dead letter: `xw check --failed` says why, `xw retry` sends it again"
            )
        message = mailbox.glance(place)  # what cannot be read can be settled all the same
        return Finished(token, mailbox.settle(place.name), None, place.name, message)
    except XwError as error:
        return Finished(token, False, error)


def _not_received(mailbox: Mailbox, place: Place) -> NotFound:
    """The error of acting, as if one had received it, on a message that one has sent."""
    short, message = layout.short_id(place.name), mailbox.glance(place)
    whom = f" to {', '.join(message.to)}" if message else ""
    return NotFound(
        f"you sent {short}{whom}: only who received it marks it done; `xw trace {short}` follows it"
    )


def not_sent(place: Place, act: str) -> NotFound:
    """The error of acting, as if one had sent it, on a message that one has received."""
    short, name = layout.short_id(place.name), layout.file_name(place.name)
    sender = name.sender if name else "another"
    return NotFound(f"{sender} sent you {short}, it is in {place.folder}: {act}; `xw read {short}` prints it")
