"""Two agents under one name are noticed; people, bridges and an agent that starts again are not."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.team import XW, Team, until
from xw import sessions
from xw.files.local import LocalFiles
from xw.mailbox import Mailbox


class Program:
    """A shell that is started as an agent program, and runs the commands that it is given."""

    def __init__(self, team: Team, name: str, within: str = "") -> None:
        environ = {key: value for key, value in os.environ.items() if key != "XW_SESSION"}
        words = [within, "-c", f"bash -c 'exec -a {name} bash'; true"] if within else [name]
        self.process = subprocess.Popen(
            words, executable="/bin/bash", cwd=team.folder, text=True, bufsize=1,
            env={**environ, "XW_NAME": "bob", "CLAUDECODE": "1"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def said(self, command: str) -> str:
        """Run an xw command; return what it wrote on stderr."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{XW} {command} 2>&1 >/dev/null; echo end\n")
        return "".join(iter(self.process.stdout.readline, "end\n"))

    def end(self) -> None:
        """End it."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@contextmanager
def program(team: Team, name: str, within: str = "") -> Iterator[Program]:
    """Run a program for a while."""
    started = Program(team, name, within)
    try:
        yield started
    finally:
        started.end()


def test_two_agents_under_one_name(team: Team) -> None:
    """`check` names the other one once, `who` and `doctor` each time, until it ends; nothing is blocked."""
    with program(team, "claude") as one:
        assert one.said("check") == ""
        with program(team, "codex") as two:
            warned = two.said("check")
            assert warned.count("\n") == 1
            assert warned.startswith("xw: another agent acts as bob: claude (process ")
            assert "XW_NAME=NAME where it runs" in warned
            assert two.said("check") == ""
            assert "claude" in two.said("who") and "claude" in two.said("who")
            assert "codex" in one.said("check")
        assert one.said("who") == ""
    with program(team, "claude") as again:
        assert again.said("who") == ""


def test_a_program_inside_another(team: Team) -> None:
    """A subagent that is a process of its own, with its parent's name, is another agent."""
    with program(team, "claude") as parent:
        assert parent.said("check") == ""
    with program(team, "codex", within="claude") as child:
        assert child.said("check") == ""
        noted = json.loads((team.box("bob") / "outbox/.sessions.json").read_text())
        assert [one["program"] for one in noted.values()] == ["codex"]


def test_a_person_is_no_agent(team: Team) -> None:
    """Shells note nothing, with a bridge or without; a person who looks hears of two agents, not of one."""
    bridge = team.start("bridge", "command", "--", "cat", by="bob")
    until(lambda: "bridge command" in team.ok("peers"))
    for command in ("check", "who"):
        assert team.ok(command, by="bob")
    bridge.terminate()
    bridge.communicate()
    assert not (team.box("bob") / "outbox/.sessions.json").exists()
    with program(team, "claude") as one, program(team, "gemini") as two:
        one.said("check")
        assert team.run("who", by="bob").err == ""
        two.said("check")
        assert team.run("who", by="bob").err.count("another agent acts as bob") == 2
        findings = team.json("doctor", by="bob")["findings"]
        assert [one["level"] for one in findings if one["code"] == "shared-name"] == ["note", "note"]


NONSENSE = ("", "{", "[]", '{"x": 1}', '{"process 1-x": {"program": "a", "at": "now"}}',
            '{"process 999999999999-1": {"program": "a", "at": 1e99, "told": 3}}')  # fmt: skip


@pytest.mark.parametrize("text", NONSENSE)
def test_a_note_that_makes_no_sense(team: Team, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A damaged note is replaced, and fails no command."""
    path = team.box("bob") / "outbox/.sessions.json"
    path.write_text(text)
    monkeypatch.setenv("XW_SESSION", "mine")
    assert team.ok("check", by="bob").startswith("no mail")
    assert "session mine" in json.loads(path.read_text())


def test_sessions_that_name_themselves(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """XW_SESSION stands for a process that xw cannot see; it counts for 15 minutes, whatever a peer wrote."""
    monkeypatch.setenv("XW_SESSION", "one\nFAKE")
    team.ok("check", by="bob")
    monkeypatch.setenv("XW_SESSION", "two")
    assert "an agent (session one)" in team.run("check", by="bob").err
    mailbox = Mailbox(LocalFiles(str(team.hub)), "bob")
    later = time.time() + 1000
    monkeypatch.setattr("xw.sessions.time.time", lambda: later)
    assert sessions.others(mailbox) == []
