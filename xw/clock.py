"""Time as xw writes and reads it: whole microseconds since the Unix epoch, in UTC.

Two spellings of one instant: `20261121T053012123456Z` in ids and file names,
`2026-11-21T05:30:12.123456Z` (RFC 3339) inside messages. Written with `time`
alone, because `datetime` would cost each `xw check` a fifth of a bare Python
start-up; it is imported only where a person's own notation is read.
"""

import re
import time
from collections.abc import Callable

from xw.errors import Usage

Clock = Callable[[], int]  # microseconds since the epoch; an argument wherever time matters

SECOND = 1_000_000
_END = 253_402_300_800 * SECOND  # the year 10000, which has no place in an id
_SPELLED = len("2026-11-21T05:30:12.123456Z")
_RFC3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
_is_rfc3339 = re.compile(_RFC3339, re.ASCII).fullmatch
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def now() -> int:
    """The system's clock."""
    return time.time_ns() // 1000


def stamp(at: int) -> str:
    """`at` as in ids: `20261121T053012123456Z`."""
    seconds, micros = divmod(at, SECOND)
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds)) + f"{micros:06d}Z"


def spell(stamped: str) -> str:
    """An id's time in RFC 3339: `2026-11-21T05:30:12.123456Z`."""
    s = stamped
    return f"{s[:4]}-{s[4:6]}-{s[6:8]}T{s[9:11]}:{s[11:13]}:{s[13:15]}.{s[15:21]}Z"


def is_stamp(stamped: str) -> bool:
    """Whether a time in the form of an id's is one that there is: no 13th month, no 61st second."""
    return stamp(from_stamp(stamped)) == stamped


def rfc3339(at: int) -> str:
    """`at` as in messages."""
    return spell(stamp(at))


def utc(text: str) -> str:
    """Return an RFC 3339 time as `rfc3339` spells it. Raise ValueError as `from_rfc3339`."""
    spelled = len(text) == _SPELLED and text[-1] == "Z"  # as xw writes it; `datetime` costs its import
    return text if spelled else rfc3339(min(from_rfc3339(text), _END - 1))


def brief(at: int) -> str:
    """`at` to the second, for people: `2026-11-21T05:30:12Z`, which `when` reads too."""
    return f"{rfc3339(at)[:19]}Z"


def from_stamp(stamped: str) -> int:
    """The microseconds of an id's time (its form has been checked by `layout`)."""
    year, month, day = int(stamped[:4]), int(stamped[4:6]), int(stamped[6:8])
    # Days since the epoch in the proleptic Gregorian calendar, years counted from March.
    year -= month <= 2
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = year * 365 + year // 4 - year // 100 + year // 400 + day_of_year - 719468
    seconds = days * 86400 + int(stamped[9:11]) * 3600 + int(stamped[11:13]) * 60 + int(stamped[13:15])
    return seconds * SECOND + int(stamped[15:21])


def from_rfc3339(text: str) -> int:
    """The microseconds of an RFC 3339 time; ValueError if it is none or has no offset."""
    from datetime import datetime

    if not _is_rfc3339(text):  # `fromisoformat` takes much else, with any character for the T
        raise ValueError(f"{text!r} is no RFC 3339 time")
    return round(datetime.fromisoformat(text).timestamp() * SECOND)


def when(text: str, at: int, future: bool) -> int:
    """A person's WHEN: `90s`, `10m`, `2h`, `3d`, `1w` from `at` (ahead or back), a date, or RFC 3339.

    Usage where it is none, or no time between 1970 and the year 9999.
    """
    number, unit = text[:-1], text[-1:]
    from datetime import datetime

    try:
        if unit in _UNITS and number.isascii() and number.isdigit():
            span = int(number) * _UNITS[unit] * SECOND
            found = at + span if future else at - span
        else:
            # Without an offset: local time.
            found = round(datetime.fromisoformat(text).astimezone().timestamp() * SECOND)
        if not 0 <= found < _END:
            raise ValueError(text)
        return found
    except (ValueError, OverflowError):
        example = stamp(at)
        raise Usage(
            f"{text!r} is no time: use 90s, 10m, 2h, 3d, 1w, a date or RFC 3339 such as {spell(example)}"
        ) from None


def seconds(value: object) -> float | None:
    """A number of seconds, or a time in seconds, that may lie in a file; None for anything else."""
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e12
    return float(value) if usable else None  # type: ignore[arg-type]  # `usable` has seen to it


def rounded(seconds: float | None) -> float | None:
    """Return a duration to the millisecond, for programs; None as it is."""
    return None if seconds is None else round(seconds, 3)
