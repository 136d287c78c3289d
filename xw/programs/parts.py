"""Parts that the arrangements of several programs share: command lines of hooks and MCP, rules, options."""

import os
from collections.abc import Sequence
from shlex import join

from xw.confined import HARMLESS
from xw.programs import INSTRUCTIONS_FILE, Run


def hook(run: Run, event: str, program: str) -> str:
    """Return the command line of a hook, for a shell."""
    return join([*run.xw, "hook", event, "--program", program])


def rules(form: str) -> list[str]:
    """Return one rule for each harmless command: `form` with its name in place of `%s`."""
    return [form % command for command in HARMLESS]


def mcp_server(run: Run) -> dict[str, object]:
    """Return the MCP server of this run in the shape that most programs read."""
    return {"command": run.xw[0], "args": [*run.xw[1:], "mcp"]}


def instructions(run: Run) -> str:
    """Return the path of the file with the instructions."""
    return os.path.join(run.folder, INSTRUCTIONS_FILE)


def path(run: Run, name: str) -> str:
    """Return the path of a file of the arrangement."""
    return os.path.join(run.folder, name)


def has_option(argv: Sequence[str], *options: str) -> bool:
    """Return True if a command line has one of these options, also as `--option=value`."""
    return any(word.partition("=")[0] in options for word in _options(argv))


def has_subcommand(argv: Sequence[str], *commands: str) -> bool:
    """Return True if a command line's first word after the program is one of these subcommands."""
    return len(argv) > 1 and argv[1] in commands


def _options(argv: Sequence[str]) -> Sequence[str]:
    return argv[: argv.index("--")] if "--" in argv else argv


def value_of(argv: Sequence[str], option: str) -> str:
    """Return the value of an option in a command line, also as `--option=value`; empty if it has none."""
    words = _options(argv)
    for number, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == option:
            return value if equals else "".join(words[number + 1 : number + 2])
    return ""
