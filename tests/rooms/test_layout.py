"""The tmux layout of docs/rooms.md: three agents side by side, the whole conversation below them."""

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.cli.team import PATIENCE, call, until
from tests.loop.test_up import others
from xw.bridges.panes import Tmux

ROOT = Path(__file__).parent.parent.parent
CHAT = ROOT / "docs/demo/chat.py"
_MORE = ("--policy", "round-robin", "--turns", "3", "--seed", "What is a good rule?")
PROGRAMS = {"orla": "claude", "vex": "codex", "puck": "gemini"}


def test_the_documented_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's one command, its three programs replaced by the demo's, plays a room to its end."""
    (command,) = re.findall(r"^tmux new-session .*", (ROOT / "docs/rooms.md").read_text(), re.MULTILINE)
    server = f"xw-layout-{os.getpid()}"
    for name, program in PROGRAMS.items():
        chat = shlex.join([sys.executable, str(CHAT), name])
        assert f"'{program}'" in command
        command = command.replace(f"'{program}'", shlex.quote(chat))
        assert call(tmp_path, "init", "--config", "xw.json", "--hub", ".xw/hub", "--name", name).code == 0
    config = json.loads((tmp_path / "xw.json").read_text())
    for number, name in enumerate(PROGRAMS):
        options = {"server": server, "profile": "llm"}
        target = f"salon:0.{number}"
        config["instances"][name]["bridge"] = {"kind": "tmux", "target": target, "options": options}
    (tmp_path / "xw.json").write_text(json.dumps(config))
    made = call(tmp_path, "room", "create", "salon", "--members", ",".join(PROGRAMS), *_MORE)
    assert made.code == 0, made

    monkeypatch.setenv("XW_TEST_TAG", str(tmp_path))
    monkeypatch.setenv("PATH", f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}")
    monkeypatch.delenv("TMUX", raising=False)
    tmux = Tmux(server)
    detached = command.replace(
        "tmux new-session", f"tmux -L {server} -f /dev/null new-session -d -x 160 -y 48"
    )
    try:
        subprocess.run(["/bin/sh", "-c", detached], cwd=tmp_path, check=True, timeout=PATIENCE)
        until(lambda: "the room is closed" in tmux.run("capture-pane", "-p", "-t", "salon:0.3"))
        whole = tmux.run("capture-pane", "-p", "-t", "salon:0.3")
        assert [name for name in PROGRAMS if f" {name}: " not in whole] == []
        tops = tmux.run("list-panes", "-t", "salon", "-F", "#{pane_top} #{pane_left} #{pane_width}")
        rows = [tuple(map(int, line.split())) for line in tops.splitlines()]
        assert [top for top, *_ in rows[:3]] == [0, 0, 0] and len({left for _, left, _ in rows[:3]}) == 3
        assert rows[3][1:] == (0, 160), "the conversation has the whole width"
    finally:
        tmux.run("kill-server")
    until(lambda: not others(f"XW_TEST_TAG={tmp_path}"))
