"""An instance's last sign of life, written by itself and judged by others.

`presence.json` has the instance's own status and the time for which it is
valid; its age is the file's mtime, by the clock of its disk. Two processes
write it without erasing each other's part: the agent, through `xw notify`, and
its bridge, whose heartbeats keep the agent's part until that expires.

    status, task, progress, ttl_s     what to show, and for how long
    said    {status, task, progress, ttl_s}   the agent's own part
    bridge  {kind, ttl_s, waits_for}  a bridge that runs, or has died; why it holds mail back

Without the file, the last change of its folders is its last activity.
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
# Folders that change only when their owner claims, finishes or sends. `sent/` stays on its machine.
MARKS = (INBOX["processing"], INBOX["done"], layout.SENT)


class Presence(NamedTuple):
    """Status (alive, busy, idle, gone or `-`), task, progress, and the time last seen in seconds, if any.

    `bridge` is the kind of the bridge that runs, or that ended without notice; empty if there is none.
    `waits_for` is its reason to hold mail back.
    """

    status: Shown
    task: str
    progress: str
    seen: float | None
    bridge: str = ""
    bridge_state: BridgeState = "none"
    waits_for: str = ""


class Doing(NamedTuple):
    """A bridge's status, its current task, and its reason to hold mail back, or empty."""

    status: Status
    task: str = ""
    waits_for: str = ""


def read(mailbox: Mailbox) -> Presence:
    """Return the presence of a mailbox's owner, by the clock of the mailbox's disk."""
    text, at = _text_of(mailbox)
    changed = max(filter(None, (_mtime(mailbox, mark) for mark in MARKS)), default=None)
    return judge(text, at, changed, mailbox.files.now())


def judge(text: str, at: float, changed: float | None, now: float) -> Presence:
    """Return the presence in a `presence.json` with this text and mtime, as valid at `now`.

    `changed` is the time of the folders' last change in seconds; without a file, the status is `-`.
    """
    said, age = _parsed(text), max(0.0, now - at)
    status, ttl = said.get("status"), clock.seconds(said.get("ttl_s"))
    known = next((one for one in STATUSES if one == status), None)
    if known is None or ttl is None:
        return Presence("-", "", "", changed)  # none yet, or in a form unknown to this version
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
    """Write the agent's own status."""
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK)):
        was, age = _load(mailbox)
        said: dict[str, object] = {"status": status, "task": task, "progress": progress, "ttl_s": ttl_s}
        new = {**said, "said": said}
        bridge = _left(was.get("bridge"), age)
        if bridge:
            new["bridge"] = bridge
        _store(mailbox, new)


def beat(mailbox: Mailbox, kind: str, doing: Doing) -> None:
    """Write a bridge's heartbeat; keep the agent's own status while it is valid."""
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK)):
        was, age = _load(mailbox)
        said = _left(was.get("said"), age)
        # Peers must see why mail waits; versions without `waits_for` show the task.
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
    """Record the orderly end of a bridge; keep the agent's own status while it is valid."""
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK)):
        was, age = _load(mailbox)
        said = _left(was.get("said"), age)
        _store(mailbox, {**said, "said": said} if said else {"status": "idle", "task": "", "ttl_s": 0.0})


def runs(mailbox: Mailbox, lock: str) -> bool:
    """Return True if a process on this machine holds this lock of a bridge or a room's coordinator."""
    return mailbox.files.held(mailbox.at(lock))


def _load(mailbox: Mailbox) -> tuple[dict[str, object], float]:
    """Return the object in the file and its age in seconds; empty if it cannot be read."""
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
    """Return a part of the file with its remaining time; empty if it has expired."""
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
