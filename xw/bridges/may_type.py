"""Decide whether xw may type mail into a pane, and by which profile; anew at each look.

The program that owns the terminal decides, not the look of the screen:

    a program with a profile  yes, unless the user asked for another, or another was here before
    an unknown program        only if the user named a profile; if that is another program's profile, only
                              while that program's furniture is on the screen
    a shell, a REPL, a tool   never
    a wrapper (ssh, docker)   only with the option `inside`, while that program's furniture is on the screen

A program that was started as another instance (its `XW_NAME`) gets no mail: it would answer for that one.
"""

import re
from typing import NamedTuple

from xw.bridges.chat import ChatGone
from xw.bridges.foreground import Owner, State
from xw.bridges.profiles import PROFILES, Profile, profile_of
from xw.bridges.screen import Screen, furnished, left_of_cursor
from xw.text import visible

PYTHON = re.compile(r"(>>>|\.\.\.)\s?")
"""The prompt of a Python script that opens the language's own console, or that chats under the same sign."""

_BANNER = re.compile(r'Type "help", |^\(InteractiveConsole\)$|^Python \d+\.\d+\.\d+ .*\bon \w+$')
"""Rows that Python's own console shows above its prompt."""


class NotNow(ChatGone):
    """xw cannot tell at the moment whether it may type there; this may pass."""


class Asked(NamedTuple):
    """The user's options for the pane."""

    profile: Profile | None = None
    inside: str = ""
    """The program that runs inside a wrapper."""
    program: str = ""
    """The only program that may get text: the target's name, or the program recognised before."""
    agent: str = ""
    """The only `XW_NAME` that the program may have; empty for any."""
    chats: bool = False
    """True if the user said more of an unknown program than a profile's name: its prompt, or its launch."""


def choose(found: Owner, asked: Asked, screen: Screen) -> Profile:
    """Return the profile to read and write this pane with. Raise ChatGone if xw may type nothing there."""
    if found.state is State.UNSURE:
        raise NotNow(found.kind)
    if found.state is State.BARRED:
        raise ChatGone(f"{found.name} runs there: {found.kind}, not a chat program")
    if asked.agent and found.agent and found.agent != asked.agent:
        raise ChatGone(
            f"{visible(found.agent, keep='')}'s agent runs there, not {asked.agent}'s: start it with "
            f"XW_NAME={asked.agent}, or give --option agent={visible(found.agent, keep='')}"
        )
    profile = profile_of(found.name) if found.state is State.KNOWN else None
    if found.state is State.WRAPPER:
        profile = _inside(found, asked, screen)
    called = profile.name if profile else found.name
    if asked.program and asked.program not in (called, found.name, screen.program):
        raise ChatGone(f"{called} runs there, not {asked.program}: start that, or restart the bridge")
    wanted = asked.profile
    if profile is None:
        if wanted is None:
            raise ChatGone(
                f"{found.name} runs there, which xw does not know: give --option profile=generic if it is a "
                f"chat program and runs no commands"
            )
        if found.file.startswith(("python", "pypy")) and PYTHON.fullmatch(left_of_cursor(screen)):
            _check_console(found, asked, wanted, screen)
        if wanted.name in PROFILES and wanted.furniture and not furnished(screen, wanted):
            raise NotNow(f"{found.name} runs there, and its screen does not look like {wanted.name}")
        return wanted
    if wanted and wanted.name in PROFILES and wanted.name not in ("generic", profile.name):
        raise ChatGone(f"{called} runs there, not {wanted.name}: change --option profile={wanted.name}")
    return wanted or profile


def _check_console(found: Owner, asked: Asked, wanted: Profile, screen: Screen) -> None:
    """Raise ChatGone for a Python script at the prompt `>>> ` that may run what it reads.

    Mail in one line is a syntax error to Python, so a person's word suffices for that; several lines are not.
    """
    if not wanted.one_line or any(map(_BANNER.search, screen.rows)):
        raise ChatGone(f"{found.name} shows Python's prompt there: a REPL, not a chat program")
    if not asked.chats:
        raise ChatGone(
            f"{found.name} shows Python's prompt there: a REPL, not a chat program "
            f"(if it is a chat program and runs no commands, give --option 'prompt=>>> ')"
        )


def _inside(found: Owner, asked: Asked, screen: Screen) -> Profile:
    profile = PROFILES.get(asked.inside)
    if profile is None:
        raise ChatGone(
            f"{found.name} runs there, and xw cannot see the program inside it: "
            f"give --option inside=PROGRAM ({', '.join(insides())})"
        )
    if not furnished(screen, profile):
        raise NotNow(f"{found.name} runs there, and its screen does not look like {profile.name}")
    return profile


def insides() -> list[str]:
    """Return the programs whose furniture tells them from a shell inside a wrapper."""
    return [profile.name for profile in PROFILES.values() if profile.furniture]
