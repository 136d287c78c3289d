"""The full parser: typer, built from `commands`, with help, completion and every usage error."""

import inspect
import os
from collections.abc import Callable
from functools import cache, partial
from itertools import pairwise
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperArgument, TyperGroup
from typer.main import get_command

from xw import __version__
from xw.cli import quick
from xw.cli.call import INTERRUPTED, complain, execute
from xw.cli.commands import COMMANDS, COMMON, GROUPS, Command, Param
from xw.cli.sections import EVERYDAY
from xw.cli.show import flush, say, unwritten
from xw.errors import Usage, XwError

Execute = Callable[[Command, dict[str, object]], int]


def run(arguments: list[str], act: Execute | None = None) -> int:
    """Parse and run a command line; return its exit code. `act` gets the command and its values."""
    act = act or partial(_execute, arguments)
    as_json = "--json" in arguments[: arguments.index("--") if "--" in arguments else None]
    try:
        if os.environ.get("XW_CONFINED"):
            from xw import confined

            confined.check_words(arguments, [*(one.name for one in COMMANDS), *GROUPS])
        if file := quick.second_file(arguments):
            return complain(_advised(f"{file} is a file, but stands where the text does", arguments), as_json)
        parser = _parser(_named(arguments))
        code = parser.main(args=arguments or ["--help"], prog_name="xw", standalone_mode=False, obj=act)
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


def _execute(arguments: list[str], command: Command, values: dict[str, object]) -> int:
    return execute(command, values, arguments)


def _named(arguments: list[str]) -> tuple[Command, ...]:
    """Return the only command that a call can mean, to build no others; all if it names none."""
    return (
        tuple(one for one in COMMANDS if one.name.split() == arguments[: one.name.count(" ") + 1]) or COMMANDS
    )


@cache
def _parser(commands: tuple[Command, ...]) -> Any:
    """Return the parser of these commands, made once; each call gives its own `act` as typer's `obj`."""
    parser = get_command(build(commands))
    _plain(parser)
    return parser


def build(commands: tuple[Command, ...] = COMMANDS) -> typer.Typer:
    """Return the typer application with these commands; each is run by the `obj` of its context."""
    # No markup: rich takes brackets in texts for its own tags, and fails on `[/nope]`.
    app = typer.Typer(
        name="xw",
        cls=_Everyday,
        help="Durable mail between AI coding agents and people, in plain files.",
        epilog="`xw help --all` lists every command, `xw COMMAND --help` explains one, with an example.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    groups: dict[str, typer.Typer] = {"": app}
    for command in commands:
        group, _, name = command.name.rpartition(" ")
        if group not in groups:
            groups[group] = typer.Typer(help=GROUPS[group], rich_markup_mode=None)
            app.add_typer(groups[group], name=group)
        epilog = f"Example: {command.example}"
        groups[group].command(name=name, help=command.help, epilog=epilog)(_function(command))
    return app


class _Everyday(TyperGroup):
    """The root: its help lists the everyday commands; completion knows all."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # click's signature
        with formatter.section("Everyday commands"):
            formatter.write_dl(
                [(one.name, one.help) for name in EVERYDAY.split() for one in COMMANDS if one.name == name]
            )


def _version(wanted: bool) -> None:
    if wanted:
        say(f"xw {__version__}")
        flush()
        raise typer.Exit


_VERSION = typer.Option("--version", "-V", help="Print the version.", callback=_version, is_eager=True)


def _root(version: Annotated[bool, _VERSION] = False) -> None:
    """Do nothing: every action is a command."""


def _plain(command: Any) -> None:
    """Let the help of a command name its arguments as the documents do: `ID`, `ID...`, `[NAME]...`."""
    for inner in command.commands.values() if isinstance(command, TyperGroup) else ():
        _plain(inner)
    lines = next((one.usage for one in COMMANDS if one.usage and one.name == command.name), ())
    if lines:
        command.format_usage = partial(_format_usage, lines)
    for param in command.params:
        if isinstance(param, TyperArgument):  # typer adds Python's types: `{ID}`, `ID <str>`
            name = f"{param.metavar}{'' if param.nargs == 1 else '...'}"
            usage = name if param.required else f"[{param.metavar}]{'' if param.nargs == 1 else '...'}"
            param.get_usage_pieces = partial(_value, [usage])  # type: ignore[method-assign]
            param.get_help_record = partial(_value, (name, param.help or ""))  # type: ignore[method-assign]


def _format_usage(lines: tuple[str, ...], _context: object, formatter: Any) -> None:
    for n, line in enumerate(lines):
        formatter.write(f"{'       ' if n else 'Usage: '}xw {line}\n")


def _value(value: Any, _context: object) -> Any:
    return value


def _function(command: Command) -> Callable[..., int]:
    """Return a function with the signature from which typer reads the command's parameters."""

    def call(parsed: typer.Context, **values: object) -> int:
        act: Execute = parsed.obj
        return act(command, values)

    params = [inspect.Parameter("parsed", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    params += [
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
    complaint = " ".join(error.format_message().split()).rstrip(".").replace("Value error, ", "")
    for more in (". Did you mean", " (Possible option", " (Did you mean"):
        complaint = complaint.partition(more)[0]  # the nearest word is not always what is meant
    missing: Any = getattr(error, "param", None)
    told = "Choose from" in complaint  # typer lists the choices of an argument that has some
    if missing is not None and type(error).__name__ == "MissingParameter" and missing.help and not told:
        complaint += f" ({missing.help.rstrip('.')})"
    names = {command.name for command in COMMANDS} | set(GROUPS)
    # Pairs first, so that `room create` is not taken for `room`.
    said = [" ".join(pair) for pair in pairwise(arguments)] + arguments
    name = next((words for words in said if words in names), None)
    flags = {param.flag for command in COMMANDS if command.name == name for param in command.params}
    if "--yes" in flags and getattr(error, "option_name", "") == "--dry-run":
        complaint = "No such option: --dry-run (without --yes it only shows)"
    after = dict(pairwise([*arguments, "-"]))
    if name == "init" and after.get("--group", "").startswith("-"):
        from xw.agent import functions

        return functions.needs_group()
    return _advised(
        complaint, arguments, f"`xw {name} --help` shows how" if name else "`xw --help` lists the commands"
    )


def _advised(complaint: str, arguments: list[str], hint: str = "") -> Usage:
    """Return an error with the calls that work."""
    from xw.cli.mistakes import listed, suggested

    calls = suggested(arguments)
    advice = [f"try {listed(calls)}"] if calls else []
    found = Usage(f"{complaint}: {'; '.join([*advice, hint] if hint else advice)}")
    found.told = {"suggestions": calls} if calls else {}
    return found
