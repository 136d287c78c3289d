"""Each command's real output, and each file that it writes, is what the schemas say.

`tests.cli.team.call`, through which most tests run commands, validates all output of `--json`; here
each command is run at least once.
"""

import json
import os
import re
from pathlib import Path

from tests.cli.team import Team, ended, forge, until
from tests.schemas import validate
from tests.ssh.sshd import keygen
from xw.actions import schema
from xw.cli.commands import COMMANDS

# Run by other means, most of them below.
_ENDLESS = {"watch", "up", "bridge", "room run", "schema", "hook", "mcp", "hub serve"}


def test_every_command(team: Team, tmp_path: Path) -> None:
    """Run with --json, each command prints what its schema says, and writes files that theirs say."""
    file = tmp_path / "note.txt"
    file.write_text("x")
    task = team.json("send", "task", "Do it", "--to", "bob", "--to", "carol", "--attach", str(file))["id"]
    token = {
        "ID": task,
        "QUESTION": team.send("Well?", kind="question", by="bob", to="alice"),
        "DEAD": forge(team, "bob", "inbox/failed"),
        "FILE": str(file),
        "KEYS": str(tmp_path / "keys"),
        "KEY": str(tmp_path / "alice.key"),
        "HOST": f"{keygen(tmp_path / 'host')}.pub",
    }
    (team.box("bob") / "inbox/pending/stray").write_text("{")
    run = set()
    for line in _COMMANDS.strip().splitlines():
        by, _, command = line.partition("$ ")
        arguments = [token.get(word, word) for word in command.split()]
        result = team.run(*arguments, "--json", by=by)
        assert (result.code, result.err.count("xw:")) == (result.code, result.err.count("\n"))
        assert result.out, line
        run.add(validate.command_of(arguments))
    assert run | _ENDLESS == {command.name for command in COMMANDS}
    _check_files(team)


_COMMANDS = """
alice$ init --name alice
alice$ who
alice$ help
alice$ help send
alice$ install gemini
alice$ peers
alice$ launch --list
alice$ join @builds
alice$ leave @builds
alice$ prompt
alice$ hold bob
alice$ peers
alice$ resume bob
bob$ check
bob$ check --failed
bob$ read ID
bob$ reply ID fine --attach FILE
alice$ read ID --thread
alice$ send info more --to bob
alice$ attach ID FILE
alice$ trace ID
bob$ claim ID
bob$ release ID
bob$ done ID
carol$ fail ID no
bob$ retry DEAD
alice$ ask late? --to bob --timeout 0
alice$ wait --timeout 0
alice$ done QUESTION none
alice$ recall QUESTION
alice$ resend ID
alice$ sync
alice$ sync --repair
alice$ recall ID
alice$ log
alice$ gc --days 0 --dry-run
alice$ notify status working --task tests
alice$ notify heartbeat
alice$ notify handoff review --to bob
alice$ notify compaction much --retained names
alice$ notify error disk --recoverable
alice$ room create tea --members alice,bob --policy moderator
alice$ room say tea hello
alice$ room join tea --member carol
alice$ room leave tea --member carol
alice$ room pause tea
alice$ room resume tea
alice$ room set tea --turns 50
alice$ room list
alice$ room show tea
alice$ room close tea
alice$ peers
alice$ launch --list
alice$ gc
bob$ doctor
alice$ keys
alice$ keys list
alice$ keys new
alice$ keys show bob
alice$ keys export KEY
alice$ keys import KEY
alice$ trust bob
alice$ trust bob --forget
alice$ hub admit bob
alice$ unregister carol --yes
alice$ hub move .xw/moved
alice$ hub new-id
alice$ hub invite erin --authorized-keys KEYS --host-key HOST
alice$ hub members --authorized-keys KEYS
alice$ hub rename erin fay --authorized-keys KEYS
alice$ hub remove erin --authorized-keys KEYS
alice$ hub remove bob --unregister --yes --authorized-keys KEYS
"""


def _check_files(team: Team) -> None:
    names = {"xw.json", "card.json", "presence.json", "room.json"}
    seen = set()
    for folder, _, files in os.walk(team.folder):
        for name in files:
            kind = name if name in names else ""
            if name.endswith(".why.json"):
                kind = "why.json"
            elif re.match(r"\d{8}T", name) and name.endswith(".json") and not name.endswith(".turn.json"):
                kind = "message.json"
            if kind and (Path(folder) / name).stat().st_size > 2:
                validate.file(kind, (Path(folder) / name).read_bytes())
                seen.add(kind)
    assert seen == {*names, "why.json", "message.json"}


def test_commands_that_run_on(team: Team) -> None:
    """`watch`, `room run` and `log --follow` print objects of their schemas, a line each; `wait` one."""
    token = team.send("hello", kind="task")
    for command in (["watch"], ["log", "--follow"]):
        running = team.start(*command, "--json", by="bob")
        assert running.stdout
        line = running.stdout.readline()
        running.terminate()
        ended(running)
        assert json.loads(line)["id"] == token
        validate.output([*command, "--json"], line)
    assert team.json("wait", by="bob")["id"] == token
    team.ok("room", "create", "tea", "--members", "alice,bob")
    running = team.start("room", "run", "tea", "--json")
    until(lambda: team.json("room", "show", "tea")["running"])
    team.ok("room", "close", "tea")
    closed = ended(running)
    assert closed.code == 0, closed
    validate.output(["room", "run", "tea", "--json"], closed.out)


def test_the_chats(team: Team) -> None:
    """`bridge --list` prints the chats and what keeps others from being listed."""
    assert team.json("bridge", "command", "--list")["chats"] == []


def test_schema(team: Team) -> None:
    """`xw schema` lists the names; each of them has its schema, on a line of its own with --json."""
    listed = team.json("schema")
    assert set(listed["commands"]) == {command.name for command in COMMANDS}
    assert "xw.json" in listed["files"] and "message.json" in listed["files"]
    assert "room list" in team.ok("schema")
    for name in (*listed["commands"], *listed["files"]):
        assert json.loads(schema.schema(name))["title"].endswith(name)
    for name in ("room list", "message.json"):
        assert json.loads(team.ok("schema", *name.split())) == team.json("schema", *name.split())
    unknown = team.run("schema", "chekc")
    assert (unknown.code, "check" in unknown.err) == (3, True)
