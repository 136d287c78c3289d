"""Other people's text inside xw's own: margins that a body cannot leave, and guards before look-alikes.

`xw read` prints each line of a body behind a margin, so that only xw's own lines start at the left edge. If a
body has no margin (`xw ask`), or stands among xw's lines (`xw log`, rooms), a line that looks like one of
xw's gets `| ` before it. `visible` spells out every other character that some program takes for a line break.
"""

import re

from xw.layout import TYPES
from xw.text import visible

MARGIN = "    "
GUARD = "| "
COLONS = (  # characters that look like a colon
    ":\u02d0\u02f8\u0589\u05c3\u0703\u0704\u0903\u0a83\u16ec\u1803\u1809\u205a\u2236\ua4fd\ua789\ufe55\uff1a"
)
_unread = re.compile(rf"(?:[^\w\s|!{COLONS}]|_)+").sub
# Characters that look like a letter of `file` or `xw` → that letter.
_DRAWN = str.maketrans("1i", "ll")
_STROKES = str.maketrans("|!", "ll")
_SEEN = 4000  # characters of a line; anything after them is rows away from the left edge
_LONGEST = 8  # letters of a word that may look like `file`


def indented(text: str) -> str:
    """Return a body with each line, empty ones included, behind the margin; safe to print."""
    return "\n".join(MARGIN + line for line in visible(text).split("\n"))


def guarded(text: str) -> str:
    """Return a body in which no line looks like one of xw's own lines beside it; safe to print."""
    return "\n".join(GUARD + line if is_look_alike(line) else line for line in visible(text).split("\n"))


def is_look_alike(line: str) -> bool:
    """Return True if a line may be taken for a file's line, a message's heading or an error of xw's."""
    if not line:  # a body may have a hundred thousand of them
        return False
    from unicodedata import normalize

    # Full-width and other variants of a letter look like it, and marks and blanks hide nothing.
    plain = normalize("NFKC", _unread("", line[:_SEEN]).lstrip()[:200])
    end = min((at for colon in COLONS if (at := plain.find(colon)) >= 0), default=-1)
    word = _letters(plain[:end]) if end >= 0 else ""
    if word in _WORDS or _letters(plain[: max(end, 0)].translate(_STROKES)) in _WORDS:
        return True
    # Also letters of other scripts that look like those of `file`.
    if word and len(word) <= _LONGEST and not word.isascii():
        return True
    words = [_letters(part) for part in plain.split()[:3]]
    return len(words) == 3 and words[0] in _TYPES and words[2] == "from"


def quoted(text: str, below: tuple[str, ...] = ()) -> str:
    """Return a body as a Markdown quote, with xw's own lines below it in the same quote.

    A body that could end the quote (HTML), or show a line like those below, becomes a code block, where no
    markup works.
    """
    body = visible(text)
    lines = body.split("\n") if body else []
    if "<" in body or any(map(is_look_alike, lines)):
        fence = "```"
        while fence in body:
            fence += "`"
        lines = [f"{fence}text", *lines, fence]
    return "\n".join(f"> {line}".rstrip() for line in [*lines, *below])


def _letters(text: str) -> str:
    return "".join(sign for sign in text.casefold().translate(_DRAWN) if sign.isalnum())


_WORDS = tuple(map(_letters, ("file", "xw")))
_TYPES = tuple(map(_letters, TYPES))
