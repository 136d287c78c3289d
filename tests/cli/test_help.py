"""Help: each screen fits a terminal, each line begins with a verb, each command ends with an example."""

import os
import shlex

import pytest

from xw.__main__ import run
from xw.cli import app, quick
from xw.cli.commands import COMMANDS, COMMON, GROUPS, Command, Param

COLUMNS = 80
LONGEST = 60
"""Characters of one text of help or one example, as shared/STYLE.md has it."""
VERBS = """
Act Add Allow Announce Answer Ask Choose Close Deliver Describe Find Give Hand Ignore Join Keep
Leave Let List Make Mark Move Name Open Pass Print Read Remove Renew Report Run Say Send Set Share
Show Stay Stop Summarise Take Tell Use Wait Write
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


@pytest.mark.parametrize("words", ["", *GROUPS, *(command.name for command in COMMANDS)])
def test_help_fits_a_terminal(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No line of a help screen is wider than a terminal of 80 columns."""
    monkeypatch.setitem(os.environ, "COLUMNS", str(COLUMNS))
    assert run([*words.split(), "--help"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) > COLUMNS] == []


@pytest.mark.parametrize("name", TEXTS)
def test_each_text_is_short_and_begins_with_a_verb(name: str) -> None:
    """The text of a command, a group or a parameter has at most 60 characters, and says what to do."""
    assert len(TEXTS[name]) <= LONGEST
    assert TEXTS[name].split()[0] in VERBS.split()
    assert TEXTS[name].endswith(".")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_ends_with_the_example(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last line is the one example, whole."""
    monkeypatch.setitem(os.environ, "COLUMNS", str(COLUMNS))
    assert run([*command.name.split(), "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"  Example: {command.example}"
    assert sum("Example:" in line for line in lines) == 1


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_example_parses(command: Command) -> None:
    """Both parsers read the example alike; `quick` reads those of the hot commands only."""
    assert len(command.example) <= LONGEST
    program, *arguments = shlex.split(command.example)
    parsed: list[tuple[Command, dict[str, object]]] = []

    def act(command: Command, values: dict[str, object]) -> int:
        parsed.append((command, values))
        return 0

    assert program == "xw"
    assert app.run(arguments, act) == 0
    assert [found.name for found, _ in parsed] == [command.name]
    assert quick.parse(arguments) == (parsed[0] if command.hot else None)
