"""May mail be typed into this pane, and by which profile? Decided anew at each look.

What has the terminal decides, not what the screen looks like:

    a described program     typed into, unless another one was asked for, or was here before
    an unknown program      only where the person named its profile, and by that of a described program
                            only while that program's furniture is on the screen
    a shell, a REPL, a tool never
    a wrapper (ssh, docker) only with the option `inside`, while that program's furniture is on the screen
"""

import re
from typing import NamedTuple

from xw.bridges.chat import ChatGone
from xw.bridges.foreground import Owner, State
from xw.bridges.profiles import PROFILES, Profile, named
from xw.bridges.screen import Screen, furnished, left_of_cursor

PYTHON = re.compile(r"(>>>|\.\.\.)\s?")
"""The prompt that a script in Python shows when it opens the language's own console."""


class NotNow(ChatGone):
    """Nobody can tell now whether it may be typed into; that may pass."""


class Asked(NamedTuple):
    """What the person said of the pane."""

    profile: Profile | None = None
    inside: str = ""
    """The program that runs inside of a wrapper."""
    program: str = ""
    """The only program that gets anything: the target's name, or what was recognised before."""


def choose(found: Owner, asked: Asked, screen: Screen) -> Profile:
    """Return the profile to read and write this pane by. Raise ChatGone where nothing may be typed."""
    if found.state is State.UNSURE:
        raise NotNow(found.kind)
    if found.state is State.BARRED:
        raise ChatGone(f"{found.name} runs there, {found.kind} and no chat program")
    profile = named(found.name) if found.state is State.KNOWN else None
    if found.state is State.WRAPPER:
        profile = _inside(found, asked, screen)
    called = profile.name if profile else found.name
    if asked.program and asked.program not in (called, found.name, screen.program):
        raise ChatGone(f"{called} runs there, and not {asked.program}: start that, or the bridge again")
    wanted = asked.profile
    if profile is None:
        if wanted is None:
            raise ChatGone(
                f"{found.name} runs there, which xw does not know: if it is a chat program and runs no "
                f"commands, give --option profile=generic"
            )
        if found.file.startswith(("python", "pypy")) and PYTHON.fullmatch(left_of_cursor(screen)):
            raise ChatGone(f"{found.name} runs there, and shows Python's prompt: a REPL and no chat program")
        if wanted.name in PROFILES and wanted.furniture and not furnished(screen, wanted):
            raise NotNow(f"{found.name} runs there, and its screen does not show that it is {wanted.name}")
        return wanted
    if wanted and wanted.name in PROFILES and wanted.name not in ("generic", profile.name):
        raise ChatGone(f"{called} runs there, and not {wanted.name}, as --option profile={wanted.name} says")
    return wanted or profile


def _inside(found: Owner, asked: Asked, screen: Screen) -> Profile:
    profile = PROFILES.get(asked.inside)
    if profile is None:
        raise ChatGone(
            f"{found.name} runs there, and xw cannot see what runs inside of it: "
            f"give --option inside=PROGRAM ({', '.join(insides())})"
        )
    if not furnished(screen, profile):
        raise NotNow(f"{found.name} runs there, and its screen does not show that {profile.name} runs inside")
    return profile


def insides() -> list[str]:
    """Return the programs with furniture, by which they are told from a shell inside of a wrapper."""
    return [profile.name for profile in PROFILES.values() if profile.furniture]
