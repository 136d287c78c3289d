"""The memory of `wait --new`: the pending messages that its last call on this machine has seen.

Without it, mail that arrives while an agent handles the last result would be pending at the next call, and
new to none. It is only a help: if it cannot be read or written, mail is new that arrives from now on.
"""

import json
import time
from contextlib import suppress

from xw import clock, layout
from xw.errors import Damaged, XwError
from xw.mailbox import Mailbox
from xw.message import parse_object

BELIEVED_S = 3600.0
"""After this long a wait starts afresh, and `check` shows the mail that arrived in between."""

_MOST = 20_000  # names; a longer note would cost more than it helps
_LIMIT = 2 * 1024 * 1024  # bytes


def seen(mailbox: Mailbox) -> set[str]:
    """Return the pending names that are not new: those that the last call saw, or without a note all."""
    pending = set(mailbox.pending())
    noted = _noted(mailbox)
    return pending if noted is None else pending & noted


def note(mailbox: Mailbox, names: set[str]) -> None:
    """Remember the names that a call has seen, in addition to those that other calls noted."""
    with suppress(OSError, XwError):  # a full or read-only disk: the next call has no note
        kept = (names | (_noted(mailbox) or set())).intersection(mailbox.pending())
        if len(kept) <= _MOST:
            data = json.dumps({"at": time.time(), "names": sorted(kept)}).encode()
            mailbox.files.replace(data, mailbox.at(layout.SCRATCH), mailbox.at(layout.WAITED))
            return
    # An outdated note would make the same message new at every call.
    with suppress(OSError, XwError):
        mailbox.files.remove(mailbox.at(layout.WAITED))


def _noted(mailbox: Mailbox) -> set[str] | None:
    try:
        found = parse_object(mailbox.files.read(mailbox.at(layout.WAITED), _LIMIT))
    except (OSError, Damaged):
        return None
    at, names = clock.seconds(found.get("at")), found.get("names")
    if at is None or abs(time.time() - at) > BELIEVED_S or not isinstance(names, list):
        return None
    return {name for name in names if isinstance(name, str)}
