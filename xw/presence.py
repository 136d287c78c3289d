"""An instance's last sign of life, as its files show it.

`presence.json` says what the instance said of itself and for how long that is
to be believed; its age is the file's mtime. Without one, the last change of
its folders tells when it last did anything.
"""

from xw import layout
from xw.errors import Damaged
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.message import parse_object
from xw.record import NamedTuple

_LIMIT = 64 * 1024
STATUSES = ("alive", "busy", "idle")
GONE = "gone"
UNKNOWN = "-"
# Folders that change only when their owner acts: claims, finishes, sends.
_OWNERS_MARKS = (INBOX["processing"], INBOX["done"], layout.SENT)


class Presence(NamedTuple):
    """Status (alive, busy, idle, gone or `-`), task, progress, and when last seen in seconds, if ever."""

    status: str
    task: str
    progress: str
    seen: float | None


def read(mailbox: Mailbox) -> Presence:
    """The presence of a mailbox's owner, by the clock of the files it lies on."""
    seen = _last_change(mailbox)
    path = f"{mailbox.owner}/{layout.PRESENCE}"
    try:
        said = parse_object(mailbox.files.read(path, _LIMIT))
        beat = mailbox.files.look(path).mtime
        status, ttl = said["status"], float(said["ttl_s"])  # type: ignore[arg-type]  # TypeError if it is none
        if status not in STATUSES:
            raise ValueError(status)
    except (OSError, ValueError, OverflowError, TypeError, KeyError, Damaged):
        return Presence(UNKNOWN, "", "", seen)  # none yet, or not one that this version understands
    if mailbox.files.now() > beat + ttl:
        status = GONE
    return Presence(status, _text(said.get("task")), _text(said.get("progress")), max(beat, seen or 0.0))


def _last_change(mailbox: Mailbox) -> float | None:
    times: list[float] = []
    for folder in _OWNERS_MARKS:
        try:
            times.append(mailbox.files.look(mailbox.at(folder)).mtime)
        except OSError:
            continue  # `sent/` never leaves its machine, so a hub may lack it
    return max(times, default=None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
