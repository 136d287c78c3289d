"""Help: each screen fits a terminal, each line begins with a verb, each command ends with an example."""

import os
import shlex
from collections.abc import Callable

import pytest

from xw.__main__ import run
from xw.cli import app, quick
from xw.cli.commands import COMMANDS, COMMON, GROUPS, Command, Param

COLUMNS = 80
LONGEST = 60
"""Characters of one text of help or one example, as shared/STYLE.md has it."""
VERBS = """
Act Add Allow Announce Answer Ask Choose Claim Close Confirm Deliver Describe Exchange Find Give Hand Ignore
Join Keep Leave Let List Make Mark Move Name Open Pass Print Put Read Remove Renew Report Run Say Send Serve
Set Share Show Start Stay Stop Summarise Take Tell Use Wait Withdraw Write
"""
"""Words that a text of help may begin with; add the verb of a new one."""


def _parameters() -> dict[str, Param]:
    named = {f"{command.name} {param.name}": param for command in COMMANDS for param in command.params}
    return named | {param.flag: param for param in COMMON}


TEXTS = (
    {command.name: command.help for command in COMMANDS}
    | GROUPS
    | {name: param.help for name, param in _parameters().items()}
)


Help = Callable[[str], str]


@pytest.fixture
def help_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Help:
    """Return a function that returns the help screen of a command or a group."""

    def shown(words: str) -> str:
        monkeypatch.setitem(os.environ, "COLUMNS", str(COLUMNS))
        assert run([*words.split(), "--help"]) == 0
        return capsys.readouterr().out

    return shown


@pytest.mark.parametrize("words", ["", *GROUPS, *(command.name for command in COMMANDS)])
def test_help_fits_a_terminal(words: str, help_of: Help) -> None:
    """No line of a help screen is wider than a terminal of 80 columns."""
    assert [line for line in help_of(words).splitlines() if len(line) > COLUMNS] == []


@pytest.mark.parametrize("name", TEXTS)
def test_each_text_is_short_and_begins_with_a_verb(name: str) -> None:
    """The text of a command, a group or a parameter has at most 60 characters, and says what to do."""
    assert len(TEXTS[name]) <= LONGEST
    assert TEXTS[name].split()[0] in VERBS.split()
    assert TEXTS[name].endswith(".")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_ends_with_the_example(command: Command, help_of: Help) -> None:
    """The last line is the one example, whole."""
    lines = help_of(command.name).splitlines()
    assert lines[-1] == f"  Example: {command.example}"
    assert sum("Example:" in line for line in lines) == 1


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_is_free_of_pythons_words(command: Command, help_of: Help) -> None:
    """Arguments are `ID`, `ID...` or `[NAME]...`, without types; a default is part of the sentence."""
    usage, _, rest = help_of(command.name).partition("\n")
    assert [word for word in ("<str>", "<list", "{", "[default", ".0]") if word in usage + rest] == []
    for line in command.usage:
        assert f" xw {line}\n" in f"{usage}\n{rest}"
    for param in () if command.usage else command.params:
        if not param.flag:
            name = param.metavar if param.required else f"[{param.metavar}]"
            assert f" {name}{'...' if param.many else ''}" in usage


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("ask", "  --timeout SECONDS  Stop waiting after SECONDS; default: 60.\n"),
        ("done", "  ID...  Give a short id"),
        ("notify heartbeat", "  STATUS  Choose your status: alive, busy, idle; default: alive.\n"),
        ("room join", "Add NAME instead of yourself."),
        ("room leave", "Remove NAME instead of yourself."),
        ("", "  -V, --version         Print the version.\n"),
        ("", "  check   List pending messages"),
    ],
)
def test_the_words_of_a_parameter(
    asked: str, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The help of a parameter names its value, its choices and its default."""
    monkeypatch.setitem(os.environ, "COLUMNS", str(COLUMNS))
    assert run([*asked.split(), "--help"]) == 0
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "flags"), [("schema", "--as --hub --config --offline"), ("init", "--as"), ("who", "")]
)
def test_help_offers_only_options_that_mean_something(
    command: str, flags: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`schema` needs no instance, `init` has --name for it; both accept the common options all the same."""
    assert run([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert {param.flag for param in COMMON if f"  {param.flag}" not in shown} == set(flags.split())
    assert run(["--as", "bob", "schema"]) == 0


@pytest.mark.parametrize("words", ["", *GROUPS, "check", "read", "room create"])
def test_the_short_form_of_help(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`-h` prints what `--help` prints, for xw, a group and a command."""
    assert run([*words.split(), "--help"]) == 0
    long = capsys.readouterr().out
    assert run([*words.split(), "-h"]) == 0
    assert capsys.readouterr().out == long


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_example_parses(command: Command) -> None:
    """Both parsers read the example alike, if `quick` reads it at all."""
    assert len(command.example) <= LONGEST
    program, *arguments = shlex.split(command.example)
    parsed: list[tuple[Command, dict[str, object]]] = []

    def act(command: Command, values: dict[str, object]) -> int:
        parsed.append((command, values))
        return 0

    assert program == "xw"
    assert app.run(arguments, act) == 0
    assert [found.name for found, _ in parsed] == [command.name]
    assert quick.parse(arguments) in (parsed[0], None)


def test_the_front_is_small(help_of: Help) -> None:
    """`xw --help` lists about a dozen everyday commands and names the way to all others."""
    shown = help_of("")
    assert 10 <= sum(f"\n  {command.name} " in shown for command in COMMANDS) <= 14
    assert "`xw help --all` lists every command" in shown


def test_every_command_is_in_one_section(capsys: pytest.CaptureFixture[str]) -> None:
    """`xw help --all` lists each command once, in lines that fit a terminal."""
    assert run(["help", "--all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = [line[2:20].strip() for line in lines if line.startswith("  ")]
    assert sorted(listed) == sorted(command.name for command in COMMANDS)
    assert max(map(len, lines)) <= COLUMNS


@pytest.mark.parametrize("words", ["", "send", "room", "room create"])
def test_help_as_a_command(words: str, help_of: Help, capsys: pytest.CaptureFixture[str]) -> None:
    """`xw help WORDS` prints what `xw WORDS --help` prints."""
    expected = help_of(words)
    assert run(["help", *words.split()]) == 0
    assert capsys.readouterr().out == expected
