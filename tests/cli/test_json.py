"""`--json` prints one object, for an error too, with a code for programs."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.team import Result, Team, call, ended, forge, until, watches
from tests.schemas import validate
from xw.actions import inbox


def error_of(result: Result) -> Any:
    """Return the error object of a failed command; check that it printed nothing else."""
    assert (result.err, result.out.count("\n")) == ("", 1), result
    found = json.loads(result.out)
    assert found["format"] == 1
    assert found["exit_code"] == result.code != 0
    return found


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (["read", "zzzzzzzz"], "not-found", "zzzzzzzz"),
        (["send", "info", "x", "--to", "nobody"], "not-found", "nobody"),
        (["send", "info", " ", "--to", "bob"], "usage", "the body is empty"),
        (["wait", "--timeout", "0"], "timed-out", "nothing has arrived"),
        (["wait", "--timeout", "-1"], "usage", "--timeout"),
        (["init", "--name", "all"], "usage", "reserved"),
        (["check", "--hub", "elsewhere://x"], "usage", "unknown kind of hub"),
        (["who", "--config", "nowhere.json"], "usage", "no such configuration file"),
        (["room", "show", "tea"], "not-found", "tea"),
        (["up"], "usage", "nothing to start"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_an_error_is_an_object(team: Team, command: list[str], code: str, words: str) -> None:
    """An error is one object on stdout: the sentence, a stable code, the exit code; stderr is empty."""
    error = error_of(team.run(*command, "--json"))
    assert (error["code"], words in error["error"]) == (code, True), error


@pytest.mark.parametrize(
    "command",
    [
        ["check", "--nonsense"], ["chekc"], ["send", "wish", "x", "--to", "bob"], ["read"],
        ["check", "--limit"], ["room", "frobnicate"], ["done", "a", "--as"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_mistake_is_an_object(team: Team, command: list[str]) -> None:
    """The parser's errors are objects too, wherever `--json` is."""
    plain = team.run(*command)
    assert (plain.code, plain.out) == (2, "")
    for arguments in ([command[0], "--json", *command[1:]], ["--json", *command]):
        error = error_of(team.run(*arguments))
        assert error["code"] == "usage"
        assert plain.err == f"xw: {error['error']}\n" or "--json" in error["error"]


def test_json_as_a_text(team: Team) -> None:
    """After `--` it is a text, and errors are lines on stderr."""
    assert team.run("send", "wish", "--to", "bob", "--", "--json").out == ""


def test_a_bug_is_an_object(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in xw itself has a code of its own."""

    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("boo")

    monkeypatch.setattr(inbox, "read", broken)
    error = error_of(team.run("read", "zzzzzzzz", "--json"))
    assert error["code"] == "bug"
    assert "ZeroDivisionError: boo" in error["error"]


def test_text_that_is_not_utf8(team: Team) -> None:
    """An argument in no encoding is an error in ASCII like any other."""
    assert error_of(team.run("send", "info", "\udcff", "--to", "bob", "--json"))["code"] == "usage"


def test_output_that_cannot_be_written(team: Team) -> None:
    """If stdout is not writable, the error goes to stderr."""
    with open("/dev/full", "w") as full:
        process = team.start("check", "--json", stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "cannot write the output" in err


def test_a_failed_part_of_the_work(team: Team) -> None:
    """A command that did a part of its work tells both: what it did, and the worst error."""
    token = team.send("one")
    both = json.loads(team.run("done", token, "zzzzzzzz", "--json", by="bob").out)
    assert [one["moved"] for one in both["messages"]] == [True, False]
    assert (both["code"], both["exit_code"]) == ("not-found", 3)


def test_times_are_utc(team: Team, tmp_path: Path) -> None:
    """A message whose `expires` has an offset shows it in UTC."""
    token = forge(team, "bob", expires="2126-11-21T05:30:12+02:00", type="task")
    assert team.json("read", token, by="bob")["expires"] == "2126-11-21T03:30:12.000000Z"


@pytest.mark.parametrize(
    "command", [["check"], ["wait"], ["read", "ID"], ["read", "ID", "--thread"], ["log"]]
)
def test_fields_that_would_pass_for_ours(team: Team, command: list[str]) -> None:
    """A message's unknown fields are printed, but for those named like what xw says of it or of an error."""
    claims: dict[str, Any] = {"id": team.send("another"), "state": "done", "files": [{"path": "/etc/passwd"}]}
    error: dict[str, Any] = {"error": "no", "code": "refused", "exit_code": 6}
    token = forge(team, "carol", **claims, **error, mood="good")
    (found,) = team.run(
        *[token if word == "ID" else word for word in command], "--json", by="carol"
    ).out.splitlines()
    shown = json.loads(found)
    assert "error" not in shown
    (message,) = shown.get("messages", [shown])
    assert (message["id"], message["mood"]) == (token, "good")
    assert message.get("state", "pending") == "pending"
    assert message.get("files", []) == []
    assert not {*error} & {*message}


def test_a_question_without_an_answer(team: Team) -> None:
    """The error of `ask` has the question's whole id, and who failed with which kind, beside the sentence."""
    late = error_of(team.run("ask", "late?", "--to", "bob", "--timeout", "0", "--json")._replace(err=""))
    (asked,) = team.pending("bob")
    assert (late["code"], late["question"], late["failures"]) == ("timed-out", asked, [])
    team.ok("done", asked, by="bob")
    bridge = team.start("bridge", "command", "--", "false", by="bob")
    failed = error_of(team.run("ask", "well?", "--to", "bob", "--json")._replace(err=""))
    bridge.terminate()
    ended(bridge)
    (failure,) = failed["failures"]
    assert (failed["code"], failure["from"], failure["kind"]) == ("no-answer", "bob", "failed")
    assert failure["reason"] in failed["error"]


def test_ended_by_the_keyboard(team: Team) -> None:
    """^C leaves an object too, with the code that shells know."""
    waiting = team.start("wait", "--json", by="bob")
    until(lambda: watches(waiting.pid, team.box("bob") / "inbox/pending"))
    waiting.send_signal(signal.SIGINT)
    assert error_of(ended(waiting))["code"] == "interrupted"
    assert waiting.returncode == 130


def test_up_prints_objects(team: Team) -> None:
    """All that `up` and its programs print on stdout is an object a line; the last has the exit code."""
    up = ended(team.start("up", "--hub", "ssh://", "--json"))
    *_, last = [json.loads(line) for line in up.out.splitlines()]
    assert (up.code, last["exit_code"], last["code"]) == (2, 2, "usage")
    validate.output(["up", "--json"], up.out)


def test_a_lonely_error(empty: Path) -> None:
    """Without a configuration the error says so as an object, too."""
    assert error_of(call(empty, "check", "--json"))["code"] == "usage"
