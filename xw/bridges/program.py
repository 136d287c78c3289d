"""A program that a bridge starts: its words, where it runs, how long it may take, and whether it is there."""

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from xw.bridges.kinds import seconds
from xw.errors import NotFound, Usage


class Program(NamedTuple):
    """What the command and acp chats start, and for how many seconds they wait for its answer."""

    argv: Sequence[str]
    timeout_s: float = 1800.0
    cwd: str | None = None
    """Where it runs; None: where the bridge does."""

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.argv[0]

    def missing(self) -> str | None:
        """Why it cannot be found, for a person to read; None if it can."""
        # A path is looked up from the directory in which the program will run.
        path = os.path.join(self.cwd or "", self.name) if os.sep in self.name else self.name
        if shutil.which(path):
            return None
        return f"{self.name}: not executable" if os.path.isfile(path) else f"{self.name}: no such command"


def program_of(kind: str, target: str, options: Mapping[str, str]) -> Program:
    """The program of a command line, split as a shell splits it. Usage; NotFound where it is not there."""
    try:
        argv = shlex.split(target)
    except ValueError as error:
        raise Usage(f"{kind} chat: {error}") from error
    if not argv:
        raise Usage(f"{kind} chat: no command given")
    found = Program(argv, seconds(options, "timeout", 1800.0), options.get("cwd"))
    if found.cwd is not None and not os.path.isdir(found.cwd):
        raise NotFound(f"option cwd: {found.cwd}: no such directory")
    reason = found.missing()
    if reason:
        raise NotFound(f"{reason}: install it, or give its path")
    return found
