"""One definition, two parsers: typer gives the same result as `quick`."""

import os
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from unittest import mock

from hypothesis import example, given, settings
from hypothesis import strategies as st

from xw.cli import app, quick
from xw.cli.commands import COMMANDS, COMMON, Command, Param

_WORDS = st.sampled_from(
    ["", "-", "--", "bob", "task", "info", "Task", "k7f3q2m9", "-x", "--to", "--to=bob", "--unknown", "-1",
     "--help", "--js", "a b", "ž", "\udcff", "\n", "=", "--json=1", "--no-json", "@file", "$HOME", "*", "~"]
)  # fmt: skip
_TEXT = st.one_of(_WORDS, st.text(max_size=8))


def _typer(arguments: list[str]) -> tuple[str, dict[str, object]] | int:
    """Return the command and values that typer parses, or its exit code."""
    parsed: list[tuple[str, dict[str, object]]] = []

    def act(command: Command, values: dict[str, object]) -> int:
        parsed.append((command.name, values))
        return 0

    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        code = app.run(arguments, act)
    return parsed[0] if parsed else code


@st.composite
def _calls(draw: st.DrawFn) -> list[str]:
    """Command lines, well-formed for the most part, in any order."""
    command = draw(st.sampled_from(COMMANDS))
    groups: list[list[str]] = []
    for param in command.params:
        if not param.flag and draw(st.integers(0, 9)):
            words = st.sampled_from(param.choices) if param.choices else _TEXT
            groups += [[word] for word in draw(st.lists(words, min_size=1, max_size=3 if param.many else 1))]
    options = [param for param in (*command.params, *COMMON) if param.flag]
    groups += [_option(draw, param) for param in draw(st.lists(st.sampled_from(options), max_size=4))]
    if not draw(st.integers(0, 5)):
        groups.append([draw(_TEXT)])
    order = draw(st.permutations(groups))
    return [*command.name.split(), *(word for group in order for word in group)]


def _option(draw: st.DrawFn, param: Param) -> list[str]:
    if param.kind == "switch":
        return [param.flag]
    if draw(st.booleans()):
        return [param.flag, draw(_TEXT)]
    return draw(st.sampled_from([[param.flag], [f"{param.flag}={draw(_TEXT)}"], [param.flag, "bob"]]))


def _agree(arguments: list[str]) -> bool:
    """Return True if quick answered; check that typer then gives the same."""
    quickly = quick.parse(arguments)
    if quickly is None:
        return False
    command, values = quickly
    assert _typer(arguments) == (command.name, values)
    assert list(values) == [param.name for param in (*command.params, *COMMON)]
    return True


@settings(max_examples=200, deadline=None)
@given(_calls())
@example(["check"])
@example(["done", "a", "", "b"])
@example(["send", "info", "--to", "bob", "--to", "carol", "text", "--json"])
@example(["send", "info", "-", "--file", "x"])
@example(["reply", "abc", "text", "--attach", "f", "--as", "bob", "--offline"])
def test_quick_and_typer_parse_alike(arguments: list[str]) -> None:
    """typer parses every call that quick accepts to the same command and values."""
    _agree(arguments)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(_TEXT, st.sampled_from([command.name for command in COMMANDS])), max_size=6))
def test_quick_and_typer_agree_on_nonsense(arguments: list[str]) -> None:
    """Also lists of any words at all are either left to typer or parsed alike."""
    _agree(arguments)


def test_quick_answers_what_agents_say() -> None:
    """The calls that the prompt teaches, and calls of every shape, do not fall through to typer."""
    for line in (
        "check", "check --failed", "check --json", "read k7f3q2m9", "read k7f3q2m9 --thread", "done a b c",
        "reply k7f3q2m9 text", "reply k7f3q2m9 -", "reply k7f3q2m9 --file f", "send --to bob task text",
        "send task text --to bob --to carol --attach a --attach b --expires 2h --re k7f3q2m9 --json",
        "send info - --to all", "check --as bob --hub /hub --config /xw.json --offline",
        "peers", "log --follow", "wait --timeout 5", "room create tea --members a,b", "check --type task",
        "launch bob -- claude --model x", "bridge command -- cat -", "send info -- -x",
    ):  # fmt: skip
        assert _agree(line.split()), line


def test_quick_leaves_mistakes_to_typer() -> None:
    """Help, mistakes and doubtful values are typer's."""
    for line in (
        "", "room", "room --members a", "check --type bogus", "read --",
        "check extra", "check --help", "read", "done", "send", "send bogus text",
        "send info a b",
        "read a --thread --thread", "check --as", "check --as -x", "send info --to=bob x",
        "check --as a --as b", "--as bob check", "send Info x", "check --nope",
    ):  # fmt: skip
        assert quick.parse(line.split()) is None, line


def test_common_options_before_the_command() -> None:
    """Common options may stand before the command, with the same meaning as behind it."""
    for line, same in {
        "--as bob check --json": "check --as bob --json",
        "--json --offline --hub h who": "who --json --offline --hub h",
        "--as=bob --offline check": "check --as=bob --offline",
        "--as": "--as",
        "--as bob": "--as bob",
        "--json": "--json",
        "check": "check",
        "": "",
        "--version": "--version",
    }.items():
        assert quick.command_first(line.split()) == same.split()


def test_every_command_is_built_by_typer() -> None:
    """Each command of the definition has its help from typer, with each of its options."""
    with mock.patch.dict(os.environ, {"COLUMNS": "200", "TERMINAL_WIDTH": "200"}):
        for command in COMMANDS:
            out = StringIO()
            with redirect_stdout(out):
                assert app.run([*command.name.split(), "--help"]) == 0
            text = " ".join(out.getvalue().split())
            assert command.help in text
            for param in (*command.params, *COMMON):
                assert not param.flag or (param.flag in text) != (param.flag in command.hides)
