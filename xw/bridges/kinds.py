"""The kinds of chat: a new one is a file and a line here.

Each module has `OPTIONS`, `open_chat(target, options, state)` and `discover(options)`, which
returns nothing for chats that are started, not found. `kinds` imports a module on its first use:
the command chat needs no tmux, and only ACP needs its SDK.
"""

import os
import shlex
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from xw.bridges.chat import Chat, Found
from xw.errors import Usage


class Kind(NamedTuple):
    """A kind of chat: its module, and the program that it talks to, in one line for help."""

    module: str
    summary: str


KINDS = {
    "socket": Kind("xw.bridges.socket", "the chat of a WibWob-DOS instance, over its Unix socket"),
    "tmux": Kind("xw.bridges.tmux", "an agent program in a tmux pane"),
    "command": Kind("xw.bridges.command", "a command: a process per message, or one that speaks JSON lines"),
    "codex": Kind("xw.bridges.codex", "a running session of Codex, by `codex queue`"),
    "opencode": Kind("xw.bridges.opencode", "a running opencode, over its HTTP server"),
    "claude": Kind("xw.bridges.claude", "a session of Claude Code, by its inbox socket and its hooks"),
    "acp": Kind("xw.bridges.acp", "an agent that speaks the Agent Client Protocol (extra xw[acp])"),
    "best": Kind("xw.bridges.best", "a program that `xw launch` started, by the best way that works"),
}


AUTO = "auto"
"""The target of a chat that finds the running program of its instance itself."""
FINDING = ("claude", "codex", "opencode")
"""The kinds whose default target that is."""

INSIDE = "inside"
"""A file in the tmux chat's directory: the program that the user says runs inside a wrapper."""


class Missing(Usage):
    """A kind of chat needs a program or package that this machine lacks."""


class _Module(Protocol):
    OPTIONS: tuple[str, ...]

    def open_chat(self, target: str, options: Mapping[str, str], state: Path) -> Chat: ...
    def discover(self, options: Mapping[str, str]) -> list[Found]: ...


def _module(kind: str) -> _Module:
    if kind not in KINDS:
        raise Usage(f"unknown kind of bridge {kind!r}: use {', '.join(KINDS)}")
    try:
        return cast(_Module, import_module(KINDS[kind].module))
    except ModuleNotFoundError as error:
        # This Python's own pip finds xw installed; any other asks the package index for that name.
        install = f"{shlex.quote(sys.executable)} -m pip install 'xw[{kind}]'"
        raise Missing(f"a bridge of kind {kind} needs the package {error.name}: run: {install}") from None


def open_chat(kind: str, target: str, options: Mapping[str, str], state: Path) -> Chat:
    """Return a chat of this kind; `state` is its own directory, which outlives the process.

    Options are the bridge's settings as text (each module's docstring lists its
    own). Raise Usage for an unknown one, naming the known ones.
    """
    return _module(kind).open_chat(target, options, state)


def discover(kind: str, options: Mapping[str, str]) -> list[Found]:
    """Return this machine's chat programs of a kind; nothing for kinds that are started, not found.

    Raise Missing if the kind needs something that is not installed, Usage for an unknown option.
    """
    module = _module(kind)
    check_options(options, module.OPTIONS)
    return module.discover(options)


def has_option(kind: str, name: str) -> bool:
    """Return True if this kind has the option. Raise Missing if its package is not installed."""
    return name in _module(kind).OPTIONS


def check_options(options: Mapping[str, str], known: tuple[str, ...]) -> None:
    """Raise Usage for an option that the kind does not have, such as a misspelt one."""
    for name in options:
        if name not in known:
            raise Usage(f"unknown option {name!r} for this kind of bridge: use {', '.join(known)}")


def run_of(options: Mapping[str, str]) -> str:
    """Return the run directory that a bridge serves, by its option or this process's; empty without one."""
    return options.get("run", os.environ.get("XW_RUN", ""))


def seconds(options: Mapping[str, str], name: str, default: float) -> float:
    """Return an option that is a time in seconds. Raise Usage if it is not a number from 0 to 1e9."""
    given = options.get(name, default)
    try:
        value = float(given)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1e9:  # also true for NaN
        raise Usage(f"invalid value {given!r} for option {name}: give seconds from 0 to 1,000,000,000")
    return value


_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")


def yes_or_no(options: Mapping[str, str], name: str) -> bool:
    """Return True for yes, False for no or nothing. Raise Usage for any other value."""
    given = options.get(name, "no")
    if given not in _YES + _NO:
        raise Usage(f"invalid value {given!r} for option {name}: give yes or no")
    return given in _YES
