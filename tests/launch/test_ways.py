"""Launched programs and their own ways in, with the imitations of tests/programs."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bridges.helpers import until
from tests.cli.team import Team
from tests.launch.window import Window
from xw import runs
from xw.actions.launching import found

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
    how = {"claude": "through its own socket", "opencode": "through its HTTP server"}[program]
    assert f"; mail goes in {how}" in team.run("doctor", by="bob").out
    team.send("[[delay:100]]", kind="task")
    (folder,) = desk.folders
    log = folder / runs.BRIDGE_LOG
    until(lambda: "presented task" in log.read_text())  # before that, the task only goes back
    os.kill(int(runs.read(str(folder)).process.partition("-")[0]), signal.SIGKILL)
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
        "claude 1.0.0 was launched on /dev/pts/" in found
        and "mail goes in typed into its terminal (not by claude:" in found
    )
    desk.keys("/exit")
    until(lambda: not desk.processes)


def test_a_slow_program_delays_no_line_before_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`xw launch --list` gets each program as soon as its version is known."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    for name, script in (("claude", "echo 1.2.3"), ("llm", f"read x < {gate}; echo 4.5.6")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(found, "VERSION_S", 60.0)
    listed = found.each_listed({"PATH": str(tmp_path)})
    first = next(listed)
    gate.write_text("go\n")
    assert (first.name, first.version) == ("claude", "1.2.3")
    assert {one.name: one.version for one in listed if one.path} == {"llm": "4.5.6"}


def test_a_question_at_the_first_start(team: Team, desk: Window) -> None:
    """The open dialog is told in title, `peers` and `doctor`; its answer lets the mail in."""
    desk.keys("export FAKE_CLAUDE_TRUST=1; clear")
    desk.launch("bob", "--", "claude", until_shown="Yes, I trust it")
    question = "claude waits at a question in its terminal (first start here?): answer it there"
    until(lambda: f"bridge best ({question})" in team.ok("peers") and label(desk) == "bob !")
    team.send("[[say:hello]]", kind="task")
    until(lambda: label(desk) == "bob ! 1")
    until(lambda: f"; {question}; bridge best;" in team.ok("peers"))
    assert team.run("doctor", by="bob").out.count(question) == 1
    desk.keys("/yes")
    until(lambda: "hello" in team.ok("check"))
    assert "bridge claude;" in team.ok("peers")
    desk.keys("/exit")
    until(lambda: not desk.processes)


def label(desk: Window) -> str:
    """Return the name and state that launch gave the pane."""
    return desk.tmux.run("display-message", "-p", "-t", desk.id, "#{@xw}").strip()
