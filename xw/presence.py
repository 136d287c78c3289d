"""An instance's last sign of life, as its files show it.

`presence.json` says what the instance said of itself and for how long that is
to be believed; its age is the file's mtime. Without one, the last change of
its folders tells when it last did anything.
"""

from typing import NamedTuple

from xw import layout
from xw.errors import Damaged
from xw.layout import INBOX
from xw.message import parse_object

STATUSES = ("alive", "busy", "idle")
GONE = "gone"
UNKNOWN = "-"
# Folders that change only when their owner acts: claims, finishes, sends. `sent/` never leaves its machine.
MARKS = (INBOX["processing"], INBOX["done"], layout.SENT)


class Presence(NamedTuple):
    """Status (alive, busy, idle, gone or `-`), task, progress, and when last seen in seconds, if ever."""

    status: str
    task: str
    progress: str
    seen: float | None


def judge(text: str, at: float, changed: float | None, now: float) -> Presence:
    """What a `presence.json` of this text and mtime is worth at `now`.

    `changed` is when the folders last changed, in seconds; the status is UNKNOWN without a presence.
    """
    try:
        said = parse_object(text.encode())
        status, ttl = said["status"], float(said["ttl_s"])  # type: ignore[arg-type]  # TypeError if it is none
        if status not in STATUSES:
            raise ValueError(status)
    except (ValueError, OverflowError, TypeError, KeyError, Damaged):
        return Presence(UNKNOWN, "", "", changed)  # none yet, or not one that this version understands
    if now > at + ttl:
        status = GONE
    return Presence(status, _text(said.get("task")), _text(said.get("progress")), max(at, changed or 0.0))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
