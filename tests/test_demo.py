"""`make demo` is the first thing that a newcomer runs."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests import warm_xw

DEMO = Path(__file__).parent.parent / "docs" / "demo" / "demo.py"


def _play(
    tmp_path: Path, demo: Path = DEMO, python: str = sys.executable, **environ: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [python, demo],
        env={**os.environ, "TMPDIR": str(tmp_path), **environ},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.mark.long
def test_the_demo_plays_to_its_end(tmp_path: Path) -> None:
    """It shows task, attachment, question, replies in a thread and a broadcast, all handled, and exits 0."""
    ended = _play(tmp_path, XW_NAME="somebody-else")
    assert (ended.returncode, ended.stderr) == (0, "")
    for expected in (
        "orla (verified) -> vex [task]",
        "(file: rules.md)",
        "puck (verified) -> orla [reply re",
        "orla (verified) -> puck, vex [info]",
    ):
        assert expected in ended.stdout
    assert "no mail for vex" in ended.stdout
    hub = next(tmp_path.glob("xw-demo-*")) / ".xw" / "hub"
    handled = {name: len(list((hub / name / "inbox" / "done").iterdir())) for name in ("orla", "vex", "puck")}
    assert handled == {"orla": 2, "vex": 3, "puck": 2}
    check_panes(ended.stdout, "orla (verified): Then we need a rota.", "I am vex: art and chaos.")


def check_panes(shown: str, *expected: str) -> None:
    """The room came to its end, the panes stand side by side, and their tmux server is gone."""
    assert [text for text in ("the limit of 6 turns is reached", *expected) if text not in shown] == []
    assert any(row.count("│") == 2 for row in shown.split("\n"))
    (server,) = re.findall(r"tmux -L (\S+) attach", shown)
    asked = ["tmux", "-L", server, "list-sessions"]
    assert subprocess.run(asked, capture_output=True, check=False).returncode == 1
    sockets = Path(os.environ.get("TMUX_TMPDIR", "/tmp"), f"tmux-{os.getuid()}")
    assert not (sockets / server).exists()


def test_a_command_speaks_in_place_of_the_script(tmp_path: Path) -> None:
    """The output of any command appears in the panes and in the room; the command gets its name."""
    ended = subprocess.run(
        [
            warm_xw.server().python,
            DEMO.with_name("panes.py"),
            tmp_path / "place",
            "sed",
            "-n",
            "1s/Answer.*//p",
        ],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    check_panes(ended.stdout, "puck (verified): You are puck: a trickster.")


def test_without_tmux_it_says_so(tmp_path: Path) -> None:
    """Without tmux, the part that needs it is left out, and the demo goes on to its end."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "ls").symlink_to(str(shutil.which("ls")))
    assert not Path(sysconfig.get_path("scripts"), "tmux").exists()
    (tmp_path / "my files").mkdir()
    ended = _play(tmp_path / "my files", python=warm_xw.server().python, PATH=str(tools))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "tmux is not installed: this part is left out" in ended.stdout
    # What it says to try next works, also where a path has a blank.
    commands = ended.stdout.rpartition("Try next")[2]
    tried = subprocess.run(
        ["bash", "-e"], input=commands, capture_output=True, text=True, timeout=60, check=False
    )
    assert (tried.returncode, tried.stderr) == (0, "")


def test_one_agent_that_fails_ends_the_demo(tmp_path: Path) -> None:
    """It names the agent, ends the others that would wait for ever, and exits non-zero."""
    copy = tmp_path / "demo.py"
    copy.write_bytes(DEMO.read_bytes())
    (tmp_path / "agent.py").write_text(
        "import sys, time\nif sys.argv[1] == 'puck': sys.exit(3)\ntime.sleep(60)\n"
    )
    ended = _play(tmp_path, copy, warm_xw.server().python)
    assert ended.returncode == 1
    assert "puck" in ended.stderr and "failed or hung" in ended.stderr
