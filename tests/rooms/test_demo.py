"""`make demo-room` plays to its end."""

import os
import subprocess
from pathlib import Path

from tests import warm_xw

DEMO = Path(__file__).parent.parent.parent / "docs" / "demo" / "room.py"


def test_the_demo_ends_at_its_turn_limit(tmp_path: Path) -> None:
    """Three scripted members talk through the real `xw`, the room ends by itself, the transcript is kept."""
    environ = {**os.environ, "TMPDIR": str(tmp_path), "XW_NAME": "somebody-else"}
    ended = subprocess.run(
        [warm_xw.server().python, DEMO], env=environ, capture_output=True, text=True, timeout=200, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "the limit of 12 turns is reached" in ended.stdout
    (kept,) = tmp_path.glob("xw-room-*/transcript.md")
    assert str(kept) in ended.stdout
    text = kept.read_text(encoding="utf-8")
    assert [text.count(f"**{name}**") for name in ("orla", "vex", "puck")] == [4, 4, 3]
