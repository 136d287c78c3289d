"""Calls that people and models get wrong: the error says what was meant, or how to say it."""

import os
from pathlib import Path

import pytest

from tests.cli.team import Team, call
from xw.cli import app


def test_a_reply_without_an_id_names_the_text(team: Team) -> None:
    """The word in place of an id is quoted; an id without a text is named as an id."""
    assert "'some text' is not an id" in team.run("reply", "some text").err
    token = team.send("well?", kind="question")
    for given in (token, token[-8:], token[-8:-4], f"#{token[-8:]}", f"{token}.question.alice.json"):
        assert "the text is missing" in team.run("reply", given, by="bob").err


@pytest.mark.parametrize("given", [("bob,carol",), ("bob, carol",), ("bob carol",), ("bob,", "carol", "bob")])
def test_several_recipients_in_one_word(team: Team, given: tuple[str, ...]) -> None:
    """`--to a,b` is `--to a --to b`."""
    words = [word for name in given for word in ("--to", name)]
    assert team.json("send", "info", "x", *words)["delivered"] == ["bob", "carol"]
    assert team.json("send", "info", "x", "--to", "all,bob")["delivered"] == ["bob", "carol"]


@pytest.mark.parametrize("given", ["", ",", " ", "bob,../carol", "everyone"])
def test_recipients_that_are_none(team: Team, given: str) -> None:
    """A recipient that names nobody sends nothing: exit 3, with the known names."""
    refused = team.run("send", "info", "x", "--to", given)
    assert refused.code == 3 and "`all` is everybody" in refused.err
    assert team.names("alice", "sent") == []


def test_acting_on_the_wrong_side_of_a_message(team: Team) -> None:
    """`done` of what one has sent, `trace` and `attach` of what one has received: whose it is, exit 3."""
    token = team.send("job", kind="task")
    short = token[-8:]
    done = team.run("done", short)
    assert done.code == 3
    assert (
        done.err
        == f"xw: you sent {short} to bob: only its recipients mark it done; `xw trace {short}` follows it\n"
    )
    (team.folder / "file").write_text("x")
    for command in (("trace", short), ("attach", short, "file")):
        wrong = team.run(*command, by="bob")
        assert wrong.code == 3
        assert wrong.err.startswith(f"xw: alice sent you {short}, it is in inbox/pending: ")
    nobody = team.run("done", short, by="carol")
    assert nobody.code == 3 and f"no message '{short}' in the mailbox of carol" in nobody.err
    assert team.pending("bob") == [token]


@pytest.mark.parametrize(
    "given", ["ssh//host/x", "ssh://", "ssh:///", "user@host", "user@host/x", "https//host/x"]
)
def test_a_hub_with_a_sign_missing(empty: Path, given: str) -> None:
    """A URL with a missing character is not taken for a folder: exit 2, nothing is written."""
    refused = call(empty, "init", "--name", "z", "--hub", given)
    assert refused.code == 2 and "ssh://" in refused.err
    assert list(empty.iterdir()) == []


def test_a_folder_with_an_at_sign(empty: Path) -> None:
    """A folder that is there, or is given with `./`, is taken for one."""
    assert call(empty, "init", "--name", "z", "--hub", "./user@host").code == 0
    (empty / "xw.json").unlink()
    assert call(empty, "init", "--name", "z", "--hub", "user@host").code == 0


@pytest.mark.parametrize("group", [(), ("room",), ("notify",)])
def test_help_lines_are_whole(group: tuple[str, ...], monkeypatch: pytest.MonkeyPatch,
                              capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """In a window of 80 columns no command's line of help is cut off."""
    monkeypatch.setitem(os.environ, "COLUMNS", "80")
    assert app.run([*group, "--help"]) == 0
    cut = [line for line in capsys.readouterr().out.splitlines() if line.endswith("...")]
    assert cut == [line for line in cut if line.startswith("Usage")]
