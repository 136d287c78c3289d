"""`xw bridge`, `xw notify` and what `peers` and `doctor` say of bridges, as a person runs them."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bridges.helpers import HERE, Agent
from tests.bridges.panes import BASH, pane
from tests.bridges.wibwob_server import WibWob
from tests.cli.team import Team, call, forge, until
from tests.loop.processes import XW, Running, bridge, script
from xw.bridges.panes import Tmux
from xw.bridges.present import HOP_LIMIT

pytestmark = pytest.mark.usefixtures("measured")


def test_ask_through_a_bridge(team: Team) -> None:
    """`xw ask` sends, the bridge shows it, captures the answer and files it, and `ask` prints it."""
    running = bridge(team, "bob", "command", "--", "tr", "a-z", "A-Z")
    result = team.run("ask", "--to", "bob", "--timeout", "30", "what is up?")
    assert result.code == 0 and "WHAT IS UP?" in result.out, result
    assert running.end() == 0
    assert team.names("bob", "inbox/processing") == [] and len(team.names("bob", "inbox/done")) == 1


def test_ask_through_a_socket(team: Team, tmp_path: Path) -> None:
    """The same through WibWob's socket."""
    server = WibWob(tmp_path / "chat.sock")
    try:
        arguments = ["--target", str(server.path), "--option", "settle=0.1"]
        running = bridge(team, "bob", "socket", *arguments)
        assert "You said" in team.run("ask", "--to", "bob", "--timeout", "30", "what is up?").out
        assert running.end() == 0
    finally:
        server.stop()


def test_two_bridges_stop_by_themselves(team: Team) -> None:
    """Two bridged agents that ask each other in every turn stop at the hop limit, which is near already."""
    ask_each_other = {"from": "carol", "type": "question", "body": "go on, ask each other"}
    forge(team, "alice", **ask_each_other, hops=HOP_LIMIT - 4)
    xw = shlex.join(XW)
    log = team.folder / "turns"
    for name, other in (("alice", "bob"), ("bob", "alice")):
        ask = f"{xw} --as {name} send question --to {other} 'and you?'"
        text = f"cat >/dev/null; echo x >>{log}; {ask} >&2; echo well"
        bridge(team, name, "command", "--", script(team.folder, text))

    def at_rest() -> bool:
        waiting = [
            team.names(who, f"inbox/{state}")
            for who in ("alice", "bob")
            for state in ("pending", "processing")
        ]
        asking = [name for names in waiting for name in names if ".info." not in name]
        return not asking and bool(team.names("alice", "inbox/failed") + team.names("bob", "inbox/failed"))

    until(at_rest)
    turns = len(log.read_text().split())
    assert 3 <= turns < 200, turns
    why = [one for who in ("alice", "bob") for one in team.json("check", "--failed", by=who)["dead_letters"]]
    assert {one["kind"] for one in why} == {"hops"}


def test_peers_show_the_bridge_and_its_death(team: Team) -> None:
    """`peers` shows a bridge that runs; once it was killed and mail waits, `peers` and `doctor` say so."""
    running = bridge(team, "bob", "command", "--", "cat")
    (bob,) = [peer for peer in team.json("peers")["peers"] if peer["name"] == "bob"]
    assert (bob["status"], bob["bridge"]) == ("idle", "command")
    assert "ok   its bridge runs (command)" in team.run("doctor", by="bob").out
    running.kill()
    team.send("anybody?", kind="question")
    path = team.box("bob") / "presence.json"
    os.utime(path, (time.time() - 60, time.time() - 60))  # as if it had been killed a minute ago
    shown = team.ok("peers")
    assert "bob gone; 1 pending" in shown and "bridge command died: `xw up` or `xw bridge` starts it" in shown
    result = team.run("doctor", by="bob")
    assert result.code == 1 and "bad  its bridge (command) died, and 1 message waits for it" in result.out


def test_bridge_that_was_ended_has_not_died(team: Team) -> None:
    """After SIGTERM no bridge is reported as dead."""
    assert bridge(team, "bob", "command", "--", "cat").end() == 0
    assert "; bridge" not in team.ok("peers") and "its bridge" not in team.run("doctor", by="bob").out


def test_doctor_misses_a_configured_bridge(team: Team) -> None:
    """A bridge that xw.json names and nobody runs is noted, and is bad once mail waits."""
    configure(team, bob={"kind": "command", "target": "cat"})
    assert "note its bridge does not run" in team.run("doctor", by="bob").out
    team.send("anybody?")
    assert (
        "bad  its bridge does not run, and 1 message waits for it: xw up" in team.run("doctor", by="bob").out
    )


def test_bridge_from_xw_json(team: Team) -> None:
    """`xw bridge` alone runs what xw.json names."""
    configure(team, bob={"kind": "command", "target": "tr a-z A-Z"})
    running = Running(team, "bob", "bridge")
    running.says("ready")
    assert "HELLO" in team.run("ask", "--to", "bob", "hello").out
    running.end()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "which kind of chat?"),
        (["telnet"], "unknown kind of bridge 'telnet'"),
        (["command"], "which chat?"),
        (["socket"], "xw bridge socket --list"),
        (["command", "--option", "lines", "--", "cat"], "give name=value"),
        (["command", "--option", "speed=1", "--", "cat"], "unknown option 'speed'"),
        (
            ["command", "--option", "lines=on", "--", "cat"],
            "invalid value 'on' for option lines: give yes or no",
        ),
        (["command", "--target", "cat", "--", "rev", "x"], "two targets: --target cat, and rev x"),
        (["telnet", "--list"], "unknown kind of bridge 'telnet'"),
    ],
)
def test_usage(team: Team, arguments: list[str], problem: str) -> None:
    """A bridge that cannot be is a usage error that says what to give."""
    result = team.run("bridge", *arguments)
    assert result.code == 2 and problem in result.err and result.err.count("\n") == 1, result


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["command", "--", "/nonexistent"], 3, "/nonexistent: no such command"),
        (["command", "--option", "lines=yes", "--", "xw-none"], 3, "xw-none: no such command"),
        (["command", "--", "./xw.json"], 3, "./xw.json: not executable"),
        (["command", "--option", "cwd=/nonexistent", "--", "cat"], 3, "cwd: /nonexistent: no such directory"),
        (["acp", "--", "/nonexistent"], 3, "/nonexistent: no such command"),
        (["command", "--option", "timeout=nan", "--", "cat"], 2, "invalid value 'nan' for option timeout"),
        (["tmux", "--target", "x", "--option", "inside=llm"], 2, "option inside: use claude, codex"),
        (["tmux", "--target", "x", "--option", "pause=-1"], 2, "invalid value '-1' for option pause"),
        (["socket", "--target", "1", "--option", "settle=soon"], 2, "invalid value 'soon' for option settle"),
    ],
)
def test_what_cannot_work_is_said_at_once(team: Team, arguments: list[str], code: int, problem: str) -> None:
    """A bridge whose command is not there, or whose options make no sense, ends before mail comes."""
    result = team.run("bridge", *arguments)
    assert result.code == code and problem in result.err and result.err.count("\n") == 1, result


def test_an_agent_that_asks_nobody_is_not_served(team: Team) -> None:
    """`bridge acp` ends with exit 6 where its agent cannot be made to ask, before any mail; mail waits."""
    agent = [sys.executable, f"{HERE}/acp_agent.py", "modes=auto,yolo"]
    for sent in (0, 1):
        running = Running(team, "bob", "bridge", "acp", "--", *agent)
        assert running.process.wait(60) == 6
        assert "none is known to ask" in running.said and "permissions=allow" in running.said
        assert len(team.pending("bob")) == sent
        team.send("do it", kind="task")
    running = bridge(team, "bob", "acp", "--option", "permissions=allow", "--", *agent)
    until(lambda: len(team.names("bob", "inbox/done")) == 2)


def test_path_is_looked_up_where_the_program_runs(team: Team, tmp_path: Path) -> None:
    """A relative path of a program is one from its working directory."""
    where = Path(script(tmp_path, "tr a-z A-Z"))
    bridge(team, "bob", "command", "--option", f"cwd={where.parent}", "--", f"./{where.name}")
    assert "HELLO" in team.run("ask", "--to", "bob", "--timeout", "30", "hello").out


def test_chat_that_is_not_there_yet(team: Team, tmp_path: Path) -> None:
    """A socket without its chat is reported at once; mail waits for the chat, and goes in when it comes."""
    path = tmp_path / "chat.sock"
    running = bridge(team, "bob", "socket", "--target", str(path), "--option", "settle=0.1")
    running.says("the chat is not ready, mail waits: " + str(path))
    server = WibWob(path)
    try:
        assert "You said" in team.run("ask", "--to", "bob", "--timeout", "30", "what is up?").out
        assert running.end() == 0
    finally:
        server.stop()


def test_pane_that_is_not_there_yet(team: Team, tmux_server: str, agent: Callable[..., Agent]) -> None:
    """The same with a tmux target, which is found again in another pane after its own was closed."""
    options = ["--option", f"server={tmux_server}", "--option", "profile=claude"]
    running = bridge(team, "bob", "tmux", "--target", "later", *options)
    running.says("the chat is not ready, mail waits: tmux target 'later': no pane")
    for question in ("first", "second"):
        program = agent()
        program.tmux.run("rename-session", "-t", program.pane, "later")
        assert "that is all" in team.run("ask", "--to", "bob", "--timeout", "30", question).out
        program.tmux.run("kill-pane", "-t", program.pane)
    assert running.end() == 0


def test_trouble_passes(team: Team) -> None:
    """A bridge reports a problem that stops it, and the problem's end."""
    running = bridge(team, "bob", "command", "--", "tr", "a-z", "A-Z")
    pending = team.box("bob") / "inbox/pending"
    away = pending.rename(pending.with_name("away"))
    (away / "wake").touch()  # else it looks in five seconds
    running.says("cannot continue, will retry")
    (away / "wake").unlink()
    away.rename(pending)
    running.says("resumed")
    assert "HELLO" in team.run("ask", "--to", "bob", "--timeout", "30", "hello").out


def test_hub_removed_under_it(team: Team) -> None:
    """A bridge whose mailbox was removed holds no lock against the next one, and so it ends, and says why."""
    running = bridge(team, "bob", "command", "--", "cat")
    until((team.box("bob") / "presence.json").exists)
    hub = team.box("bob").parent
    moved = hub.rename(hub.with_name("moved"))
    (moved / "bob/inbox/pending/wake").touch()  # else it looks in five seconds
    assert running.process.wait(30) == 5 and "moved or removed while this bridge ran" in running.said
    assert running.said.count("\n") <= 3, running.said


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"kind": "command", "targt": "cat"}, "did you mean target"),
        ({"target": "cat"}, "bridge.kind"),
        ({"kind": "command", "options": {"timeout": 3}}, "options.timeout"),
        ({"kind": "command", "notify": "yes"}, "notify"),
    ],
)
def test_wrong_entry_in_xw_json(team: Team, entry: dict[str, object], problem: str) -> None:
    """A bridge that xw.json describes wrongly is named with what is wrong."""
    configure(team, bob=entry)
    result = team.run("who", by="bob")
    assert result.code == 2 and problem in result.err, result


def test_list(team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--list` shows the chats of this machine, one a line, and as JSON."""
    server = WibWob(tmp_path / "wibwob_7.sock")
    monkeypatch.setattr("xw.bridges.socket.GLOBS", (f"{tmp_path}/wibwob_*.sock",))
    monkeypatch.setattr("xw.bridges.socket.list_sockets.__defaults__", ((f"{tmp_path}/wibwob_*.sock",),))
    try:
        assert team.ok("bridge", "socket", "--list") == f"socket --target {server.path}; wibwob; idle\n"
        assert team.json("bridge", "socket", "--list")["chats"][0]["state"] == "idle"
    finally:
        server.stop()
    assert "no chat found" in team.ok("bridge", "command", "--list")


@pytest.mark.parametrize("kind", [[], ["acp"]], ids=str)
def test_list_without_an_extra(team: Team, monkeypatch: pytest.MonkeyPatch, kind: list[str]) -> None:
    """A missing package of one kind is reported on stderr with its fix, and the other kinds are listed."""
    monkeypatch.setitem(sys.modules, "acp", None)  # as where it is not installed
    for name in ("acp", "acp_agent", "acp_client"):
        monkeypatch.delitem(sys.modules, f"xw.bridges.{name}", raising=False)
    for form in ([], ["--json"]):
        result = team.run("bridge", *kind, "--list", *form)
        assert result.code == 0 and f"run: {sys.executable} -m pip install 'xw[acp]'" in result.err, result
    result = team.run("bridge", "acp", "--", "cat")  # to run one is another thing
    assert result.code == 2 and "pip install 'xw[acp]'" in result.err


def test_list_without_tmux(team: Team, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without tmux has no panes, and its other chats are listed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for kind in ([], ["tmux"]):
        result = team.run("bridge", *kind, "--list")
        assert result.code == 0 and "tmux is not installed" in result.err, result


@pytest.mark.parametrize("kind", [[], ["tmux"]], ids=str)
def test_list_of_another_tmux_server(team: Team, tmux_server: str, kind: list[str]) -> None:
    """`--option server=` names the server whose panes are listed; an option that no kind has is an error."""
    with pane(tmux_server, BASH) as shell:
        listed = team.ok("bridge", *kind, "--list", "--option", f"server={tmux_server}")
        assert f"tmux --target {shell.id}; bash; a shell, not a chat program" in listed
        listed = team.ok("bridge", *kind, "--list", "--option", "server=there-is-none")
        assert shell.id not in listed
    result = team.run("bridge", *kind, "--list", "--option", "sever=x")
    assert result.code == 2 and "sever" in result.err


def test_panes_of_the_users_tmux(team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tmux --list` shows panes, the program in each and whether it is idle; a program's name is a target."""
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setenv("TMUX_TMPDIR", str(tmp_path))
    (tmp_path / "chatty").symlink_to(sys.executable)
    agent = [str(tmp_path / "chatty"), f"{HERE}/fake_agent.py", "--log", str(tmp_path / "log"), "--lines"]
    Tmux().run("-f", "/dev/null", "new-session", "-d", *agent)
    try:
        Tmux().run("new-window", "sh")
        where = rf"0:%s\.0 \S+; {re.escape(os.getcwd())}"
        line = f"%0; chatty; idle; {where % 0}; needs --option profile=generic\n"
        until(lambda: re.search(line, team.ok("bridge", "tmux", "--list")))
        shell = f"tmux --target %1; sh; a shell, not a chat program; {where % 1}\n"
        until(lambda: re.search(shell, team.ok("bridge", "tmux", "--list")))
        bridge(team, "bob", "tmux", "--target", "chatty", "--option", "profile=generic")
        assert "that is all" in team.run("ask", "--to", "bob", "--timeout", "30", "what is up?").out
    finally:
        Tmux().run("kill-server")


def test_two_bridges_on_one_pane(team: Team, agent: Callable[..., Agent]) -> None:
    """The second bridge of a pane names the first, and its mail waits until that one has ended."""
    program = agent()
    options = ["--target", program.pane, "--option", f"server={program.server}", "--option", "profile=claude"]
    first = bridge(team, "bob", "tmux", *options)
    second = bridge(team, "carol", "tmux", *options)
    second.says("mail waits: ")
    assert "bob's bridge (process " in second.said and "a pane has only one bridge" in second.said
    team.send("for carol", to="carol", kind="question")
    assert "that is all" in team.run("ask", "--to", "bob", "--timeout", "60", "for bob").out
    assert team.names("carol", "inbox/pending") and len(program.records("submitted")) == 1
    first.kill()
    until(lambda: len(program.records("submitted")) == 2)


def test_doctor_tells_of_a_program_that_cannot_be_seen(team: Team, tmux_server: str) -> None:
    """`doctor` calls typing by a screen's look alone weaker, for a bridge of xw.json and any other."""
    weaker = "without seeing its process"
    assert weaker not in team.run("doctor", by="bob").out
    options = ["--option", f"server={tmux_server}"]
    running = bridge(team, "bob", "tmux", "--target", "x", "--option", "inside=claude", *options)
    told = team.run("doctor", by="bob").out
    assert weaker in told and "claude (option inside)" in told
    running.end()
    running = bridge(team, "bob", "tmux", "--target", "x", *options)
    assert weaker not in team.run("doctor", by="bob").out
    running.end()
    configure(team, bob={"kind": "tmux", "target": "x", "options": {"inside": "codex"}})
    assert "codex (option inside)" in team.run("doctor", by="bob").out


def test_notify_only(team: Team) -> None:
    """With `--notify` the chat gets an announcement, and the mail stays in pending/ for the agent."""
    told = team.folder / "told"
    program = script(team.folder, f"cat >{told}.new; mv {told}.new {told}")
    bridge(team, "bob", "command", "--notify", "--", program)
    short = team.send("secret words", kind="task").rpartition("-")[2]
    until(told.exists)
    assert f"xw read {short}" in told.read_text() and "secret" not in told.read_text()
    assert len(team.names("bob", "inbox/pending")) == 1


def test_notify_status(team: Team) -> None:
    """A status is in the presence at once, and goes to all as an info with its payload."""
    team.ok("notify", "status", "working", "--task", "the parser", "--progress", "80%")
    assert "alice busy" in team.ok("peers", by="bob") and "the parser 80%" in team.ok("peers", by="bob")
    (message,) = team.json("check", by="carol")["messages"]
    assert message["type"] == "info" and message["protocol"]["progress"] == "80%"
    lines = message["body"].split("\n")
    assert lines[0].startswith("[PROTOCOL:STATUS_UPDATE] from alice at ") and lines[1:] == [
        "Status: working",
        "Task: the parser",
        "Progress: 80%",
    ]


@pytest.mark.parametrize(("said", "shown"), [("blocked", "blocked"), ("completed", "idle"), ("idle", "idle")])
def test_statuses(team: Team, said: str, shown: str) -> None:
    """Blocked shows as blocked, completed as idle."""
    team.ok("notify", "status", said)
    assert f"alice {shown}" in team.ok("peers", by="bob")


def test_notify_the_others(team: Team) -> None:
    """A handoff is a task to one; compaction and error are infos to all; a heartbeat sends no message."""
    team.ok("notify", "handoff", "review it", "--to", "bob", "--priority", "high", "--context", "issue 4")
    team.ok(
        "notify", "compaction", "the tests", "--retained", "plan", "--retained", "names", "--task", "go on"
    )
    team.ok("notify", "error", "no disk", "--needs-assistance")
    assert "no message was sent" in team.ok("notify", "heartbeat", "busy", "--task", "x")
    team.ok("notify", "heartbeat", "--message")
    kinds = [(m["type"], m["protocol"]["kind"]) for m in team.json("check", by="bob")["messages"]]
    assert kinds == [
        ("task", "TASK_HANDOFF"),
        ("info", "CONTEXT_COMPACTION"),
        ("info", "ERROR_NOTICE"),
        ("info", "HEARTBEAT"),
    ]
    assert team.json("check", by="carol")["total"] == 3
    assert team.run("notify", "status", "werking").code == 2
    assert team.run("notify", "handoff", "x").code == 2, "to whom?"


@pytest.mark.parametrize("to", ["bob,carol", "bob carol", "all", "bob,all"])
def test_a_handoff_is_to_one(team: Team, to: str) -> None:
    """A task that two agents take is done twice: several names are refused, and nothing is sent."""
    refused = team.run("notify", "handoff", "review it", "--to", to)
    assert refused.code == 2 and "nothing was sent" in refused.err
    assert [team.json("check", by=name)["total"] for name in ("bob", "carol")] == [0, 0]


def test_alone(empty: Path) -> None:
    """Without any peer, a status is still recorded."""
    assert call(empty, "init").code == 0
    assert "no message was sent" in call(empty, "notify", "status", "idle").out
    assert json.loads(call(empty, "notify", "heartbeat", "--json").out)["id"] is None


def test_hot_commands_stay_light(team: Team) -> None:
    """The commands that agents call all the time import nothing for bridges or protocol messages."""
    heavy = "{'pydantic', 'typer', 'watchdog', 'xw.protocol', 'xw.bridges'}"
    sent = team.send("hello", kind="question")
    for words in (["check"], ["read", sent], ["reply", sent, "hi"], ["send", "info", "x"], ["done", sent]):
        words += ["--to", "alice"] if words[0] == "send" else []
        shown = f"print(sorted({heavy} & set(sys.modules)))"
        code = f"import sys; from xw.__main__ import run; run({words}); {shown}"
        environ = {**os.environ, "XW_NAME": "bob"}
        argv = [sys.executable, "-P", "-c", code]
        out = subprocess.run(
            argv, cwd=team.folder, env=environ, capture_output=True, text=True, check=True
        ).stdout
        assert out.splitlines()[-1] == "[]", (words, out)


def configure(team: Team, **bridges: object) -> None:
    """Give instances a `bridge` in xw.json."""
    path = team.folder / "xw.json"
    config = json.loads(path.read_text())
    for name, entry in bridges.items():
        config["instances"][name]["bridge"] = entry
    path.write_text(json.dumps(config))
