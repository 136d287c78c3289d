"""Make text safe and short to show: on a terminal, in one line, in a chat.

Other people write bodies, names and file names. Printed raw, an escape sequence in them moves the cursor or
changes the window's title, a bidi control reorders the line, and tag characters carry words that only a model
reads. Every face and every bridge prints through `visible`.

On the start-up path of `xw check`: no typing, re, dataclasses or pathlib here.
"""

_ELLIPSIS = "…"

# Ranges of code points (both ends included) that are invisible, or that control the terminal.
_HIDDEN = (
    (0x00, 0x1F),  # C0: escape sequences, bell, carriage return …
    (0x7F, 0x9F),  # DEL and C1: one-byte escape sequences
    (0xAD, 0xAD),  # soft hyphen
    (0x34F, 0x34F),  # combining grapheme joiner
    (0x61C, 0x61C),  # Arabic letter mark, a bidi control
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),  # Khmer inherent vowels, never shown
    (0x180B, 0x180F),  # Mongolian selectors and vowel separator
    (0x200B, 0x200F),  # zero-width space, joiners and direction marks
    (0x2028, 0x202E),  # line and paragraph separator, bidi embeddings and overrides
    (0x2060, 0x206F),  # word joiner, invisible operators, bidi isolates
    (0x3164, 0x3164),  # Hangul filler
    (0xD800, 0xDFFF),  # lone surrogates: they cannot be encoded at all
    (0xFE00, 0xFE0D),  # variation selectors; FE0E and FE0F stay, emoji are written with them
    (0xFEFF, 0xFEFF),  # byte order mark, zero-width no-break space
    (0xFFA0, 0xFFA0),  # half-width Hangul filler
    (0xFFF0, 0xFFFB),  # unassigned ignorables and interlinear annotation
    (0xFFFE, 0xFFFF),  # not characters
    (0x1BCA0, 0x1BCA3),  # shorthand format controls
    (0x1D173, 0x1D17A),  # musical format controls
    (0xE0000, 0xE0FFF),  # tag characters and the selectors that smuggle bytes
)


def escaped(code: int) -> str:
    r"""Return a code point as Python writes it: `\x1b`, `\u202e`, `\U000e0041`."""
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class _Shown(dict[int, str]):
    """A table for `str.translate` that decides about a character once, and then remembers it."""

    def __init__(self, keep: str) -> None:
        self.keep = keep

    def __missing__(self, code: int) -> str:
        hidden = any(low <= code <= high for low, high in _HIDDEN)
        shown = escaped(code) if hidden and chr(code) not in self.keep else chr(code)
        self[code] = shown
        return shown


_TABLES: dict[str, _Shown] = {}


def visible(text: str, keep: str = "\n\t") -> str:
    r"""Return the text with every control and invisible character, except those in `keep`, as an escape.

    Nothing is removed. A body with the four characters `\x1b` looks the same as one with ESC: use this for
    showing, not for storing.
    """
    if text.isascii() and text.isprintable():
        return text
    table = _TABLES.get(keep)
    if table is None:
        table = _TABLES[keep] = _Shown(keep)
    return text.translate(table)


def first_line(text: str, width: int) -> str:
    """Return the first line that is not blank, made visible, with at most `width` characters."""
    line = next((line for line in text.split("\n", 20) if line.strip()), "").strip()
    line = visible(line[: width + 1], keep="")
    return line if len(line) <= width else line[: width - 1] + _ELLIPSIS


def span(seconds: float) -> str:
    """Return a duration in one unit: `4s`, `3m`, `5h`, `2d`."""
    seconds = max(0, int(seconds))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def counted(count: int, one: str, several: str) -> str:
    """Return a number with its words: `1 message waits`, `3 messages wait`."""
    return f"{count} {one if count == 1 else several}"


def size(count: int) -> str:
    """Return a number of bytes for people: `512 B`, `1.4 KiB`, `3.0 MiB`."""
    if count < 1024:
        return f"{count} B"
    unit = 1 if count < 1 << 20 else 2 if count < 1 << 30 else 3
    return f"{count / 1024**unit:.1f} {'KMG'[unit - 1]}iB"


def nearest(word: str, known: list[str]) -> str:
    """Return ` (did you mean …?)` with up to three known words like `word`, in any case; or nothing."""
    from difflib import get_close_matches

    spelt = {name.casefold(): name for name in known}
    found = get_close_matches(word.casefold(), list(spelt), n=4, cutoff=0.5)
    close = [spelt[one] for one in found if spelt[one] != word][:3]
    return f" (did you mean {' or '.join(close)}?)" if close else ""


def then(first: str, second: str) -> str:
    """Return two statements as one line: `…; …`, or `…? …` after a question."""
    return f"{first} {second[:1].upper()}{second[1:]}" if first.endswith("?") else f"{first}; {second}"
