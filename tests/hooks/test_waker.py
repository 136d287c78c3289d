"""The waker: it wakes a session once for each message, one for each session, and ends with the session."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.team import PATIENCE, XW, Result, Team, ended, until, watches
from tests.hooks.conftest import Make, choose
from tests.hooks.test_events import opened, short
from tests.hooks.test_told import fill
from tests.programs.hooked import Program, told
from tests.programs.running import Claude
from xw import delivery, layout
from xw import told as notes
from xw.actions import telling
from xw.instance import Instance
from xw.journal import Journal

Wakers = list["subprocess.Popen[str]"]
HOOKS = Path(__file__).parent.parent.parent / "integrations/claude/hooks/hooks.json"


@pytest.fixture
def wakers() -> Iterator[Wakers]:
    """Processes that must not outlive the test."""
    started: Wakers = []
    yield started
    for process in started:
        process.kill()
        process.communicate(timeout=PATIENCE)


def arm(team: Team, wakers: Wakers, agent: Program, event: str = "Stop") -> "subprocess.Popen[str]":
    """Start a session's waker as its program does, in the background."""
    waker = team.start("hook", "wake", "--program", agent.program, by="bob", stdin=subprocess.PIPE)
    wakers.append(waker)
    assert waker.stdin
    waker.stdin.write(agent.wake_input(event).decode())
    waker.stdin.close()
    waker.stdin = None
    return waker


def armed(team: Team, wakers: Wakers, agent: Program, event: str = "Stop") -> "subprocess.Popen[str]":
    """Start a session's waker, and return once it waits."""
    waker = arm(team, wakers, agent, event)
    until(lambda: watches(waker.pid, team.box("bob") / "inbox/pending") or waker.poll() is not None)
    return waker


@pytest.fixture
def agent(team: Team, session: Make) -> Program:
    """A session of an agent that is to be shown all mail by itself."""
    choose(team, "push")
    made = session()
    made.start()
    return made


def test_it_wakes_the_session(team: Team, wakers: Wakers, agent: Program) -> None:
    """With mail it ends with 2 and the text on stderr; the mail is told then, and the next waker waits."""
    waker = armed(team, wakers, agent)
    sent = short(team.send("Wake up", kind="task"))
    code, out, err = ended(waker)
    assert (code, out) == (2, "")
    assert told(err) == [sent]
    assert agent.turn() == ("", [])
    again = armed(team, wakers, agent)
    assert again.poll() is None
    agent.end()
    assert ended(again) == Result(0, "", "")


def test_one_for_each_session(team: Team, wakers: Wakers, agent: Program, session: Make) -> None:
    """A second waker of a session ends at once; another session has its own, and both hear of a message."""
    first = armed(team, wakers, agent)
    assert ended(arm(team, wakers, agent)) == Result(0, "", "")
    other = armed(team, wakers, session(name="s2"))
    sent = short(team.send("both", kind="task"))
    assert [told(ended(waker).err) for waker in (first, other)] == [[sent], [sent]]


def test_no_storm(team: Team, wakers: Wakers, agent: Program) -> None:
    """A session whose waker and Stop hook run all the time has one turn for a message that is left unread."""
    sent = fill(team, 2)
    assert told(ended(arm(team, wakers, agent)).err) == sent
    waker = arm(team, wakers, agent)
    for _ in range(30):  # each is an event in the journal, which lets the waker look
        assert agent.turn() == ("", [])
    (late,) = fill(team, 1)
    assert told(ended(waker).err) == [late]
    assert agent.turn() == ("", [])


def test_killed_it_loses_nothing(team: Team, wakers: Wakers, agent: Program) -> None:
    """A waker that its program ends after its time leaves the lock and the mail to the next one."""
    waker = armed(team, wakers, agent)
    waker.kill()
    waker.wait(PATIENCE)
    sent = short(team.send("late", kind="task"))
    assert told(ended(arm(team, wakers, agent)).err) == [sent]


def test_after_an_error_of_the_api(team: Team, tmp_path: Path) -> None:
    """As `xw install` sets them up, a waker waits also after a turn that ended without a Stop."""
    choose(team, "push")
    environ = {"XW_NAME": "bob", "PATH": f"{Path(XW).parent}:{os.environ['PATH']}"}
    claude = Claude(tmp_path, team.folder, "--settings", str(HOOKS), environ=environ)
    try:
        until(lambda: list(team.box("bob").glob("bridge/told/*.waker")))
        team.send("[[error]]", kind="task")
        until(lambda: "API Error" in str(claude.entries("assistant")) and claude.idle)
        team.send("again", kind="task")
        until(lambda: "again" in str(claude.entries("user")))
    finally:
        claude.end()
        claude.scratch.cleanup()


def test_it_ends_with_the_program(team: Team, wakers: Wakers, tmp_path: Path) -> None:
    """When the program is killed, its waker ends although nobody told it."""
    choose(team, "push")
    program = tmp_path / "claude.py"
    program.write_text(
        "import subprocess, sys\n"
        "waker = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)\n"
        'waker.stdin.write(b\'{"session_id": "s1"}\')\n'
        "waker.stdin.close()\n"
        "print(waker.pid, flush=True)\n"
        "waker.wait()\n"
    )
    claude = subprocess.Popen(
        [sys.executable, str(program), XW, "hook", "wake", "--program", "claude"],
        cwd=team.folder, env={**os.environ, "XW_NAME": "bob"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    wakers.append(claude)
    assert claude.stdout
    number = int(claude.stdout.readline())
    until(lambda: watches(number, team.box("bob") / "inbox/pending"))
    claude.kill()
    claude.wait(PATIENCE)
    until(lambda: not _runs(number))


def _runs(number: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def _hold(bob: Instance) -> None:
    delivery.hold(bob.mailbox, bob.now())


@pytest.mark.parametrize("value", [*delivery.SHOWN_AT, None])
def test_only_an_agent_that_is_pushed_is_woken(team: Team, wakers: Wakers, session: Make, value: str) -> None:
    """With any other delivery the waker ends at once, and leaves the mail untold."""
    choose(team, value)
    sent = short(team.send("one", kind="task"))
    result = ended(arm(team, wakers, session()))
    assert told(result.err) == ([sent] if value == "push" else [])
    assert result.code == (2 if value == "push" else 0)


def test_a_hold_lets_it_wait(team: Team, wakers: Wakers, agent: Program) -> None:
    """On hold nobody is woken; the waker waits on, and wakes the session once the hold has ended."""
    bob = opened(team)
    waker = armed(team, wakers, agent)
    _hold(bob)
    (sent,) = fill(team, 1)
    _let_look(team, bob)
    assert waker.poll() is None
    assert notes.Told(bob.mailbox, "s1").load().told == ()
    delivery.resume(bob.mailbox)
    Journal(bob.mailbox, "claude", "s1").add("answer")  # or it looks in a few seconds
    assert told(ended(waker).err) == [sent]


def _let_look(team: Team, bob: Instance) -> None:
    """Let the session's waker look twice: at the second time, it has acted on what it saw at the first."""
    for _ in range(2):
        (team.box("bob") / "presence.json").unlink()
        Journal(bob.mailbox, "claude", "s1").add("answer")
        until((team.box("bob") / "presence.json").exists)


def test_only_what_is_worth_a_turn_wakes(team: Team, wakers: Wakers, agent: Program) -> None:
    """An info wakes nobody, as a bridge shows none by itself; it is told along with a task."""
    waker = armed(team, wakers, agent)
    (info,) = fill(team, 1, kind="info")
    _let_look(team, opened(team))
    assert waker.poll() is None
    (task,) = fill(team, 1)
    assert told(ended(waker).err) == [info, task]


def test_a_bridge_ends_it(team: Team, wakers: Wakers, agent: Program) -> None:
    """While a bridge runs, it shows the mail."""
    bob = opened(team)
    fill(team, 1)
    with bob.mailbox.files.locked(bob.mailbox.at(layout.BRIDGE_LOCK)):
        assert ended(arm(team, wakers, agent)) == Result(0, "", "")
    assert ended(arm(team, wakers, agent)).code == 2


def test_a_resumed_session(team: Team, wakers: Wakers, agent: Program) -> None:
    """The end of a session's last run does not end the waker of the run that resumes it."""
    agent.end()
    assert ended(arm(team, wakers, agent)) == Result(0, "", "")
    waker = armed(team, wakers, agent, "SessionStart")
    agent.start("resume")
    sent = short(team.send("one", kind="task"))
    assert told(ended(waker).err) == [sent]


def test_beyond_the_budget_it_waits(team: Team, wakers: Wakers, agent: Program) -> None:
    """With the hour's turns used up, it wakes nobody; the mail is told with the next prompt."""
    bob = opened(team)
    now = bob.now()
    notes.Told(bob.mailbox, "s1").store(notes.Noted(turns=tuple(now - n for n in range(notes.PER_HOUR))))
    waker = armed(team, wakers, agent)
    (sent,) = fill(team, 1)
    with telling.news(bob, "s2"):
        pass
    assert waker.poll() is None
    assert told(agent.prompt()) == [sent]


def test_idle_it_costs_next_to_nothing(team: Team, wakers: Wakers, agent: Program) -> None:
    """It waits for the kernel: between two looks it does not run."""
    waker = armed(team, wakers, agent)
    time.sleep(0.2)  # what it does before its first wait
    before, start = _cpu(waker.pid), time.monotonic()
    until(lambda: time.monotonic() - start > 6)  # with one look in between
    assert _cpu(waker.pid) - before <= 0.05


def _cpu(number: int) -> float:
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("data", [b"", b"garbage", json.dumps({"session_id": 7}).encode()])
def test_it_never_wakes_for_a_mistake(team: Team, data: bytes) -> None:
    """Without a session, and whatever else is wrong, the waker ends with 0 and one line."""
    choose(team, "push")
    team.send("one", kind="task")
    result = team.run("hook", "wake", "--program", "claude", by="bob", stdin=data)
    assert (result.code, result.out, result.err.count("\n")) == (0, "", 1)
    assert team.run("hook", "wake", "--nope", by="bob").code == 0
