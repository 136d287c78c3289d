"""Programs in a look for screen readers, and opencode's small one, get mail and answer as in their own."""

import sys
from pathlib import Path

import pytest

from tests.bridges.helpers import until
from tests.bridges.panes import pane
from tests.bridges.test_screens import SAID, STATES, load
from tests.bridges.test_tmux import ask
from xw.bridges.chat import Reply
from xw.bridges.looks import CLAUDE_READER, GEMINI_READER, OPENCODE_MINI, look_of
from xw.bridges.profiles import PROFILES
from xw.bridges.screen import answer, in_input, not_ready, unsent
from xw.bridges.tmux import open_chat

LOOKS = {"claude": CLAUDE_READER, "gemini": GEMINI_READER, "opencode": OPENCODE_MINI}
RECORDED = sorted(Path(__file__).parent.joinpath("screens", "looks").glob("*.json"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda p: p.stem)
def test_state_is_recognised(path: Path) -> None:
    """An empty input tells the look; a half-typed line, work and a dialog are reasons to wait."""
    program, state, text, screen, rows = load(path)
    look, profile = LOOKS[program], PROFILES[program]
    found = look_of(profile, screen)
    assert found is (profile if state in ("typed", "pasted", "dialog") else look)
    for one in (found, look_of(profile, screen, look)):
        assert (not_ready(screen, one) or "idle").startswith(STATES[state] or "idle")
    if state == "pasted":
        before = in_input(screen, look, text)
        assert before is not None and (not before or look.prompt.fullmatch(before))
        assert unsent(screen, look, text)
    said = answer(rows, look, text).text
    if state == "done":
        # Gemini draws no blank rows there.
        wanted = SAID.replace("\n\n", "\n").replace("- ", "-  ") if program == "gemini" else SAID
        assert said == wanted
    if state == "tool":
        assert said.startswith("TOOL-RESULT") and "touch" not in said


def test_own_look_stays() -> None:
    """The look that a program has by default is not taken for another one in any state."""
    for path in RECORDED[0].parent.parent.glob("*.json"):
        program, _, _, screen, _ = load(path)
        assert look_of(PROFILES[program], screen) is PROFILES[program], path


@pytest.mark.parametrize(
    ("name", "rows", "said", "failure"),
    [
        ("claude", ["error: API Error: 400 no", "manual mode on", "$"], "", "error: API Error: 400 no"),
        (
            "claude",
            ["claude: a", "tool: Bash (ls)", "Done", "claude:     b", "c", "you: x"],
            "a\n    b\nc",
            "",
        ),
        ("gemini", ["ℹ  Request cancelled.", "workspace (/directory)"], "", "ℹ  Request cancelled."),
        ("gemini", ["workspace (/directory)", "x", "Model:  1", "2", "Model:  1", "2", "3"], "1\n2\n3", ""),
        ("gemini", ["Model:  1", "Success: Shell ls", "Model:  2", "? for shortcuts"], "1\n2", ""),
        ("opencode", ["", "no", "", "▣ Build · x · 1.2s", "", "no", ""], "no", "no"),
        ("opencode", ["", "no", "", "▣ Build · x · 1.2s", "", "yes", ""], "no", ""),
        ("opencode", ["", "Aborted", "", "▣ Build · x · 1.2s"], "Aborted", "Aborted"),
    ],
)
def test_answer_or_failure(name: str, rows: list[str], said: str, failure: str) -> None:
    """Tools, a block's unfinished form and the program's own rows are left out; an error is a failure."""
    found = answer(["[end k7f3q2m9] bye", *rows], LOOKS[name], "x\n[end k7f3q2m9] bye")
    assert (found.text, found.failure) == (said, failure)


READER = r"""
import os, sys, tty
tty.setcbreak(0)
print('\x1b[?2004hmanual mode on')
while True:
    os.write(1, b'$ '); got = b''
    while not got.endswith(b'\x1b[201~\n'):
        one = os.read(0, 1); got += one
        len(got) > 6 and b'\x1b' not in got[6:] and os.write(1, one)
    os.write(1, b'\x1b[H\x1b[2Jyou: ' + got[6:-7] + b'\nclaude: the answer\n')
    print('Baked for 1s \u00b7 done 1:00 PM', 'manual mode on', sep='\n', flush=True)
"""


def test_reader_in_a_pane(tmux_server: str, tmp_path: Path) -> None:
    """A bridge recognises the look by itself, and mail goes in and is answered."""
    claude = tmp_path / "claude"
    claude.write_text(f"#!{sys.executable}\n{READER}")
    claude.chmod(0o755)
    with pane(tmux_server, str(claude)) as shown:
        chat = open_chat(shown.id, {"server": tmux_server}, tmp_path)
        until(lambda: chat.ready() is None)
        mark, text = ask(chat, "x")
        assert until(lambda: chat.capture(mark, text)) == Reply("the answer")
        shown.tmux.run("send-keys", "-t", shown.id, "-l", "half a line")
        until(lambda: (chat.ready() or "").startswith("no empty input"))
        assert until(lambda: chat.capture(mark, text)) == Reply("the answer")
