"""A sender's note of the recipients from whom it withdrew a message, beside its copy in `sent/`.

The dead letter on the hub shows it too, but may be lost in a restore; then nobody sends the message again.
"""

import json
from contextlib import suppress

from xw import clock, layout
from xw.errors import Damaged
from xw.mailbox import Mailbox
from xw.message import parse_object

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Iterable


def withdrawn(mailbox: Mailbox, name: str) -> set[str]:
    """Return the recipients from whom a sent message was withdrawn, or was about to be when xw died."""
    try:
        found = parse_object(mailbox.files.read(_path(mailbox, name), layout.MESSAGE_LIMIT)).get("to")
    except (FileNotFoundError, PermissionError, Damaged):
        return set()
    return {one for one in found if isinstance(one, str)} if isinstance(found, list) else set()


def note(mailbox: Mailbox, name: str, to: "Iterable[str]") -> None:
    """Note the recipients, durable; remove the note if there are none."""
    names = sorted(to)
    path = _path(mailbox, name)
    if names:
        at = clock.rfc3339(int(mailbox.files.now() * clock.SECOND))
        fields = {"reason": "withdrawn by its sender", "kind": "withdrawn", "at": at, "to": names}
        data = (json.dumps(fields, indent=2) + "\n").encode()
        mailbox.files.replace(data, mailbox.at(layout.SCRATCH), path)
        return
    with suppress(FileNotFoundError):
        mailbox.files.remove(path)


def _path(mailbox: Mailbox, name: str) -> str:
    return mailbox.at(layout.SENT, name + layout.WHY)
