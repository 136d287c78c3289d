"""Programs that nobody described: their answers come back alone, whatever they draw around them."""

import json
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.bridges.helpers import until
from tests.bridges.panes import pane
from tests.bridges.test_screens import SAID
from tests.bridges.test_tmux import ask
from xw.bridges.chat import Reply
from xw.bridges.profiles import GENERIC, PROFILES
from xw.bridges.screen import Cursor, Screen, answer, drawn_cursor, empty_input, not_ready, with_cursor
from xw.bridges.tmux import open_chat
from xw.bridges.undress import BOX, clocks, frame_above, undressed, without_clocks

RECORDED = sorted(Path(__file__).parent.joinpath("screens", "unknown").glob("*.json"))
TEXT = "[mail k7f3q2m9] question from alice ⏎ x ⏎ [end k7f3q2m9] bye"
SIDE = "  ┃ [end k7f3q2m9] bye"


def load(path: Path) -> tuple[dict[str, str], Screen]:
    data = json.loads(path.read_text("utf-8"))
    shown = data["screen"]
    drawn = Cursor(*shown["drawn"]) if shown["drawn"] else None
    screen = Screen(**{**shown, "rows": tuple(shown["rows"]), "drawn": drawn})
    return data, with_cursor(screen, GENERIC)


@pytest.mark.parametrize("path", RECORDED, ids=lambda p: p.stem)
def test_state_is_recognised(path: Path) -> None:
    """The cursor that a program draws itself counts, and a half-typed line is a reason to wait."""
    data, screen = load(path)
    reason = not_ready(screen, GENERIC)
    assert (reason or "").startswith("no empty input") if data["state"] == "typed" else reason is None


@pytest.mark.parametrize("path", [p for p in RECORDED if p.stem.endswith("done")], ids=lambda p: p.stem)
def test_answer_is_read_alone(path: Path) -> None:
    """The answer comes without boxes, bullets, counts and the rows of the input."""
    data, screen = load(path)
    rows = list(data["below"])
    rows = rows[: len(rows) - (len(screen.rows) - screen.cursor_y)]
    found = answer(rows, GENERIC, data["text"], (), data["frame"])
    assert found.text.replace("• item", "- item") == SAID and not found.cut


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            ["  ┃", "", "~41 tokens", "me-1:", "  ┃", "  ┃ a", "  ┃  b", "  ┃", "Worked for a 6s."],
            ["a", " b"],
        ),
        (["╭────╮", "│ a  │", "│  b │", "╰────╯"], ["a", " b"]),
        (["────────────", "  a", "", "  b", "  "], ["a", "", "b"]),
        ([" ● a", "", "   b"], ["a", "", "b"]),
        (["● a", "● b"], ["● a", "● b"]),
        (["see:", "┌───┬───┐", "│ a │ 1 │", "└───┴───┘"], ["see:", "┌───┬───┐", "│ a │ 1 │", "└───┴───┘"]),
        (["  ┃ quoted", "and more words"], ["  ┃ quoted", "and more words"]),
        (["Tokens: 12"], ["Tokens: 12"]),
    ],
)
def test_what_is_drawn_around_an_answer(rows: list[str], said: list[str]) -> None:
    """Sides, corners, bullets, indents and counts outside the box go; in doubt, a row stays."""
    assert undressed(rows, [SIDE]) == said


@pytest.mark.parametrize(
    ("before", "rows", "said"),
    [
        (["old", "Ask me:", "───"], ["new", "Ask me:", "───"], ["new"]),
        (["old", "/work 12%"], ["new", "", "/work 15%", "┃"], ["new"]),
        (["Yes."], ["Yes."], ["Yes."]),  # still above the question: the last answer's
    ],
)
def test_rows_of_the_input(before: list[str], rows: list[str], said: list[str]) -> None:
    """The rows above the input that have moved with it are not the answer's."""
    moved = before[:1]
    assert undressed(rows, [*moved, TEXT], frame_above(before)) == said


def test_clock_below_the_input() -> None:
    """A clock that was there before the question is no work; a counter that was not there is."""
    idle = ["x", "y", "z", "> ", " stub-1 | 12:30:01"]
    known = clocks(idle, 3)
    later = [*idle[:4], " stub-1 | 12:30:02"]
    assert without_clocks(idle, 3, known) == without_clocks(later, 3, known)
    works = [[*idle[:4], f" working {n}s"] for n in (1, 2)]
    assert without_clocks(works[0], 3, known) != without_clocks(works[1], 3, known)


def test_cursor_that_a_program_draws() -> None:
    """The last inverse cell that stands alone is the cursor; a longer inverse text is a button."""
    rows = ["\x1b[7m Yes \x1b[0m", "\x1b[48;5;59m > \x1b[7m/\x1b[0m\x1b[90m commands", "\x1b[7mNo\x1b[27m x"]
    assert drawn_cursor(rows) == Cursor(3, 1, rows[1])
    assert drawn_cursor(["\x1b[39m> typed\x1b[7m", "\x1b[0m\x1b[7m"]) == Cursor(
        7, 0, "\x1b[39m> typed\x1b[7m"
    )
    screen = Screen(("", " > / commands"), 0, 0, drawn=drawn_cursor(rows[:2]))
    assert not empty_input(screen, GENERIC) and empty_input(with_cursor(screen, GENERIC), GENERIC)
    assert with_cursor(screen, PROFILES["claude"]) == screen
    assert BOX.fullmatch("  ┃ ") and not BOX.fullmatch("  ┃ x")


PROGRAM = """
import os, sys, termios, threading, time, tty
tty.setraw(0)
typed, said, count, busy = "", ["Welcome", ""], 0, False
def draw():
    body = typed + "\\x1b[7m \\x1b[27m" if typed else "> \\x1b[7mA\\x1b[27;90msk me\\x1b[0m"
    rows = [*said, "What now?", "┃", "┃ " + body, "┃", f" {'*' * (count % 3 * busy)} 12:00:{count:02}"]
    sys.stdout.write("\\x1b[?25l\\x1b[H" + "\\x1b[K\\r\\n".join([*rows, "\\x1b[J"]))
    sys.stdout.flush()
def tick():
    global count
    while True:
        time.sleep(0.05)
        count = (count + 1) % 60
        draw()
threading.Thread(target=tick, daemon=True).start()
while True:
    key = os.read(0, 4096).decode()
    if key != "\\r":
        typed += key
        continue
    text, typed = typed, ""
    said += ["┃", "┃ " + text[:60], "┃ " + text[60:], "┃", ""]
    busy = "slow" in text
    while busy and not os.path.exists(sys.argv[1]):
        time.sleep(0.02)
    busy = False
    said += ["stub-1:", "┃", "┃ the answer", "┃", "Tokens: 12", ""]
"""


def test_program_with_its_own_cursor_and_a_clock(
    tmux_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mail goes into a box with a cursor of its own, under a clock; while the program works, it waits."""
    monkeypatch.setitem(PROFILES, "generic", GENERIC._replace(settle_s=0.3, pause_s=0.02))
    script, gate = tmp_path / "boxes.py", tmp_path / "gate"
    script.write_text(PROGRAM, "utf-8")
    with pane(tmux_server, f"{sys.executable} {script} {gate}", columns=100) as shown:
        chat = open_chat(shown.id, {"server": tmux_server, "profile": "generic"}, tmp_path / "state")
        until(lambda: chat.ready() is None)
        for word, short in (("x", "k7f3q2m9"), ("slow", "k7f3q2m8")):
            mark, text = ask(chat, word, short)
            if word == "slow":
                until(lambda: chat.ready() == "busy")
                assert chat.capture(mark, text) is None
                gate.touch()
            assert until(partial(chat.capture, mark, text)) == Reply("the answer")
        shown.tmux.run("send-keys", "-t", shown.id, "-l", "half a line")
        until(lambda: (chat.ready() or "").startswith("no empty input"))
        chat.close()
