"""Find a text that a program has broken over several rows.

Programs wrap at letters or at words, in a box or behind marks of their own (`> `, `... `, `│`), so a word
of the frame may span two rows. This module compares only letters: blanks and marks are the program's.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_MARKS = re.compile(r"\s*(?:(?:[>│┃|❯›·:]+|\.\.\.+)\s*)*")
"""Marks that a program puts at the start of a continuation row."""

_PASSED = frozenset("┃│| \t\xa0\u200b")
"""Characters that may interrupt a text: blanks where it wraps, boxes at its sides, a drawn cursor's."""

_ASIDE = re.compile(r"   \S{1,8}")
"""The end of a row that is not the text's: the time at the right edge, beside a text that goes on below."""


class Place(NamedTuple):
    """The place of a text on a screen."""

    row: int
    column: int
    """Column of the text's first letter."""
    below: int
    """The first row below the text."""
    rest: str
    """The remainder of the text's last row, if the whole text is there."""


def letters(row: str) -> str:
    """Return the row without blanks, boxes and the mark of a continuation row."""
    return "".join(sign for sign in row[_MARKS.match(row).end() :] if sign not in _PASSED)  # type: ignore[union-attr]  # it matches anything


def places(rows: Sequence[str], start: str, more: str = "") -> Iterator[Place]:
    """Yield each place of `start` in the rows, from the top; `more` is the text behind it, if shown."""
    wanted = [sign for sign in start + more if sign not in _PASSED]
    needed = sum(sign not in _PASSED for sign in start)
    for number, row in enumerate(rows if needed else ()):
        column = row.find(wanted[0])
        while column >= 0:
            found = _follow(rows, number, column, wanted, needed)
            if found:
                yield found
            column = row.find(wanted[0], column + 1)


def _follow(rows: Sequence[str], row: int, column: int, wanted: list[str], needed: int) -> Place | None:
    got, number, at = 0, row, column
    last = row  # the row with the last letter of `start`
    while True:
        text = rows[number]
        while at < len(text) and got < len(wanted):
            if text[at] == wanted[got]:
                got += 1
                last = number if got <= needed else last
            elif text[at] not in _PASSED:
                if _ASIDE.fullmatch(text, max(0, at - 3)):
                    break
                # Behind `start`, a row that does not continue the text does not belong to it.
                return Place(row, column, max(last + 1, number), "") if got >= needed else None
            at += 1
        if got == len(wanted):
            return Place(row, column, number + 1, text[at:].strip("│┃| "))
        number += 1
        if number == len(rows) or not letters(rows[number]):
            return Place(row, column, max(last + 1, number), "") if got >= needed else None
        at = _MARKS.match(rows[number]).end()  # type: ignore[union-attr]  # it matches anything
