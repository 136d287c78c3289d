"""However a program wraps the frame's last line, no other turn's rows are taken for an answer."""

from collections.abc import Callable, Iterator

import pytest

from tests.bridges.test_tmux import text_of
from xw.bridges.profiles import GENERIC, PROFILES, Profile
from xw.bridges.screen import Screen, answer, in_input, unsent
from xw.bridges.typed import one_line

SECRET = [
    "[mail aaaaaaaa] question from carol, 1 min old",
    "the secret is swordfish",
    "[end aaaaaaaa] your next",
]
OLD = ["swordfish it is", "", "really"]
SAID = ["Yes, alice.", "", "[1] see the end: no answer needed", "done"]


def by_letters(text: str, width: int) -> Iterator[str]:
    for line in text.split("\n"):
        yield from (line[n : n + width] for n in range(0, len(line), width)) if line else [""]


def by_words(text: str, width: int) -> Iterator[str]:
    for line in text.split("\n"):
        row = ""
        for word in line.split(" "):
            while len(row) + len(word) + 1 > width and row:
                yield row.rstrip()
                row = ""
            while len(word) > width:
                yield word[:width]
                word = word[width:]
            row += word + " "
        yield row.rstrip()


Wrap = Callable[[str, int], Iterator[str]]
WRAPS: dict[str, Wrap] = {"letters": by_letters, "words": by_words}
LINES = [("> ", "> "), ("> ", "... "), ("> ", "│ "), ("> ", "  "), ("> ", ""), ("you: ", "")]


def shown_in_lines(text: str, width: int, wrap: Wrap, first: str, more: str) -> list[str]:
    rows = list(wrap(one_line(text), width - max(len(first), len(more))))
    return [(more if n else first) + row for n, row in enumerate(rows)]


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS.keys())
@pytest.mark.parametrize(("first", "more"), LINES)
def test_program_in_lines_at_every_width(wrap: Wrap, first: str, more: str) -> None:
    """Panes of every width give the answer alone, for a line-mode program with its own continuation mark."""
    for width in [*range(18, 130), 200]:
        # Each length meets every third width: a program wraps them at the same places again and again.
        for length in (0, 7, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53)[width % 3 :: 3]:
            text = text_of("x" * length)
            echo = shown_in_lines(text, width, wrap, first, more)
            before = [*shown_in_lines("\n".join(SECRET), width, wrap, first, more), *OLD]
            found = answer([*before, *echo, *SAID, first.rstrip()], GENERIC, text)
            assert (found.text, found.cut) == ("\n".join(SAID), False), (width, length, echo)
            screen = Screen((*before, *echo), len(echo[-1]), len(before) + len(echo) - 1, width=width)
            typed = in_input(screen, GENERIC, text)
            assert typed == first, (width, length, typed)
            assert unsent(screen, GENERIC, text), (width, length, echo)


@pytest.mark.parametrize("more", ["> ", "... ", "  "])
def test_every_length_of_a_body(more: str) -> None:
    """Wherever the frame's last line breaks, the text is seen in the input and no row of it in the answer."""
    for length in range(30, 131):
        text = text_of("x" * length + " say it")
        for wrap in WRAPS.values():
            echo = shown_in_lines(text, 120, wrap, "> ", more)
            screen = Screen(tuple(echo), len(echo[-1]), len(echo) - 1, width=120)
            assert unsent(screen, GENERIC, text), (length, echo)
            sent = Screen((*echo, ""), 0, len(echo), width=120)
            assert len(echo[-1]) == 120 or not unsent(sent, GENERIC, text), (length, echo)
            found = answer([*OLD, *echo, *SAID, "> "], GENERIC, text)
            assert (found.text, found.cut) == ("\n".join(SAID), False), (length, echo)


AGENTS = {
    # what stands before a text's first row and before its others, an answer's, and below all of it
    "claude": ("❯ ", "  ", "● ", "  ", ["✻ Baked for 1s · done 8:29", "─" * 20, "❯", "─" * 20]),
    "codex": ("› ", "  ", "• ", "  ", ["  Worked for 1s • 08:29", "", "› Ask Codex"]),
    "gemini": (" > ", "   ", "✦ ", "  ", [" " * 40 + "? for shortcuts", "─" * 20, " >   Type"]),
    "opencode": ("  ┃  ", "  ┃  ", "     ", "     ", ["     ▣  Build · x · 1.2s", "  ┃", "  ╹" + "▀" * 20]),
    "pi": (" ", " ", " ", " ", ["", "─" * 20, "", "─" * 20]),
}


def turn(rows: list[str], said: list[str], look: tuple[str, str, str, str, list[str]]) -> list[str]:
    first, more, bullet, indent, _ = look
    echo = [(more if n else first) + row for n, row in enumerate(rows)]
    return [*echo, "", *[((indent if n else bullet) + row).rstrip() for n, row in enumerate(said)], ""]


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS.keys())
@pytest.mark.parametrize("name", AGENTS)
def test_agent_at_every_width(wrap: Wrap, name: str) -> None:
    """A program with a look of its own: the answer alone, in every pane."""
    look, text = AGENTS[name], text_of("x")
    for width in [*range(12, 80), 200]:
        end = look[4][:1] if name in ("claude", "codex", "opencode") else []
        rows = [*turn(SECRET, OLD, look), *end, "", *turn(list(wrap(text, width)), SAID, look), *look[4]]
        found = answer(rows, PROFILES[name], text)
        assert (found.text, found.cut) == ("\n".join(SAID), False), (width, rows)


@pytest.mark.parametrize(
    "profile", [GENERIC, PROFILES["llm"], PROFILES["pi"]], ids=lambda profile: profile.name
)
def test_rows_that_are_anybodys(profile: Profile) -> None:
    """Without the text on the screen, a program that marks no turns has no answer: all may be another's."""
    found = answer([*SECRET, *OLD, "> "], profile, text_of("x"))
    assert (found.text, found.cut) == ("", True)


@pytest.mark.parametrize("name", ["claude", "codex", "gemini", "opencode"])
def test_cut_answer_of_one_turn(name: str) -> None:
    """A program that marks turns: the end of an answer is taken while no other turn is on the screen."""
    look, text = AGENTS[name], text_of("x")
    tail = [look[3] + "line 8", look[3] + "line 9", "", *look[4]]
    found = answer(tail, PROFILES[name], text)
    assert (found.text, found.cut) == ("line 8\nline 9", True)
    end = look[4][:1]
    others = (
        [look[3] + "swordfish", "", *end, "", *turn(["please?"], ["no"], look), *look[4]],  # a later turn
        [*turn(SECRET, OLD, look), *end, "", *tail],  # an earlier one
        [*turn(SECRET, OLD, look), *look[4]] if name != "opencode" else [],
    )
    for rows in filter(None, others):
        assert answer(rows, PROFILES[name], text).text == "", rows


def test_text_in_a_box() -> None:
    """A program that draws its input in a box has it found as well."""
    text = text_of("x")
    box = ["╭" + "─" * 18 + "╮", *(f"│ {row:16} │" for row in by_letters(text, 16)), "╰" + "─" * 18 + "╯"]
    found = answer([*box, "swordfish"], GENERIC._replace(one_line=False), text)
    assert found.text.endswith("swordfish") and "[end" not in found.text and not found.cut
