"""Launched programs and their own ways in, with the imitations of tests/programs."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bridges.helpers import until
from tests.cli.team import Team
from tests.launch.window import Window
from xw.runs import read

PROGRAMS = Path(__file__).parent.parent / "programs"
Open = Callable[[], Window]


@pytest.fixture
def desk(window: Open, tmp_path: Path) -> Window:
    """A window whose shell has the imitations on its PATH, and a home of its own."""
    home = tmp_path / "h"
    home.mkdir()
    one = window()
    one.keys(f"export HOME={home} TMPDIR=/tmp PATH={PROGRAMS}:$PATH; clear")
    return one


@pytest.mark.parametrize("program", ["claude", "opencode"])
def test_its_own_way(team: Team, desk: Window, program: str) -> None:
    """Mail goes in by the program's own way, and the answer comes back, also after a kill of the bridge."""
    desk.launch("bob", "--", program, until_shown="")
    until(lambda: f"bridge {program}" in team.ok("peers"))
    assert team.run("ask", "--to", "bob", "--timeout", "60", "[[say:first]]").out == "first\n"
    os.kill(desk.number("bridge best"), signal.SIGKILL)
    assert team.run("ask", "--to", "bob", "--timeout", "60", "[[say:second]]").out == "second\n"
    assert f"; mail goes in by {program}" in team.run("doctor", by="bob").out
    team.send("[[delay:100]]", kind="task")
    until(lambda: "bob busy" in team.ok("peers"))
    (folder,) = desk.folders
    os.kill(int(read(str(folder)).process.partition("-")[0]), signal.SIGKILL)
    until(lambda: not desk.processes)
    assert desk.folders == []
    desk.has("xw: its bridge: failed (gone): ")
    assert "(gone)" in team.ok("check") and team.names("bob", "inbox/processing") == []


def test_another_version(team: Team, desk: Window) -> None:
    """A version whose way xw does not know: mail goes in by tmux, and `peers` and `doctor` tell why."""
    desk.keys("export FAKE_CLAUDE_VERSION=1.0.0; clear")
    desk.launch("bob", "--", "claude", until_shown="")
    until(lambda: "bridge tmux (not by claude: " in team.ok("peers"))
    found = team.run("doctor", by="bob").out
    assert (
        "claude 1.0.0 was launched on /dev/pts/" in found and "mail goes in by tmux (not by claude:" in found
    )
    desk.keys("/exit")
    until(lambda: not desk.processes)
