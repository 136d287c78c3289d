"""Read a terminal: is the program idle, has a person typed, and what is the answer?

Pure functions of a screen and a profile; `panes.py` takes the screens, `tmux.py` acts on the results. In
doubt, the program counts as not ready.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from xw.bridges.chat import DIALOG
from xw.bridges.furniture import without_furniture
from xw.bridges.profiles import NEVER, Profile
from xw.bridges.provider_errors import PROVIDER_ERROR
from xw.bridges.undress import undressed
from xw.bridges.wrapped import Place, letters, places

_STYLE = re.compile(r"(\x1b\[[0-9;]*m)")
_CODES = re.compile(r"[34]8;(?:5;\d+|2;\d+;\d+;\d+)|\d+|(?<=\[)(?=m)")
_GREY = re.compile(
    r"90|38;5;(?:8|103|23[2-9]|24\d)|38;2;(1[0-6]\d|[3-9]\d);(1[0-6]\d|[3-9]\d);(1[0-6]\d|[3-9]\d)"
)
_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;:?]*[a-zA-Z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9])|[\x0e\x0f]")


def plain(styled: str) -> str:
    """Return a captured row without its colours and links."""
    return _SEQUENCE.sub("", styled).rstrip()


def backgrounds(styled: Sequence[str]) -> Iterator[str]:
    """Yield the background of each captured row at its first cell; empty for none and for an empty row."""
    shade = ""
    for row in styled:
        at_first = None
        for part in _STYLE.split(row):
            if not part.startswith("\x1b["):
                at_first = shade if at_first is None and part else at_first
                continue
            for code in _CODES.findall(part):
                if code[0:2] == "48" or re.fullmatch("4[0-7]|10[0-7]", code):
                    shade = code
                elif code in ("", "0", "49"):
                    shade = ""
        yield at_first or ""


class Cursor(NamedTuple):
    """A cell of a pane, and its row with colours."""

    x: int
    y: int
    styled: str


class Screen(NamedTuple):
    """A pane at one moment. Rows are without their trailing blanks."""

    rows: tuple[str, ...]
    cursor_x: int
    cursor_y: int
    styled: str = ""
    """The cursor's row with its colour sequences."""
    title: str = ""
    program: str = ""
    pid: int = 0
    """Id of the pane's first process."""
    tty: str = ""
    alternate: bool = False
    width: int = 0
    """Columns of the pane."""
    obstacle: str = ""
    """Why tmux itself would not pass a text on: copy mode, synchronized panes, a dead pane."""
    drawn: Cursor | None = None
    """The cursor that the program draws itself, if it hides the terminal's."""
    terminal: tuple[int, int] | None = None
    """Column and row of the terminal's own cursor, where the program's was drawn elsewhere."""


def drawn_cursor(styled: Sequence[str]) -> Cursor | None:
    """Return the last inverse cell that stands alone in these rows: a cursor that a program draws itself."""
    found, inverse = None, False
    for y, row in enumerate(styled):
        column = began = 0
        for part in _STYLE.split(row):
            if part.startswith("\x1b["):
                for code in _CODES.findall(part):
                    began = began if inverse else column
                    inverse = code == "7" or (inverse and code not in ("", "0", "27"))
                continue
            shown = _SEQUENCE.sub("", part)
            if inverse and len(shown) == 1:
                found = Cursor(column, y, row)
            column += len(shown)
        if inverse and began == column > 0:  # tmux leaves out blank cells at a row's end
            found = Cursor(column, y, row)
    return found


def with_cursor(screen: Screen, profile: Profile) -> Screen:
    """Return the screen with the cursor where the program draws it, if its profile allows that."""
    if not profile.draws_cursor or screen.drawn is None:
        return screen
    x, y, styled = screen.drawn
    return screen._replace(cursor_x=x, cursor_y=y, styled=styled, terminal=(screen.cursor_x, screen.cursor_y))


class Answer(NamedTuple):
    """The text below a presented text."""

    text: str
    ended: bool
    """True if the program's end mark is below it."""
    cut: bool
    """True if the presented text has left the screen: the beginning of the answer may be missing, or all of
    it, if nothing tells this turn's rows from another's."""
    failure: str = ""
    """The program's own line that reports why there is no answer."""


OVERTAKEN = "somebody's own prompt came before the answer, so xw cannot tell which answer is the mail's"


def not_ready(screen: Screen, profile: Profile, still: bool = False) -> str | None:
    """Return why the program cannot take a text now; None if it can. `still`: the screen has not moved."""
    if screen.obstacle:
        return screen.obstacle
    if starting(screen, profile):
        return "still starting"
    if dialog(screen, profile):
        return f"{DIALOG}: somebody must answer it first"
    if busy(screen, profile, still):
        return "busy"
    if not empty_input(screen, profile):
        return (
            "no empty input line: somebody is typing, or the program is not at its prompt "
            "(if its input is empty, name its prompt: --option prompt=TEXT)"
        )
    return None


def starting(screen: Screen, profile: Profile) -> bool:
    """Return True if the program shows an input line that it does not read yet."""
    return profile.starting.search("\n".join(screen.rows)) is not None


def busy(screen: Screen, profile: Profile, still: bool = False) -> bool:
    """Return True if the program shows that it works; a moving sign does not count while all is `still`."""
    if profile.ready_title.search(screen.title):
        return False
    if profile.busy_title.search(screen.title):
        return True
    return not (still and profile.animated) and any(map(profile.busy.search, _state_rows(screen, profile)))


def _state_rows(screen: Screen, profile: Profile) -> tuple[str, ...]:
    """Return the rows where the program draws its state; words of an answer elsewhere say nothing."""
    if profile.floor is NEVER:
        return screen.rows[screen.cursor_y + 1 :]
    above = screen.rows[: screen.cursor_y + 1]
    edge = next((n for n in range(len(above) - 1, -1, -1) if profile.floor.search(above[n])), None)
    if edge is None:
        return screen.rows  # its input is not where it was: in doubt, it works
    top = max(0, edge - profile.reach)
    ends = [n for n in range(top, edge) if profile.end.search(above[n])]
    return above[max([top, *ends]) : edge + 1]


def dialog(screen: Screen, profile: Profile) -> bool:
    """Return True if the program waits for a decision, which any key might make."""
    if profile.dialog_title.search(screen.title) or profile.asks.search(left_of_cursor(screen)):
        return True
    # Dialogs replace the input; beside an input the same words belong to an answer.
    return not (empty_input(screen, profile) or half_typed(screen, profile)) and any(
        profile.dialog.search(row) for row in _last(screen, profile.dialog_rows)
    )


def half_typed(screen: Screen, profile: Profile) -> bool:
    """Return True if the cursor is behind a text in the program's input; False in doubt."""
    below = screen.rows[screen.cursor_y + 1 :]
    # A half-typed line may hide some of the program's rows, a dialog all of them.
    framed = not profile.furniture or any(one.search(row) for one in profile.furniture for row in below)
    if profile.line_mode or not framed or any(map(profile.dialog.search, below)):
        return False
    for y in range(min(screen.cursor_y, len(screen.rows) - 1), -1, -1):
        if profile.dialog.search(screen.rows[y]):
            return False
        prompt = profile.prompt.match(screen.rows[y])
        if prompt and prompt[0].strip() and profile.above.search(screen.rows[y - 1] if y else ""):
            return True
    return False


def furnished(screen: Screen, profile: Profile) -> bool:
    """Return True if the program's rows below its input are there; a prompt alone may be a shell's."""
    below = screen.rows[screen.cursor_y + 1 :]
    return bool(profile.furniture) and all(
        any(pattern.search(row) for row in below) for pattern in profile.furniture
    )


def left_of_cursor(screen: Screen) -> str:
    """Return the text before the cursor in its row."""
    row = screen.rows[screen.cursor_y] if 0 <= screen.cursor_y < len(screen.rows) else ""
    return row.ljust(screen.cursor_x)[: screen.cursor_x]


def empty_input(screen: Screen, profile: Profile) -> bool:
    """Return True if the cursor stands at the start of an empty input line."""
    if not 0 <= screen.cursor_y < len(screen.rows):
        return False
    row = screen.rows[screen.cursor_y].ljust(screen.cursor_x)
    left, right = row[: screen.cursor_x], row[screen.cursor_x :].strip()
    above = screen.rows[screen.cursor_y - 1] if screen.cursor_y else ""
    shown = profile.prompt.fullmatch(left)
    if not shown or not profile.above.search(above):
        return False
    if shown.re.groups and shown[1] and not pale(screen.styled, shown.start(1) - 1):
        return False  # the suggestion left of the cursor is somebody's text
    return not right or pale(screen.styled, screen.cursor_x)


def pale(styled: str, column: int) -> bool:
    """Return True if the text right of the column is a suggestion: dim or grey, unlike typed text."""
    seen, dim, grey = 0, False, False
    for part in _STYLE.split(styled):
        if part.startswith("\x1b"):
            for code in _CODES.findall(part):
                dim = code == "2" or (dim and code not in ("", "0", "22"))
                grey = _GREY.fullmatch(code) is not None or (
                    grey and code not in ("", "0", "39") and code[0] != "3"
                )
            continue
        # The character under a drawn cursor is inverse instead of pale.
        if seen + len(part.rstrip()) > column + 1 and part[max(0, column + 1 - seen) :].strip():
            return dim or grey
        seen += len(part)
    return False


def in_input(screen: Screen, profile: Profile, text: str) -> str | None:
    """Return the row left of the text (or its stand-in); None if it is not on the screen."""
    first, token = text.split("\n", 1)[0][:24], token_of(text)
    for place in reversed(list(places(screen.rows, first))):
        return screen.rows[place.row][: place.column]
    for row in screen.rows[::-1]:
        stand_in = profile.collapsed.search(row)
        if stand_in:
            return row[: stand_in.start()]
    return next(("" for _ in places(screen.rows, token)), None)


def unsent(screen: Screen, profile: Profile, text: str) -> bool:
    """Return True if the cursor still stands behind the text (or its stand-in), as before Enter."""
    if not 0 <= screen.cursor_y < len(screen.rows):
        return False
    y = screen.cursor_y
    if y and screen.cursor_x == 0 and not screen.rows[y] and _cells(screen.rows[y - 1]) == screen.width:
        y -= 1  # after a text that fills its row to the last column, the cursor is on the next one
    row = screen.rows[y]
    if token_of(text) in row or profile.collapsed.search(row):
        return True
    # A narrow pane may have left only the last letters on the cursor's row.
    tail, shown = letters(text.rsplit("\n", 1)[-1])[-8:], letters(row)[-8:]
    above = "".join(map(letters, screen.rows[max(0, y - 8) : y]))
    return shown != "" and tail.endswith(shown) and (above + shown).endswith(tail)


def stands_above(screen: Screen, text: str) -> bool:
    """Return True if the cursor is below the text, with only blank rows between them."""
    token = token_of(text)
    place = next(reversed(list(places(screen.rows, token, text[text.rindex(token) + len(token) :]))), None)
    if place is None or place.rest or place.below > screen.cursor_y:
        return False
    return not any(letters(row) for row in screen.rows[place.below : screen.cursor_y + 1])


def above_input(rows: list[str], screen: Screen) -> list[str]:
    """Return all rows of a pane down to the empty input, whose own row ends at the cursor."""
    at = len(rows) - (len(screen.rows) - screen.cursor_y)
    if at < 0 or rows[at] != screen.rows[screen.cursor_y]:
        return rows  # the program has drawn more since the look
    return [*rows[:at], left_of_cursor(screen)]


def token_of(text: str) -> str:
    """Return the start of the text's last line, `[end k7f3q2m9]`, by which to find the text again."""
    last = text.rsplit("\n", 1)[-1].rsplit("⏎ ", 1)[-1]
    return last[: last.index("]") + 1] if "]" in last else last[:24]


def answer(
    rows: list[str], profile: Profile, text: str, shades: Sequence[str] = (), frame: Sequence[str] = ()
) -> Answer:
    """Return the answer below the text in these rows, without the program's decoration.

    `shades` are the backgrounds of the rows; without them, a `shaded` program's prompts look like its words.
    `frame` is `frame_above` of the input before the text.
    """
    head, opened, _ = text.partition("]")
    if rows and not profile.line_mode and opened and head + opened in rows[0]:
        # Once the text has scrolled off, a program may keep its first row at the top.
        rows, shades = rows[1:], shades[1:]
    if profile.line_mode:
        rows = _above_prompt(rows, profile)
    place = _place(rows, profile, text)
    if place is None and not _is_of_one_turn(rows, profile):
        return Answer("", False, True)
    below = rows[place.below :] if place else rows
    if place and place.rest and profile.line_mode:
        below = [place.rest, *below]  # if the text fills its row, tmux joins the next one to it
    stop, ended, cut = len(below), False, place is None
    other = None
    if place and profile.shaded:
        other = _shaded_alike(shades, place)
    elif place and profile.line_mode:
        other = _behind_prompt(below, _prompt_of(rows, text))
    for number, row in enumerate(below):
        if number == other or profile.end.search(row) or profile.chrome.search(row):
            stop, ended = number, profile.end.search(row) is not None
            break
    said, edge = below[:stop], below[stop : stop + 1]
    if place and profile.line_mode:
        said = without_furniture(said, rows[: place.row])
    if place and profile.draws_cursor:
        said = undressed(said, rows[: place.below], frame)
    shown, failure = _undecorated(said, profile, cut), _failure(said, profile, ended, cut)
    if not failure and any(map(profile.broken.search, edge)):
        failure = edge[0].strip()
    if profile.repeats and ended and shown and _paragraph(_shown(below[stop + 1 :])) == _last_of(shown):
        failure = _last_of(shown)
    ended = ended and not profile.repeats  # it may still report an error
    return Answer(shown, ended, cut, failure or (OVERTAKEN if other == stop and not shown else ""))


def _prompt_of(rows: list[str], text: str) -> str:
    """Return the prompt left of the text, if an answer has no such rows: `> ` opens a quotation as well."""
    place = next(places(rows, text.split("\n", 1)[0][:24]), None)
    prompt = rows[place.row][: place.column] if place else ""
    return prompt if re.search(r"\w", prompt) else ""


def _behind_prompt(below: list[str], prompt: str) -> int | None:
    """Return the first row with a person's own text behind the prompt."""
    return next((n for n, row in enumerate(below) if prompt and row.startswith(prompt)), None)


def _shaded_alike(shades: Sequence[str], place: Place) -> int | None:
    """Return the first row below the text with a person's own prompt, which has the text's background."""
    ours = shades[place.row] if place.row < len(shades) else ""
    below = list(shades[place.below :])
    start = next((n for n, shade in enumerate(below) if shade != ours), len(below))
    return next((n for n in range(start, len(below)) if below[n] == ours), None) if ours else None


def turns(screen: Screen, profile: Profile) -> list[str]:
    """Return the rows of the turns on the screen, without the program's own rows below them."""
    above = list(screen.rows[: screen.cursor_y])
    ends = [n for n, row in enumerate(above) if profile.end.search(row)]
    return above[: ends[-1] + 1] if ends else [row for row in above if not profile.chrome.search(row)]


def _above_prompt(rows: list[str], profile: Profile) -> list[str]:
    """Return the rows without the prompt below the answer."""
    shown = next((number for number in range(len(rows), 0, -1) if rows[number - 1].strip()), 0)
    return rows[: shown - 1] if shown and profile.prompt.fullmatch(rows[shown - 1]) else rows[:shown]


def _is_of_one_turn(rows: list[str], profile: Profile) -> bool:
    """Return True if rows without the text belong to one turn: turns have marks, and no other began."""
    marks = sum(profile.turn.search(row) is not None for row in rows)
    return profile.turn is not NEVER and marks <= 1  # one mark is the waiting input, or the end of this turn


def _place(rows: list[str], profile: Profile, text: str) -> Place | None:
    """Return the place of the text's last line, which may span several rows."""
    token = token_of(text)
    found = places(rows, token, text[text.rindex(token) + len(token) :])
    shown = [place for place in found if not _quoted(rows[place.row], profile, place.column)]
    if not shown:
        return None
    # A line-mode program shows a text once; another may draw it again, with the answer below the newest.
    return shown[0] if profile.line_mode else shown[-1]


def _quoted(row: str, profile: Profile, column: int) -> bool:
    """Return True if an answer repeats the text here: the text's own last line starts its row."""
    if profile.line_mode:
        return False
    spoken = profile.bullet != "" and row.startswith(profile.bullet)
    return spoken or re.search(r"\w", row[:column]) is not None


def _last(screen: Screen, count: int) -> list[str]:
    return [row for row in screen.rows if row.strip()][-count:]


def _cells(row: str) -> int:
    """Return the number of columns in a row: two for wide letters, none for combining characters."""
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in row)
    return len(row) + wide - sum(unicodedata.category(sign) in ("Mn", "Me") for sign in row)


def _undecorated(rows: list[str], profile: Profile, cut: bool) -> str:
    if profile.bullet:
        return _trimmed([line for block in _blocks(rows, profile, cut) for line in block])
    kept = [row for row in rows if not profile.tool.search(row)]
    return _trimmed([_dedented(row, profile.indent) for row in kept])


def _trimmed(lines: list[str]) -> str:
    while lines and not lines[0].strip():
        del lines[0]
    while lines and not lines[-1].strip():
        del lines[-1]
    return "\n".join(lines)


def _blocks(rows: list[str], profile: Profile, cut: bool) -> list[list[str]]:
    """Return the blocks of the program's own words, without its tools' blocks."""
    width = len(profile.bullet) if profile.hang < 0 else profile.hang
    kept: list[list[str]] = []
    # Rows above the first bullet are not the answer, unless its bullet has scrolled off.
    block: list[str] | None = [] if cut else None
    for row in [*rows, profile.bullet]:
        spoken = row.startswith(profile.bullet)
        if not spoken and not profile.aside.search(row):
            if block is not None:
                block.append(row)
            continue
        if block and not any(profile.tool.search(line) for line in block):
            first = block[0].removeprefix(profile.bullet)
            first = first if first != block[0] else _dedented(first, width)
            kept.append([first, *(_dedented(line, width) for line in block[1:])])
        block = [row] if spoken else None
    if profile.redraws:
        later = ["\n".join(block) for block in [*kept[1:], []]]
        kept = [b for b, then in zip(kept, later, strict=False) if not then.startswith("\n".join(b))]
    return kept


def _failure(rows: list[str], profile: Profile, ended: bool, cut: bool) -> str:
    """Return the program's own line that reports an error of its provider, or an interruption.

    An answer may quote such a line, so it counts only in a place where the program puts it: in a row of a
    form that answers never have, or alone, or as the last block of a turn without an end mark.
    """
    bullets = [n for n, row in enumerate(rows) if profile.bullet and row.startswith(profile.bullet)]
    for number in range(bullets[-1] if bullets else 0, len(rows)):
        if profile.broken.search(rows[number]):
            others = takewhile(lambda row: not profile.aside.search(row), rows[number + 1 :])
            return _paragraph([rows[number], *others]).lstrip("⎿ \xa0")
    said = _undecorated(rows, profile, cut)
    if profile.bullet:
        blocks = _blocks(rows, profile, cut)
        said = _trimmed(blocks[-1]) if blocks else ""
    lines = said.split("\n")
    first, more = _paragraph(lines), "" in map(str.strip, lines)
    if profile.error.match(first) and (not more or (profile.bullet and not ended)):
        return first
    if PROVIDER_ERROR.match(first) and not more:
        return first
    last = profile.last_words.search(said)
    return _paragraph(last[last.lastindex or 0].split("\n")) if last else ""


def _last_of(text: str) -> str:
    """Return the last paragraph of a text, as one line."""
    return _paragraph(text.split("\n\n")[-1].split("\n"))


def _shown(rows: list[str]) -> list[str]:
    """Return the rows from the first that is not blank."""
    return rows[next((n for n, row in enumerate(rows) if row.strip()), len(rows)) :]


def _paragraph(rows: list[str]) -> str:
    """Return the rows before the next blank one, as one line."""
    lines: list[str] = []
    for row in rows:
        if not row.strip():
            break
        lines.append(row.strip())
    return " ".join(lines)


def _dedented(row: str, indent: int) -> str:
    return row[indent:] if not row[:indent].strip() else row.lstrip()
