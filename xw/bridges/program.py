"""A program that a bridge starts: its command line, its directory, its time limit, and whether it exists."""

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from xw.bridges.kinds import seconds
from xw.errors import NotFound, Usage


class Program(NamedTuple):
    """The command line that a command or acp chat starts, and the seconds to wait for its answer."""

    argv: Sequence[str]
    timeout_s: float = 1800.0
    cwd: str | None = None
    """Directory to run in; None for the bridge's own."""
    instance: str = ""
    """The instance whose mail it gets; empty if nobody said."""

    @property
    def name(self) -> str:
        """Return the program's name in reports."""
        return self.argv[0]

    def environment(self) -> dict[str, str]:
        """Return the environment to run in: with the instance as `XW_NAME`, so that its `xw` acts for it."""
        return {**os.environ, **({"XW_NAME": self.instance} if self.instance else {})}

    def missing(self) -> str | None:
        """Return why the program cannot be found, for a person to read; None if it can."""
        # A relative path counts from the directory in which the program will run.
        path = os.path.join(self.cwd or "", self.name) if os.sep in self.name else self.name
        if shutil.which(path):
            return None
        return f"{self.name}: not executable" if os.path.isfile(path) else f"{self.name}: no such command"


def program_of(kind: str, target: str, options: Mapping[str, str]) -> Program:
    """Return the program of a command line, split as a shell splits it.

    Raise Usage for an invalid command line, NotFound if the program or its directory is missing.
    """
    try:
        argv = shlex.split(target)
    except ValueError as error:
        raise Usage(f"{kind} chat: invalid command line {target!r}: {error}") from error
    if not argv:
        raise Usage(f"{kind} chat: no command given: add it after --")
    found = Program(argv, seconds(options, "timeout", 1800.0), options.get("cwd"))
    if found.cwd is not None and not os.path.isdir(found.cwd):
        raise NotFound(f"option cwd: {found.cwd}: no such directory")
    reason = found.missing()
    if reason:
        raise NotFound(f"{reason}: install it, or give its path")
    return found
