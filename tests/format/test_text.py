"""Text that is safe and short to show."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xw import text

_ANY = st.text(st.characters(codec=None, exclude_categories=[]))


_BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def _acts(character: str) -> bool:
    """Return True if a character moves a cursor, starts a line, changes the direction, or is unencodable."""
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or (
        unicodedata.bidirectional(character) in _BIDI
    )


@given(_ANY)
def test_visible_lets_nothing_through(given_text: str) -> None:
    """No control, bidi control, line separator or surrogate is left, except newline and tab."""
    assert not any(_acts(character) for character in text.visible(given_text) if character not in "\n\t")
    assert not any(_acts(character) for character in text.visible(given_text, keep=""))


# Latin to Cyrillic, Hebrew, Arabic, Devanagari, kana and CJK, Hangul, emoji: first and last code point.
_SCRIPTS = [(0xAE, 0x2FF), (0x391, 0x52F), (0x5D0, 0x5EA), (0x620, 0x6D3), (0x900, 0x97F)]
_SCRIPTS += [(0x3041, 0x3096), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1F64F), (0x20, 0x7E)]
_LETTERS = st.one_of(*(st.characters(min_codepoint=first, max_codepoint=last) for first, last in _SCRIPTS))


@given(st.text(_LETTERS))
def test_visible_leaves_text_as_it_is(given_text: str) -> None:
    """Letters, marks, numbers, punctuation and emoji pass unchanged."""
    assert text.visible(given_text) == given_text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"), ("\x00", r"\x00"), ("\x7f", r"\x7f"), ("\x9b", r"\x9b"),
        ("\r\n", "\\x0d\n"),
        ("\u202e", r"\u202e"), ("\u200b", r"\u200b"), ("\ufeff", r"\ufeff"), ("\U000e0041", r"\U000e0041"),
        ("\ud800", r"\ud800"), ("a\tb\nc", "a\tb\nc"), ("\u2028", r"\u2028"), ("čaj 茶 🐎", "čaj 茶 🐎"),
    ],
)  # fmt: skip
def test_how_characters_are_spelled(raw: str, shown: str) -> None:
    """A character that cannot be shown is replaced by its code."""
    assert text.visible(raw) == shown


@given(_ANY, st.integers(1, 120))
def test_first_line(given_text: str, width: int) -> None:
    """A first line is one printable line of at most the width."""
    line = text.first_line(given_text, width)
    assert len(line) <= width
    assert not any(_acts(character) for character in line)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("", ""),
        ("\n\n  a\nb", "a"),
        ("abcdef", "abcdef"),
        ("abcdefg", "abcde…"),
        ("\x1b", r"\x1b"),
        (" \n ", ""),
    ],
)
def test_first_lines(body: str, line: str) -> None:
    """The first line that is not blank, cut with an ellipsis."""
    assert text.first_line(body, 6) == line


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0s"), (0, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86399, "23h"),
     (86400, "1d"),
     (864000, "10d")],
)  # fmt: skip
def test_spans(seconds: float, shown: str) -> None:
    """A length of time in one unit, rounded down."""
    assert text.span(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1 << 20, "1.0 MiB"),
        (3 << 29, "1.5 GiB"),
        (1 << 42, "4096.0 GiB"),
    ],
)
def test_sizes(count: int, shown: str) -> None:
    """A number of bytes as people read it."""
    assert text.size(count) == shown


def test_nearest() -> None:
    """The nearest known words, at most three; nothing where none is near."""
    assert text.nearest("bop", ["bob", "carol"]) == " (did you mean bob?)"
    assert text.nearest("BOB", ["bob", "carol"]) == " (did you mean bob?)"
    assert text.nearest("retaind", ["RETAINED"]) == " (did you mean RETAINED?)"


def test_then() -> None:
    """A statement follows a question as a sentence of its own, and anything else after a semicolon."""
    assert text.then("is sshd running?", "this is old") == "is sshd running? This is old"
    assert text.then("no route", "this is old") == "no route; this is old"
    assert text.nearest("aab", ["aaa", "aac", "aad", "aae"]).count(" or ") == 2
    assert text.nearest("zzz", ["bob"]) == ""
