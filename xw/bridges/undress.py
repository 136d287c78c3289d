"""Take an answer out of what a program draws around it, for programs that nobody described.

    a bar or box      `┃ text`, `│ text │` between `╭──╮` and `╰──╯`: its sides and corners go
    its input         the rows right above the input that stood there before the mail as well, and have moved
    a bullet          `● text`, whose other rows are indented as well
    an indent         that all rows have

In doubt a row stays: words alone may be the answer's. `furniture` finds rules and meters below answers.
Called by `screen`.
"""

import hashlib
import re
import textwrap
from collections.abc import Sequence
from itertools import groupby

SIDES = "│┃║▌▎▏┆┊╎▐❘"
BOX = re.compile(rf"[\s{SIDES}]*")
"""Left of a text whose input shows no prompt, or only an empty one: the side of a box, or nothing."""

_EDGE = re.compile(r"\s*[╭╰┌└┏┗╔╚][─━═╌┄\s]*[╮╯┐┘┓┛╗╝]?\s*")
"""The upper or lower edge of a box; a table's has more corners."""
_RULE = re.compile(r"\s*[─━═╌┄▔▁▀▄]{8,}\s*")
_BULLET = re.compile(r"( {0,4})([●⏺✦◆⬢◉⚫🟢🔵🤖]\ufe0e?\ufe0f? +)(?=\S)")
_LABEL = re.compile(r"\s*[\w./:-]{1,40}:\s*")
_COUNT = re.compile(
    r"(?i)\s*[^\w\s]?\s*(tokens\b.*\d|[\d.,]+[kM]? tokens|(\w+ ){0,5}[\d.]+ ?(ms|s|m|h)\b)\W*"
)
_NUMBER = re.compile(r"\d[\d.,:]*[kMG]?")
_FRAME_ROWS = 8
_LOOKED_AT = 8
_TOP_ROWS = 2


def frame_above(rows: Sequence[str]) -> list[str]:
    """Return digests of the last rows above an empty input, to find them again once they have moved."""
    return [_digest(row) for row in rows if not BOX.fullmatch(row)][-_FRAME_ROWS:]


def undressed(rows: list[str], above: Sequence[str], frame: Sequence[str] = ()) -> list[str]:
    """Return the rows of an answer without what the program draws around it.

    `above` are all rows down to the question's last one, `frame` is `frame_above` before the question.
    """
    rows = _unboxed(_without_frame(rows, above, frame))
    while rows and (BOX.fullmatch(rows[0]) or _RULE.fullmatch(rows[0]) or _EDGE.fullmatch(rows[0])):
        rows = rows[1:]
    while rows and BOX.fullmatch(rows[-1]):
        rows = rows[:-1]
    return _dedented(_unbulleted(rows))


def _without_frame(rows: list[str], above: Sequence[str], frame: Sequence[str]) -> list[str]:
    """Return the rows without those of the input at their end; they no longer stand above the question."""
    start = next((n for n in range(len(above) - 1, -1, -1) if "[mail " in above[n]), len(above))
    before = [_digest(row) for row in above[:start] if not BOX.fullmatch(row)][-_LOOKED_AT:]
    end = len(rows)
    for expected in reversed(frame):
        shown = next((n for n in range(end - 1, -1, -1) if not BOX.fullmatch(rows[n])), None)
        if shown is None or _digest(rows[shown]) != expected or expected in before:
            break
        end = shown
    return rows[:end]


def _unboxed(rows: list[str]) -> list[str]:
    """Return the rows without the box around them, or only those in boxes, if the others are no words."""
    runs = [(boxed, list(run)) for boxed, run in groupby(rows, _is_boxed)]
    inside = [row for boxed, run in runs if boxed for row in run]
    outside = [row for boxed, run in runs if not boxed for row in run if row.strip()]
    if not any(not BOX.fullmatch(row) for row in inside) or not all(map(_is_about, outside)):
        return rows
    if outside and not any(BOX.fullmatch(row) or _EDGE.fullmatch(row) for row in inside):
        return rows  # rows of a table
    kept = [_without_sides(row) for row in inside if not _EDGE.fullmatch(row)]
    while kept and not kept[0].strip():
        kept = kept[1:]
    while kept and not kept[-1].strip():
        kept = kept[:-1]
    return kept


def _is_boxed(row: str) -> bool:
    first = row.lstrip()[:1]
    if _EDGE.fullmatch(row):
        return True
    # A table has sides between its cells as well.
    inner = row.strip()[1:-1]
    return first != "" and first in SIDES and not any(sign in inner for sign in SIDES)


def _is_about(row: str) -> bool:
    """Return True for a row that tells about the answer: who says it, its tokens, how long it took."""
    return bool(
        _LABEL.fullmatch(row) or _COUNT.fullmatch(row) or _EDGE.fullmatch(row) or _RULE.fullmatch(row)
    )


def _without_sides(row: str) -> str:
    inner = row.lstrip()[1:].rstrip()
    return (inner[:-1] if inner[-1:] in SIDES else inner).rstrip() if inner else ""


def _unbulleted(rows: list[str]) -> list[str]:
    """Return the rows without the bullet of the whole answer."""
    bullet = _BULLET.match(rows[0]) if rows else None
    if bullet is None:
        return rows
    indent = len(bullet[1]) + 2
    if any(row.strip() and row[:indent].strip() for row in rows[1:]):
        return rows
    return [" " * indent + rows[0][bullet.end() :], *rows[1:]]


def _dedented(rows: list[str]) -> list[str]:
    return textwrap.dedent("\n".join(rows)).split("\n") if rows else rows


def shape(row: str) -> str:
    """Return a row whatever its numbers are, such as the time."""
    return _NUMBER.sub("0", row)


def clocks(rows: Sequence[str], cursor: int) -> list[str]:
    """Return digests of the rows with numbers below an input, or at the top, before a question."""
    return [_digest(row) for n, row in enumerate(rows) if _is_aside(n, cursor) and _NUMBER.search(row)]


def without_clocks(rows: Sequence[str], cursor: int, known: Sequence[str]) -> list[str]:
    """Return the rows of a screen; those that `clocks` knows are the same whatever their numbers are.

    A counter that shows work is not there before the question, so it still counts as a change.
    """
    return [
        shape(row) if _is_aside(n, cursor) and _digest(row) in known else row for n, row in enumerate(rows)
    ]


def _is_aside(number: int, cursor: int) -> bool:
    return number > cursor or number < _TOP_ROWS


def _digest(row: str) -> str:
    return hashlib.sha256(shape(row).strip().encode()).hexdigest()[:8]
