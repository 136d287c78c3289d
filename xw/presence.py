"""An instance's last sign of life: what its files show, and how they are made to.

`presence.json` holds what the instance said of itself and for how long that is
to be believed; its age is the file's mtime, by the clock of the disk it lies
on. Two speak through it, and neither wipes out the other: the agent, through
`xw notify`, and its bridge, whose heartbeats keep what the agent said until
that runs out.

    status, task, progress, ttl_s     what to show, and for how long
    said    {status, task, progress, ttl_s}   the agent's own part
    bridge  {kind, ttl_s}             of a bridge that runs, or died without a word

Without the file, the last change of its folders tells when it last did anything.
"""

import json
from typing import NamedTuple

from xw import clock, layout
from xw.errors import Damaged
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.message import parse_object

_LIMIT = 64 * 1024
STATUSES = ("alive", "busy", "idle")
GONE = "gone"
UNKNOWN = "-"
SHOWN_AS = {"working": "busy", "blocked": "busy", "completed": "idle", "idle": "idle"}
BEAT_TTL_S = 30.0
SAID_TTL_S = 900.0
DIED = "died"
WAITS = "mail waits: "  # how the task of a bridge begins that holds mail back; the reason follows
# Folders that change only when their owner acts: claims, finishes, sends. `sent/` never leaves its machine.
MARKS = (INBOX["processing"], INBOX["done"], layout.SENT)


class Presence(NamedTuple):
    """Status (alive, busy, idle, gone or `-`), task, progress, and when last seen in seconds, if ever.

    `bridge` is the kind of the bridge that runs, `<kind> died` where one ended
    without taking its leave, or empty.
    """

    status: str
    task: str
    progress: str
    seen: float | None
    bridge: str = ""


def read(mailbox: Mailbox) -> Presence:
    """The presence of a mailbox's owner, by the clock of the files it lies on."""
    text, at = _text_of(mailbox)
    changed = max(filter(None, (_mtime(mailbox, mark) for mark in MARKS)), default=None)
    return judge(text, at, changed, mailbox.files.now())


def judge(text: str, at: float, changed: float | None, now: float) -> Presence:
    """What a `presence.json` of this text and mtime is worth at `now`.

    `changed` is when the folders last changed, in seconds; the status is UNKNOWN without a presence.
    """
    said, age = _parsed(text), max(0.0, now - at)
    status, ttl = said.get("status"), clock.seconds(said.get("ttl_s"))
    if status not in STATUSES or ttl is None:
        return Presence(UNKNOWN, "", "", changed)  # none yet, or not one that this version understands
    return Presence(
        GONE if age > ttl else str(status),
        _text(said.get("task")),
        _text(said.get("progress")),
        max(at, changed or 0.0),
        _bridge(said, age),
    )


def say(mailbox: Mailbox, status: str, task: str = "", progress: str = "", ttl_s: float = SAID_TTL_S) -> None:
    """Write what the agent says of itself. `status` is one of `STATUSES`."""
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK)):
        was, age = _load(mailbox)
        said: dict[str, object] = {"status": status, "task": task, "progress": progress, "ttl_s": ttl_s}
        new = {**said, "said": said}
        bridge = _left(was.get("bridge"), age)
        if bridge:
            new["bridge"] = bridge
        _store(mailbox, new)


def beat(mailbox: Mailbox, kind: str, status: str, task: str = "") -> None:
    """A bridge's heartbeat; what the agent said of itself stays while it is believed, unless mail waits."""
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK)):
        was, age = _load(mailbox)
        said = _left(was.get("said"), age)
        shown: dict[str, object] = {"status": status, "task": task, "progress": ""}
        if said:
            told = task if task.startswith(WAITS) else said.get("task") or task  # its peers must know
            shown |= {"task": told, "progress": said.get("progress", "")}
            if "busy" in (status, said.get("status")):
                shown["status"] = "busy"
        shown |= {"ttl_s": BEAT_TTL_S, "bridge": {"kind": kind, "ttl_s": BEAT_TTL_S}}
        _store(mailbox, shown | ({"said": said} if said else {}))


def leave(mailbox: Mailbox) -> None:
    """A bridge that ends in good order says so; what the agent said stays while it is believed."""
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK)):
        was, age = _load(mailbox)
        said = _left(was.get("said"), age)
        _store(mailbox, {**said, "said": said} if said else {"status": "idle", "task": "", "ttl_s": 0.0})


def runs(mailbox: Mailbox, lock: str) -> bool:
    """Whether a process of this machine holds this lock: the mailbox's bridge, or a room's coordinator."""
    return mailbox.files.held(mailbox.at(lock))


def _load(mailbox: Mailbox) -> tuple[dict[str, object], float]:
    """The object in the file and its age in seconds; empty where there is none that can be read."""
    text, at = _text_of(mailbox)
    return _parsed(text), max(0.0, mailbox.files.now() - at)


def _text_of(mailbox: Mailbox) -> tuple[str, float]:
    path = f"{mailbox.owner}/{layout.PRESENCE}"
    try:
        return mailbox.files.read(path, _LIMIT).decode("utf-8", "replace"), mailbox.files.look(path).mtime
    except (OSError, Damaged):
        return "", 0.0


def _parsed(text: str) -> dict[str, object]:
    try:
        return parse_object(text.encode())
    except Damaged:
        return {}


def _mtime(mailbox: Mailbox, folder: str) -> float | None:
    try:
        return mailbox.files.look(mailbox.at(folder)).mtime
    except OSError:
        return None


def _store(mailbox: Mailbox, presence: dict[str, object]) -> None:
    data = (json.dumps(presence, indent=2, ensure_ascii=False) + "\n").encode()
    mailbox.files.replace(data, mailbox.at(layout.SCRATCH), f"{mailbox.owner}/{layout.PRESENCE}")


def _left(part: object, age: float) -> dict[str, object]:
    """A part of the file with the time that is left to it; empty where that has run out."""
    if not isinstance(part, dict):
        return {}
    ttl = clock.seconds(part.get("ttl_s"))
    return {**part, "ttl_s": ttl - age} if ttl is not None and ttl > age else {}


def _bridge(said: dict[str, object], age: float) -> str:
    part = said.get("bridge")
    if not isinstance(part, dict):
        return ""
    kind = _text(part.get("kind")) or "?"
    return kind if _left(part, age) else f"{kind} {DIED}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
