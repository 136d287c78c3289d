"""README's way for newcomers, played: its first console block with `xw launch`, with stub programs."""

import os
import re
import shlex
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bridges.helpers import HERE, until
from tests.cli.team import PATIENCE, Team
from tests.launch.window import Window

README = Path(__file__).parents[2] / "README.md"
_BLOCK = re.compile(r"^```(?:console|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def way() -> list[str]:
    """Return the commands of README's first block with `xw launch`, as far as that call."""
    block = next(found for found in _BLOCK.findall(README.read_text("utf-8")) if "xw launch" in found)
    commands = [re.sub(r"^[a-z]*\$ ", "", row) for row in block.splitlines() if "xw " in row]
    at = next(number for number, command in enumerate(commands) if "xw launch" in command)
    return [command.partition("  #")[0] for command in commands[: at + 1]]


def stub(folder: Path, name: str) -> None:
    """Put the test's chat program into a folder under an agent program's name; it takes any options."""
    folder.mkdir(exist_ok=True)
    own = f"#!{sys.executable}\nimport sys\nsys.argv[1:] = ['--log', {str(folder / name)!r} + '.log']\n"
    path = folder / name
    path.write_text(own + HERE.joinpath("fake_agent.py").read_text("utf-8"), "utf-8")
    path.chmod(0o755)


@pytest.mark.long
def test_the_way_of_a_newcomer(
    team: Team, tmp_path: Path, window: Callable[[], Window], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a project without mailboxes the block's calls start the agents; each gets mail and answers it."""
    project = tmp_path / "project"
    project.mkdir()
    *before, launch = way()
    agents = dict(word.split("=", 1) for word in shlex.split(launch) if "=" in word)
    path = [str(tmp_path / "bin"), sysconfig.get_path("scripts"), os.environ["PATH"]]
    for program in agents.values():
        stub(tmp_path / "bin", program.split()[0])
    monkeypatch.setattr(team, "folder", project)
    monkeypatch.setattr(team, "hub", project / ".xw/hub")
    one = window()
    one.keys(f"export PATH={shlex.quote(os.pathsep.join(path))}")
    for command in before:
        one.keys(command)
        one.shows("$")
    one.keys(launch)
    for name in agents:
        until(lambda name=name: (team.box(name) / "outbox/.launch.json").exists(), 2 * PATIENCE)  # type: ignore[misc]
    first, second = list(agents)[:2]
    for asking, asked in ((first, second), (second, first)):
        got = team.run("ask", "--to", asked, "--timeout", "100", "say:four", by=asking)
        assert "four" in got.out, got
    for pane in one.tmux.panes():
        if pane.directory == str(project) and pane.pane != one.id:
            one.tmux.run("kill-pane", "-t", pane.pane)
    until(lambda: not one.processes, 2 * PATIENCE)
    assert one.folders == []
