"""`wait --new` passes over the messages that it has seen, and no others."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.team import XW, Team
from xw.actions import waited
from xw.files.local import LocalFiles
from xw.mailbox import Mailbox


def new(team: Team, *more: str) -> str | None:
    """Return the body that `wait --new` gives bob; None if nothing is new."""
    result = team.run("wait", "--new", "--timeout", "0", "--json", *more, by="bob")
    assert result.code in (0, 4), result
    return str(json.loads(result.out)["body"]) if result.code == 0 else None


def test_waiting_for_an_answer_passes_over_nothing_else(team: Team) -> None:
    """A message that `wait --new --re` read but did not show is new to the next wait."""
    asked = team.send("a question", by="bob", to="alice", kind="question")
    assert new(team) is None
    team.send("a task", kind="task")
    team.ok("reply", asked, "an answer")
    assert new(team, "--re", asked) == "an answer"
    assert new(team) == "a task"
    assert new(team) is None


def test_a_wait_for_an_answer_in_vain(team: Team) -> None:
    """Also one that ends without an answer hides nothing."""
    asked = team.send("a question", by="bob", to="alice", kind="question")
    assert new(team) is None
    team.send("a task", kind="task")
    assert new(team, "--re", asked) is None
    assert new(team) == "a task"


@pytest.mark.parametrize("full", [False, True])
def test_a_note_that_cannot_be_written(team: Team, monkeypatch: pytest.MonkeyPatch, full: bool) -> None:
    """With too many names, or on a full disk, the same message is not new for ever."""

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    assert new(team) is None
    team.send("one")
    if full:
        monkeypatch.setattr(LocalFiles, "replace", refuse)
    else:
        monkeypatch.setattr(waited, "_MOST", 0)
    assert new(team) == "one"
    assert new(team) is None


def test_what_could_not_be_printed_is_new(team: Team) -> None:
    """A message that nobody was shown is returned by the next wait."""
    assert new(team) is None
    team.send("one")
    with Path("/dev/full").open("w") as full:
        command = [XW, "--as", "bob", "wait", "--new", "--timeout", "0"]
        ended = subprocess.run(command, cwd=team.folder, stdout=full, stderr=subprocess.DEVNULL, check=False)
    assert ended.returncode not in (0, 4)
    assert new(team) == "one"


def test_a_long_wait_keeps_what_others_noted(team: Team) -> None:
    """A wait that began earlier and ends later forgets nothing, except mail that is no longer pending."""
    bob = Mailbox(LocalFiles(str(team.hub)), "bob")
    assert new(team) is None
    long = waited.seen(bob)
    one = team.send("one")
    assert new(team) == "one"
    waited.note(bob, long)
    assert new(team) is None
    team.ok("done", one, by="bob")
    assert new(team) is None
    assert json.loads((team.box("bob") / "outbox/.waited.json").read_text())["names"] == []
