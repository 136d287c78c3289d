"""`make demo` is the first thing that a newcomer runs."""

import os
import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).parent.parent / "docs" / "demo" / "demo.py"


def _play(tmp_path: Path, demo: Path = DEMO, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, demo],
        env={**os.environ, "TMPDIR": str(tmp_path), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_demo_plays_to_its_end(tmp_path: Path) -> None:
    """It shows task, attachment, question, replies in a thread and a broadcast, all handled, and exits 0."""
    ended = _play(tmp_path, XW_NAME="somebody-else")
    assert (ended.returncode, ended.stderr) == (0, "")
    for expected in (
        "orla -> vex [task]",
        "(file: rules.md)",
        "puck -> orla [reply re",
        "orla -> puck, vex [info]",
    ):
        assert expected in ended.stdout
    assert "no mail for vex" in ended.stdout
    hub = next(tmp_path.glob("xw-demo-*")) / ".xw" / "hub"
    handled = {name: len(list((hub / name / "inbox" / "done").iterdir())) for name in ("orla", "vex", "puck")}
    assert handled == {"orla": 2, "vex": 3, "puck": 2}


def test_one_agent_that_fails_ends_the_demo(tmp_path: Path) -> None:
    """It names the agent, ends the others that would wait for ever, and exits non-zero."""
    copy = tmp_path / "demo.py"
    copy.write_bytes(DEMO.read_bytes())
    (tmp_path / "agent.py").write_text(
        "import sys, time\nif sys.argv[1] == 'puck': sys.exit(3)\ntime.sleep(60)\n"
    )
    ended = _play(tmp_path, copy)
    assert ended.returncode == 1
    assert "puck" in ended.stderr and "failed or hung" in ended.stderr
