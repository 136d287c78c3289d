"""Which program a command line starts, its version, and how mail would reach it here."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from xw import programs
from xw.actions.launching.ways import through
from xw.bridges.command_lines import base
from xw.bridges.kinds import KINDS
from xw.bridges.names import INTERPRETERS, LAUNCHERS
from xw.bridges.panes import Tmux
from xw.errors import NotFound, Usage, XwError
from xw.programs import GENERIC, Arrangement, ProgramProfile, Run
from xw.text import nearest

if TYPE_CHECKING:
    from xw.shapes import upkeep

VERSION_S = 5.0
"""How long a program may take to print its version."""

_AT_ONCE = 3  # programs that are asked for their versions at the same time, at least

_VERSION = re.compile(r"\d+(?:\.\d+)+[\w.+-]*")


class Found(NamedTuple):
    """A program on this machine: the words that start it (`env`, `npx`), its own, its profile, its path."""

    before: tuple[str, ...]
    argv: tuple[str, ...]
    profile: ProgramProfile
    path: str

    @property
    def command(self) -> str:
        """Return the program's name, for people."""
        return base(self.argv[0])


def find(words: Sequence[str], environ: Mapping[str, str]) -> Found:
    """Return the program that a command line starts. Raise Usage for none, NotFound if it cannot run."""
    if not words or not words[0]:
        raise Usage(
            "which program? `xw launch NAME -- PROGRAM`; `xw launch --list` shows those of this machine"
        )
    path = shutil.which(words[0], path=environ.get("PATH"))
    if path is None:
        if "/" in words[0] and os.path.exists(words[0]):
            raise NotFound(f"{words[0]} is not a program that this user may run: check its mode")
        near = nearest(words[0], [name for one in programs.profiles() for name in one.programs])
        raise NotFound(f"{words[0]}: no such program{near}: install it, or give its path")
    at = _own_word(words)
    profile = programs.profile_of(base(words[at])) or programs.profile(GENERIC)
    return Found(tuple(words[:at]), tuple(words[at:]), profile, path)


class Listed(NamedTuple):
    """A program that xw knows: its command, path (None: not installed), version, and its ways in here.

    `seen` is the version at which these were last checked; `notes` tell what will not work.
    """

    name: str
    title: str
    program: str
    path: str | None
    version: str
    seen: str
    ways: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def how(self) -> str:
        """Return how mail would reach it, in words."""
        if not self.ways:
            return "mail is not shown as it arrives"
        return f"mail goes in {', else '.join(map(through, self.ways))}"

    def to_json(self) -> "upkeep.Program":
        """Return the object that `--json` prints."""
        return {**self._asdict(), "ways": list(self.ways), "notes": list(self.notes)}  # type: ignore[typeddict-item]


class Programs(NamedTuple):
    """The programs that xw knows."""

    programs: tuple[Listed, ...]

    def to_json(self) -> "upkeep.Programs":
        """Return the object that `--json` prints."""
        return {"format": 1, "programs": [one.to_json() for one in self.programs]}


def listed(environ: Mapping[str, str] = os.environ) -> Programs:
    """Return the programs that xw knows, and how mail would reach each that is started in this terminal."""
    return Programs(tuple(each_listed(environ)))


def each_listed(environ: Mapping[str, str] = os.environ) -> Iterator[Listed]:
    """Yield the programs that xw knows, in their order, each as soon as its version is known."""
    known = [one for one in programs.profiles() if one.programs]
    in_tmux = bool(pane_here(environ)[0])
    # A program takes seconds of a processor to print its version: all at once would end together, late.
    with ThreadPoolExecutor(max(_AT_ONCE, os.cpu_count() or 1)) as pool:
        yield from pool.map(lambda one: _listed(one, in_tmux, environ), known)


def _listed(profile: ProgramProfile, in_tmux: bool, environ: Mapping[str, str]) -> Listed:
    paths = {name: shutil.which(name, path=environ.get("PATH")) for name in profile.programs}
    program = next((name for name, path in paths.items() if path), profile.programs[0])
    path = paths[program]
    if path is None:
        return Listed(profile.name, profile.title, program, None, "", profile.seen)
    found = Found((), (program,), profile, path)
    printed = version_of(found)
    run = Run(
        "NAME", {}, folder="", mail="", xw=("xw",), argv=(program,), cwd="", instructions="", version=printed
    )
    arranged = profile.arrange(run)
    ways, notes = ways_in(found, arranged, in_tmux, "it")
    return Listed(
        profile.name, profile.title, program, path, printed, profile.seen, ways, (*notes, *arranged.notes)
    )


def _own_word(words: Sequence[str]) -> int:
    """Return which word is the program's own: the first, or a known program behind `env`, `npx`, `node`."""
    first = base(words[0])
    if programs.profile_of(first) or first not in LAUNCHERS | {*INTERPRETERS}:
        return 0
    return next((at for at, word in enumerate(words) if programs.profile_of(base(word))), 0)


def version_of(found: Found) -> str:
    """Return the version that a program prints; empty if nobody may ask it, or it does not answer in time."""
    if found.before or not found.profile.version:
        return ""
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [found.path, *found.profile.version],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=VERSION_S,
            check=False,
            start_new_session=True,
        )
        match = _VERSION.search(done.stdout.decode(errors="replace"))
        return match[0] if match else ""
    return ""


def pane_here(environ: Mapping[str, str]) -> tuple[str, str, str]:
    """Return the tmux pane of this process's terminal, the server's socket, and the terminal's name.

    The first two are empty where the terminal is not the pane's: `TMUX_PANE` is inherited, also by a
    terminal inside of the pane.
    """
    terminal = ""
    for handle in (0, 1, 2):
        with suppress(OSError):
            terminal = terminal or os.ttyname(handle)
    pane, server = environ.get("TMUX_PANE", ""), environ.get("TMUX", "").partition(",")[0]
    if not (terminal and pane and server):
        return "", "", terminal
    try:
        shown = Tmux(server).run("display-message", "-p", "-t", pane, "#{pane_tty}").strip()
    except XwError:
        return "", "", terminal
    return (pane, server, terminal) if shown == terminal else ("", "", terminal)


def ways_in(
    found: Found, arranged: Arrangement, in_tmux: bool, name: str
) -> tuple[tuple[str, ...], list[str]]:
    """Return the ways by which mail may go in here, and what a person should know before the start."""
    ways = found.profile.ways if arranged.ways is None else arranged.ways
    usable = tuple(way for way in ways if way in KINDS and (way != "tmux" or in_tmux))
    if usable:
        return usable, []
    if not ways:
        return (), [f"{found.command} answers once and ends here: no mail is shown to it"]
    remedy = "start `xw launch` inside tmux"
    remedy = remedy if shutil.which("tmux") else f"install tmux and {remedy}"
    if arranged.hooks:
        shown = f"{name} sees mail only when a turn starts or ends"
    else:
        shown = f"{name} sees mail only when it runs `xw check`: ask it to"
    return (), [f"{shown}; to show it mail as it arrives, {remedy}"]
