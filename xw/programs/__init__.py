"""Program profiles: what xw knows of each agent program, as data; a new one is a file and a line here.

A profile says how to recognise a program, by which ways mail gets into it, and how one run of it is given its
instructions, permissions, hooks and MCP server. `hook_events` has the names of its hooks' events,
`bridges/profiles.py` the looks of the same programs in a terminal. Each fact was seen at the version in
`seen`.

`actions/launching` starts a program as its profile arranges it; `bridges/best` opens the ways.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import NamedTuple, cast


class Run(NamedTuple):
    """One run of an agent program under `xw launch`, as its profile gets it.

    `environ` are the variables that tell each xw in the run who it is and where it acts: XW_NAME, XW_RUN,
    XW_CONFINED and others. `folder` is the run directory (0700, outside the project, removed at the end),
    `mail` the folder of mailboxes that xw must be able to write, `xw` the words that run this xw by absolute
    paths, `argv` the program's command line as the person gave it, from the program's own word on, `version`
    what the program said (empty if nothing), `has_mcp` True if `xw mcp` can run, `instructions` the text of
    `xw prompt`. `pane` is the tmux pane in which it will run, or empty, `push` True if its mail
    shall go in by itself.
    """

    name: str
    environ: Mapping[str, str]
    folder: str
    mail: str
    xw: tuple[str, ...]
    argv: tuple[str, ...]
    cwd: str
    instructions: str
    version: str = ""
    has_mcp: bool = False
    pane: str = ""
    push: bool = False


class Arrangement(NamedTuple):
    """How a program is started for one run.

    `files` are written below the run directory (relative path: text, 0600) before the start; `environ` is
    added to the environment, beside that of the run; `options` are those of the bridge, beside the way's own;
    `notes` tell the person what will not work. `ways` replaces the profile's, such as for a command line that
    answers once and ends. `hooks` is True if this run
    has the program's hooks, which show mail when a turn starts or ends.

    Each way is opened with its target in `targets`, else with the program's process id (tmux: its pane), and
    with those of `options` that it knows; if it knows an option `run`, that is the run directory.
    """

    argv: tuple[str, ...]
    environ: Mapping[str, str] = {}
    files: Mapping[str, str] = {}
    options: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()
    ways: tuple[str, ...] | None = None
    hooks: bool = False
    targets: Mapping[str, str] = {}


class ProgramProfile(NamedTuple):
    """One agent program.

    `programs` are the base names of its file or script. `ways` are kinds of bridges, the best first.
    `arrange` returns how to start it for one run; it writes nothing, and may read the user's settings.
    `version` are the arguments that let it print its version; without any it is not asked.
    """

    name: str
    title: str
    programs: tuple[str, ...]
    seen: str
    ways: tuple[str, ...]
    arrange: Callable[[Run], Arrangement]
    version: tuple[str, ...] = ("--version",)


PROGRAMS: dict[str, str] = {
    "claude": "xw.programs.claude",
    "codex": "xw.programs.codex",
    "gemini": "xw.programs.gemini",
    "opencode": "xw.programs.opencode",
    "qwen": "xw.programs.qwen",
    "pi": "xw.programs.pi",
    "goose": "xw.programs.goose",
    "aider": "xw.programs.aider",
    "llm": "xw.programs.llm",
    "generic": "xw.programs.generic",
}
"""Each profile's name and module; a module has the profile as `PROFILE`."""

GENERIC = "generic"
"""The profile of every program that no other one describes."""

INSTRUCTIONS = "XW_INSTRUCTIONS"
"""The variable that names the file with the text of `xw prompt`, in each run."""

INSTRUCTIONS_FILE = "instructions.md"
"""That file, in the run directory."""


def profile(name: str) -> ProgramProfile:
    """Return the profile of this name. Raise KeyError."""
    return cast(ProgramProfile, import_module(PROGRAMS[name]).PROFILE)


def profiles() -> list[ProgramProfile]:
    """Return all profiles, the generic one last."""
    return [profile(name) for name in PROGRAMS]


def profile_of(program: str) -> ProgramProfile | None:
    """Return the profile of the program with this base name; None if nobody described it."""
    return next((one for one in profiles() if program in one.programs), None)
