"""watch, wait, ask and log --follow, as real processes beside the ones that write to them."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.team import Team, ageless, ended, until, watches

pytestmark = pytest.mark.usefixtures("measured")


Started = list["subprocess.Popen[str]"]


def _line(process: "subprocess.Popen[str]") -> str:
    """Return the next line of a process; block until it comes."""
    assert process.stdout
    line = process.stdout.readline()
    assert line, ended(process)
    return line


def test_watch(team: Team, started: Started) -> None:
    """`watch` prints a line for each message: those that wait, then each as it comes; ^C ends it."""
    waiting = team.send("was there")
    watch = team.start("watch", by="bob")
    started.append(watch)
    assert ageless(_line(watch)) == f"{waiting[-8:]} info alice (verified) 0s was there\n"
    for number in range(3):
        token = team.send(f"arrives {number}")
        shown = _line(watch)
        assert shown.startswith(token[-8:])
        assert shown.endswith(f"arrives {number}\n")
    watch.send_signal(signal.SIGINT)
    assert ended(watch) == (130, "", "")
    assert len(team.pending("bob")) == 4


def test_watch_as_json(team: Team, started: Started) -> None:
    """`watch --json` prints one object a line."""
    watch = team.start("watch", "--json", by="bob")
    started.append(watch)
    token = team.send("x")
    assert json.loads(_line(watch))["id"] == token


def test_watch_exec(team: Team, started: Started) -> None:
    """--exec runs the command for each message, with its JSON on stdin."""
    command = 'cat; echo " $XW_TYPE $XW_FROM ${#XW_ID}"; read x <&- ; exit 3'
    watch = team.start("watch", "--exec", command, by="bob")
    started.append(watch)
    token = team.send("$(touch /tmp/oops)", kind="task")
    shown, _, rest = _line(watch).rpartition("}")
    assert json.loads(shown + "}")["id"] == token
    assert rest == f" task alice {len(token)}\n"
    assert watch.stderr
    assert watch.stderr.readline() == (
        f"xw: the command for {token[-8:]} ended with 3; the message stays pending\n"
    )
    assert len(team.pending("bob")) == 1


def test_watch_reports_nothing_twice_and_nothing_damaged(team: Team, started: Started) -> None:
    """A damaged arrival goes to failed/, with a report; its neighbours are shown once."""
    watch = team.start("watch", by="bob")
    started.append(watch)
    team.send("one")
    assert _line(watch).endswith("one\n")
    (team.box("bob") / "inbox" / "pending" / "20261121T053012123456Z-k7f3q2m9.task.alice.json").write_text(
        "{"
    )
    until(lambda: len(team.names("bob", "inbox/failed")) == 2)
    (team.box("bob") / "inbox" / "pending" / "stray").write_text("")
    team.send("two")
    assert _line(watch).endswith("two\n")
    assert watch.stderr
    assert "do not match the short id" in watch.stderr.readline()
    assert watch.stderr.readline() == "xw: set aside in failed/: stray: the file name is not a message's\n"


def test_wait_leaves_what_is_damaged_to_check(team: Team) -> None:
    """A damaged file ends no wait, and is not moved away unsaid."""
    name = "20261121T053012123456Z-k7f3q2m9.task.alice.json"
    (team.box("bob") / "inbox" / "pending" / name).write_text("{")
    assert team.run("wait", "--timeout", "0", by="bob").code == 4
    assert f"set aside in failed/: {name}: " in team.run("check", by="bob").err


def test_wait(team: Team, started: Started) -> None:
    """`wait` returns at once when something is pending, else when something arrives."""
    wait = team.start("wait", "--timeout", "60", by="bob")
    started.append(wait)
    token = team.send("here it is")
    result = ended(wait)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"{token[-8:]} info alice ")
    assert team.ok("wait", by="bob").startswith(token[-8:])
    assert team.json("wait", by="bob")["id"] == token
    assert len(team.pending("bob")) == 1


def test_wait_for_an_answer(team: Team, started: Started) -> None:
    """`wait --re` passes over other mail, and returns with the answer, also one that is done already."""
    question = team.send("well?", kind="question")
    team.send("something else", by="carol", to="alice")
    wait = team.start("wait", "--re", question[-8:], "--timeout", "60", "--json")
    started.append(wait)
    team.send("and something else", by="carol", to="alice")
    answer = team.json("reply", question, "well.", by="bob")["id"]
    result = ended(wait)
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out)["id"] == answer
    team.ok("done", answer)
    assert team.json("wait", "--re", question)["id"] == answer


@pytest.mark.parametrize("timeout", ["0", "0.05"])
def test_wait_that_times_out(team: Team, timeout: str) -> None:
    """If nothing comes within the timeout: exit 4, with what to do."""
    for arguments in ((), ("--re", team.send("x"))):
        late = team.run("wait", f"--timeout={timeout}", *arguments)
        assert (late.code, late.out) == (4, "")
        assert "run `xw wait` or `xw check` again" in late.err


@pytest.mark.parametrize("command", [("wait",), ("ask", "--to", "bob", "x")])
@pytest.mark.parametrize("timeout", ["nan", "inf", "-1", "-0.001", "soon", ""])
def test_timeouts_that_are_none(team: Team, command: tuple[str, ...], timeout: str) -> None:
    """A timeout that is not a number is a usage error, and no question is sent."""
    refused = team.run(*command, f"--timeout={timeout}")
    assert (refused.code, refused.out) == (2, "")
    assert "timeout" in refused.err
    assert team.pending("bob") == []


def test_wait_for_an_unknown_message(team: Team) -> None:
    """`wait --re` of what is not there: exit 3, not a wait for ever."""
    assert team.run("wait", "--re", "zzzzzzzz").code == 3


def test_ask(team: Team, started: Started) -> None:
    """`ask` sends a question, waits for its reply, prints the body, and the reply is done."""
    ask = team.start("ask", "--to", "bob", "What is the time?")
    started.append(ask)
    until(lambda: team.pending("bob"))
    (question,) = team.json("check", by="bob")["messages"]
    assert (question["type"], question["body"]) == ("question", "What is the time?")
    team.send("no answer", by="carol", to="alice")
    answer = team.json("reply", question["id"], "Noon.\nSharp.", by="bob")["id"]
    result = ended(ask)
    assert (result.code, result.out) == (0, "Noon.\nSharp.\n")
    assert result.err == (
        f"xw: asked bob as {question['id'][-8:]}, waiting\nxw: {answer[-8:]} from bob (verified)\n"
    )
    assert [name.partition(".")[0] for name in team.names("alice", "inbox/done")] == [answer]
    assert len(team.pending("alice")) == 1


def test_ask_as_json_from_a_file(team: Team, started: Started) -> None:
    """`ask --file --json` prints the reply as an object."""
    (team.folder / "question.txt").write_text("Long question")
    ask = team.start("ask", "--to", "bob", "--file", "question.txt", "--json")
    started.append(ask)
    until(lambda: team.pending("bob"))
    answer = team.json("reply", team.pending("bob")[0], "yes", by="bob")["id"]
    assert json.loads(ended(ask).out)["id"] == answer


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_ask_answered_with_a_file(
    team: Team, started: Started, tmp_path: Path, form: tuple[str, ...]
) -> None:
    """The paths of the reply's files are printed; the reply is done, and `check` no longer shows it."""
    (tmp_path / "list.txt").write_text("one\ntwo\n")
    ask = team.start("ask", "--to", "bob", "Which?", *form)
    started.append(ask)
    until(lambda: team.pending("bob"))
    answer = team.json(
        "reply", team.pending("bob")[0], "See:", "--attach", str(tmp_path / "list.txt"), by="bob"
    )
    path = str(team.box("alice") / "attachments" / answer["id"] / "list.txt")
    out = ended(ask).out
    if form:
        assert json.loads(out)["files"][0]["path"] == path
    else:
        assert out == f"See:\nfile: {path} (8 B)\n"


def test_ask_that_times_out(team: Team) -> None:
    """Without a reply in time: exit 4; the question stays sent, and its id is printed."""
    late = team.run("ask", "--to", "bob", "--timeout", "0.05", "Anybody?")
    assert (late.code, late.out) == (4, "")
    (question,) = team.pending("bob")
    assert question[-8:] in late.err
    team.ok("reply", question, "Late.", by="bob")
    assert team.json("wait", "--re", question)["body"] == "Late."


_REFUSED = """
import ctypes, errno
from watchdog.observers import inotify_c
inotify_c.inotify_init = lambda: (ctypes.set_errno(errno.EPERM), -1)[1]
"""


def test_ask_where_inotify_is_refused(team: Team, started: Started, tmp_path: Path) -> None:
    """In a sandbox that refuses inotify, `ask` gets its answer all the same."""
    (tmp_path / "sitecustomize.py").write_text(_REFUSED)
    environ = {**os.environ, "XW_NAME": "alice", "PYTHONPATH": str(tmp_path)}
    ask = team.start("ask", "--to", "bob", "Anybody?", env=environ)
    started.append(ask)
    until(lambda: team.pending("bob"))
    team.ok("reply", team.pending("bob")[0], "Yes.", by="bob")
    assert ended(ask)[:2] == (0, "Yes.\n")


def test_ask_nobody(team: Team) -> None:
    """A peer that is not known, or no text: the same errors as `send`."""
    assert team.run("ask", "--to", "dave", "x").code == 3
    assert team.run("ask", "--to", "bob").code == 2
    assert team.run("ask", "x").code == 2


def test_log_follow(team: Team, started: Started) -> None:
    """`log --follow` prints each message once as messages come and go, whoever wrote it."""
    team.send("first")
    log = team.start("log", "--follow", "--json", by="bob")
    started.append(log)
    assert json.loads(_line(log))["body"] == "first"
    team.send("second")
    second = json.loads(_line(log))
    assert second["body"] == "second"
    team.ok("done", second["id"], by="bob")
    team.ok("reply", second["id"], "third", by="bob")
    assert json.loads(_line(log))["body"] == "third"
    log.send_signal(signal.SIGINT)
    last = ended(log)
    assert (last.code, json.loads(last.out)["code"], last.err) == (130, "interrupted", "")


def test_log_follow_selects(team: Team, started: Started) -> None:
    """`log --follow` with --with and --grep shows what fits alone."""
    log = team.start("log", "--follow", "--with", "carol", "--grep", "beans", by="bob")
    started.append(log)
    team.send("beans of alice")
    team.send("peas of carol", by="carol")
    team.send("beans of carol", by="carol")
    assert "carol (verified) -> bob [info]" in _line(log)
    assert _line(log) == "    beans of carol\n"


@pytest.mark.parametrize("command", [("watch",), ("wait",), ("log", "--follow"), ("ask", "--to", "bob", "x")])
def test_the_hub_goes_away_meanwhile(team: Team, started: Started, command: tuple[str, ...]) -> None:
    """A wait on a hub that disappears ends with an error."""
    process = team.start(*command)
    started.append(process)
    until(lambda: watches(process.pid, team.box("alice") / "inbox" / "pending"))
    team.hub.rename(team.hub.with_name("moved"))
    (team.hub.with_name("moved") / "alice" / "inbox" / "pending" / "wake").touch()
    result = ended(process)
    assert result.code in (1, 5), result
    assert "Traceback" not in result.err
    assert str(team.hub) in result.err
