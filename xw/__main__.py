"""The `xw` command: hot, well-formed calls go straight to their verb, all others through typer."""

import os
import sys

# Before anything of xw is imported, and in words that Python 3.7 can parse: the rest is a traceback there.
if sys.version_info < (3, 11):  # noqa: UP036  # pip refuses such a Python, a checkout does not
    _FOUND = ".".join(map(str, sys.version_info[:2]))
    sys.exit(f"xw: Python {_FOUND} is not supported: use Python 3.11 or later")
try:
    import fcntl  # noqa: F401  # all locks need it
except ImportError:
    sys.exit(
        f"xw: this system ({sys.platform}) is not supported: use Linux, macOS or BSD; on Windows use WSL"
    )

from xw.cli import quick

_INTERRUPTED = 130  # as shells report a process ended by ^C; `cli.call` says the same


def run(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    arguments = quick.command_first(arguments)
    parsed = quick.parse(arguments)
    if parsed is None:
        from xw.cli import app

        return app.run(arguments)
    from xw.cli.call import execute

    return execute(*parsed)


def main() -> None:
    """Run the command line of this process, and leave."""
    _open_streams()
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = _INTERRUPTED  # before a command was under way
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 1  # nobody reads what was written
    # Not sys.exit: taking the interpreter apart costs each call a third of a bare start-up.
    os._exit(code)


def _open_streams() -> None:
    """Put /dev/null where the caller closed a stream (`>&-`): a message's file must not get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # as long as the process


if __name__ == "__main__":
    main()
