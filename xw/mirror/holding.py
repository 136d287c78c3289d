"""Who holds a claim: the note beside a claimed message, and the lock of the process that claimed it.

    inbox/processing/<name>.held.json   {"holder": "claim" | "watch" | "exec" | "free", "lock": …, …}
    outbox/.holder-<lock>               locked while the process runs; a line for each command that has ended

`xw claim` holds a message until it is settled or released; `xw watch --claim` and `arrivals(claim=True)` hold
theirs while their process runs, or a command that it has started. A claim whose process has ended is
abandoned, and free like a released one: the next to claim resumes it. A claim with a bridge's turn note is
the bridge's, and one without any note another program's or machine's; both stay.

The note is written before the claim, under one lock for all claims on this machine. So a note beside a
message that is still pending means nothing.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

from xw import layout
from xw.errors import Damaged
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.message import parse_object

if TYPE_CHECKING:
    from xw.mirror.carrier import Carrier

Holder = Literal["claim", "watch", "exec", "free"]
Standing = Literal["claim", "watch", "exec", "free", "bridge", "other"]

_FOLDER = INBOX["processing"]
_LIMIT = 4 * layout.MESSAGE_LIMIT  # a letter, escaped


class Hold(NamedTuple):
    """A note about a claim: its holder, and the holder's lock. The others are of an `xw fail` under way."""

    holder: Holder
    lock: str = ""
    reason: str = ""
    letter: str = ""
    """The file name of the notice to its sender."""
    data: str = ""
    """The notice's bytes, as text."""
    by: str = ""
    """Who called `xw claim` (`sessions.acting`)."""


@contextmanager
def locked(mailbox: Mailbox) -> Iterator[None]:
    """Let no other process on this machine claim or release a message of this mailbox."""
    with mailbox.files.locked_briefly(mailbox.at(layout.CLAIMS_LOCK)):
        yield


class Process:
    """A process that holds claims while it runs. A context manager; made by `watch --claim`."""

    def __init__(self, mailbox: Mailbox, holder: Holder) -> None:
        self._mailbox = mailbox
        self.note = Hold(holder, os.urandom(6).hex())
        self._path = mailbox.at(layout.HOLDER + self.note.lock)
        self.handle = -1
        self.given: set[str] = set()
        """The claimed messages that this process has learnt of."""
        self.declined: set[str] = set()
        """Those that it has released itself, and does not take again."""

    def __enter__(self) -> "Process":
        files = self._mailbox.files
        with locked(self._mailbox):
            _tidy(self._mailbox)
            self._lock = files.locked_briefly(self._path)
            self.handle = self._lock.__enter__().handle
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.__exit__(None, None, None)
        with suppress(OSError), locked(self._mailbox):  # the next process tidies too; the first error counts
            _tidy(self._mailbox)


def take(mailbox: Mailbox, carrier: "Carrier", name: str, held: Hold, ask: bool = False) -> str | None:
    """Claim a message that is pending or free; return None if this call did, or who holds it.

    With `ask`, also ask a remote hub about a claim that another machine has made: it may have released it.
    """
    with locked(mailbox):
        state = mailbox.state_of(name)
        if state == "pending":
            remove_turn(mailbox, name)  # of a bridge that ended before it had the claim
            save(mailbox, name, held)
            if carrier.claim(name):
                return None
            drop(mailbox, name)
            return "another machine was faster, or its sender withdrew it"
        if state != "processing":
            return f"it is in {INBOX[state]}/" if state else "it is gone"
        now = standing(mailbox, name, held.lock)
        if now == "other" and ask and carrier.mirror and carrier.claim(name):
            now = "free"
        if now != "free":
            return _SAYS[now]
        save(mailbox, name, held)
        if carrier.holds(name):
            return None
        drop(mailbox, name)
        return _SAYS["other"]


_SAYS: dict[Standing, str] = {
    "claim": "somebody claimed it before; if nobody works on it, `xw release` it first",
    "watch": "a running `xw watch --claim` holds it",
    "exec": "a command of `xw watch --claim --exec` works on it",
    "bridge": "a bridge holds it",
    "other": "another program, or another machine of this name, holds it",
}


def standing(mailbox: Mailbox, name: str, own: str = "") -> Standing:
    """Return who holds a message in `processing/`; it is free for the process whose lock is `own`."""
    if mailbox.exists(_FOLDER, name + layout.TURN):
        return "bridge"
    found = load(mailbox, name)
    if found is None:
        return "other"
    if found.lock and (found.lock == own or not mailbox.files.held(mailbox.at(layout.HOLDER + found.lock))):
        return "free"
    return found.holder


def free(mailbox: Mailbox, process: Process | None = None) -> list[str]:
    """Return the claimed messages that nobody holds, oldest first, after settling those already handled.

    With `process`, include those that it holds without having learnt of it: a call may have claimed one, and
    failed after that.
    """
    names = set(mailbox.files.list_folder(mailbox.at(_FOLDER)))
    return [
        name
        for name in sorted(names)
        if name + layout.HELD in names
        and layout.is_message(name)
        and _is_free(mailbox, name, process)
        and not _is_handled(mailbox, name)
    ]


def _is_free(mailbox: Mailbox, name: str, process: Process | None) -> bool:
    if process is None:
        return standing(mailbox, name) == "free"
    if name in process.declined:
        return False
    found = load(mailbox, name)
    if found and found.lock == process.note.lock:
        return name not in process.given
    return standing(mailbox, name) == "free"


def ended(mailbox: Mailbox, name: str) -> int | None:
    """Return the exit code of the command that an earlier `watch --claim --exec` ran for it, or None."""
    found = load(mailbox, name)
    if found is None or not found.lock:
        return None
    try:
        record = mailbox.files.read(mailbox.at(layout.HOLDER + found.lock), _LIMIT).decode(errors="replace")
    except (FileNotFoundError, Damaged):
        return None
    codes = [line.split() for line in record.splitlines(keepends=True) if line.endswith("\n")]
    return next(
        (int(code[1]) for code in codes if len(code) == 2 and code[0] == name and code[1].isdigit()), None
    )


def _is_handled(mailbox: Mailbox, name: str) -> bool:
    """Settle a message whose command has succeeded, though the process that ran it had ended."""
    if ended(mailbox, name) != 0:
        return False
    mailbox.settle(name)
    return True


def load(mailbox: Mailbox, name: str) -> Hold | None:
    """Return the note about a claim, or None. A damaged one stands for `xw claim`: nobody takes it away."""
    try:
        found = parse_object(mailbox.files.read(_note(mailbox, name), _LIMIT))
    except FileNotFoundError:
        return None
    except Damaged:
        return Hold("claim")
    values = {key: found.get(key, "") for key in Hold._fields}
    lock, holder = values["lock"], values["holder"]
    sound = all(isinstance(value, str) for value in values.values())
    if not sound or holder not in ("claim", "watch", "exec", "free") or (not str(lock).isalnum() and lock):
        return Hold("claim")
    return Hold(**values)  # type: ignore[arg-type]  # checked above


def save(mailbox: Mailbox, name: str, held: Hold) -> None:
    """Write the note about a claim, durable."""
    data = (json.dumps(held._asdict(), indent=2) + "\n").encode()
    mailbox.files.replace(data, mailbox.at(layout.SCRATCH), _note(mailbox, name))


def drop(mailbox: Mailbox, name: str) -> None:
    """Remove the note about a claim; it may be gone already."""
    with suppress(FileNotFoundError):
        mailbox.files.remove(_note(mailbox, name))


def remove_turn(mailbox: Mailbox, name: str) -> None:
    """Remove a bridge's note about a message; it may be gone already."""
    with suppress(FileNotFoundError):
        mailbox.files.remove(mailbox.at(_FOLDER, name + layout.TURN))


def _note(mailbox: Mailbox, name: str) -> str:
    return mailbox.at(_FOLDER, name + layout.HELD)


def _tidy(mailbox: Mailbox) -> None:
    """Remove notes without a message, and the locks of ended processes whose claims are all settled."""
    names = set(mailbox.files.list_folder(mailbox.at(_FOLDER)))
    needed = set()
    for note in names:
        name = note.removesuffix(layout.HELD)
        if note != name and name in names:
            found = load(mailbox, name)
            needed.add(found.lock if found else "")
        elif note != name and mailbox.state_of(name) not in ("pending", "processing"):
            drop(mailbox, name)
    folder, _, start = layout.HOLDER.rpartition("/")
    for file in mailbox.files.list_folder(mailbox.at(folder)):
        path = mailbox.at(folder, file)
        if file.startswith(start) and file.removeprefix(start) not in needed and not mailbox.files.held(path):
            with suppress(FileNotFoundError):
                mailbox.files.remove(path)
