"""The tmux layouts of the documents: three agents side by side, below them what brings their mail."""

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.team import PATIENCE, call, until
from tests.loop.test_up import others
from xw.bridges.panes import Tmux

ROOT = Path(__file__).parent.parent.parent
CHAT = shlex.join([sys.executable, str(ROOT / "docs/demo/chat.py")])
PROGRAMS = {"orla": "claude", "vex": "codex", "puck": "gemini"}
SERVER = f"xw-layout-{os.getpid()}"


def command_of(page: str) -> str:
    """Return the page's command with the demo's programs, on a tmux server of the test's."""
    found: list[str] = re.findall(r"^tmux new-session .*", (ROOT / "docs" / page).read_text(), re.MULTILINE)
    (command,) = found
    for name, program in PROGRAMS.items():
        command, count = re.subn(rf"\b{program}'", f"{CHAT} {name}'", command)
        assert count == 1, program
    return command.replace("tmux new-session", f"tmux -L {SERVER} -f /dev/null new-session -d -x 160 -y 48")


def join(folder: Path, names: list[str], session: str) -> None:
    """A checkout in which each has a bridge to its pane, from left to right."""
    for name in names:
        assert call(folder, "init", "--config", "xw.json", "--hub", ".xw/hub", "--name", name).code == 0
    config = json.loads((folder / "xw.json").read_text())
    for number, name in enumerate(names):
        options = {"server": SERVER, "profile": "llm"}
        target = f"{session}:0.{number}"
        config["instances"][name]["bridge"] = {"kind": "tmux", "target": target, "options": options}
    (folder / "xw.json").write_text(json.dumps(config))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Tmux]]:
    """Runs a layout in the checkout; afterwards its session is closed, and nothing may be left."""
    monkeypatch.setenv("XW_TEST_TAG", str(tmp_path))
    monkeypatch.setenv("PATH", f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}")
    monkeypatch.delenv("TMUX", raising=False)

    def run_it(page: str) -> Tmux:
        subprocess.run(["/bin/sh", "-c", command_of(page)], cwd=tmp_path, check=True, timeout=PATIENCE)
        return Tmux(SERVER)

    yield run_it
    tmux = Tmux(SERVER)
    socket = tmux.run("display-message", "-p", "#{socket_path}").strip()
    tmux.run("kill-server")
    Path(socket).unlink(missing_ok=True)
    until(lambda: not others(f"XW_TEST_TAG={tmp_path}"))


def check_panes(tmux: Tmux) -> None:
    """Three side by side, and one below them that has the whole width."""
    shown = tmux.run("list-panes", "-F", "#{pane_top} #{pane_left} #{pane_width}")
    panes = [tuple(map(int, line.split())) for line in shown.splitlines()]
    assert len(panes) == 4
    assert [top for top, *_ in panes[:3]] == [0, 0, 0] and len({left for _, left, _ in panes[:3]}) == 3
    assert panes[3][1:] == (0, 160)


def test_a_room(tmp_path: Path, run: Callable[[str], Tmux]) -> None:
    """The command of docs/rooms.md plays a room to its end, the whole conversation in the fourth pane."""
    join(tmp_path, [*PROGRAMS], "salon")
    limits = ("--policy", "round-robin", "--turns", "3", "--seed", "What is a good rule?")
    assert call(tmp_path, "room", "create", "salon", "--members", ",".join(PROGRAMS), *limits).code == 0
    tmux = run("rooms.md")
    below = ("capture-pane", "-p", "-t", "salon:0.3")
    until(lambda: "the room is closed" in tmux.run(*below))
    assert [name for name in PROGRAMS if f" {name} (verified): " not in tmux.run(*below)] == []
    check_panes(tmux)


def test_agents_side_by_side(tmp_path: Path, run: Callable[[str], Tmux]) -> None:
    """The command of docs/bridges.md starts three agents, and `xw up` below them, which brings their mail."""
    join(tmp_path, ["alice", "bob", "carol"], "agents")
    tmux = run("bridges.md")
    asked = call(tmp_path, "--as", "alice", "ask", "--to", "carol", "--timeout", "30", "what is up?")
    assert "I have relabelled the salt" in asked.out, asked
    check_panes(tmux)
