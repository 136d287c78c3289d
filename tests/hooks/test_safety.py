"""A hook never fails a turn, never holds it up, and costs little."""

import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.cli.team import PATIENCE, XW, Result, Team, call, ended
from tests.cli.test_process import _COMMON, _SIGNING, _SLOW, _TRUST
from tests.hooks.conftest import Make, choose
from tests.hooks.test_events import opened, short
from tests.programs.hooked import told
from xw import layout
from xw import told as notes
from xw.files.local import LocalFiles

EVENTS = ("SessionStart", "UserPromptSubmit", "Stop", "SessionEnd")
GIVEN = json.dumps({"session_id": "s1"}).encode()
_HOOK = """
    actions.hooking actions.pending actions.telling agent.hooks delivery hook_events journal presence
    processes reports sessions told unconfirmed cli.hook
"""


@pytest.mark.parametrize(
    "data", [b"", b"garbage", b"[1]", b"\xff\xfe", b"[" * 20000, b'{"session_id": 7}', b"{}"]
)
def test_garbage(team: Team, data: bytes) -> None:
    """Whatever a program sends, the hook ends with 0 and at most one line, in which it says so."""
    choose(team, "push")
    team.send("one", kind="task")
    for program, event in (("claude", "SessionStart"), ("codex", "Stop"), ("gemini", "AfterAgent")):
        result = team.run("hook", event, "--program", program, by="bob", stdin=data)
        assert result.code == 0
        lines = result.out.count("\n") + result.err.count("\n")
        assert lines == 1, result
        assert not told(result.out)


def test_wrong_calls(team: Team) -> None:
    """A mistake in a program's settings ends with 0 too: 2 would stop the turn, or wake the session."""
    for line in (
        "hook", "hook Sop --program qwen", "hook Stop --nope", "hook Stop --program", "hook --program claude",
        "hook Stop --program ../x", "hook SubagentStop --program claude", "hook Stop --as nobody",
        "hook Stop --config /nowhere/xw.json", "hook Stop --hub /nowhere",
    ):  # fmt: skip
        result = team.run(*line.split(), by="bob", stdin=GIVEN)
        assert (result.code, result.out) == (0, ""), line
        assert result.err.startswith("xw: ") and result.err.count("\n") == 1, (line, result)


def test_nobody(team: Team) -> None:
    """Without XW_NAME among several instances, the user is told at the start, and the model nothing."""
    result = team.run("hook", "SessionStart", "--program", "claude", by=None, stdin=GIVEN)
    assert result == Result(0, result.out, "")
    assert json.loads(result.out).keys() == {"systemMessage"}
    assert "which of alice, bob, carol are you?" in result.out
    stop = team.run("hook", "Stop", "--program", "claude", by=None, stdin=GIVEN)
    assert (stop.code, stop.out, stop.err.count("\n")) == (0, "", 1)


def test_outside_of_projects(empty: Path) -> None:
    """Where there is no xw.json and no name, a hook is silent, and does not even look for a user's hub."""
    for event in (*EVENTS, "wake"):
        for data in (GIVEN, b""):
            assert call(empty, "hook", event, "--program", "claude", stdin=data) == Result(0, "", "")


@pytest.mark.parametrize("event", EVENTS)
def test_a_disk_that_refuses(team: Team, event: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full or read-only disk no mail is told that could not be noted; the user reads why."""
    choose(team, "push")
    sent = short(team.send("one", kind="task"))

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device", "/disk")

    with monkeypatch.context() as patch:
        for step in ("_write_scratch", "create", "_make_with_above"):
            patch.setattr(LocalFiles, step, refuse)
        result = team.run("hook", event, "--program", "claude", by="bob", stdin=GIVEN)
    assert result.code == 0
    assert sent not in result.out
    output = json.loads(result.out)
    assert "No space left" in output["systemMessage"]
    assert ("you are bob" in result.out) == (event == "SessionStart")
    again = team.run("hook", "UserPromptSubmit", "--program", "claude", by="bob", stdin=GIVEN)
    assert sent in again.out


def test_a_lock_that_is_kept(team: Team) -> None:
    """What another process keeps locked holds back neither the hook nor more of its answer than it must."""
    choose(team, "push")
    sent = short(team.send("one", kind="task"))
    bob = opened(team)
    run = partial(team.run, "hook", "SessionStart", "--program", "codex", by="bob", stdin=GIVEN)
    run()
    (team.box("bob") / "presence.json").unlink()
    with bob.mailbox.files.locked(bob.mailbox.at(layout.PRESENCE_LOCK)):
        assert run().err == ""
    late = short(team.send("two", kind="task"))
    with bob.mailbox.files.locked(bob.mailbox.at(f"{notes.FOLDER}/s1.lock")):
        result = run()
    assert "you are bob" in result.out
    assert late not in result.out
    assert result.err.startswith("xw: new mail is not shown, `xw check` lists it: ")
    assert (late in run().out, sent in run().out) == (True, False)


def test_a_hook_that_hangs(team: Team) -> None:
    """A hook gives up after 2 s with one line, here for want of its program's JSON."""
    hook = team.start("hook", "SessionStart", "--program", "codex", by="bob", stdin=subprocess.PIPE)
    assert (hook.wait(PATIENCE), hook.communicate()) == (
        0,
        ("", "xw: the hook took longer than 2 s and was ended\n"),
    )


def test_the_program_has_gone(team: Team, session: Make) -> None:
    """If nobody reads the hook's output, the mail was perhaps told: it is named with the next prompt."""
    choose(team, "push")
    sent = short(team.send("one", kind="task"))
    reading, writing = os.pipe()
    os.close(reading)
    hook = team.start("hook", "Stop", "--program", "claude", by="bob", stdin=subprocess.PIPE, stdout=writing)
    os.close(writing)
    assert hook.communicate(GIVEN.decode())[0] is None
    assert hook.returncode == 0
    assert session().prompt().endswith(f"interrupted: {sent}")


def test_no_network(team: Team, tmp_path: Path) -> None:
    """With a hub on another host, a hook works on the mirror alone."""
    url = "ssh://nobody@nowhere.invalid/hub"
    result = team.run("hook", "SessionStart", "--hub", url, by="bob", stdin=GIVEN)
    assert (result.code, result.out, result.err.count("\n")) == (0, "", 1)
    assert "no mirror" in result.err


def test_it_imports_little(team: Team) -> None:
    """A hook imports nothing slow, and no more modules of xw than listed: each costs every turn."""
    choose(team, "push")
    team.send("one", kind="task")
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", XW, "hook", "UserPromptSubmit", "--program", "claude"],
        cwd=team.folder, env={**os.environ, "XW_NAME": "bob"}, input=GIVEN, capture_output=True, check=True,
    )  # fmt: skip
    assert b"1 new message" in ran.stdout
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.decode().splitlines()}
    assert {name.partition(".")[0] for name in imported} & _SLOW == set()
    ours = {name.removeprefix("xw.") for name in imported if name.startswith("xw.")}
    assert ours <= {*_COMMON.split(), *_HOOK.split(), *_SIGNING.split(), *_TRUST.split()}


def test_a_person_who_runs_it(team: Team) -> None:
    """At a terminal it does not wait for a program's JSON that nobody writes."""
    leader, terminal = os.openpty()
    start = time.monotonic()
    hook = team.start("hook", "Stop", by="bob", stdin=terminal)
    result = ended(hook)
    os.close(leader)
    os.close(terminal)
    assert (result.code, "an agent program runs" in result.err) == (0, True)
    assert time.monotonic() > start
