"""Reading a terminal: is the program idle, has somebody typed, what did it answer.

Pure functions from a screen and a profile; `panes.py` takes the screens,
`tmux.py` acts on what is read here. What it is not sure of it calls not ready.
"""

import re
from typing import NamedTuple

from xw.bridges.profiles import Profile


class Screen(NamedTuple):
    """A pane at one moment. Rows are without their trailing blanks."""

    rows: tuple[str, ...]
    cursor_x: int
    cursor_y: int
    title: str = ""
    program: str = ""
    pid: int = 0
    """Of the process that the pane was opened with."""
    tty: str = ""
    alternate: bool = False
    obstacle: str = ""
    """Why tmux itself would not pass a text on: copy mode, synchronized panes, a dead pane."""


class Answer(NamedTuple):
    """What stands below a presented text."""

    text: str
    ended: bool
    """The program's end mark was seen below it."""
    cut: bool
    """The presented text is no longer there, so the beginning may be missing."""


def not_ready(screen: Screen, profile: Profile) -> str | None:
    """Why the program cannot take a text now; None if it can."""
    if screen.obstacle:
        return screen.obstacle
    if dialog(screen, profile):
        return "a dialog is open: somebody has to decide first"
    if busy(screen, profile):
        return "busy"
    if not empty_input(screen, profile):
        return "no empty input line: somebody is typing, or the program is not at its prompt"
    return None


def busy(screen: Screen, profile: Profile) -> bool:
    """Does the program show that it works?"""
    shown = _last(screen, profile.bottom)
    return profile.busy_title.search(screen.title) is not None or any(profile.busy.search(row) for row in shown)


def dialog(screen: Screen, profile: Profile) -> bool:
    """Does the program wait for a decision? A key pressed now would make it."""
    if profile.dialog_title.search(screen.title):
        return True
    return any(profile.dialog.search(row) for row in _last(screen, profile.dialog_rows))


def empty_input(screen: Screen, profile: Profile) -> bool:
    """Does the cursor stand at the start of an input line that holds nothing?"""
    if not 0 <= screen.cursor_y < len(screen.rows):
        return False
    row = screen.rows[screen.cursor_y].ljust(screen.cursor_x)
    left, right = row[: screen.cursor_x], row[screen.cursor_x :]
    above = screen.rows[screen.cursor_y - 1] if screen.cursor_y else ""
    if not profile.prompt.fullmatch(left) or not profile.above.search(above):
        return False
    return not right.strip() or (profile.ghost.pattern != "" and profile.ghost.match(right) is not None)


def in_input(screen: Screen, profile: Profile, text: str) -> str | None:
    """What stands left of the text (or its stand-in) on its row; None if it is not on the screen."""
    first, token = text.split("\n", 1)[0][:24], token_of(text)
    for row in reversed(screen.rows):
        stand_in = profile.collapsed.search(row)
        if stand_in:
            return row[: stand_in.start()]
        if first in row:
            return row[: row.index(first)]
    return "" if any(token in row for row in screen.rows) else None


def token_of(text: str) -> str:
    """The start of the text's last line, by which it is found again: `[end k7f3q2m9]`."""
    last = text.rsplit("\n", 1)[-1].rsplit("⏎ ", 1)[-1]
    return last[: last.index("]") + 1] if "]" in last else last[:24]


def answer(rows: list[str], profile: Profile, text: str) -> Answer:
    """The answer that stands below the text in these rows, without the program's decoration."""
    start = _below(rows, text)
    cut = start is None
    stop, ended = len(rows), False
    for number in range(start or 0, len(rows)):
        if profile.end.search(rows[number]) or profile.chrome.search(rows[number]):
            stop, ended = number, profile.end.search(rows[number]) is not None
            break
    return Answer(_undecorated(rows[start or 0 : stop], profile), ended, cut)


def _last(screen: Screen, count: int) -> list[str]:
    return [row for row in screen.rows if row.strip()][-count:]


def _below(rows: list[str], text: str) -> int | None:
    """The row below the text's last line, which a narrow pane may have broken into several."""
    token = token_of(text)
    whole = _letters(text[text.rindex(token) :])
    for number in range(len(rows) - 1, -1, -1):
        if token in rows[number]:
            got = _letters(rows[number][rows[number].index(token) :])
            number += 1
            while number < len(rows) and len(got) < len(whole) and rows[number].strip():
                more = got + _letters(rows[number])
                if not whole.startswith(more):
                    break
                got, number = more, number + 1
            return number
    return None


def _letters(row: str) -> str:
    return re.sub(r"[\s┃│]", "", row)


def _undecorated(rows: list[str], profile: Profile) -> str:
    if profile.bullet:
        rows = _spoken(rows, profile)
    else:
        rows = [row for row in rows if not profile.tool.search(row)]
        rows = [_dedented(row, profile.indent) for row in rows]
    while rows and not rows[0].strip():
        del rows[0]
    while rows and not rows[-1].strip():
        del rows[-1]
    return "\n".join(rows)


def _spoken(rows: list[str], profile: Profile) -> list[str]:
    """The rows of the blocks that are the program's own words; tools' blocks are left out."""
    kept: list[str] = []
    block: list[str] = []
    opened = False
    for row in [*rows, profile.bullet]:
        if not row.startswith(profile.bullet):
            block.append(row)
            continue
        if opened and not any(profile.tool.search(line) for line in block):
            kept.append(block[0][len(profile.bullet) :])
            kept += [_dedented(line, len(profile.bullet)) for line in block[1:]]
        block, opened = [row], True
    return kept


def _dedented(row: str, indent: int) -> str:
    return row[indent:] if not row[:indent].strip() else row.lstrip()
