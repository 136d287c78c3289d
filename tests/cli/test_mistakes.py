"""Calls that people and models get wrong: the error says what was meant, or how to say it."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.team import Team, call
from xw import programs
from xw.actions.installing import contents
from xw.cli import app
from xw.cli.commands import COMMANDS, PROGRAMS


def test_a_reply_without_an_id_names_the_text(team: Team) -> None:
    """The word in place of an id is quoted; an id without a text is named as an id."""
    assert "'some text' is not an id" in team.run("reply", "some text").err
    token = team.send("well?", kind="question")
    for given in (token, token[-8:], token[-8:-4], f"#{token[-8:]}", f"{token}.question.alice.json"):
        assert "the text is missing" in team.run("reply", given, by="bob").err


@pytest.mark.parametrize(
    ("wrong", "code", "right"),
    [("send bob hi", "usage", 'xw send --to bob info "hi" --json'), ("frobnicate", "usage", None),
     ("send --to bobb info hi", "not-found", 'xw send --to bob info "hi" --json'),
     ("read zzzzzzzz", "not-found", "xw check --json"),
     ("check --as alcie", "not-found", "xw check --as alice --json")],
)  # fmt: skip
def test_a_program_gets_the_calls_that_work(team: Team, wrong: str, code: str, right: str | None) -> None:
    """With `--json` the error keeps its code, and lists the calls beside its sentence."""
    refused = json.loads(team.run(*wrong.split(), "--json", by=None if "--as" in wrong else "alice").out)
    assert (refused["code"], refused.get("suggestions")) == (code, right and [right])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("launch --name bob -- claude", "No such option: --name: try `xw launch bob -- claude`; "),
        ("launch --as bob -- claude", "the name comes first; try `xw launch bob -- claude`\n"),
        (
            "launch claude",
            "claude is a program: give it a name; nothing was started; try `xw launch alice -- ",
        ),
        ("launch bob:claude", "try `xw launch bob=claude`\n"),
        ("launch bob - claude", "try `xw launch bob -- claude`\n"),
        (
            "launch a = claude",
            "NAME=PROGRAM without blanks; nothing was started; try `xw launch a=claude`",
        ),
        ("launch --room tea bob -- claude", "try `xw launch bob=claude --room tea`\n"),
        ("launch --room tea bob -- claude --x", 'try `xw launch "bob=claude --x" --room tea`\n'),
        ("install", "(Choose claude, codex, gemini, opencode or qwen)"),
        ("install claude --dry-run", "(without --yes it only shows): try `xw install claude`"),
        ("read zzzzzzzz", "`xw check` and `xw log` list the messages\n"),
        ("peers nosuch", "`xw peers` lists them\n"),
        ("peers bbo", "(did you mean bob?); `xw peers` lists them; try `xw peers bob`\n"),
    ],
)
def test_the_advice_works_and_is_given_once(team: Team, words: str, said: str) -> None:
    """The call that works keeps what was given; what the error says already is not said again."""
    refused = team.run(*words.split(), by=None if "launch" in words else "alice")
    assert (refused.code in (2, 3), refused.err.count("\n")) == (True, 1)
    assert said in refused.err


@pytest.mark.parametrize("words", ["send --to bob task hi", "send bob hi"])
def test_nobody_else_is_there(empty: Path, words: str) -> None:
    """With nobody else on the hub, a name is taken as it is given, and the error says how it is added."""
    call(empty, "init", "--name", "alice")
    refused = call(empty, *words.split())
    if "--to" in words:
        adds = "there is nobody else yet: `xw launch bob -- PROGRAM` or `xw init --name bob` adds bob; "
        assert refused.err.endswith(f"{adds}nothing was sent\n")
    else:
        assert 'try `xw send --to bob info "hi"`' in refused.err


def test_the_programs_of_launch() -> None:
    """The command line names the programs that xw knows, and those that it installs into."""
    assert set(PROGRAMS) == {name for one in programs.profiles() for name in one.programs}
    param = next(one for command in COMMANDS if command.name == "install" for one in command.params)
    assert set(re.findall(r"[a-z]+", param.help)) - {"hoose", "or"} == set(contents.PROGRAMS)


def test_a_misspelt_own_name(team: Team) -> None:
    """`XW_NAME=codre` is asked whether it means coder, and gets its call with that name."""
    refused = team.run("send", "--to", "bob", "info", "hi", by="alcie")
    assert refused.code == 3 and "(did you mean alice?)" in refused.err
    assert '`xw send --to bob info "hi" --as alice`' in refused.err


@pytest.mark.parametrize(
    "words",
    [("init", "--name", ""), ("check", "--as", ""), ("who", "--hub", ""), ("who", "--config", ""),
     ("send", "--to", "bob", "info", "x", "--file", ""), ("check", "--from", ""), ("log", "--with", ""),
     ("room", "leave", "tea", "--member", ""), ("watch", "--exec", ""), ("sync", "--adopt", "")],
)  # fmt: skip
def test_an_empty_value_is_not_an_absent_one(team: Team, words: tuple[str, ...]) -> None:
    """An option that names something may not be empty, as an unset variable makes it."""
    before = sorted(team.folder.rglob("*"))
    refused = team.run(*words)
    assert (refused.code, refused.out) == (2, "") and f"{words[-2]} is empty: give " in refused.err
    assert sorted(team.folder.rglob("*")) == before


@pytest.mark.parametrize("command", [("send", "--to", "bob", "task"), ("reply",)])
def test_a_second_file_or_the_text(
    team: Team, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--attach a b` with a file `b` sends nothing and has both readings, each of which works."""
    monkeypatch.chdir(team.folder)
    if command == ("reply",):
        command = ("reply", team.send("job", by="bob", to="alice", kind="task")[-8:])
    for name in ("a.txt", "b.txt"):
        (team.folder / name).write_text("x")
    refused = team.run(*command, "--attach", "a.txt", "b.txt")
    both, text = re.findall(r"`(xw [^`]*)`", refused.err)
    assert (refused.code, team.names("alice", "sent")) == (2, [])
    assert both.endswith("--attach a.txt --attach b.txt") and '"b.txt" --attach a.txt' in text
    for call_, files in ((both, 2), (text, 1)):
        sent = json.loads(team.ok(*shlex.split(call_)[1:], "--json"))
        message = team.json("read", sent["id"])
        assert (len(message["attachments"]), message["body"]) == (files, "" if files == 2 else "b.txt")
    team.ok(*command, "--attach", "a.txt", "see it")
    team.ok(*command, "--attach", "a.txt", "--", "b.txt")
    team.ok(*command, "b.txt", "--attach", "a.txt")


@pytest.mark.parametrize(
    "words", [("ask", "bob"), ("send", "task", "bob"), ("send", "info", "all"), ("ask", " bob ")]
)
def test_a_name_is_no_text(empty: Path, words: tuple[str, ...]) -> None:
    """With a single peer, its name alone is not sent to it."""
    for name in ("alice", "bob"):
        call(empty, "init", "--name", name)
    refused = call(empty, *words, environ={"XW_NAME": "alice"})
    assert refused.code == 2 and "the text is only the name" in refused.err
    assert f"{'ask' if words[0] == 'ask' else 'send'} --to {words[-1].strip()} " in refused.err
    assert not list(empty.rglob("pending/*.json"))


def test_retry_of_mail_received(team: Team) -> None:
    """`retry` of a pending message says what it is, and leaves it."""
    token = team.send("job", kind="task")[-8:]
    refused = team.run("retry", token, by="bob")
    assert refused.code == 3 and f"alice sent you {token}, it is in inbox/pending" in refused.err


def test_read_several(team: Team) -> None:
    """`read` prints several messages, at most 64 KiB of further text, and a wrong id beside the others."""
    first, second = team.send("one"), team.send("two " * 20_000)
    third = team.send("three")
    shown = team.run("read", first, second, third, "zzzzzzzz", by="bob")
    assert shown.code == 3 and shown.err.startswith("xw: no message 'zzzzzzzz'")
    assert len(shown.out) < 2_000 and "\n    one\n\ninfo" in shown.out and shown.out.endswith("\n    three\n")
    assert f"(78.1 KiB: `xw read {second[-8:]}` prints the text)" in shown.out
    assert len(team.ok("read", second, by="bob")) > 80_000
    assert [one["id"] for one in team.json("read", third, first, by="bob")["messages"]] == [third, first]
    whole = json.loads(team.run("read", first, "zzzzzzzz", "--json", by="bob").out)
    assert (whole["code"], [one["id"] for one in whole["messages"]]) == ("not-found", [first])
    thread = team.json("send", "info", "more", "--to", "bob", "--re", first)["id"]
    assert team.ok("read", "--thread", thread, first, by="bob").count("\n    one") == 1


def test_a_right_call_looks_for_no_mistake(team: Team) -> None:
    """No call that succeeds loads what corrects wrong ones."""
    code = "import sys\nfrom xw.__main__ import run\n"
    code += "assert [run(words.split()) for words in sys.argv[1:]] == [0] * (len(sys.argv) - 1)\n"
    code += (
        "print([name for name in ('mistakes', 'corrections', 'synonyms') if f'xw.cli.{name}' in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, "check", "send --to bob info x", "peers", "log --grep x"],
        cwd=team.folder, env={**os.environ, "XW_NAME": "alice"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.endswith("\n[]\n")


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


@pytest.mark.parametrize(("words", "way"), [("peers", ": `xw peers --as alice`; "), ("check", "; ")])
def test_a_person_without_a_name(team: Team, words: str, way: str) -> None:
    """Where several share an xw.json, the error has the call that looks, and how to join as a person."""
    refused = team.run(words, by="")
    assert refused.code == 2
    assert refused.err.endswith(
        f"give --as{way}a person joins by `xw init --name you --kind human`, then `export XW_NAME=you`\n"
    )
