"""Program profiles: what xw knows of each agent program, as data; a new one is a file and a line here.

A profile says how to recognise a program, by which ways mail gets into it, which of its hooks mean what, and
how one run of it is given its instructions, permissions, hooks and MCP server. `bridges/profiles.py` has the
looks of the same programs in a terminal. Each fact was seen at the version in `seen`.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import NamedTuple, cast


class Run(NamedTuple):
    """One run of an agent program under `xw launch`, as its profile gets it.

    `folder` is the run directory (0700, outside the project, removed at the end), `xw` the words that run
    this xw by absolute paths, `argv` the program's command line as the person gave it, `version` what the
    program said, `has_mcp` True if `xw mcp` can run, `instructions` the text of `xw prompt`.
    """

    name: str
    config: str
    folder: str
    xw: tuple[str, ...]
    argv: tuple[str, ...]
    cwd: str
    instructions: str
    version: str = ""
    has_mcp: bool = False


class Arrangement(NamedTuple):
    """How a program is started for one run.

    `files` are written below the run directory (relative path: text, 0600) before the start; `environ` is
    added to the environment; `options` are those of the bridge, beside the way's own; `notes` tell the person
    what will not work.
    """

    argv: tuple[str, ...]
    environ: Mapping[str, str] = {}
    files: Mapping[str, str] = {}
    options: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()


class ProgramProfile(NamedTuple):
    """One agent program.

    `programs` are the base names of its file or script. `ways` are kinds of bridges, the best first; `hooks`
    maps the moments `start`, `prompt`, `end` (of a turn) and `exit` to the names of the program's own events.
    `arrange` returns how to start it for one run.
    """

    name: str
    title: str
    programs: tuple[str, ...]
    seen: str
    ways: tuple[str, ...]
    arrange: Callable[[Run], Arrangement]
    hooks: Mapping[str, str] = {}
    version: tuple[str, ...] = ("--version",)


PROGRAMS: dict[str, str] = {}
"""Each profile's name and module; a module has the profile as `PROFILE`."""


def profile(name: str) -> ProgramProfile:
    """Return the profile of this name. Raise KeyError."""
    return cast(ProgramProfile, import_module(PROGRAMS[name]).PROFILE)
