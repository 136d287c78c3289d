"""Text that is safe and short to show: on a terminal, in one line, in a chat.

Programs that print what others wrote call `visible` first; nothing that moves
a cursor, changes a colour or reverses the reading order passes it.
"""

_ELLIPSIS = "…"


def visible(text: str, keep: str = "\n\t") -> str:
    r"""`text` with each control or invisible character spelled out, as `\x1b` or `\u202e`.

    Spelled out is what `str.isprintable` calls unprintable: C0, DEL, C1, bidi
    controls, zero-width and tag characters, lone surrogates, unassigned code
    points. The characters in `keep` pass.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _spelled(c) for c in text)


def _spelled(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def first_line(text: str, width: int) -> str:
    """The first line that is not blank, made visible, at most `width` characters."""
    line = next((line for line in text.split("\n", 20) if line.strip()), "").strip()
    line = visible(line[: width + 1], keep="")
    return line if len(line) <= width else line[: width - 1] + _ELLIPSIS


def span(seconds: float) -> str:
    """A length of time in one unit: `4s`, `3m`, `5h`, `2d`."""
    seconds = max(0, int(seconds))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def size(count: int) -> str:
    """A number of bytes as people read it: `512 B`, `1.4 KiB`, `3.0 MiB`."""
    if count < 1024:
        return f"{count} B"
    unit = 1 if count < 1 << 20 else 2 if count < 1 << 30 else 3
    return f"{count / 1024**unit:.1f} {'KMG'[unit - 1]}iB"


def nearest(word: str, known: list[str]) -> str:
    """` (did you mean …?)`, naming up to three known words like `word`, or nothing."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=3, cutoff=0.5)
    return f" (did you mean {' or '.join(close)}?)" if close else ""
