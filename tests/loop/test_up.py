"""`xw up`: starts what xw.json names, restarts what dies, and leaves nothing behind."""

import os
import signal
from pathlib import Path

import pytest

from tests.cli.team import Team, until
from tests.loop.processes import Running, script
from tests.loop.test_commands import configure
from xw.actions import bridging
from xw.actions.supervising import members
from xw.bridges.chat import Chat
from xw.bridges.serve import Plan, Stop
from xw.errors import NotFound
from xw.instance import Options, open_instance

pytestmark = pytest.mark.usefixtures("measured")


def processes_with(variable: str) -> list[int]:
    """Return the living processes with this text in their environment, whoever their parent is."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path("/proc", pid, "stat").read_bytes().rpartition(b")")[2].split()
            if stat[0] != b"Z" and variable.encode() in Path("/proc", pid, "environ").read_bytes():
                found.append(int(pid))
        except OSError:
            continue  # it has ended, or is another user's
    return found


@pytest.fixture
def tagged(team: Team, monkeypatch: pytest.MonkeyPatch) -> str:
    """A variable that all processes of this test inherit."""
    tag = f"XW_TEST_TAG={team.folder}"
    monkeypatch.setenv("XW_TEST_TAG", str(team.folder))
    return tag


def others(tag: str) -> list[int]:
    """Return the test's processes without itself."""
    return [pid for pid in processes_with(tag) if pid != os.getpid()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_leaves_nothing_behind(team: Team, tagged: str, number: int) -> None:
    """Both bridges run and answer; a signal ends them, and a chat program that works and has children."""
    stuck = script(team.folder, "sleep 1000 & trap '' TERM HUP INT; cat >/dev/null; sleep 1000; sleep 1000")
    configure(
        team, bob={"kind": "command", "target": "tr a-z A-Z"}, carol={"kind": "command", "target": stuck}
    )
    up = Running(team, "alice", "up")
    up.says("bridge bob: ready")
    up.says("bridge carol: ready")
    assert "HELLO" in team.run("ask", "--to", "bob", "--timeout", "30", "hello").out
    team.send("work", kind="task", to="carol")
    up.says("presented task")
    assert up.end(number) == 0
    until(lambda: not others(tagged))


def test_nothing_survives_a_stubborn_bridge(team: Team, tagged: str) -> None:
    """A bridge that was killed, and so could end nothing, leaves no chat program behind either."""
    stuck = script(team.folder, "trap '' TERM; cat >/dev/null; sleep 1000")
    configure(team, bob={"kind": "command", "target": stuck})
    up = Running(team, "alice", "up")
    up.says("bridge bob: ready")
    team.send("work", kind="task")
    up.says("presented task")
    pid = int(up.said.partition("process ")[2].split()[0])
    os.kill(pid, signal.SIGKILL)
    up.says("starts again")
    assert members(pid), "the program goes on, so that the next bridge can read its answer"
    assert up.end() == 0
    until(lambda: not others(tagged))


def test_restarts_what_dies(team: Team) -> None:
    """A bridge that is killed is started again, later and later; its mail is taken all the same."""
    configure(team, bob={"kind": "command", "target": "tr a-z A-Z"})
    up = Running(team, "alice", "up")
    for count in (1, 2):
        until(lambda: up.said.count("bridge bob: ready") == count)  # noqa: B023  # used at once
        pid = int(up.said.rpartition("process ")[2].split()[0])
        os.kill(pid, signal.SIGKILL)
    up.says("starts again in 0.5 s")
    up.says("starts again in 1 s")
    assert "HELLO" in team.run("ask", "--to", "bob", "--timeout", "30", "hello").out
    assert up.end() == 0


def test_ends_with_its_parent(team: Team, tagged: str) -> None:
    """When `xw up` itself is killed, its bridges see that they are orphans, and end."""
    configure(team, bob={"kind": "command", "target": "cat"})
    up = Running(team, "alice", "up")
    up.says("bridge bob: ready")
    up.kill()
    (team.box("bob") / "inbox/pending/wake").touch()  # else it looks in five seconds
    until(lambda: not others(tagged))


def test_wrong_configuration_is_not_tried_again(team: Team) -> None:
    """A program that can never work is started once, and `up` ends when no other is left."""
    configure(team, bob={"kind": "command", "target": "cat", "options": {"speed": "1"}})
    up = Running(team, "alice", "up")
    assert up.process.wait(30) == 2
    assert "cannot work as configured" in up.said and up.said.count("started") == 2


def test_program_that_is_not_there_yet(team: Team) -> None:
    """A missing program is reported once, not at every try; the bridge goes on when it appears."""
    later = team.folder / "later"
    configure(team, bob={"kind": "command", "target": str(later)})
    up = Running(team, "alice", "up")
    up.says("cannot start yet: ")
    Path(script(team.folder, "tr a-z A-Z")).rename(later)
    assert "HELLO" in team.run("ask", "--to", "bob", "--timeout", "30", "hello").out
    assert up.said.count("no such command") == up.said.count("started") == 1 and "ended" not in up.said
    assert up.end() == 0


def test_each_reason_is_said_once(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bridge of `up` reports each reason once, however often it looks; by hand it ends at the first."""
    reasons = ["a", "a", "a", "b", "b"]
    said: list[str] = []
    stop = Stop(lambda: not reasons)

    def none(state: Path) -> Chat:
        raise NotFound(reasons.pop(0))

    monkeypatch.setattr(bridging, "AGAIN_S", 0.0)
    instance = open_instance(Options(name="bob", config=str(team.folder / "xw.json")))
    bridging.run(instance, Plan("command", none), stop, said.append, patient=True)
    assert said == ["cannot start yet: a", "cannot start yet: b"]
    reasons.append("c")
    with pytest.raises(NotFound, match="c"):
        bridging.run(instance, Plan("command", none), stop, said.append)


def test_nothing_to_start(team: Team) -> None:
    """Without a bridge in xw.json, `up` says what to write there; a name that is not there is an error."""
    result = team.run("up")
    assert result.code == 2 and '"bridge": {"kind"' in result.err
    result = team.run("up", "dave")
    assert result.code == 2 and "no instance 'dave'" in result.err
    configure(team, bob={"kind": "command", "target": "cat"})
    result = team.run("up", "bob", "alice")
    assert result.code == 2 and "nothing to start: give alice in" in result.err


def test_some_only(team: Team) -> None:
    """`up NAME` starts the bridge of that instance alone, and once however often it is named."""
    configure(team, bob={"kind": "command", "target": "cat"}, carol={"kind": "command", "target": "cat"})
    up = Running(team, "alice", "up", "carol", "carol")
    up.says("bridge carol: ready")
    assert up.end() == 0 and "bob" not in up.said and up.said.count("started") == 1
