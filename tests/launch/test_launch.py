"""`xw launch`: the program in front, its bridge beside it, and nothing left of both."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from tests.bridges.helpers import until
from tests.cli.team import Team
from tests.launch.window import LINES, XW, Window
from xw.actions.launching import foreground
from xw.instance import Options

Open = Callable[[], Window]
pytestmark = pytest.mark.usefixtures("measured")


def git(folder: Path, *words: str) -> str:
    """Return what git prints."""
    return subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, text=True
    ).stdout


def test_a_program_that_nobody_described(team: Team, window: Open) -> None:
    """It gets name, place and instructions; its mail comes through the pane; its exit code is launch's."""
    git(team.folder, "init", "-q")
    team.run("init", "--name", "alice")  # which keeps xw.json and .xw out of git's sight
    before = git(team.folder, "status", "--ignored", "--short")
    one = window()
    one.launch("dora", "--", LINES, "--model", "x y")
    one.has("args --model x y")
    (folder,) = one.folders
    assert folder.stat().st_mode & 0o777 == 0o700
    one.keys("env XW_NAME")
    one.has("XW_NAME = dora")
    one.keys("env XW_CONFIG")
    one.has(f"XW_CONFIG = {team.folder}/xw.json")
    one.keys("env XW_RUN")
    one.has(f"XW_RUN = {folder}")
    one.keys("env XW_CONFINED")
    one.has("XW_CONFINED = 1")
    assert json.loads((folder / "confined.json").read_text())["XW_NAME"] == "dora"
    assert "you are `dora`" in (folder / "instructions.md").read_text()
    answer = team.run("ask", "--to", "dora", "--timeout", "60", "how are you?")
    assert answer.out.startswith("heard "), answer
    until(lambda: "dora idle; 0 pending; bridge tmux" in team.ok("peers"))
    until(lambda: one.title == "dora ■")
    one.keys("bye 7")
    one.shows("$")
    one.keys("echo code $?")
    one.has("code 7")
    assert not any("its bridge" in row for row in one.rows)  # all that it reported was routine
    until(lambda: not one.processes)
    assert one.folders == [] and not (team.box("dora") / "outbox/.launch.json").exists()
    assert "dora gone" in team.ok("peers")
    assert "dora" not in one.title
    assert git(team.folder, "status", "--ignored", "--short") == before


def test_the_keys_are_the_programs(team: Team, window: Open) -> None:
    """^C and a new size reach the program alone; ^Z stops both, and `fg` continues them."""
    one = window()
    one.launch("dora", "--", LINES)
    one.tmux.press(one.id, "C-c")
    one.tmux.run("resize-window", "-t", one.id, "-x", "120")
    one.keys("keys")
    one.has("{'INT': 1, 'WINCH': 1}")
    one.tmux.press(one.id, "C-z")
    one.has("Stopped")
    one.keys("fg")
    one.keys("hello again")
    one.has("heard 11 characters")
    one.keys("bye 0")
    one.shows("$")
    until(lambda: not one.processes)


def test_a_second_launch_of_a_name(team: Team, window: Open) -> None:
    """It is refused with the first one's program and terminal, and the first goes on."""
    one = window()
    one.launch("bob", "--", LINES)
    until(lambda: (team.box("bob") / "outbox/.launch.json").exists())
    second = team.run("launch", "bob", "--", LINES)
    assert second.code == 6 and "line_program runs as bob, on /dev/pts/" in second.err, second
    one.keys("bye 0")
    one.shows("$")
    until(lambda: not one.processes)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "which program?"),
        (("bob",), 2, "which program?"),
        (("bob", "--", "no-such-program"), 3, "no-such-program: no such program"),
        (("bob", "--", "./README.md"), 3, "README.md is not a program that this user may run"),
        (("Bob", "--", "true"), 2, "try `xw launch bob -- true`"),
        (("rita", "--", "true"), 6, "rita is a person"),
        (("tea", "--", "true"), 6, "tea is a room"),
        (("bob", "--", "sh", "-c", "exit 5"), 5, "sh ended at once, with exit code 5"),
        (("bob", "--", "sh", "-c", "kill -TERM $$"), 143, "sh ended at once, with exit code 143"),
    ],
)
def test_what_cannot_start(team: Team, runs: Path, words: tuple[str, ...], code: int, said: str) -> None:
    """One line tells what is wrong; the exit code is the program's own if it ran; nothing is left."""
    team.run("init", "--name", "rita", "--kind", "human")
    team.ok("room", "create", "tea", "--members", "alice,bob")
    (team.folder / "README.md").write_text("x")
    result = subprocess.run(
        [*XW, "launch", *words], cwd=team.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert (result.returncode, said in result.stderr) == (code, True), result
    assert list(runs.glob("xw/**/*")) == []


def test_without_proc(team: Team, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other systems show no processes: nothing starts there, and one line tells what to do instead."""
    monkeypatch.setattr("xw.processes._PROC", str(tmp_path / "none"))
    for words in (["bob", "--", "true"], ["bob=true"]):
        result = team.run("launch", *words, by=None)
        assert result.code == 6 and "needs /proc, that is Linux: start the program yourself" in result.err
    assert list(runs.glob("xw/**/*")) == []


def test_a_fault_before_the_start(team: Team, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be prepared starts no program, which nobody would watch."""
    started: list[object] = []
    monkeypatch.setattr(foreground, "Job", lambda *job: started.append(job))
    monkeypatch.setattr(foreground, "Title", Mock(side_effect=OSError(24, "Too many open files")))
    with pytest.raises(OSError, match="Too many"):
        foreground.launch(Options("bob", None, str(team.folder / "xw.json")), ["true"], print)
    assert started == [] and list(runs.glob("xw/**/*")) == []


def test_without_a_terminal(team: Team, runs: Path) -> None:
    """It says before the start that no mail will come by itself, and what to do; it shows that it lives."""
    process = team.start("launch", "bob", "--", LINES, stdin=subprocess.PIPE)
    assert process.stdin and process.stderr
    until(lambda: "bridge launch (sees mail when it runs `xw check`)" in team.ok("peers"))
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "sees mail only when it runs `xw check`" in err and "start `xw launch` inside tmux" in err
    assert "bob gone" in team.ok("peers") and list(runs.glob("xw/**/*")) == []


@pytest.mark.long
def test_the_death_of_each_part(team: Team, window: Open) -> None:
    """A killed bridge starts again; a killed launch takes program, bridge, files and title with it."""
    one = window()
    before = one.title
    one.launch("bob", "--", LINES)
    bridge = until(lambda: [pid for pid, line in one.processes.items() if "bridge best" in line])[0]
    os.kill(bridge, signal.SIGKILL)
    until(lambda: [pid for pid, line in one.processes.items() if "bridge best" in line and pid != bridge])
    answer = team.run("ask", "--to", "bob", "--timeout", "60", "still there?")
    assert answer.out.startswith("heard "), answer
    until(lambda: one.title == "bob ■")
    os.kill(one.number(" launch bob"), signal.SIGKILL)
    until(lambda: not one.processes)
    until(lambda: not one.folders)
    assert one.title == before
    assert "bob gone" in team.ok("peers")


def test_what_a_killed_pair_leaves(team: Team, window: Open) -> None:
    """If launch and bridge are killed at once, the next launch ends the program and removes its directory."""
    one = window()
    one.launch("bob", "--", LINES)
    until(lambda: [pid for pid, line in one.processes.items() if "bridge best" in line])
    (left,) = one.folders
    launcher, program = one.number(" launch bob"), one.number("python3 " + LINES)
    os.kill(one.number("bridge best"), signal.SIGSTOP)  # it can notice nothing
    os.kill(launcher, signal.SIGKILL)
    os.kill(one.number("bridge best"), signal.SIGKILL)
    assert left.exists()
    two = window()
    two.launch("carol", "--", LINES)
    assert not left.exists() and program not in two.processes
    os.kill(two.number("python3 " + LINES), signal.SIGKILL)
    two.shows("$")
    two.keys("echo code $?")
    two.has("code 137")
    until(lambda: not two.processes)
    assert two.folders == []


def test_children_of_the_program(team: Team, window: Open) -> None:
    """What a program left in its process group ends with it, even if it ignores the terminal's end."""
    one = window()
    one.launch("bob", "--", LINES)
    one.keys("child")
    one.has("child started")
    one.keys("bye 0")
    one.shows("$")
    until(lambda: not one.processes)
