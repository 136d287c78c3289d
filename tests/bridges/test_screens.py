"""Recorded screens of the real programs are read right; `screens/` was recorded from them in tmux."""

import json
from pathlib import Path

import pytest

from xw.bridges.profiles import GENERIC, PROFILES, Profile
from xw.bridges.screen import (
    Screen,
    answer,
    backgrounds,
    dialog,
    in_input,
    not_ready,
    pale,
    plain,
    token_of,
    unsent,
)

RECORDED = sorted(Path(__file__).parent.joinpath("screens").glob("*.json"))
STATES = {
    "starting": "still starting",
    "queued": "still starting",
    "scrolled": None,
    "idle": None,
    "typed": "no empty input",
    "pasted": "no empty input",
    "busy": "busy",
    "done": None,
    "tool": None,
    "dialog": "a dialog is open",
}
SAID = "Well, one.\n\n- item 1\n- item 2\n\nLast: all of it."


def load(path: Path) -> tuple[str, str, str, Screen, list[str]]:
    data = json.loads(path.read_text("utf-8"))
    screen = Screen(**{**data["screen"], "rows": tuple(data["screen"]["rows"])})
    return data["program"], data["state"], data["text"], screen, data["below"]


def recorded(state: str) -> list[Path]:
    return [path for path in RECORDED if path.stem.endswith("-" + state)]


def test_every_program_was_recorded() -> None:
    """Each described program has its screens; a profile nobody has seen is a guess."""
    programs = {path.stem.split("-")[0] for path in RECORDED}
    assert programs == set(PROFILES) - {"generic"}


@pytest.mark.parametrize("path", RECORDED, ids=lambda p: p.stem)
def test_state_is_recognised(path: Path) -> None:
    """Idle is ready, and a half-typed line, a busy program and an open dialog each are a reason to wait."""
    program, state, _, screen, _ = load(path)
    reason = not_ready(screen, PROFILES[program])
    expected = STATES[state]
    if program == "llm" and state == "busy":
        expected = "no empty input"  # it shows nothing while it works
    assert (reason or "").startswith(expected or "\0") or reason == expected


@pytest.mark.parametrize("path", recorded("done"), ids=lambda p: p.stem)
def test_answer_is_read_alone(path: Path) -> None:
    """The answer comes without bullets, indents and rules, with its own lists and blank lines."""
    program, _, text, _, rows = load(path)
    found = answer(rows, PROFILES[program], text)
    assert not found.cut
    # Two programs draw lists in a way of their own.
    shown = found.text.replace("• item", "- item").replace(" - item", "- item")
    if program != "llm":
        assert shown == SAID
    else:
        assert "Well, one." in shown


@pytest.mark.parametrize("path", recorded("tool"), ids=lambda p: p.stem)
def test_tool_use_is_no_answer(path: Path) -> None:
    """The program's tool calls are left out of the answer."""
    program, _, text, _, rows = load(path)
    said = answer(rows, PROFILES[program], text).text
    assert said.startswith(("TOOL-RESULT", "STUB-REPLY")), said
    assert "Bash(" not in said and "• Ran" not in said and "╭" not in said


@pytest.mark.parametrize("path", recorded("pasted"), ids=lambda p: p.stem)
def test_pasted_text_is_found_in_the_input(path: Path) -> None:
    """A pasted text, or what stands for it, is seen in the input with nothing before it but the prompt."""
    program, _, text, screen, _ = load(path)
    before = in_input(screen, PROFILES[program], text)
    assert before is not None and (not before or PROFILES[program].prompt.fullmatch(before))
    assert unsent(screen, PROFILES[program], text)


def test_missing_beginning_is_said() -> None:
    """If the presented text has left the screen, the answer is marked as cut."""
    rows = ["  line 7", "  line 8", "", "✻ Worked for 7s · done", "─" * 40, "❯ ", "─" * 40]
    found = answer(rows, PROFILES["claude"], "[mail k7f3q2m9] …\nx\n[end k7f3q2m9] …")
    assert found.cut and found.text == "line 7\nline 8" and found.ended


def test_missing_beginning_is_said_below_a_kept_header() -> None:
    """Codex keeps a row at the top about the text that scrolled off, which is neither text nor answer."""
    _, _, text, _, rows = load(RECORDED[0].with_name("codex-scrolled.json"))
    found = answer(rows, PROFILES["codex"], text)
    assert found.cut and found.ended
    assert found.text.startswith("line 75 of 90\n\nline 76") and found.text.endswith("line 90 of 90")


def test_home_screen_is_no_answer() -> None:
    """opencode's first turn begins on another screen, whose frame and footer are not an answer."""
    rows = ["  ┃  Build · stub-1 stub", "  ╹" + 40 * "▀", "  /home/you                 ctrl+p commands"]
    assert answer(rows, PROFILES["opencode"], "x\n[end k7f3q2m9] bye").text == ""


def test_frame_line_broken_by_a_narrow_pane() -> None:
    """The rest of the frame's last line, broken by the program, is not taken for the answer."""
    rows = ["❯ [end k7f3q2m9] answer", "  alice in your next", "  message", "", "> yes"]
    text = "x\n[end k7f3q2m9] answer alice in your next message"
    assert answer(rows, GENERIC, text).text == "> yes"


@pytest.mark.parametrize(
    ("profile", "rows", "said"),
    [
        (
            PROFILES["claude"],
            ["  [end k7f3q2m9] bye", "", "● As you said:", "  in [end k7f3q2m9] bye", "  ok"],
            "As you said:\nin [end k7f3q2m9] bye\nok",
        ),
        (
            PROFILES["claude"],
            ["  [end k7f3q2m9] bye", "", "● [end k7f3q2m9] bye", "✻ Cooked for 0s"],
            "[end k7f3q2m9] bye",
        ),
        (
            GENERIC,
            ["> x ⏎ [end k7f3q2m9] bye", "heard: x ⏎ [end k7f3q2m9] bye", "> "],
            "heard: x ⏎ [end k7f3q2m9] bye",
        ),
    ],
)
def test_answer_that_quotes_the_text(profile: Profile, rows: list[str], said: str) -> None:
    """An answer that repeats the frame's last line is taken whole, not for the text."""
    assert answer(rows, profile, "x\n[end k7f3q2m9] bye").text == said


def test_token_is_the_frames_own() -> None:
    """A text is found again by the part of its last line that holds the short id."""
    assert token_of("a\nb\n[end k7f3q2m9] bye") == "[end k7f3q2m9]"
    assert token_of("a ⏎ [end k7f3q2m9] bye") == "[end k7f3q2m9]"


@pytest.mark.parametrize(
    ("styled", "column", "expected"),
    [
        ("\x1b[1m›\x1b[0m \x1b[2mAsk Codex", 2, True),
        ("❯ \x1b[7mT\x1b[0;2mry this", 2, True),
        (" > \x1b[7m \x1b[0m\x1b[38;5;248m\x1b[48;5;240m Type here", 3, True),
        ("❯ typed and went home", 2, False),
        ("\x1b[2m❯ \x1b[0mtyped", 2, False),
        (">  \x1b[38;5;103m Type your message", 2, True),  # Qwen Code's
        ("┃  \x1b[38;5;255mtyped", 3, False),
    ],
)
def test_suggestion_is_told_from_typed_text(styled: str, column: int, expected: bool) -> None:
    """A pale suggestion is not typed text; text of normal colour is, wherever the cursor is."""
    assert pale(styled, column) is expected
    assert "\x1b" not in plain(styled)


def replaced(name: str, found: str, row: str) -> Screen:
    """Return a recorded screen with one row of the answer replaced."""
    _, _, _, screen, _ = load(RECORDED[0].with_name(f"{name}-done.json"))
    assert any(found in shown for shown in screen.rows)
    return screen._replace(rows=tuple(row if found in shown else shown for shown in screen.rows))


def test_answer_that_looks_busy() -> None:
    """Words of an answer are not a sign of work, or mail would wait as long as they are on the screen."""
    gemini = replaced("gemini", "Last: all", "  Press esc to cancel the dialog.")
    assert not_ready(gemini, PROFILES["gemini"]) is None
    working = replaced("gemini", "Last: all", " ⠧ Thinking... (esc to cancel, 1s)")
    assert not_ready(working, PROFILES["gemini"]) is None  # the title says that it is ready
    assert not_ready(working._replace(title=""), PROFILES["gemini"]) == "busy"
    codex = replaced("codex", "Well, one", "• Interrupt it with Esc (esc to interrupt)")
    assert not_ready(codex, PROFILES["codex"]) is None
    pi = replaced("pi", "Last: all", " ⠋ Installing dependencies")
    assert not_ready(pi, PROFILES["pi"]) == "busy"
    assert not_ready(pi, PROFILES["pi"], still=True) is None


BUSY = {
    "claude": "  ⏵⏵ auto mode on (shift+tab to cycle) · esc to interrupt",
    "codex": "• Working (1s • esc to interrupt)",
    "gemini": " ⠧ Thinking... (esc to cancel, 1s)",
    "opencode": "   ⬝⬝⬝⬝⬝⬝⬝⬝  esc interrupt",
    "pi": " ⠇ Working...",
}
"""Each program's own row while it works."""


@pytest.mark.parametrize("name", BUSY)
@pytest.mark.parametrize("found", ["Well, one", "Last: all"])
def test_answer_that_quotes_a_busy_row(name: str, found: str) -> None:
    """A program's own busy row, in its answer, keeps no mail waiting, at least once it stands still."""
    screen, profile = replaced(name, found, BUSY[name]), PROFILES[name]
    assert not_ready(screen, profile, still=True) is None
    last = name == "pi" and found == "Last: all"  # directly above the input, as if pi worked
    assert not_ready(screen, profile) == ("busy" if last else None)
    _, _, _, busy, _ = load(RECORDED[0].with_name(f"{name}-busy.json"))
    assert not_ready(busy, profile) == "busy"
    assert not_ready(busy._replace(title=""), profile) == "busy"


@pytest.mark.parametrize(
    "row", ["  Waiting for startup  · esc cancel", "  >_ OpenAI Codex (v0.169.0)\n     loading"]
)
def test_answer_that_quotes_codex_at_its_start(row: str) -> None:
    """An answer with the rows that Codex shows while it starts keeps no mail waiting."""
    screen = replaced("codex", "Last: all", row)
    rows = tuple("\n".join(screen.rows).split("\n"))
    more = len(rows) - len(screen.rows)
    assert not_ready(screen._replace(rows=rows, cursor_y=screen.cursor_y + more), PROFILES["codex"]) is None


def test_backgrounds_of_rows() -> None:
    """A background lasts over the ends of rows, until a colour ends it; an empty row has none."""
    rows = [
        "\x1b[38;5;48mx",
        "\x1b[1;48;2;52;53;65m   ",
        " own",
        "",
        "\x1b[49m said",
        "\x1b[41mx\x1b[0m",
        "y",
    ]
    shade = "48;2;52;53;65"
    assert list(backgrounds(rows)) == ["", shade, shade, "", "", "41", ""]


PI = [
    "\x1b[48;2;52;53;65m          ", " x        ", " [end k7f3q2m9] bye ", "          ", "",
    "\x1b[49m Mail answer one.", "", " second", "", "\x1b[48;2;40;50;40m $ ls ", "", "\x1b[49m Third.", "",
    "\x1b[48;2;52;53;65m          ", " my own question ", "          ", "",
    "\x1b[49m Private answer.", "", "─" * 40, "", "─" * 40,
]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "said", "failure"),
    [
        (PI, "Mail answer one.\n\nsecond\n\n$ ls\n\nThird.", ""),
        (PI[:5] + PI[13:], "", "somebody's own prompt"),
        ([*PI[:9], "\x1b[48;2;52;53;66m quoted", *PI[17:]], "Private answer.", ""),
    ],
)
def test_persons_own_prompt_in_pi(rows: list[str], said: str, failure: str) -> None:
    """Pi draws people's prompts on a background: from the next one on, nothing is the mail's answer."""
    text = "x\n[end k7f3q2m9] bye"
    found = answer([plain(row) for row in rows], PROFILES["pi"], text, list(backgrounds(rows)))
    assert found.text.endswith(said) and ("Private" in found.text) == ("Private" in said)
    assert bool(found.failure) == bool(failure) and found.failure.startswith(failure)


def test_persons_own_prompt_in_lines() -> None:
    """A prompt with a name tells a person's line in line mode; `> ` does not, as answers quote so."""
    for prompt, said in (("you: ", "one\n\ntwo"), ("> ", "one\n\ntwo\n> my own\nprivate")):
        rows = [f"{prompt}x ⏎ [end k7f3q2m9] bye", "one", "", "two", f"{prompt}my own", "private", prompt]
        assert answer(rows, GENERIC, "x\n[end k7f3q2m9] bye").text == said


def test_pi_shows_its_work_in_the_rule() -> None:
    """From 1.6 on, pi is busy if the rule above its input says so, and that row is not part of an answer."""
    rule = "── ⠹ Working " + "─" * 107
    _, _, text, screen, rows = load(RECORDED[0].with_name("pi-done.json"))
    upper = max(n for n in range(screen.cursor_y) if screen.rows[n].startswith("─" * 20))
    busy = screen._replace(rows=tuple(rule if n == upper else row for n, row in enumerate(screen.rows)))
    assert not_ready(busy, PROFILES["pi"]) == "busy"
    below = [rule if row.startswith("─" * 20) else row for row in rows]
    assert answer(below, PROFILES["pi"], text).text == SAID


def test_gemini_that_asks_nobody() -> None:
    """Gemini with --yolo has another sign in its prompt; that of its shell is not taken for it."""
    _, _, _, screen, _ = load(RECORDED[0].with_name("gemini-idle.json"))
    for sign, reason in (("*", None), ("!", "no empty input line")):
        row = screen.rows[screen.cursor_y].replace(">", sign, 1)
        rows = tuple(row if n == screen.cursor_y else shown for n, shown in enumerate(screen.rows))
        shown = screen._replace(rows=rows, styled=screen.styled.replace(">", sign, 1))
        assert (not_ready(shown, PROFILES["gemini"]) or "").startswith(reason or ""), sign
        assert (not_ready(shown, PROFILES["gemini"]) is None) == (reason is None)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("claude", "  Do you want to go on? Esc to cancel"),
        ("codex", "  Would you like to see it?"),
        ("gemini", "  Allow execution of it?"),
        ("qwen", "    Allow execution of it?"),
        ("opencode", "     Permission required: Allow once"),
    ],
)
def test_answer_that_quotes_a_dialog(name: str, row: str) -> None:
    """Words of a dialog in an answer are the answer's, beside an empty input and beside a half-typed one."""
    for state in ("done", "typed"):
        _, _, _, screen, _ = load(RECORDED[0].with_name(f"{name}-{state}.json"))
        quoted = screen._replace(rows=(*screen.rows[:5], row, *screen.rows[6:]))
        profile = PROFILES[name]._replace(dialog_rows=40)
        assert not dialog(quoted, profile)
        assert (not_ready(quoted, profile) or "").startswith("no empty input" if state == "typed" else "")
    _, _, _, open_one, _ = load(RECORDED[0].with_name(f"{name}-dialog.json"))
    assert dialog(open_one, PROFILES[name])
