"""Time, spelled in two ways, and a person's WHEN."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xw import clock
from xw.errors import Usage

_END = 253_402_300_800 * clock.SECOND - 1
_MOMENTS = st.integers(0, _END)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(_MOMENTS)
@example(0)
@example(_END)
@example(951_782_400 * clock.SECOND)  # 29 February 2000
@example(4_107_542_400 * clock.SECOND)  # 1 March 2100, after no 29 February
def test_stamps_round_trip(at: int) -> None:
    """Both spellings say the moment to the microsecond, as `datetime` reads them."""
    moment = _EPOCH + timedelta(microseconds=at)
    stamped = clock.stamp(at)
    assert stamped == moment.strftime("%Y%m%dT%H%M%S%fZ")
    assert clock.from_stamp(stamped) == at
    assert clock.is_stamp(stamped)
    spelled = clock.rfc3339(at)
    assert spelled == clock.spell(stamped)
    assert datetime.fromisoformat(spelled) == moment


@given(_MOMENTS.filter(lambda at: at < 4_102_444_800 * clock.SECOND))
def test_rfc3339_round_trips(at: int) -> None:
    """A time written in RFC 3339 is read as the same moment."""
    assert clock.from_rfc3339(clock.rfc3339(at)) == at


@given(_MOMENTS, _MOMENTS)
def test_stamps_sort_by_time(one: int, other: int) -> None:
    """Stamps sort as the moments do."""
    assert (clock.stamp(one) < clock.stamp(other)) == (one < other)


@pytest.mark.parametrize(
    "stamped",
    ["20261321T000000000000Z", "20260229T000000000000Z", "20261121T240000000000Z", "20261121T006000000000Z",
     "20261121T000060000000Z", "20260001T000000000000Z", "20260100T000000000000Z",
     "99999999T999999999999Z"],
)  # fmt: skip
def test_times_that_there_are_none_of(stamped: str) -> None:
    """A 13th month or a 61st second is not a time."""
    assert not clock.is_stamp(stamped)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:01Z", 1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:00:00.5-01:00", 0.5),
        ("1970-01-01t00:00:01z", 1),
        ("1970-01-01T00:59:60Z", 3600),
        ("1970-01-01T00:59:60.25Z", 3600.25),
        ("1970-01-01t00:59:60.000000Z", 3600),
    ],
)
def test_rfc3339_in_every_form(text: str, seconds: float) -> None:
    """Offsets and fractions count, small letters and leap seconds are valid; xw writes its own form."""
    at = round(seconds * clock.SECOND)
    assert clock.from_rfc3339(text) == at
    assert clock.utc(text) == clock.rfc3339(at)


@pytest.mark.parametrize(
    "text",
    ["", "now", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z",
     "1970-01-01\n00:00:00Z", "19700101T000000Z",
     "1970-01-01T00:00:60Z", "1970-01-01T00:59:61Z", "1970-01-01T24:59:60Z",
     "1970-W01-4T00:00:00Z", "1970-13-01T00:00:00Z", "1970-01-01T00:00Z", "1970-01-01T00:00:00Z ",
     "١970-01-01T00:00:00Z"],
)  # fmt: skip
def test_what_is_not_rfc3339(text: str) -> None:
    """Any other form is rejected, even if Python would read it."""
    with pytest.raises(ValueError, match=r"."):
        clock.from_rfc3339(text)


@pytest.mark.parametrize(("unit", "seconds"), [("s", 1), ("m", 60), ("h", 3600), ("d", 86400), ("w", 604800)])
def test_spans(unit: str, seconds: int) -> None:
    """A span counts ahead for --expires and back for --since."""
    at = 1_800_000_000 * clock.SECOND
    assert clock.when(f"3{unit}", at, future=True) == at + 3 * seconds * clock.SECOND
    assert clock.when(f"3{unit}", at, future=False) == at - 3 * seconds * clock.SECOND


def test_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A date or time without an offset is this machine's local time."""
    monkeypatch.setenv("TZ", "Etc/GMT-2")
    time.tzset()
    try:
        assert clock.when("2026-11-21", 0, future=True) == clock.from_stamp("20261120T220000000000Z")
        assert clock.when("2026-11-21T05:30", 0, future=True) == clock.from_stamp("20261121T033000000000Z")
        assert clock.when("2026-11-21T05:30:00Z", 0, future=True) == clock.from_stamp(
            "20261121T053000000000Z"
        )
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.text(), st.booleans())
@example("9" * 5000 + "w", True)
@example("1w", False)
def test_any_text_is_a_time_or_a_usage_error(text: str, future: bool) -> None:
    """Any text is a time that an id can hold, or a usage error."""
    try:
        found = clock.when(text, 1_800_000_000 * clock.SECOND, future)
    except Usage:
        return
    assert 0 <= found <= _END


def test_now() -> None:
    """The clock is the system's, in microseconds."""
    assert abs(clock.now() - time.time() * clock.SECOND) < 60 * clock.SECOND
