"""`xw` as the process that it is: its streams, its terminal, its locale, its signals, its imports."""

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm_xw
from tests.cli.team import PATIENCE, XW, Result, Team, ended, shown_on, until, watches
from xw import __version__
from xw.cli.commands import COMMANDS, NUMBERS, Command, Param

_HOSTILE = "\x1b[31mred\x07\x9b2J \u202eevil\u2066 \u200bzero \U000e0041tag \x7f\x00\r\x85 ok"
# What may reach a terminal: text, newline and tab.
_RAW = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)


def _xw(team: Team, *arguments: str, by: str = "alice", **options: object) -> Result:
    return ended(team.start(*arguments, by=by, **options))


def test_the_installed_command(team: Team) -> None:
    """The console script runs hot and other commands, and hands on their exit codes."""
    assert _xw(team, "check") == (0, f"no mail for alice on {team.hub}\n", "")
    assert _xw(team, "--version") == (0, f"xw {__version__}\n", "")
    assert _xw(team, "read", "zzzzzzzz").code == 3
    assert _xw(team, "peers", "--as", "dave").code == 3
    assert _xw(team, "wait", "--timeout", "0").code == 4
    assert _xw(team, "check", "--hub", "/nowhere").code == 5
    as_module = subprocess.run(
        [sys.executable, "-m", "xw", "who", "--as", "bob"], cwd=team.folder, capture_output=True, check=True
    )
    assert as_module.stdout.startswith(b"name     bob\n")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("send", "--help"), ("log", "--help")])
def test_help(team: Team, arguments: tuple[str, ...]) -> None:
    """Help is printed to stdout, also by `xw` alone."""
    shown = _xw(team, *arguments)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("Usage: xw")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("chekc",), "`xw --help` lists the commands"),
        (("check", "extra"), "`xw check --help` shows how"),
        (("read",), "`xw read --help` shows how"),
        (("done",), "`xw done --help` shows how"),
        (("send", "info", "x", "--too", "bob"), "`xw send --help` shows how"),
        (("--as", "bob"), "xw"),
        (("--unknown",), "`xw --help` lists the commands"),
        (("log", "--format"), "`xw log --help` shows how"),
        (("\x1b[31m\n",), "`xw --help` lists the commands"),
        (("send",), "'TYPE'. Choose from: task, question, reply, info: "),
        (("init", "--kind", "x"), "'--kind': 'x' is not one of"),
        (("init", "--describe", "a\udcff"), "an argument is not valid UTF-8"),
        (("notify", "heartbeat", "--task", "a\udcff"), "an argument is not valid UTF-8"),
        (("notify", "status", "idle", "--progress", "a\udcff"), "an argument is not valid UTF-8"),
    ],
)
def test_mistakes(team: Team, arguments: tuple[str, ...], hint: str) -> None:
    """A mistake is exit 2 and one line: what is wrong, and where to look."""
    wrong = team.run(*arguments)
    assert (wrong.code, wrong.out) == (2, ""), wrong
    assert wrong.err.startswith("xw: ")
    assert wrong.err.count("\n") == 1
    assert hint in wrong.err
    assert "\x1b" not in wrong.err


_NUMBERS = [(command, param) for command in COMMANDS for param in command.params if param.kind in NUMBERS]
_OF_NONE = {
    "number": ["-1", "-" + "9" * 4000, "9" * 5000, "1.5", "x", "", "\udcff"],
    "decimal": ["-1", "-1e-9", "nan", "inf", "-inf", "1e10", "x", "", "\udcff"],
}


@pytest.mark.parametrize(("command", "param"), _NUMBERS, ids=lambda one: one.name)
def test_numbers_that_are_none(team: Team, command: Command, param: Param) -> None:
    """A number below 0, without end or none at all is refused by each option, and nothing is done."""
    before = sorted(team.folder.rglob("*"))
    for number in _OF_NONE[param.kind]:
        words = [word for one in command.params if one.required for word in (one.choices or ["x"])[:1]]
        wrong = team.run(*command.name.split(), *words, f"{param.flag}={number}")
        assert (wrong.code, wrong.out) == (2, ""), wrong
        assert re.fullmatch(rf"xw: {param.flag} .*: give a .*number.*\n", wrong.err)
    assert sorted(team.folder.rglob("*")) == before


def test_completion(team: Team) -> None:
    """Shell completion: bash is given a script, and the script's question is answered."""
    # Typer looks for the shell among the process's ancestors; `; true` keeps bash from becoming xw itself.
    asking = ["bash", "-c", f"{XW} --show-completion; true"]
    assert "complete " in subprocess.run(asking, capture_output=True, text=True, check=True).stdout
    asked = {"_XW_COMPLETE": "complete_bash", "COMP_WORDS": "xw che", "COMP_CWORD": "1"}
    answered = _xw(team, env={**os.environ, **asked})
    assert answered.out.split() == ["check"]
    asked = {"_XW_COMPLETE": "complete_bash", "COMP_WORDS": "xw send --ex", "COMP_CWORD": "2"}
    assert _xw(team, env={**os.environ, **asked}).out.split() == ["--expires"]


@pytest.mark.parametrize("command", [("log",), ("log", "--json"), ("check",), ("read", "long"), ("--help",)])
def test_stdout_closed_early(team: Team, command: tuple[str, ...]) -> None:
    """A reader that has enough (`| head -1`) ends the command quietly."""
    for number in range(25):
        token = team.send(f"{number} " + "x" * 100_000)
    arguments = [token if word == "long" else word for word in command]
    process = team.start(*arguments, by="bob")
    assert process.stdout
    process.stdout.close()
    process.stdout = None
    result = ended(process)
    assert result.code in (0, 1)
    assert result.err == ""


@pytest.mark.parametrize("command", ["check", "peers", "init", "doctor"])
def test_a_working_directory_that_is_gone(team: Team, command: str) -> None:
    """If an agent's working directory was removed, as worktrees are, the error names that."""
    gone = _xw_in_shell(team, f"mkdir gone && cd gone && rmdir ../gone && {XW} {command}")
    assert gone.code == (1 if command == "doctor" else 2)
    assert "the working directory is gone: cd to another one" in gone.out + gone.err


@pytest.mark.parametrize("named", ["XW_CONFIG={}", "--config {}"])
def test_a_configuration_named_from_a_directory_that_is_gone(team: Team, named: str) -> None:
    """An agent in a removed worktree goes on if its configuration is given by absolute path."""
    team.send("hello")
    file = named.format(team.folder / "xw.json")
    before, after = (f"{file} ", "") if named.startswith("XW") else ("", f" {file}")
    gone = _xw_in_shell(team, f"mkdir gone && cd gone && rmdir ../gone && {before}{XW} check{after}")
    assert (gone.code, gone.err) == (0, "")
    assert "hello" in gone.out


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("command", "code"),
    [("send info --to carol x", 1), ("check", 1), ("log", 1), ("prompt", 1), ("--help", 1),
     ("send --help", 1), ("--version", 1), ("read zzzzzzzz", 3), ("log --follow", 1)],
)  # fmt: skip
def test_output_that_cannot_be_written(team: Team, command: str, code: int, unbuffered: str) -> None:
    """A full disk behind `>` differs from the hub's: the sent message is sent, and not sent again."""
    team.send("x", by="bob", to="alice")
    run = f"export PYTHONUNBUFFERED={unbuffered}; {XW} {command} >/dev/full"
    ran = _xw_in_shell(team, run)
    assert (ran.code, ran.err.count("\n")) == (code, 1)
    if code == 1:
        said = "xw: cannot write the output: No space left on device; the command itself has taken effect\n"
        assert ran.err == said
    assert len(team.pending("carol")) == ("send info" in command)
    assert _xw_in_shell(team, f"{run} 2>/dev/full").code == code


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["check", "--version", "--help", "log"])
def test_output_that_nobody_reads(team: Team, command: str, unbuffered: str) -> None:
    """A pipe that nobody reads ends the command quietly."""
    team.send("x", by="bob", to="alice")
    reading, writing = os.pipe()
    os.close(reading)
    ran = _xw(
        team, command, stdout=writing, env={**os.environ, "XW_NAME": "alice", "PYTHONUNBUFFERED": unbuffered}
    )
    os.close(writing)
    assert (ran.code, ran.err) == (1, "")


@pytest.mark.parametrize("closed", ["0", "1", "2", "0 1 2"])
def test_streams_that_are_not_there(team: Team, closed: str) -> None:
    """With stdin, stdout or stderr closed (`>&-`), there is no traceback and no damaged file."""
    close = " ".join(f"{number}>&-" for number in closed.split())
    team.send("kept")
    expected = {"check": 0, "peers": 0, "read zzzzzzzz": 3, "send info --to carol -": 2}
    for command, code in expected.items():
        ran = _xw_in_shell(team, f"{XW} {command} {close}")
        assert ran.code == code, (command, ran)
        assert "Traceback" not in ran.err
        assert ran.out == "" or "1" not in closed
    assert team.pending("carol") == []
    assert team.json("check", by="bob")["messages"][0]["body"] == "kept"


def _xw_in_shell(team: Team, script: str) -> Result:
    environ = {**os.environ, "XW_NAME": "bob"}
    process = subprocess.Popen(
        ["/bin/sh", "-c", script],
        cwd=team.folder, env=environ, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    return ended(process)


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1:strict"},
    ],
)
def test_a_terminal_that_is_not_utf8(team: Team, locale: dict[str, str]) -> None:
    """In any locale, a message in any script is printed, with escapes if needed."""
    token = team.send("žluťoučký kůň 🐎 日本")
    environ = {**os.environ, "XW_NAME": "bob", **locale}
    for arguments in (
        ("check",),
        ("read", token),
        ("log",),
        ("log", "--format", "markdown"),
        ("check", "--json"),
    ):
        shown = _xw(team, *arguments, env=environ, encoding="utf-8", errors="replace")
        assert (shown.code, shown.err) == (0, "")
        assert "lu" in shown.out


def test_sending_in_the_c_locale(team: Team) -> None:
    """Also in the C locale, a body is read as UTF-8, from the argument and from a pipe."""
    for script in ("xw send info --to alice ňandu", "echo ňandu | xw send info --to alice -"):
        environ = f"LC_ALL=C PATH={Path(XW).parent}:$PATH"
        ran = _xw_in_shell(team, f"export {environ}; {script}")
        assert (ran.code, ran.err) == (0, "")
    assert [message["body"].strip() for message in team.json("check")["messages"]] == ["ňandu", "ňandu"]


@pytest.mark.parametrize("command", [("watch",), ("wait",), ("log", "--follow"), ("ask", "--to", "bob", "x")])
def test_interrupt(team: Team, command: tuple[str, ...]) -> None:
    """^C ends a command that waits with 130 and no traceback."""
    process = team.start(*command)
    until(lambda: watches(process.pid, team.box("alice") / "inbox" / "pending"))
    process.send_signal(signal.SIGINT)
    result = ended(process)
    assert result.code == 130
    assert "Traceback" not in result.err


def test_interrupt_while_starting(team: Team) -> None:
    """^C before the command has begun ends it with 130 and no traceback, whenever it comes."""
    driver = """
import builtins, signal, sys
from xw.__main__ import main

real, module = builtins.__import__, sys.argv.pop(1)

def late(name, *rest):
    if name == module:
        signal.raise_signal(signal.SIGINT)
    return real(name, *rest)

builtins.__import__ = late
main()
"""
    for module, command in (("typer", "--help"), ("xw.cli.call", "check")):
        ran = subprocess.run(
            [sys.executable, "-c", driver, module, command], cwd=team.folder, capture_output=True, check=False
        )
        assert (ran.returncode, ran.stderr) == (130, b""), (module, command)


def _on_a_terminal(team: Team, *arguments: str, by: str = "bob") -> bytes:
    """Return a command's output on a terminal, stdout and stderr together."""
    leader, follower = pty.openpty()
    environ = {**os.environ, "XW_NAME": by}
    process = subprocess.Popen(
        [warm_xw.server().program, *arguments],
        cwd=team.folder, env=environ, stdin=follower, stdout=follower, stderr=follower,
    )  # fmt: skip
    os.close(follower)
    written = shown_on(leader)
    process.wait(PATIENCE)
    return written.replace(b"\r\n", b"\n")


def test_nothing_raw_reaches_a_terminal(team: Team, tmp_path: Path) -> None:
    """Control, bidi and invisible characters of bodies and names are spelled out, on a real terminal too."""
    name = _HOSTILE.replace("\x00", "")
    (tmp_path / name).write_text("x")
    body = f"{_HOSTILE}\n{_HOSTILE}\n[/nope] [bold]"
    sent = team.json(
        "send", "task", "--to", "bob", "-", "--attach", str(tmp_path / name), stdin=body.encode()
    )
    token = sent["id"]
    for strange in (name, name + "\n", "20261121T053012123456Z-k7f3q2m9.task.alice.json\n", "\udcff\udc80"):
        (team.box("bob") / "inbox" / "pending" / strange).write_text(_HOSTILE)
    card = team.box("carol") / "card.json"
    card.write_text('{"kind": "a\\u001b[31m\\nfake", "description": "\\u202e\\u001b]0;title\\u0007"}')
    (team.hub / name).mkdir()
    commands: list[tuple[str, ...]] = [
        ("check",), ("check", "--failed"), ("read", token), ("read", token, "--thread"), ("log",),
        ("log", "--format", "markdown"), ("peers",), ("doctor",), ("wait",), ("gc", "--verbose"),
        ("gc", "--dry-run", "--days", "0"),
        ("read", name), ("done", name), ("send", "info", "x", "--to", name), ("send", name, "x"), (name,),
        ("send", "info", "x", "--attach", str(tmp_path / name / "x")), ("check", "--as", name),
        ("check", "--hub", name), ("check", "--config", name), ("send", "info", "x", "--expires", name),
        ("log", "--since", name), ("send", "info", "--file", name), ("trace", name), ("check", f"--{name}"),
        ("check", "--json"), ("check", "--failed", "--json"), ("peers", "--json"), ("init", "--name", name),
    ]  # fmt: skip
    for command in commands:
        written = _on_a_terminal(team, *command).decode()
        assert written, command
        assert "Traceback" not in written, command
        assert not _RAW.search(written), (command, written)
        assert not re.search(r"^(fake|evil)", written, re.MULTILINE), (command, written)
    plain = _on_a_terminal(team, "read", token).decode()
    assert r"\x1b[31mred\x07\x9b2J \u202eevil\u2066 \u200bzero \U000e0041tag \x7f\x00\x0d\x85 ok" in plain
    assert "[/nope] [bold]" in plain


_SLOW = {"typer", "click", "pydantic", "paramiko", "watchdog", "rich", "filelock"}
_SLOW |= {"asyncio", "inspect", "dataclasses", "typing"}

# The modules of xw that a hot command may import besides its own: each one more costs each call its price.
_COMMON = """
    actions agent agent.policy attachments cli cli.call cli.commands cli.quick cli.show clock config
    credentials errors gist files files.batch files.disk files.local files.locks files.own_folder
    files.ownership files.walk hub hub.directory ids instance layout mailbox message mirror
    mirror.carrier named_tuple schemes sender_status text __main__
"""
_SIGNING = (
    "hub.identity keyring signing signing.ed25519 signing.keys signing.line signing.sshsig signing.wire"
)
_TRUST = "trust trust.pins trust.senders trust.swept trust.verified"
_OWN = {
    "check": f"actions.pending reports {_SIGNING} {_TRUST}",
    "check --failed": "actions.pending reports actions.inbox agent.values",
    "read": f"actions.inbox actions.lookup quote {_SIGNING} {_TRUST}",
    "send": f"actions.sending hub.giving post {_SIGNING}",
    "reply": f"actions.sending hub.giving post actions.lookup {_SIGNING}",
    "done": "actions.inbox",
}


@pytest.mark.parametrize("command", _OWN)
def test_hot_commands_import_little(team: Team, command: str) -> None:
    """A fresh process of a hot command imports nothing slow, and no more modules of xw than listed."""
    token = team.send("x", kind="task")
    tails = {
        "read": [token], "done": [token], "reply": [token, "text"], "send": ["info", "text", "--to", "alice"],
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", XW, *command.split(), *tails.get(command, [])],
        cwd=team.folder, env={**os.environ, "XW_NAME": "bob"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert {name.partition(".")[0] for name in imported} & _SLOW == set()
    ours = {name.removeprefix("xw.") for name in imported if name.startswith("xw.")}
    assert "mailbox" in ours
    assert ours <= {*_COMMON.split(), *_OWN[command].split()}


def test_doctor_loads_no_way_into_a_program(team: Team) -> None:
    """It reports launched programs without the code that launches them or types into their panes."""
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", XW, "doctor"],
        cwd=team.folder, env={**os.environ, "XW_NAME": "bob"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "xw.actions.launching.findings" in loaded
    assert (
        loaded & {"xw.actions.launching.foreground", "xw.actions.launching.found", "xw.bridges.panes"}
        == set()
    )
