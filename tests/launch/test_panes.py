"""`xw launch alice=… bob=…`: agents side by side in tmux, their room below, and nothing left of them."""

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.bridges.helpers import until
from tests.cli.team import PATIENCE, Result, Team
from tests.launch.window import LINES, XW, Window
from tests.loop.test_up import processes_with
from xw.bridges.panes import Tmux
from xw.errors import XwError

ODD = 'it\'s; a "pröject" #{x} $HOME'


class Desk:
    """A checkout, and the tmux server of the person who works there."""

    def __init__(self, team: Team, runs: Path) -> None:
        self.team = team
        self.runs = runs
        self.tmux = Tmux("default")

    def launch(self, *words: str, **environ: str) -> Result:
        """Run `xw launch` as a person whose terminal is not tmux's."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TMUX_PANE")}
        done = subprocess.run(
            [*XW, "launch", *words],
            cwd=self.team.folder,
            env={**kept, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def panes(self, *words: str) -> dict[str, str]:
        """Return the panes of agents that `xw launch` starts in the background, by their names."""
        result = self.launch(*words, "--json")
        assert result.code == 0, result
        return {one["name"]: one["pane"] for one in json.loads(result.out)["agents"]}

    def keys(self, pane: str, line: str) -> None:
        self.tmux.run("send-keys", "-t", pane, "-l", line)
        self.tmux.press(pane, "Enter")

    def leaves(self, pane: str) -> None:
        """End the program in a pane, which may stay until Enter is pressed in it."""
        self.keys(pane, "bye 0")
        until(lambda: closed(self.tmux, pane), PATIENCE)

    def has(self, pane: str, text: str) -> None:
        """Wait until a pane shows this text."""
        until(lambda: any(text in row for row in self.tmux.look(pane).rows), 2 * PATIENCE)

    @property
    def sessions(self) -> list[str]:
        """The server's sessions, without the test's own."""
        return sorted({pane.session for pane in self.tmux.panes()} - {"keeper"})

    def ends(self) -> None:
        """Wait until nothing is left of the agents."""
        until(lambda: not self.sessions, 2 * PATIENCE)
        until(lambda: not self.left, 2 * PATIENCE)
        assert list(self.runs.glob("xw/**/*")) == []

    @property
    def left(self) -> list[int]:
        """The processes that the test started."""
        return [pid for pid in processes_with(f"XW_TEST_TAG={self.runs.parent}") if pid != os.getpid()]


def closed(tmux: Tmux, pane: str) -> bool:
    """Return True if a pane is gone; press Enter in one that asks for it."""
    if pane not in {one.pane for one in tmux.panes()}:
        return True
    with suppress(XwError):  # it closes just now
        if "Press Enter to close" in " ".join(tmux.look(pane).rows):
            tmux.press(pane, "Enter")
    return False


@pytest.fixture
def desk(team: Team, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk whose project has an odd path; its tmux server started with another environment."""
    team.folder = team.folder.rename(tmp_path / ODD)
    team.hub = team.folder / ".xw" / "hub"
    monkeypatch.setenv("TMUX_TMPDIR", str(tmp_path))
    monkeypatch.delenv("TMUX", raising=False)
    bare = {"PATH": os.environ["PATH"], "TMUX_TMPDIR": str(tmp_path)}
    server = ["tmux", "-L", "default", "-f", "/dev/null", "new-session", "-d", "-s", "keeper", "sleep 1000"]
    subprocess.run(server, env=bare, check=True, capture_output=True)
    made = Desk(team, runs)
    yield made
    subprocess.run(["tmux", "-L", "default", "kill-server"], check=False, capture_output=True)
    until(lambda: not made.left)


@pytest.mark.long
def test_mail_between_two_panes(desk: Desk) -> None:
    """Each agent gets its words as given; mail and answers go between them; the last end ends all."""
    panes = desk.panes(f"dora={LINES} --model 'x  y;' ';' '#{{z}}' \"it's\"", f"bob={LINES}")
    desk.has(panes["dora"], "args --model x  y; ; #{z} it's")
    desk.has(panes["bob"], ">")
    assert desk.sessions == ["it-s-a-pröject-x-HOME"]
    answer = desk.team.run("ask", "--to", "bob", "--timeout", "100", "how are you?", by="dora")
    assert answer.out.startswith("heard "), answer
    answer = desk.team.run("ask", "--to", "dora", "--timeout", "100", "and you?", by="bob")
    assert answer.out.startswith("heard "), answer
    second = desk.launch(f"carol={LINES}", f"bob={LINES}", "--detach")
    assert second.code == 6, second
    (session,) = desk.sessions
    assert second.err == (
        f"xw: bob runs already, in the tmux session {session}: `tmux attach -t {session}` shows it, "
        f"`tmux kill-session -t {session}` ends it; nothing was started\n"
    )
    desk.leaves(panes["bob"])
    assert len(desk.sessions) == 1
    desk.leaves(panes["dora"])
    desk.ends()


@pytest.mark.long
def test_a_room_of_agents(desk: Desk) -> None:
    """The first run makes the room and runs it, a later one adds its members; two sessions have two names."""
    first = desk.panes(f"alice={LINES}", f"bob={LINES}", "--room", "tea")
    (below,) = {pane.pane for pane in desk.tmux.panes() if pane.session in desk.sessions} - {*first.values()}
    desk.has(below, f"^B d leaves, they run on · tmux kill-session -t {desk.sessions[0]} ends all")
    desk.has(below, 'begin: xw room say tea "…" · stop: xw room pause tea · end: xw room close tea')
    desk.team.run("room", "say", "tea", "who is there?")  # which may be before the room runs
    until(lambda: {"alice", "bob"} <= speakers(desk), 2 * PATIENCE)
    second = desk.panes(f"carol={LINES}", "--room", "tea")
    until(lambda: "carol" in speakers(desk), 2 * PATIENCE)
    assert desk.sessions == ["it-s-a-pröject-x-HOME", "it-s-a-pröject-x-HOME-2"]
    for pane in (*first.values(), *second.values()):
        desk.tmux.run("kill-pane", "-t", pane)
    desk.ends()


def speakers(desk: Desk) -> set[str]:
    """Return who has said something in the room."""
    lines = desk.team.ok("log", "--room", "tea", "--json").splitlines()
    return {line["author"] for line in map(json.loads, lines)}


@pytest.mark.parametrize(
    ("program", "code", "line"),
    [
        (f"{LINES} --fail", 9, "args --fail"),
        ("sh -c 'exit 4'", 4, ""),
        ("sh -c 'echo no key >&2; sleep 0.5; kill -9 $$'", 137, "no key"),
    ],
)
def test_a_program_that_ends_at_once(desk: Desk, program: str, code: int, line: str) -> None:
    """The call fails with its last line; its pane shows that until somebody presses Enter."""
    result = desk.launch(f"dora={program}", "--json")
    found = json.loads(result.out)
    (dora,) = found["agents"]
    assert (result.code, found["exit_code"], dora["ended"]["exit_code"]) == (1, 1, code), result
    assert dora["ended"]["last_line"].endswith(line) and bool(dora["ended"]["last_line"]) == bool(line)
    assert line in found["error"]
    desk.has(dora["pane"], f"s, with exit code {code}. Press Enter to close this pane.")
    desk.tmux.press(dora["pane"], "Enter")
    desk.ends()


def test_one_of_two_ends_at_once(desk: Desk) -> None:
    """Who runs is told as ever; who ended is named with its last line, and the exit code is 1."""
    result = desk.launch(f"dora={LINES}", "bob=sh -c 'echo no key; exit 3'", "--detach")
    assert result.code == 1 and result.out.startswith("dora runs in the tmux session "), result
    (session,) = desk.sessions
    attach = f"`tmux attach -t {session}` shows its pane"
    (said,) = (row for row in result.err.splitlines() if "ended at once" in row)
    assert said == f"xw: bob: sh ended at once, with exit code 3: no key ({attach})"
    dora, bob = [pane.pane for pane in desk.tmux.panes() if pane.session == session][:2]
    desk.leaves(dora)
    desk.tmux.press(bob, "Enter")
    desk.ends()


def test_a_pane_that_is_closed_at_once(desk: Desk) -> None:
    """The call says so; nothing waits for a program that is gone."""
    result = desk.launch("dora=sh -c 'tmux kill-pane -t $TMUX_PANE; sleep 9'", "--detach")
    assert result.code == 1 and "xw: dora: sh ended at once, and its pane is closed" in result.err, result
    desk.ends()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("dora=true", "codex"), 2, "'codex': give NAME=PROGRAM"),
        (("dora=true", "dora=false"), 2, "dora is given twice"),
        (("dora=",), 2, "dora: which program?"),
        (("dora=sh -c 'x",), 2, "dora: cannot read the program's words"),
        (("Dora=true",), 2, "try `xw launch dora=true`"),
        (("dora=true", "erik=no-such-program"), 3, "erik: no-such-program: no such program"),
        (("dora=true", "rita=true"), 6, "rita is a person"),
        (("dora=true", "tea=true"), 6, "tea is a room"),
        (("dora=true", "--room", "dora"), 2, "dora cannot be a member of itself"),
        (("dora=true", "--room", "bob"), 6, "bob is the name of an instance"),
        (("dora=true", "--room", "old"), 6, "the room is closed: alice closed it"),
        (("dora", "--room", "tea", "--", "true"), 2, "--room needs agents in tmux panes"),
        (("dora", "--detach", "--", "true"), 2, "--detach needs agents in tmux panes"),
    ],
)
def test_what_cannot_start(desk: Desk, words: tuple[str, ...], code: int, said: str) -> None:
    """One line tells what is wrong, and nothing was started or made."""
    team = desk.team
    team.run("init", "--name", "rita", "--kind", "human")
    team.ok("room", "create", "tea", "--members", "alice,bob")
    if "old" in words:
        team.ok("room", "create", "old", "--members", "alice")
        team.ok("room", "close", "old")
        team.run("room", "run", "old")
    result = team.run("launch", *words)
    assert (result.code, said in result.err, result.err.count("\n")) == (code, True, 1), result
    assert desk.sessions == [] and not team.box("dora").exists() and list(desk.runs.glob("xw/**/*")) == []


def test_a_room_that_cannot_be_made(desk: Desk) -> None:
    """The panes, which are open by then, are closed, and no program has started."""
    desk.team.box("tea").write_text("not a folder")
    mark = desk.team.folder / "started"
    result = desk.launch(f"dora=touch {shlex.quote(str(mark))}", "--room", "tea", "--detach")
    assert result.code and "tea" in result.err, result
    desk.ends()
    assert not mark.exists()


def test_without_tmux(desk: Desk) -> None:
    """The error has the calls for separate terminals."""
    result = desk.launch("dora=/bin/sh -c 'exit 1'", "bob=/bin/sh", "--room", "tea", PATH="/nonexistent")
    assert result.code == 3 and not desk.team.box("dora").exists(), result
    assert result.err == (
        "xw: tmux is not installed: install it, or run each of these in a terminal of its own: "
        "`xw launch dora -- /bin/sh -c 'exit 1'`, `xw launch bob -- /bin/sh`, "
        "`xw room create tea --members dora,bob --as dora`, `xw up`\n"
    )


def test_inside_tmux(team: Team, window: Callable[[], Window]) -> None:
    """A new window of the same session gets the panes; one that has no place for them starts nothing."""
    one = window()
    here = session_of(one)
    one.keys(shlex.join([*XW, "launch", f"dora={LINES}", f"bob={LINES}", "--detach"]))
    one.has("dora and bob run in the tmux window @")
    agents = [pane for pane in one.tmux.panes() if pane.session == here and pane.window == "dora-bob"]
    assert len(agents) == 3
    one.shows("$")
    until(lambda: "bridge tmux" in team.ok("peers"), 2 * PATIENCE)
    for pane in agents[:2]:
        until(lambda pane=pane: ">" in one.tmux.look(pane.pane).rows, 2 * PATIENCE)  # type: ignore[misc]
        one.tmux.run("send-keys", "-t", pane.pane, "bye 0", "Enter")
        until(lambda pane=pane: closed(one.tmux, pane.pane), PATIENCE)  # type: ignore[misc]
    until(lambda: not one.processes, 2 * PATIENCE)
    assert [pane.pane for pane in one.tmux.panes() if pane.session == here] == [one.id]
    many = [f"n{number}=true" for number in range(9)]
    one.tmux.run("set-option", "-t", here, "default-size", "14x24")
    one.keys(f"clear; {shlex.join([*XW, 'launch', *many])} 2>err")
    err = team.folder / "err"
    until(lambda: err.exists() and "nothing was started" in err.read_text(), 2 * PATIENCE)
    one.shows("$")
    assert [pane.pane for pane in one.tmux.panes() if pane.session == here] == [one.id]
    assert not team.box("n0").exists() and one.folders == []


def session_of(one: Window) -> str:
    """Return the session of a window."""
    (session,) = {pane.session for pane in one.tmux.panes() if pane.pane == one.id}
    return session


def test_a_terminal_without_tmux(desk: Desk, window: Callable[[], Window]) -> None:
    """The new session is shown in the terminal; leaving it tells how to come back, its end gives it back."""
    one = window()
    own = ["env", "-u", "TMUX", "-u", "TMUX_PANE", f"TMUX_TMPDIR={os.environ['TMUX_TMPDIR']}"]
    one.keys(shlex.join([*own, *XW, "launch", f"dora={LINES}"]))
    until(lambda: any(row.startswith("program ") for row in one.rows), 2 * PATIENCE)
    (session,) = desk.sessions
    desk.tmux.run("detach-client", "-s", session)
    one.has(f"dora runs on: `tmux attach -t {session}` shows it")
    (pane,) = (pane.pane for pane in desk.tmux.panes() if pane.program == "python3")
    desk.leaves(pane)
    until(lambda: not desk.sessions and not one.processes, 2 * PATIENCE)
    assert one.folders == []
