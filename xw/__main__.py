"""The `xw` command: hot, well-formed calls go straight to their verb, all others through typer."""

import os
import sys

from xw.cli import quick


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
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 1  # nobody reads what was written
    # Not sys.exit: taking the interpreter apart costs each call a sixth of a bare start-up.
    os._exit(code)


if __name__ == "__main__":
    main()
