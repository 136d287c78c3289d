"""Time in xw: whole microseconds since the Unix epoch, in UTC.

An instant has two spellings: `20261121T053012123456Z` in ids and file names, `2026-11-21T05:30:12.123456Z`
(RFC 3339) inside messages. Written with `time` alone, because importing `datetime` would cost each `xw check`
a fifth of a bare Python start; only reading a time typed by a person imports it.
"""

import re
import time
from collections.abc import Callable

from xw.errors import Usage

Clock = Callable[[], int]  # microseconds since the epoch; passed as an argument wherever time matters

SECOND = 1_000_000
_END = 253_402_300_800 * SECOND  # the year 10000, which an id cannot hold
_SPELLED = len("2026-11-21T05:30:12.123456Z")
_RFC3339 = r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"
_LEAP = ":59:60"  # a leap second, which Python cannot hold: it counts as the next second
_is_rfc3339 = re.compile(_RFC3339, re.ASCII).fullmatch
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def now() -> int:
    """Return the system clock's time."""
    return time.time_ns() // 1000


def stamp(at: int) -> str:
    """Return a time in the form of ids: `20261121T053012123456Z`."""
    seconds, micros = divmod(at, SECOND)
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds)) + f"{micros:06d}Z"


def spell(stamped: str) -> str:
    """Return an id's time in RFC 3339: `2026-11-21T05:30:12.123456Z`."""
    s = stamped
    return f"{s[:4]}-{s[4:6]}-{s[6:8]}T{s[9:11]}:{s[11:13]}:{s[13:15]}.{s[15:21]}Z"


def is_stamp(stamped: str) -> bool:
    """Return True if a time in an id's form exists: no 13th month, no 61st second."""
    return stamp(from_stamp(stamped)) == stamped


def rfc3339(at: int) -> str:
    """Return a time in the form of messages."""
    return spell(stamp(at))


def utc(text: str) -> str:
    """Return an RFC 3339 time in the form of `rfc3339`. Raise ValueError like `from_rfc3339`."""
    # xw's own form needs no import of `datetime`.
    spelled = len(text) == _SPELLED and text[10] == "T" and text[-1] == "Z" and text[13:19] != _LEAP
    return text if spelled else rfc3339(min(from_rfc3339(text), _END - 1))


def brief(at: int) -> str:
    """Return a time to the second, for people: `2026-11-21T05:30:12Z`. `when` reads it too."""
    return f"{rfc3339(at)[:19]}Z"


def from_stamp(stamped: str) -> int:
    """Return the microseconds of an id's time, whose form `layout` has checked."""
    year, month, day = int(stamped[:4]), int(stamped[4:6]), int(stamped[6:8])
    # Days since the epoch in the proleptic Gregorian calendar, years counted from March.
    year -= month <= 2
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = year * 365 + year // 4 - year // 100 + year // 400 + day_of_year - 719468
    seconds = days * 86400 + int(stamped[9:11]) * 3600 + int(stamped[11:13]) * 60 + int(stamped[13:15])
    return seconds * SECOND + int(stamped[15:21])


def from_rfc3339(text: str) -> int:
    """Return the microseconds of an RFC 3339 time. Raise ValueError if it is invalid or has no offset."""
    from datetime import datetime

    if not _is_rfc3339(text):  # `fromisoformat` accepts other forms too, and any character for the T
        raise ValueError(f"{text!r} is not an RFC 3339 time")
    plain, leap = text.upper(), 0
    if plain[13:19] == _LEAP:
        plain, leap = f"{plain[:17]}59{plain[19:]}", SECOND
    return round(datetime.fromisoformat(plain).timestamp() * SECOND) + leap


def when(text: str, at: int, future: bool) -> int:
    """Return the time that a person means: `90s`, `10m`, `2h`, `3d` or `1w` from `at`, a date, or RFC 3339.

    `future` decides whether a span counts ahead or back. Raise Usage if the text is invalid, or the time is
    not between 1970 and 9999.
    """
    number, unit = text[:-1], text[-1:]
    from datetime import datetime

    try:
        if unit in _UNITS and number.isascii() and number.isdigit():
            span = int(number) * _UNITS[unit] * SECOND
            found = at + span if future else at - span
        else:
            # A time without an offset is local.
            found = round(datetime.fromisoformat(text).astimezone().timestamp() * SECOND)
        if not 0 <= found < _END:
            raise ValueError(text)
        return found
    except (ValueError, OverflowError):
        raise Usage(
            f"{text!r} is not a time: use 90s, 10m, 2h, 3d, 1w, a date or RFC 3339 such as {brief(at)}"
        ) from None


def seconds(value: object) -> float | None:
    """Return a number from a file as seconds; None if it is not a usable number."""
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e12
    return float(value) if usable else None  # type: ignore[arg-type]  # checked by `usable`


def rounded(seconds: float | None) -> float | None:
    """Return a duration rounded to the millisecond, for programs; None stays None."""
    return None if seconds is None else round(seconds, 3)
