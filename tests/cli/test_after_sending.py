"""Errors after a message was sent: they never make it look unsent, and say how to continue."""

import errno
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cli.team import Team, until
from xw import post
from xw.errors import Unreachable


def _fails_after(real: Callable[..., Any], number: int) -> Callable[..., Any]:
    """Return a system call that does its work, and then reports an error."""

    def call(*arguments: Any, **options: Any) -> Any:
        real(*arguments, **options)
        raise OSError(number, os.strerror(number))

    return call


def test_a_close_that_fails(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing a lock or a folder may fail, after the delivery too: each command succeeds all the same."""
    task = team.send("task", kind="task")
    dead = team.send("dead", kind="task")
    question = team.send("question", by="bob", to="alice", kind="question")
    team.ok("fail", dead, "no", by="bob")
    team.ok("room", "create", "tea", "--members", "alice,bob")
    (team.folder / "file.txt").write_text("x")
    commands = (
        ("send", "--to", "bob", "info", "x"),
        ("reply", question, "x"),
        ("attach", task, "file.txt"),
        ("notify", "handoff", "--to", "bob", "x"),
        ("notify", "error", "x"),
        ("room", "say", "tea", "x"),
        ("retry", dead),
    )
    # Not for a file that is being written: its close comes before the delivery.
    failing = SimpleNamespace(close=_fails_after(os.close, errno.EIO), fsync=os.fsync)
    for command in commands:
        with monkeypatch.context() as patch:
            patch.setattr("xw.files.disk.os", failing)
            result = team.run(*command)
        assert (result.code, "error" in result.err) == (0, False), (command, result)


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ENOSPC])
def test_ask_that_cannot_wait(team: Team, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """If the disk fails while `ask` waits: the question's id, and the command that continues."""
    real, sent = os.listdir, 0

    def listdir(handle: Any) -> list[str]:
        if len(real(team.box("bob") / "inbox" / "pending")) > sent:
            raise OSError(number, os.strerror(number))
        return real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", listdir)
        failed = team.run("ask", "--to", "bob", "Well?")
        sent = 1
        as_json = team.run("ask", "--to", "bob", "Well?", "--json")
    token = team.pending("bob")[0]
    assert (failed.code, failed.out) == (1, "")
    assert f"the question was sent as {token[-8:]}, but xw cannot wait: " in failed.err
    assert failed.err.endswith(f"; `xw wait --re {token[-8:]}` continues\n")
    assert os.strerror(number) in failed.err
    for wrong in ("nothing was", "try again"):
        assert wrong not in failed.err
    assert f'"question": "{team.pending("bob")[1]}"' in as_json.out
    team.ok("reply", token, "Yes.", by="bob")
    assert team.json("wait", "--re", token, "--timeout", "5")["body"] == "Yes."


def test_ask_whose_hub_goes_away(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is the cause's."""

    def gone(*_: object) -> None:
        raise Unreachable("the hub is gone: look for it")

    monkeypatch.setattr("xw.actions.asking.Lookout.wait", gone)
    failed = team.run("ask", "--to", "bob", "Well?")
    assert failed.code == 5
    assert "xw cannot wait: the hub is gone: look for it; `xw wait --re " in failed.err


def test_an_answer_that_cannot_be_marked_done(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is printed; that it stays pending is reported, with exit 0."""

    def full(*_: object) -> bool:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def answer(*_: object) -> None:
        until(lambda: team.pending("bob"))
        team.ok("reply", team.pending("bob")[0], "Yes.", by="bob")

    monkeypatch.setattr("xw.actions.asking.Lookout.wait", answer)
    monkeypatch.setattr("xw.mailbox.Mailbox.settle", full)
    asked = team.run("ask", "--to", "bob", "Well?")
    assert (asked.code, asked.out) == (0, "Yes.\n")
    assert "cannot be marked done: the hub: No space left" in asked.err


def test_retry_again(team: Team) -> None:
    """A repeated `retry` is no second copy while the first is pending, claimed or done; then it is."""
    token = team.send("job", kind="task")
    team.ok("fail", token, "no", by="bob")
    for by, owner in (("bob", "bob"), ("alice", "bob")):
        copies = {team.json("retry", token, by=by)["id"] for _ in range(2)}
        assert len(copies) == 1
        (copy,) = copies
        assert team.pending(owner) == [copy]
        team.ok("claim", copy, by="bob")
        assert team.json("retry", token, by=by)["id"] == copy
        team.ok("done", copy, by="bob")
        assert team.json("retry", token, by=by)["id"] == copy
        assert team.pending(owner) == []
    second = team.json("retry", token)["id"]
    assert team.run("fail", second, "again", by="bob").code == 3  # it is done


def test_retry_of_what_failed_again(team: Team) -> None:
    """If the copy has failed too, another `retry` sends another one."""
    token = team.send("job", kind="task")
    copies = []
    for _ in range(2):
        team.ok("fail", team.pending("bob")[0], "no", by="bob")
        copies.append(team.json("retry", token)["id"])
    assert len(set(copies)) == 2
    assert team.pending("bob") == [copies[1]]


def test_retry_that_was_killed(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between its own copy and the recipient's: the next `retry` delivers the same copy."""
    token = team.send("job", kind="task")
    team.ok("fail", token, "no", by="bob")
    real = post._publish

    def killed(mailbox: Any, publisher: Any, message: Any, data: bytes, *rest: Any) -> Any:
        mailbox.files.publish(data, mailbox.at("inbox/tmp"), [mailbox.at("sent", message.file_name)])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(post, "_publish", killed)
        assert team.run("retry", token).code == 130
    assert real is post._publish and team.pending("bob") == []
    copy = team.json("retry", token)["id"]
    assert team.pending("bob") == [copy]
    assert team.json("retry", token)["id"] == copy
