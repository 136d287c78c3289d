"""Shown text has no invisible characters."""

import subprocess
import sys
import unicodedata

import pytest

from xw.text import visible

KEPT = "\ufe0e\ufe0f"  # emoji are written with these


def test_ordinary_text_is_untouched() -> None:
    """Letters of any script, emoji, spaces of any width and the kept characters stay as they are."""
    for text in ("plain", "Übergröße 漢字 עברית", "❤️ 🎉", "a\tb\nc", "1\u00a0000\u3000x", "⠿⣿"):
        assert visible(text) == text


@pytest.mark.parametrize(
    ("char", "shown"),
    [
        ("\x1b", "\\x1b"),
        ("\x7f", "\\x7f"),
        ("\x9b", "\\x9b"),
        ("\u202e", "\\u202e"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_escapes(char: str, shown: str) -> None:
    """Hidden characters are written as Python writes them."""
    assert visible(f"a{char}b") == f"a{shown}b"


def test_what_is_kept_is_the_callers_choice() -> None:
    """In a name or a file name a newline and a tab are as bad as any control character."""
    assert visible("a\nb\t", keep="") == "a\\x0ab\\x09"
    assert visible("a\nb\t") == "a\nb\t"


def test_every_control_and_format_character_is_shown() -> None:
    """All of Unicode's controls, formats, surrogates and line separators are spelled out, by category."""
    for code in range(0x110000):
        char = chr(code)
        if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") and char not in "\n\t":
            assert visible(char) != char, hex(code)
        # Signs of Arabic, Syriac, Kaithi and Egyptian text are formats, and are seen.
        if unicodedata.category(char) == "Cf" and char not in KEPT:
            seen = 0x600 <= code <= 0x605 or code in (0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD)
            assert (visible(char) == char) == (seen or 0x13430 <= code <= 0x1345F), hex(code)


def test_stays_off_the_slow_modules() -> None:
    """`xw check` imports it at each start: nothing slow may come with it."""
    slow = "('typing', 're', 'dataclasses', 'pathlib')"
    code = f"import sys, xw.text; print([m for m in {slow} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
