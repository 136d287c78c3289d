"""Rates and quotas of a served hub's members, kept across connections in `<hub>/.served/`.

`limits.json` there is the hub owner's: it may set each number of `Limits`, for all or below `members` for one
name. A member's use lies in `<name>/used.json`, under a lock of its own: buckets that empty with use and fill
with time. Whatever exceeds one waits in its sender's outbox. Used by `server`, `calls`, `delivering`.
"""

import errno
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress

from xw import clock, layout
from xw.errors import Damaged, XwError
from xw.files.local import LocalFiles
from xw.message import parse_object
from xw.named_tuple import NamedTuple

FOLDER = layout.SERVED
_FILE = f"{FOLDER}/limits.json"
_LIMIT = 64 * 1024  # bytes
_BURST_MIN = 10  # minutes of messages that may come at once
_DAY_S = 86400.0


class Limits(NamedTuple):
    """A member's limits; a number in `limits.json` replaces each."""

    messages_per_minute: int = 120
    bytes_per_day: int = 4 * 1024**3
    file_bytes: int = 1024**3
    pending: int = 2000  # of its messages in one other mailbox
    connections: int = 10
    connections_per_minute: int = 240
    calls_per_second: int = 50  # on one connection; beyond that it is answered more slowly
    marks_per_hour: int = 30
    registrations_per_hour: int = 20  # and unregistrations, whose archives stay


def limits_of(files: LocalFiles, member: str) -> Limits:
    """Return a member's limits. Raise XwError if the owner's file is damaged."""
    try:
        found = parse_object(files.read(_FILE, _LIMIT))
    except FileNotFoundError:
        return Limits()
    except Damaged as error:
        raise XwError(f"{_FILE} on the hub's host is damaged ({error}): fix it there") from None
    members = found.get("members")
    own = members.get(member) if isinstance(members, dict) else None
    given = {**found, **own} if isinstance(own, dict) else found
    numbers = {key: given[key] for key in Limits._fields if key in given}
    wrong = next((key for key, value in numbers.items() if type(value) is not int or value < 1), None)
    if wrong:
        raise XwError(f"{_FILE} on the hub's host: {wrong!r} is not a number above 0: fix it there")
    return Limits()._replace(**numbers)  # type: ignore[arg-type]  # checked above


class Used:
    """A member's use of its limits."""

    def __init__(self, files: LocalFiles, member: str, limits: Limits) -> None:
        self._files = files
        self._folder = f"{FOLDER}/{member}"
        self._buckets = {  # name → (most, what comes back in a second)
            "messages": (limits.messages_per_minute * _BURST_MIN, limits.messages_per_minute / 60),
            "bytes": (limits.bytes_per_day, limits.bytes_per_day / _DAY_S),
            "connections": (limits.connections_per_minute, limits.connections_per_minute / 60),
            "marks": (limits.marks_per_hour, limits.marks_per_hour / 3600),
            "registrations": (limits.registrations_per_hour, limits.registrations_per_hour / 3600),
        }

    def take(self, wanted: Mapping[str, int]) -> tuple[str, float] | None:
        """Use up some of each bucket in `wanted`; return None, or which lacks how many seconds.

        Then nothing is used up. A want above the whole bucket empties a full one.
        """
        with self._files.locked_briefly(f"{self._folder}/.lock"):
            now, levels = time.time(), self._levels()
            for key, count in wanted.items():
                most, rate = self._buckets[key]
                lacking = min(count, most) - levels[key]
                if lacking > 0:
                    return key, lacking / rate
            left = {key: levels[key] - wanted.get(key, 0) for key in levels}
            self._write({"at": now, "left": left})
        return None

    def give_back(self, key: str, count: int) -> None:
        """Undo a use, if the disk allows it."""
        with suppress(OSError), self._files.locked_briefly(f"{self._folder}/.lock"):
            levels = self._levels()
            most, _ = self._buckets[key]
            left = {**levels, key: min(most, levels[key] + count)}
            self._write({"at": time.time(), "left": left})

    def _levels(self) -> dict[str, float]:
        """Return what each bucket has now; full without a readable note."""
        found: dict[str, object] = {}
        with suppress(OSError, Damaged):
            found = parse_object(self._files.read(f"{self._folder}/used.json", _LIMIT))
        passed = max(0.0, time.time() - (clock.seconds(found.get("at")) or 0.0))
        left = found.get("left")
        noted = left if isinstance(left, dict) else {}
        levels = {}
        for key, (most, rate) in self._buckets.items():
            before = clock.seconds(noted.get(key))
            levels[key] = float(most) if before is None else min(float(most), before + passed * rate)
        return levels

    def _write(self, about: Mapping[str, object]) -> None:
        """Replace the note. Not durable: after a power cut the buckets are full."""
        path = self._files.path(f"{self._folder}/used.json")
        scratch = f"{path}.{os.getpid()}"
        try:
            handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with open(handle, "w", encoding="utf-8") as file:
                json.dump(about, file)
            os.replace(scratch, path)
        except OSError:
            with suppress(OSError):
                os.remove(scratch)
            raise


def is_full(error: OSError) -> bool:
    """Return True if the disk has no space for a note, which must not keep a member from reading."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def pending_from(files: LocalFiles, to: str, member: str) -> int:
    """Return the number of a member's messages that are pending in a mailbox."""
    with suppress(OSError):
        names = files.list_folder(f"{to}/{layout.INBOX['pending']}")
        return sum(layout.is_message(name) and layout.sender_of(name) == member for name in names)
    return 0


def until(seconds: float) -> str:
    """Return when a bucket will have enough, for an error's text."""
    return clock.brief(clock.now() + int(max(1.0, seconds) * clock.SECOND))
