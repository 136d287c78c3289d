"""The full parser: typer, built from `commands`, with help, completion and every usage error."""

import inspect
import re
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperArgument, TyperGroup
from typer.main import get_command

from xw import __version__
from xw.cli.call import INTERRUPTED, complain, execute
from xw.cli.commands import COMMANDS, COMMON, GROUPS, Command, Param
from xw.cli.show import flush, say, unwritten
from xw.errors import Usage, XwError

_ORDER = {
    "send": 'the order is `xw send --to NAME TYPE "TEXT"`',
    "reply": 'the order is `xw reply ID "TEXT"`',
    "ask": 'the order is `xw ask --to NAME "QUESTION"`',
    "notify handoff": 'the order is `xw notify handoff --to NAME "TASK"`',
    "room say": 'the order is `xw room say ROOM "TEXT"`',
}
_WRONG_ORDER = re.compile("unexpected extra argument|is not one of|Missing argument")
Execute = Callable[[Command, dict[str, object]], int]


def run(arguments: list[str], act: Execute = execute) -> int:
    """Parse and run a command line; return its exit code. `act` gets the command and its values."""
    as_json = "--json" in arguments[: arguments.index("--") if "--" in arguments else None]
    try:
        parser = get_command(build(act))
        _plain(parser)
        code = parser.main(args=arguments or ["--help"], prog_name="xw", standalone_mode=False)
    except BrokenPipeError:
        return 1
    except OSError as error:
        return complain(unwritten(error), as_json)
    except XwError as error:
        return complain(error, as_json)
    except typer.TyperException as error:
        return complain(_usage(error, arguments), as_json)
    except typer.Exit as error:
        return error.exit_code
    except typer.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def build(act: Execute) -> typer.Typer:
    """Return the typer application with every command of `COMMANDS`."""
    # No markup: rich takes brackets in texts for its own tags, and fails on `[/nope]`.
    app = typer.Typer(
        name="xw",
        help="Durable mail between AI coding agents and people, in plain files.",
        epilog="`xw COMMAND --help` explains a command, with an example.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    groups: dict[str, typer.Typer] = {"": app}
    for command in COMMANDS:
        group, _, name = command.name.rpartition(" ")
        if group not in groups:
            groups[group] = typer.Typer(help=GROUPS[group], rich_markup_mode=None)
            app.add_typer(groups[group], name=group)
        epilog = f"Example: {command.example}"
        groups[group].command(name=name, help=command.help, epilog=epilog)(_function(command, act))
    return app


def _version(wanted: bool) -> None:
    if wanted:
        say(f"xw {__version__}")
        flush()
        raise typer.Exit


_VERSION = typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)


def _root(version: Annotated[bool, _VERSION] = False) -> None:
    """Do nothing: every action is a command."""


def _plain(command: Any) -> None:
    """Let the help of a command name its arguments as the documents do: `ID`, `ID...`, `[NAME]...`."""
    for inner in command.commands.values() if isinstance(command, TyperGroup) else ():
        _plain(inner)
    for param in command.params:
        if isinstance(param, TyperArgument):  # typer adds Python's types: `{ID}`, `ID <str>`
            name = f"{param.metavar}{'' if param.nargs == 1 else '...'}"
            usage = name if param.required else f"[{param.metavar}]{'' if param.nargs == 1 else '...'}"
            param.get_usage_pieces = partial(_value, [usage])  # type: ignore[method-assign]
            param.get_help_record = partial(_value, (name, param.help or ""))  # type: ignore[method-assign]


def _value(value: Any, _context: object) -> Any:
    return value


def _function(command: Command, act: Execute) -> Callable[..., int]:
    """Return a function with the signature from which typer reads the command's parameters."""

    def call(**values: object) -> int:
        return act(command, values)

    params = [
        inspect.Parameter(
            param.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if param.required else param.absent,
            annotation=_annotation(param, hidden=param.flag in command.hides),
        )
        for param in command.params + COMMON
    ]
    call.__signature__ = inspect.Signature(params)  # type: ignore[attr-defined]  # functions may have one
    call.__annotations__ = {param.name: param.annotation for param in params}
    return call


def _annotation(param: Param, hidden: bool) -> Any:
    kind: Any = Literal[param.choices] if param.choices else bool if param.kind == "switch" else str
    if param.many:
        kind = list[kind]
    elif not param.required and param.absent is None:
        kind = kind | None
    if param.flag:
        option = typer.Option(
            param.flag, help=_help(param), metavar=param.metavar, show_default=False, hidden=hidden
        )
        return Annotated[kind, option]
    return Annotated[kind, typer.Argument(help=_help(param), metavar=param.metavar)]


def _help(param: Param) -> str:
    """Return the help of a parameter, with its choices and its default."""
    text = param.help.rstrip(".")
    if param.choices and not param.flag:  # those of an option are in its metavar
        text += f": {', '.join(param.choices)}"
    if param.default not in (None, ""):
        text += (
            f"; default: {param.default:g}"
            if isinstance(param.default, float)
            else f"; default: {param.default}"
        )
    return f"{text}."


def _usage(error: typer.TyperException, arguments: list[str]) -> XwError:
    """Return typer's error as one of ours: what failed, why, and what to do."""
    names = {command.name for command in COMMANDS} | set(GROUPS)
    # Pairs first, so that `room create` is not taken for `room`.
    said = [" ".join(pair) for pair in pairwise(arguments)] + arguments
    name = next((words for words in said if words in names), None)
    after = dict(pairwise([*arguments, "-"]))
    if name == "init" and after.get("--group", "").startswith("-"):
        from xw.agent import process

        return process.needs_group()
    hint = f"`xw {name} --help` shows how" if name else "`xw --help` lists the commands"
    if name in ("send", "reply", "ask") and "No such option" in error.format_message():
        hint += "; a text that begins with '-' needs `--` before it"
    if name in _ORDER and _WRONG_ORDER.search(error.format_message()):
        hint = f"{_ORDER[name]}, a text of several words in quotes; {hint}"
    complaint = " ".join(error.format_message().split()).rstrip(".").replace("Value error, ", "")
    return Usage(f"{complaint}: {hint}")
