"""`xw up` follows edits of xw.json, and runs the rooms of its instances."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.team import Team, until
from tests.loop.processes import Running, script
from tests.loop.test_commands import configure
from tests.loop.test_up import others, tagged
from xw.actions.planning import Plan
from xw.actions.supervising import Program
from xw.errors import Usage
from xw.instance import Options

__all__ = ["tagged"]

CAT = {"kind": "command", "target": "cat"}


def says(team: Team, words: str) -> dict[str, object]:
    """Return a bridge whose program answers each text with these words."""
    return {"kind": "command", "target": script(team.folder, f"cat >/dev/null; echo '{words}'")}


def edit(team: Team, *without: str, **bridges: object) -> None:
    """Replace xw.json by one with other bridges."""
    path = team.folder / "xw.json"
    config = json.loads(path.read_text())
    for name in without:
        del config["instances"][name]["bridge"]
    for name, bridge in bridges.items():
        config["instances"][name]["bridge"] = bridge
    replace(path, json.dumps(config))


def replace(path: Path, text: str) -> None:
    """Write a file as most editors do: beside it, then in its place."""
    Path(f"{path}.new").write_text(text)
    Path(f"{path}.new").replace(path)


def last_process(up: Running, name: str) -> int:
    """Return the process of a program that `up` started last."""
    return int(up.said.rpartition(f"{name}: started, process ")[2].split()[0])


def test_one_command_for_a_conversation(team: Team, tagged: str) -> None:
    """One `up` runs bridges and a room made meanwhile, restarts the room, and takes in a new bridge.

    When it is killed, the room ends with it too.
    """
    configure(team, bob=says(team, "@carol and you?"), carol=says(team, "fine"))
    up = Running(team, "alice", "up")
    up.says("bridge bob: ready")
    team.ok(
        "room", "create", "tea", "--members", "bob,carol,alice", "--policy", "mention", "--seed", "Hello."
    )
    until(lambda: "fine" in team.ok("log", "--room", "tea"))
    os.kill(last_process(up, "room tea"), signal.SIGKILL)
    up.says("room tea: ended with -9, starts again in 0.5 s")
    team.ok("init", "--name", "dave")
    configure(team, dave=says(team, "dave is here"))
    up.says("bridge dave: ready")
    team.run("room", "join", "tea", "--member", "dave")
    team.run("room", "say", "tea", "@dave hello")
    until(lambda: "dave is here" in team.ok("log", "--room", "tea"))
    assert up.said.count("bridge bob: started") == 1
    team.run("room", "close", "tea")
    up.says("room tea is closed: alice closed it")
    team.ok("room", "resume", "tea")
    until(lambda: up.said.count("room tea: started") == 3)
    assert "room tea: ended with 0" not in up.said
    up.kill()
    until(lambda: not others(tagged))


def test_an_edit_is_followed(team: Team, tagged: str) -> None:
    """A bridge that is removed ends with all its children, a changed one restarts, others stay."""
    stuck = script(team.folder, "trap '' TERM; cat >/dev/null; sleep 1000 & sleep 1000")
    configure(team, alice=CAT, bob={"kind": "command", "target": stuck}, carol=says(team, "old"))
    up = Running(team, "alice", "up")
    up.says("bridge bob: ready")
    up.says("bridge carol: ready")
    team.send("work", kind="task")
    up.says("presented task")
    before = last_process(up, "bridge alice")
    edit(team, "bob", carol=says(team, "new"))
    up.says("bridge bob: ends, because it is no longer configured")
    up.says("bridge carol: restarts with its new configuration")
    until(lambda: up.said.count("bridge carol: ready") == 2)
    assert not [pid for pid in others(tagged) if stuck.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert "new" in team.run("ask", "--to", "carol", "--timeout", "30", "hello").out
    assert last_process(up, "bridge alice") == before and "ended with" not in up.said
    edit(team, "alice", carol={"kind": "command", "target": "cat", "options": {"speed": "1"}})
    up.says("bridge carol: cannot work as configured")
    configure(team, carol=CAT)
    until(lambda: up.said.count("bridge carol: ready") == 3)
    assert up.end() == 0
    until(lambda: not others(tagged))


class Planned:
    """The plan of an `xw up` for a team, without processes."""

    def __init__(self, team: Team, *names: str, **more: Any) -> None:
        self.said: list[str] = []
        self.path = team.folder / "xw.json"
        self._plan = Plan(Options(config=str(self.path)), names, self.said.append, **more)

    def look(self, *running: str) -> list[str]:
        """Return the names of the programs to run."""
        return [program.name for program in self.programs(*running)]

    def programs(self, *running: str) -> list[Program]:
        return self._plan.look(running)

    def edited(self) -> bool:
        """Return True once an edit was followed."""
        return self._plan.edited


def test_a_broken_file_changes_nothing(team: Team) -> None:
    """While xw.json cannot be read the last good one counts; each reason is reported once."""
    configure(team, bob=CAT)
    plan = Planned(team)
    good = plan.path.read_text()
    assert plan.look() == ["bridge bob"]
    for broken in (good[:-20], ""):
        plan.path.write_text(broken)
        for _ in range(3):
            assert plan.look() == ["bridge bob"]
    plan.path.unlink()
    assert plan.look() == plan.look() == ["bridge bob"]
    assert [text.rpartition("; ")[2] for text in plan.said] == ["what runs stays as it is"] * 3
    replace(plan.path, good)
    assert plan.look() == ["bridge bob"] and not plan.edited()
    assert plan.said[3:] == [f"{plan.path}: can be read again"]
    configure(team, carol=CAT)
    assert plan.look() == ["bridge bob", "bridge carol"] and plan.edited()
    before = plan.programs()
    config = json.loads(plan.path.read_text())
    config["instances"]["bob"]["model"] = "opus-5"
    replace(plan.path, json.dumps(config))
    assert plan.programs() == before, "what no bridge reads restarts none"
    del config["instances"]["bob"]
    replace(plan.path, json.dumps(config))
    assert plan.look() == ["bridge carol"] and len(plan.said) == 4


def test_which_rooms_are_run(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The open rooms of the instances asked for run, unless another process runs them."""
    configure(team, bob=CAT)
    team.ok("room", "create", "early", "--members", "bob,carol", by="carol")
    assert Planned(team).look() == ["bridge bob", "room early"]
    assert Planned(team, "carol").look() == ["room early"]
    assert Planned(team, "bob").look() == Planned(team, with_rooms=False).look() == ["bridge bob"]
    with pytest.raises(Usage, match="nothing to start: give alice"):
        Planned(team, "alice", "carol")
    with pytest.raises(Usage, match="nothing to start: give carol"):
        Planned(team, "carol", with_rooms=False)
    clock = [1000.0]
    monkeypatch.setattr("xw.actions.planning.time.monotonic", lambda: clock[0])
    plan = Planned(team)
    clock[0] += 20
    assert plan.look() == ["bridge bob", "room early"]
    ownerless = team.run("room", "create", "late", "--members", "carol", by=None)
    assert "no owner" in ownerless.out
    assert plan.look() == ["bridge bob", "room early", "room late"]
    foreign = json.loads((team.box("late") / "room.json").read_text()) | {"owner": "zoe"}
    (team.box("alice") / "room.json").write_text(json.dumps(foreign))
    (team.box("carol") / "room.json").write_text("{")
    assert plan.look() == ["bridge bob", "room early", "room late"]
    coordinator = Running(team, "alice", "room", "run", "late")
    coordinator.says("runs;")
    until(lambda: plan.look() == ["bridge bob", "room early"])
    assert plan.look("room late") == ["bridge bob", "room early", "room late"], "this one is our own"
    coordinator.kill()
    assert plan.look() == ["bridge bob", "room early", "room late"]
    (team.box("early") / "card.json").unlink()
    assert plan.look() == ["bridge bob", "room late"], "a closed room has no card"
    assert plan.look("room early") == ["bridge bob", "room early", "room late"], "it may be ending now"
    assert plan.said == []


def test_a_hub_that_is_away(team: Team) -> None:
    """While the hub cannot be read, rooms that run are kept; that is reported once."""
    configure(team, bob=CAT)
    team.ok("room", "create", "tea", "--members", "bob", by="carol")
    plan = Planned(team)
    before = plan.programs()
    team.hub.rename(team.folder / "away")
    for _ in range(2):
        assert plan.programs("room tea") == before
    assert plan.look() == ["bridge bob"]
    assert [text.partition(":")[0] for text in plan.said] == ["cannot look for rooms"]
    (team.folder / "away").rename(team.hub)
    assert plan.programs() == before and not plan.edited()
