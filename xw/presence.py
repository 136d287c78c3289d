"""An instance's last sign of life, written by itself and judged by others.

`presence.json` has the instance's own status and the time for which it is
valid; its age is the file's mtime, by the clock of its disk. Three processes
write it without erasing each other's part: the agent, through `xw notify`, the
hooks of its session, and its bridge, whose heartbeats keep the agent's part until that expires.

    status, task, progress, ttl_s     what to show, and for how long
    blocked                           true if a busy agent is blocked; older versions show it as busy
    said    {status, task, progress, ttl_s, blocked}   the agent's own part
    help    {text, ttl_s}             an error with which the agent asked for help
    on_hold                           true while its owner lets no mail be shown by itself
    launched                          in `said`: true if `xw launch` started the agent
    bridge  {kind, ttl_s, waits_for, note}  a bridge that runs, or has died; why it holds mail back; its
            turns of today, or whether waiting mail was announced
            {delivery}                when it shows mail, as decided for the instance
            {memory}                  `none` if its program forgets each text, else a name that changes when
                                      the program has forgotten all texts before

Without the file, the last change of its folders is its last activity.
"""

import json

from xw import clock, delivery, layout
from xw.errors import Damaged
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.message import parse_object
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from xw.words import BridgeState, Shown, Status

_LIMIT = 64 * 1024
_LATE_S = 5.0  # a sync may deliver the last acts of a program after its end
_HURRY_S = 0.5  # a program waits for its hook
_PARTS = ("said", "help", "bridge")
STATUSES: "tuple[Status, ...]" = ("alive", "busy", "idle")
SHOWN_AS: "dict[str, Status]" = {"working": "busy", "blocked": "busy", "completed": "idle", "idle": "idle"}
NO_MEMORY = "none"
"""The memory of a program that forgets each text after its answer."""
BEAT_TTL_S = 30.0
SAID_TTL_S = 900.0
SESSION_TTL_S = 3600.0
"""A session says its end; this is for one that is killed. Its hooks and its waker renew it."""
HELP_TTL_S = 86400.0
"""An agent that needs help may be unable to say so again; its next status takes the request back,
unless that is blocked."""
_NOTHING = {"status": "idle", "task": "", "progress": "", "ttl_s": 0.0}
# Folders that change only when their owner claims, finishes or sends. `sent/` stays on its machine.
MARKS = (INBOX["processing"], INBOX["done"], layout.SENT)


class Presence(NamedTuple):
    """Status (alive, busy, blocked, idle, gone or `-`), task, progress, and the time last seen, if any.

    `seen` is in seconds. `bridge` is the kind of the bridge that runs, or that ended without notice; empty
    if there is none. `waits_for` is its reason to hold mail back, `needs_help` the error with which the agent
    asked for help. `bridge_delivery` is when the bridge shows mail; `launched` is True if `xw launch` started
    the agent, `on_hold` if its owner has stopped what is shown by itself. `ended` is True if a launch, a
    session or a bridge reported its end, and nobody has handled mail since; a status that expired is no end.
    """

    status: "Shown"
    task: str
    progress: str
    seen: float | None
    bridge: str = ""
    bridge_state: "BridgeState" = "none"
    waits_for: str = ""
    needs_help: str = ""
    memory: str = ""
    bridge_note: str = ""
    bridge_delivery: str = ""
    launched: bool = False
    on_hold: bool = False
    ended: bool = False


class Doing(NamedTuple):
    """A bridge's status and task, why it holds mail back, its note for peers, and when it shows mail."""

    status: "Status"
    task: str = ""
    waits_for: str = ""
    note: str = ""
    delivery: str = ""


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
        # There is none yet, or in a form unknown to this version.
        return Presence("-", "", "", changed, on_hold=said.get("on_hold") is True)
    shown: Shown = "blocked" if known == "busy" and said.get("blocked") is True else known
    return Presence(
        "gone" if age > ttl else shown,
        _text(said.get("task")),
        _text(said.get("progress")),
        max(at, changed or 0.0),
        *_bridge(said, age),
        needs_help=_text(_left(said.get("help"), age).get("text")),
        memory=_memory(said),
        bridge_note=_of_bridge(said, age, "note"),
        bridge_delivery=_of_bridge(said, age, "delivery"),
        launched=_left(said.get("said"), age).get("launched") is True,
        on_hold=said.get("on_hold") is True,
        ended=ttl == 0 and "said" not in said and "bridge" not in said and (changed or 0.0) <= at + _LATE_S,
    )


def say(
    mailbox: Mailbox,
    status: "Status",
    task: str = "",
    progress: str = "",
    ttl_s: float = SAID_TTL_S,
    *,
    blocked: bool = False,
    keep_help: bool = False,
) -> None:
    """Write the agent's own status, which takes back a request for help, unless `keep_help`."""
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK)):
        was, age = _load(mailbox)
        said: dict[str, object] = {"status": status, "task": task, "progress": progress, "ttl_s": ttl_s}
        if blocked:
            said["blocked"] = True
        if delivery.launched(mailbox.owner):
            said["launched"] = True
        _store(mailbox, {**said, "said": said, **_kept(was, age, "bridge", *(["help"] if keep_help else []))})


def report(mailbox: Mailbox, state: str, task: str, progress: str) -> None:
    """Write the status of a STATUS_UPDATE: idle, working, blocked or completed.

    Who is blocked still needs the help that it asked for.
    """
    blocked = state == "blocked"
    say(mailbox, SHOWN_AS[state], task, progress, blocked=blocked, keep_help=blocked)


def ask_for_help(mailbox: Mailbox, text: str) -> None:
    """Write the agent's request for help, and keep its status while that is valid."""
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK)):
        was, age = _load(mailbox)
        said = _left(was.get("said"), age)
        said = said or {"status": "alive", "task": "", "progress": "", "ttl_s": SAID_TTL_S}
        needs = {"text": text, "ttl_s": HELP_TTL_S}
        _store(mailbox, {**said, "said": said, **_kept(was, age, "bridge"), "help": needs})


def beat(mailbox: Mailbox, kind: str, doing: Doing, memory: str = "") -> None:
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
            if said.get("blocked") is True:
                shown["blocked"] = True
        bridge: dict[str, object] = {"kind": kind, "ttl_s": BEAT_TTL_S}
        if doing.waits_for:
            bridge["waits_for"] = doing.waits_for
        if memory:
            bridge["memory"] = memory
        if doing.note:
            bridge["note"] = doing.note
        if doing.delivery:
            bridge["delivery"] = doing.delivery
        shown |= {"ttl_s": BEAT_TTL_S, "bridge": bridge, **_kept(was, age, "help")}
        _store(mailbox, shown | ({"said": said} if said else {}))


def attend(mailbox: Mailbox) -> None:
    """Record that the owner's session lives; keep its own status. Does nothing while that is fresh."""
    was, age = _load(mailbox)
    if _time_left(was, age) > SESSION_TTL_S / 2:
        return
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK), _HURRY_S):
        was, age = _load(mailbox)
        said = _left(was.get("said"), age) or {"status": "alive", "task": "", "progress": ""}
        said = {**said, "ttl_s": SESSION_TTL_S}
        _store(mailbox, {**said, "said": said, **_kept(was, age, "bridge", "help")})


def depart(mailbox: Mailbox) -> None:
    """Record that the owner's session has ended; keep what its bridge says, while it runs."""
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK), _HURRY_S):
        was, age = _load(mailbox)
        _store(mailbox, {"status": "idle", "task": "", "ttl_s": 0.0, **_kept(was, age, "bridge")})


def leave(mailbox: Mailbox) -> None:
    """Record the orderly end of a bridge; keep the agent's own status while it is valid."""
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK)):
        was, age = _load(mailbox)
        said = _left(was.get("said"), age)
        shown = {**said, "said": said} if said else {"status": "idle", "task": "", "ttl_s": 0.0}
        _store(mailbox, shown | _kept(was, age, "help"))


def renew(mailbox: Mailbox) -> None:
    """Write the file again after a hold or its end; each part keeps its remaining time."""
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK)):
        was, age = _load(mailbox)
        # With the agent's own part, though expired: a hold of somebody who never reported is no end.
        known = {"status": "idle", "task": "", "ttl_s": 0.0, **(was or {"said": _NOTHING})}
        _store(mailbox, _aged(known, age) | {key: _aged(known[key], age) for key in _PARTS if key in known})


def end(mailbox: Mailbox) -> None:
    """Record the end of the program that acted for an instance: its own status ends with it."""
    with mailbox.files.locked_briefly(mailbox.at(layout.PRESENCE_LOCK)):
        was, age = _load(mailbox)
        _store(mailbox, {"status": "idle", "task": "", "ttl_s": 0.0, **_kept(was, age, "help")})


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
    presence = {key: value for key, value in presence.items() if key != "on_hold"}
    if delivery.held(mailbox):
        presence["on_hold"] = True
    data = (json.dumps(presence, indent=2, ensure_ascii=False) + "\n").encode()
    mailbox.files.replace(data, mailbox.at(layout.SCRATCH), f"{mailbox.owner}/{layout.PRESENCE}")


def _left(part: object, age: float) -> dict[str, object]:
    """Return a part of the file with its remaining time; empty if it has expired."""
    if not isinstance(part, dict):
        return {}
    ttl = clock.seconds(part.get("ttl_s"))
    return {**part, "ttl_s": ttl - age} if ttl is not None and ttl > age else {}


def _time_left(was: dict[str, object], age: float) -> float:
    """Return for how many seconds the owner's own status is still valid."""
    return clock.seconds(_left(was.get("said"), age).get("ttl_s")) or 0.0


def _kept(was: dict[str, object], age: float, *parts: str) -> dict[str, object]:
    """Return those parts of the file that have not expired, each with its remaining time."""
    return {part: left for part in parts if (left := _left(was.get(part), age))}


def _aged(part: object, age: float) -> dict[str, object]:
    """Return a part of the file with its remaining time, 0 if it has expired."""
    if not isinstance(part, dict):
        return {}
    return {**part, "ttl_s": max(0.0, (clock.seconds(part.get("ttl_s")) or 0.0) - age)}


def _of_bridge(said: dict[str, object], age: float, key: str) -> str:
    part = said.get("bridge")
    return _text(part.get(key)) if isinstance(part, dict) and _left(part, age) else ""


def _bridge(said: dict[str, object], age: float) -> "tuple[str, BridgeState, str]":
    part = said.get("bridge")
    if not isinstance(part, dict):
        return "", "none", ""
    kind, waits_for = _text(part.get("kind")) or "?", _text(part.get("waits_for"))
    if not _left(part, age):
        return kind, "died", ""
    return kind, "waits" if waits_for else "runs", waits_for


def _memory(said: dict[str, object]) -> str:
    """Return what the bridge's program remembers, also of a bridge that died: another heartbeat is near."""
    part = said.get("bridge")
    return _text(part.get("memory")) if isinstance(part, dict) else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
