"""Carrying out a parsed command: what a handler is given, and how its errors are told."""

import os
import sys
from contextlib import suppress

from xw.agent import Agent, Options, open_with
from xw.cli.commands import COMMON, NUMBERS, Command, Param
from xw.cli.show import emit, flush
from xw.errors import Bug, Usage, XwError, explain, unforeseen
from xw.text import visible

TYPE_CHECKING = False  # read as true by type checkers; what is below serves them alone
if TYPE_CHECKING:
    from xw.agent.rooms import Rooms

INTERRUPTED = 130  # as shells report a process ended by ^C


class Call:
    """The common options of one call, and the Agent that they name."""

    # A NamedTuple would cost each command more to make.
    __slots__ = ("json", "options")

    def __init__(self, options: Options, json: bool) -> None:
        self.options = options
        self.json = json

    def agent(self) -> Agent:
        """Return the Agent that the call acts through; what it reports goes to stderr."""
        return open_with(self.options, warn)

    def rooms(self) -> "Rooms":
        """Return the rooms of the hub, to look at: that needs no instance."""
        from xw.agent.rooms import Rooms

        return Rooms(self.options, warn)


def execute(command: Command, values: dict[str, object]) -> int:
    """Run a command's handler and return its exit code. Report every error as `complain` does."""
    from importlib import import_module

    for stream in (sys.stdout, sys.stderr):
        # A terminal that is not UTF-8 must not turn a message into a traceback.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    common = {param.name: values.pop(param.name) for param in COMMON}
    name, hub, config, offline, as_json = common.values()
    call = Call(Options(name, hub, config, offline is True), as_json is True)  # type: ignore[arg-type]
    module, _, function = command.run.partition(":")
    try:
        for param in command.params:
            if param.kind in NUMBERS and values[param.name] is not None:
                values[param.name] = _number(param, values[param.name])
        code = int(getattr(import_module(f"xw.cli.{module}"), function)(call, **values) or 0)
        if not code:
            flush()
        return code
    except BrokenPipeError:
        # Whoever read the output has enough. What is left in the buffer must not raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except XwError as error:
        return complain(error, call.json)
    except UnicodeEncodeError:
        # Mail cannot hold such text, nor can xw.json: it comes from this command line.
        what = "an argument is not valid UTF-8: write it in UTF-8, or put it into a file"
        return complain(Usage(what), call.json)
    except OSError as error:
        return complain(explain(error), call.json)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as bug:
        if os.environ.get("XW_DEBUG"):
            raise
        return complain(Bug(f"{unforeseen(bug)}; XW_DEBUG=1 shows the traceback"), call.json)


def _number(param: Param, given: object) -> object:
    """The value of an option that takes a number. Usage where it is none, below 0 or too large."""
    kind, most, wanted = NUMBERS[param.kind]
    try:
        value = kind(str(given))
    except ValueError:
        value = -1
    if not 0 <= value <= most:  # which holds for no NaN
        raise Usage(f"{param.flag} {given}: give {wanted}")
    return value


def complain(error: XwError, as_json: bool) -> int:
    """Report an error and return its exit code: one line on stderr, or an object on stdout."""
    if as_json:
        with suppress(OSError, XwError):
            code = emit(error.told, [error])
            flush()
            return code
    # Also where standard output takes nothing.
    warn(str(error))
    return error.code


def warn(text: str) -> None:
    """One line on stderr, below what was printed before it."""
    with suppress(OSError):  # the last flush says so
        sys.stdout.flush()
    with suppress(OSError):  # nobody reads it; the exit code still tells
        print(f"xw: {visible(text.replace(chr(10), ' '), keep='')}", file=sys.stderr)
