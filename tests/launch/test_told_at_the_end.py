"""What `xw launch` prints of its bridge's reports when the program has ended."""

from pathlib import Path

import pytest

from xw.actions.attending import Beside

WORSE = "mail goes in by tmux; not by codex: it has no turn yet"
BETTER = "mail goes in by codex"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (["ready", WORSE, BETTER, "answered x"], []),
        ([WORSE, BETTER, WORSE, "cannot write"], [WORSE, "cannot write"]),
        ([], []),
    ],
)
def test_the_way_that_held_at_the_end(tmp_path: Path, said: list[str], shown: list[str]) -> None:
    """A person reads why no better way was in use at the end, and nothing of ways that passed."""
    (tmp_path / "log").write_text("".join(f"xw bridge bob: {line}\n" for line in said))
    assert Beside(str(tmp_path), "log", []).important == shown
