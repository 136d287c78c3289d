"""Read and finish received mail: read, done, and the dead letters. `pending` has `check`."""

from collections.abc import Sequence

from xw import clock, layout
from xw.errors import NotFound, XwError
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import RECEIVED_FIRST, Mailbox, Place
from xw.message import Attachment, Message
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true: the imports are for them only
if TYPE_CHECKING:
    from xw.shapes import mail


class DeadLetter(NamedTuple):
    """A file in `failed/`: its name, its note, and the message if it can be read."""

    name: str
    why: dict[str, str]
    message: Message | None

    def to_json(self) -> "mail.DeadLetter":
        """Return the object that `--json` prints."""
        return {
            "name": self.name,
            "id": layout.id_of(self.name),
            "kind": self.why.get("kind"),
            "reason": self.why.get("reason"),
            "at": _time_or_none(self.why.get("at")),
            "message": self.message.to_json() if self.message else None,
        }


class Enclosed(NamedTuple):
    """An attachment: as the message describes it, its local path, and what is wrong with it or None."""

    file: Attachment
    path: str
    problem: str | None

    def to_json(self) -> "mail.Enclosed":
        """Return the object that `--json` prints: the message's entry, the local path and the problem."""
        name, size, sha256 = self.file
        return {"name": name, "size": size, "sha256": sha256, "path": self.path, "problem": self.problem}


class Opened(NamedTuple):
    """A message that was read, its place and its attachments."""

    message: Message
    place: Place
    enclosed: tuple[Enclosed, ...]

    def to_json(self) -> "mail.Opened":
        """Return the object that `--json` prints."""
        files = [file.to_json() for file in self.enclosed]
        return {**self.message.to_json(), "state": self.place.state, "files": files}


class Finished(NamedTuple):
    """The result of `done` for one id: True if the message moved, False if it was done before, or the error.

    `name` is the message's file name and `message` its content; None if it cannot be read.
    """

    token: str
    moved: bool
    error: XwError | None
    name: str | None = None
    message: Message | None = None

    def to_json(self) -> "mail.Finished":
        """Return the object that `--json` prints."""
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


class Done(tuple[Finished, ...]):
    """The result of `done` for each id, in the order given."""

    __slots__ = ()

    def to_json(self) -> "mail.Done":
        """Return the object that `--json` prints."""
        return {"format": 1, "messages": [one.to_json() for one in self]}


def dead_letters(
    instance: Instance, limit: int, kind: str | None = None, sender: str | None = None
) -> tuple[list[DeadLetter], int]:
    """Return the newest `limit` files in `failed/`, oldest first, and the number of all; no hidden ones.

    With `kind` or `sender`, include only file names of that type or sender.
    """
    folder = INBOX["failed"]
    names = instance.mailbox.files.list_folder(instance.mailbox.at(folder))
    letters_only = (name for name in names if not (name.endswith(layout.WHY) or layout.is_hidden(name)))
    names = sorted(name for name in letters_only if _is_of(name, kind, sender))
    letters = []
    for name in names[max(0, len(names) - limit) :]:
        message = instance.mailbox.glance(Place(folder, name))
        message = message and instance.mailbox.judged(message, folder)
        letters.append(DeadLetter(name, instance.mailbox.why(name), message))
    return letters, len(names)


def _time_or_none(text: str | None) -> str | None:
    """Return a note's time in UTC, or None if it is missing or invalid."""
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
    """Return the message that `token` names, in any folder.

    Raise NotFound, or Damaged after moving the file to `failed/`.
    """
    from xw.actions.lookup import open_named  # which `done` does without

    place, message = open_named(instance.mailbox, token)
    message = instance.mailbox.judged(message, place.folder)
    return Opened(message, place, enclosed(instance, message))


def enclosed(instance: Instance, message: Message) -> tuple[Enclosed, ...]:
    """Return a message's attachments, including those that an `info` of `xw attach` announces."""
    listed = [(message.id, file) for file in message.attachments]
    listed += [(message.attached_to, file) for file in message.attached]
    mailbox = instance.mailbox
    wrong = {owner: mailbox.unsound(owner, [f for o, f in listed if o == owner]) for owner, _ in listed}
    return tuple(
        Enclosed(
            file,
            f"{instance.root}/{mailbox.attachment(owner, file.name)}",
            str(wrong[owner][file.name]) if file.name in wrong[owner] else None,
        )
        for owner, file in listed
    )


def done(instance: Instance, tokens: Sequence[str]) -> Done:
    """Move messages to `done`, and return each result; an invalid id does not stop the others."""
    return Done(_finish(instance, token) for token in tokens)


def _finish(instance: Instance, token: str) -> Finished:
    mailbox = instance.mailbox
    try:
        place = mailbox.find(token, *RECEIVED_FIRST)
        if place.state in (layout.SENT, layout.OUTBOX):
            raise not_received(mailbox, place, "mark it done")
        if place.state == "failed":
            raise NotFound(
                f"{token} is a dead letter: `xw check --failed` shows the reason, `xw retry` sends it again"
            )
        message = mailbox.glance(place)  # an unreadable message can be settled too
        return Finished(token, mailbox.settle(place.name), None, place.name, message)
    except XwError as error:
        return Finished(token, False, error)


def not_received(mailbox: Mailbox, place: Place, act: str) -> NotFound:
    """Return the error for acting as the recipient of a message that this instance has sent."""
    short, message = layout.short_id(place.name), mailbox.glance(place)
    whom = f" to {', '.join(message.to)}" if message else ""
    return NotFound(f"you sent {short}{whom}: only its recipients {act}; `xw trace {short}` follows it")
