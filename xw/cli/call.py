"""Run a parsed command: the arguments of its handler, and the report of its errors."""

import os
import sys
from contextlib import suppress

from xw.agent import Agent, Options, open_with
from xw.cli.commands import COMMON, NUMBERS, Command, Param
from xw.cli.show import emit, flush
from xw.errors import Bug, Interrupted, NotFound, Usage, XwError, explain, unforeseen
from xw.text import visible

TYPE_CHECKING = False  # type checkers read it as true: the imports are for them only
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xw.agent.rooms import Rooms

INTERRUPTED = 130  # as shells report a process ended by ^C
_NEVER_EMPTY = ("NAME", "FILE", "FOLDER", "URL", "ROOM", "CMD")
"""Values that name something; an empty one would mean its absence."""


class Call:
    """The common options of a call, and the Agent that they name."""

    # Not a NamedTuple, which would take each command longer to make.
    __slots__ = ("json", "options")

    def __init__(self, options: Options, json: bool) -> None:
        self.options = options
        self.json = json

    def agent(self) -> Agent:
        """Return the Agent of this call; its reports go to stderr."""
        return open_with(self.options, warn)

    def rooms(self) -> "Rooms":
        """Return the rooms of the hub for reading, which needs no instance."""
        from xw.agent.rooms import Rooms

        return Rooms(self.options, warn)


def execute(command: Command, values: dict[str, object], arguments: "Sequence[str]" = ()) -> int:
    """Run a command's handler, report every error with `complain`, and return the exit code.

    `arguments` is the command line: the error of a wrong one has the call that works.
    """
    from importlib import import_module

    for stream in (sys.stdout, sys.stderr):
        # A terminal that is not UTF-8 must not turn a message into a traceback.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    common = {param.name: values.pop(param.name) for param in COMMON}
    name, hub, config, offline, as_json = common.values()
    call = Call(Options(name, hub, config, offline is True), as_json is True)  # type: ignore[arg-type]
    module, _, function = command.run.partition(":")
    try:
        if os.environ.get("XW_CONFINED"):
            from xw import confined

            confined.check_call(command.name, {**common, **values})
        if "" in (name, hub, config):
            raise _empty(next(param for param in COMMON if common[param.name] == ""))
        for param in command.params:
            if param.kind in NUMBERS and values[param.name] is not None:
                values[param.name] = _number(param, values[param.name])
            elif values[param.name] == "" and param.flag and param.metavar in _NEVER_EMPTY:
                raise _empty(param)
        code = int(getattr(import_module(f"xw.cli.{module}"), function)(call, **values) or 0)
        if not code:
            flush()
        return code
    except BrokenPipeError:
        # The reader of the output has ended. The rest of the buffer must not raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except XwError as error:
        return complain(_corrected(error, arguments), call.json)
    except UnicodeEncodeError:
        # Neither mail nor xw.json can contain such text: it comes from this command line.
        what = "an argument is not valid UTF-8: write it in UTF-8, or put it into a file"
        return complain(Usage(what), call.json)
    except OSError as error:
        return complain(explain(error), call.json)
    except KeyboardInterrupt:
        return complain(Interrupted("ended by ^C"), True) if call.json else INTERRUPTED
    except Exception as bug:
        if os.environ.get("XW_DEBUG"):
            raise
        return complain(Bug(f"{unforeseen(bug)}; XW_DEBUG=1 shows the traceback"), call.json)


def _empty(param: Param) -> Usage:
    """Return the error of an empty value, which is mostly an unset variable of the caller's."""
    return Usage(f"{param.flag} is empty: give {param.metavar}, or leave it out")


def _corrected(error: XwError, arguments: "Sequence[str]") -> XwError:
    """Return the error with the call that works, if the words of this one may be wrong."""
    if error.code not in (Usage.code, NotFound.code) or not arguments:
        return error
    from xw.cli.mistakes import amended

    return amended(error, list(arguments))


def _number(param: Param, given: object) -> object:
    """Return the value of a numeric option. Raise Usage if it is not a number, negative or too large."""
    kind, most, wanted = NUMBERS[param.kind]
    try:
        value = kind(str(given))
    except ValueError:
        value = -1
    if not 0 <= value <= most:  # also true for NaN
        raise Usage(f"{param.flag} {given}: give {wanted}")
    return value


def complain(error: XwError, as_json: bool) -> int:
    """Report an error and return its exit code: one line on stderr, or an object on stdout."""
    if as_json:
        with suppress(OSError, XwError):
            code = emit(error.told, [error])
            flush()
            return code
    # Also if standard output is not writable.
    warn(str(error))
    return error.code


def warn(text: str) -> None:
    """Print a line on stderr, after the output so far."""
    with suppress(OSError):  # the last flush reports it
        sys.stdout.flush()
    with suppress(OSError):  # nobody reads stderr; the exit code remains
        print(f"xw: {visible(text.replace(chr(10), ' '), keep='')}", file=sys.stderr)
