"""An instance's last sign of life: what its files show, and how they are made to.

`presence.json` holds what the instance said of itself and for how long that is
to be believed; its age is the file's mtime, by the clock of the disk it lies
on. Two speak through it, and neither wipes out the other: the agent, through
`xw notify`, and its bridge, whose heartbeats keep what the agent said until
that runs out.

    status, task, progress, ttl_s     what to show, and for how long
    said    {status, task, progress, ttl_s}   the agent's own part
    bridge  {kind, ttl_s, waits_for}  of a bridge that runs, or died without a word; why it holds mail back

Without the file, the last change of its folders tells when it last did anything.
"""

import json
from typing import NamedTuple, get_args

from xw import clock, layout
from xw.errors import Damaged
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.message import parse_object
from xw.words import BridgeState, Shown, Status

_LIMIT = 64 * 1024
STATUSES: tuple[Status, ...] = get_args(Status)
SHOWN_AS: dict[str, Status] = {"working": "busy", "blocked": "busy", "completed": "idle", "idle": "idle"}
BEAT_TTL_S = 30.0
SAID_TTL_S = 900.0
# Folders that change only when their owner acts: claims, finishes, sends. `sent/` never leaves its machine.
MARKS = (INBOX["processing"], INBOX["done"], layout.SENT)


class Presence(NamedTuple):
    """Status (alive, busy, idle, gone or `-`), task, progress, and when last seen in seconds, if ever.

    `bridge` is the kind of the bridge that runs, or that ended without taking
    its leave; empty if there is none. `waits_for` is why it holds mail back.
    """

    status: Shown
    task: str
    progress: str
    seen: float | None
    bridge: str = ""
    bridge_state: BridgeState = "none"
    waits_for: str = ""


class Doing(NamedTuple):
    """What a bridge is at: a status, what it works on, and why it holds mail back, empty if it does not."""

    status: Status
    task: str = ""
    waits_for: str = ""


def read(mailbox: Mailbox) -> Presence:
    """The presence of a mailbox's owner, by the clock of the files it lies on."""
    text, at = _text_of(mailbox)
    changed = max(filter(None, (_mtime(mailbox, mark) for mark in MARKS)), default=None)
    return judge(text, at, changed, mailbox.files.now())


def judge(text: str, at: float, changed: float | None, now: float) -> Presence:
    """What a `presence.json` of this text and mtime is worth at `now`.

    `changed` is when the folders last changed, in seconds; the status is `-` without a presence.
    """
    said, age = _parsed(text), max(0.0, now - at)
    status, ttl = said.get("status"), clock.seconds(said.get("ttl_s"))
    known = next((one for one in STATUSES if one == status), None)
    if known is None or ttl is None:
        return Presence("-", "", "", changed)  # none yet, or not one that this version understands
    return Presence(
        "gone" if age > ttl else known,
        _text(said.get("task")),
        _text(said.get("progress")),
        max(at, changed or 0.0),
        *_bridge(said, age),
    )


def say(
    mailbox: Mailbox, status: Status, task: str = "", progress: str = "", ttl_s: float = SAID_TTL_S
) -> None:
    """Write what the agent says of itself."""
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK)):
        was, age = _load(mailbox)
        said: dict[str, object] = {"status": status, "task": task, "progress": progress, "ttl_s": ttl_s}
        new = {**said, "said": said}
        bridge = _left(was.get("bridge"), age)
        if bridge:
            new["bridge"] = bridge
        _store(mailbox, new)


def beat(mailbox: Mailbox, kind: str, doing: Doing) -> None:
    """Write a bridge's heartbeat; keep what the agent said of itself while it is believed."""
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK)):
        was, age = _load(mailbox)
        said = _left(was.get("said"), age)
        # Its peers must know why mail waits; versions without `waits_for` show the task.
        task = f"mail waits: {doing.waits_for}" if doing.waits_for else doing.task
        shown: dict[str, object] = {"status": doing.status, "task": task, "progress": ""}
        if said:
            told = task if doing.waits_for else said.get("task") or task
            shown |= {"task": told, "progress": said.get("progress", "")}
            if "busy" in (doing.status, said.get("status")):
                shown["status"] = "busy"
        bridge: dict[str, object] = {"kind": kind, "ttl_s": BEAT_TTL_S}
        if doing.waits_for:
            bridge["waits_for"] = doing.waits_for
        shown |= {"ttl_s": BEAT_TTL_S, "bridge": bridge}
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
        return mailbox.files.read(path, _LIMIT).decode("utf-8", "replace"), mailbox.files.stat(path).mtime
    except (OSError, Damaged):
        return "", 0.0


def _parsed(text: str) -> dict[str, object]:
    try:
        return parse_object(text.encode())
    except Damaged:
        return {}


def _mtime(mailbox: Mailbox, folder: str) -> float | None:
    try:
        return mailbox.files.stat(mailbox.at(folder)).mtime
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


def _bridge(said: dict[str, object], age: float) -> tuple[str, BridgeState, str]:
    part = said.get("bridge")
    if not isinstance(part, dict):
        return "", "none", ""
    kind, waits_for = _text(part.get("kind")) or "?", _text(part.get("waits_for"))
    if not _left(part, age):
        return kind, "died", ""
    return kind, "waits" if waits_for else "runs", waits_for


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
