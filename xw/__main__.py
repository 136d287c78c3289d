"""The `xw` command: hot, well-formed calls go straight to their verb, all others through typer."""

import os
import sys

# Before any import of xw, in syntax that Python 3.7 parses: any later line would be a traceback there.
if sys.version_info < (3, 11):  # noqa: UP036  # pip checks the version, a checkout does not
    _FOUND = ".".join(map(str, sys.version_info[:2]))
    sys.exit(f"xw: Python {_FOUND} is not supported: use Python 3.11 or later")
try:
    import fcntl  # noqa: F401  # all locks need it
except ImportError:
    sys.exit(
        f"xw: this system ({sys.platform}) is not supported: use Linux, macOS or BSD; on Windows use WSL"
    )

from xw.cli import quick

_INTERRUPTED = 130  # as shells report a process ended by ^C; the same value as in `cli.call`


def run(arguments: list[str]) -> int:
    """Run a command; return its exit code."""
    arguments = quick.command_first(arguments)
    code = _run(arguments)
    if arguments[:1] == ["hook"]:
        from xw.cli.hook import WOKEN

        return 2 if code == WOKEN else 0  # an agent program would stop its turn for any failure
    return code


def _run(arguments: list[str]) -> int:
    parsed = quick.parse(arguments)
    if parsed is None:
        from xw.cli import app

        return app.run(arguments)
    from xw.cli.call import execute

    return execute(*parsed, arguments)


def main() -> None:
    """Run the command line of this process, and exit."""
    # None means to imports that it is not installed: paramiko takes it, and asyncio and unittest with it, for
    # `Match exec`, which xw leaves to ssh(1).
    sys.modules.setdefault("invoke", None)  # type: ignore[arg-type]
    _open_streams()
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = _INTERRUPTED  # before a command had begun
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 1  # nobody reads the output
    # Not sys.exit: shutting the interpreter down costs each call a third of a bare start.
    os._exit(code)


def _open_streams() -> None:
    """Open /dev/null for each stream that the caller closed (`>&-`): no message file may get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # open until the end


if __name__ == "__main__":
    main()
