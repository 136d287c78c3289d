"""Tell a program's own rows below its answers, such as a count of tokens and a rule, by comparing turns.

For programs that nobody described. A row is dropped only if every earlier turn on the screen ends with the
same one, and only if it is a rule or a meter, or stands below one: words alone may be the answer's.
"""

import re
from collections.abc import Sequence

from xw.bridges.wrapped import places

_TURNS = 8
"""Earlier turns to compare with, the newest."""

_FIRST = re.compile(r"\[mail ([0-9a-z]{8})\]")
_RULE = re.compile(r"([^\w\s`|│┃])\1{4,}")
_METER = re.compile(r"(?i)\W*(tokens?|cost|usage|context|elapsed|duration|speed)\b.*\d")
_NUMBER = re.compile(r"\d[\d.,:]*[kMG]?")
_WORD = re.compile(r"[^\W\d_]{3}")
_UNIT = re.compile(r"\d\s?(ms|s|m|h|%|k|M|tok)\b|%")


def without_furniture(rows: list[str], above: Sequence[str]) -> list[str]:
    """Return the rows of an answer without the program's own; `above` are all rows above its question."""
    rows = rows[: _end(rows)]
    earlier = list(_earlier(above))
    if not earlier:
        return rows
    same = min(_common(rows, other) for other in earlier)
    marks = [n for n in range(len(rows) - same, len(rows)) if _is_rule(rows[n]) or _is_meter(rows[n])]
    kept = rows[: marks[0]] if marks else rows
    return kept[: _end(kept)] or rows


def _earlier(above: Sequence[str]) -> list[list[str]]:
    """Return what stands below each earlier mail, down to the next; without one, all that is above."""
    starts = [n for n, row in enumerate(above) if _FIRST.search(row)]
    if not starts:
        return [list(above[: _end(above)])]
    found = []
    for start, stop in zip(starts, [*starts[1:], len(above)], strict=True):
        token = f"[end {_FIRST.search(above[start])[1]}]"  # type: ignore[index]  # it matched
        place = next(places(above[start:stop], token), None)
        if place:
            turn = list(above[start + place.below : stop])
            found.append(turn[: _end(turn)])
    return found[-_TURNS:]


def _end(rows: Sequence[str]) -> int:
    return next((n for n in range(len(rows), 0, -1) if rows[n - 1].strip()), 0)


def _common(rows: Sequence[str], other: Sequence[str]) -> int:
    """Return the number of rows at the end that both have; never all of the other's, which has an answer."""
    count, anchored = 0, False
    for row, its in zip(reversed(rows), reversed(other[1:]), strict=False):
        if row != its and not (_like(row) == _like(its) and _may_vary(row, anchored)):
            break
        count, anchored = count + 1, anchored or _is_rule(row)
    return count


def _may_vary(row: str, anchored: bool) -> bool:
    """Return True if only the numbers of this row may differ: in a rule, or a meter above one."""
    return _is_rule(row) or (_is_meter(row) and (anchored or _METER.match(row) is not None))


def _like(row: str) -> str:
    return _NUMBER.sub("0", _RULE.sub("", row)).strip()


def _is_rule(row: str) -> bool:
    return _RULE.search(row) is not None and _WORD.search(row) is None


def _is_meter(row: str) -> bool:
    """Return True for a count of tokens and the like, and for a number with a unit and no words."""
    if _METER.match(row):
        return True
    return _UNIT.search(row) is not None and _WORD.search(row) is None and not row.strip()[0].isalnum()
