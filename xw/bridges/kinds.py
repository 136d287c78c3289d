"""The kinds of chat: a new one is a file and a line here.

Each module has `OPTIONS`, `open_chat(target, options, state)` and `discover(options)`, which
finds none where chats are started, not found. Modules are imported when they are used:
the command chat needs no tmux, and nobody but ACP needs its SDK.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from xw.bridges.chat import Chat, Found
from xw.errors import Usage


class Kind(NamedTuple):
    """Where a kind of chat is implemented, and what it talks to."""

    module: str
    summary: str


KINDS = {
    "socket": Kind("xw.bridges.socket", "the chat of a WibWob-DOS instance, over its Unix socket"),
    "tmux": Kind("xw.bridges.tmux", "an agent program in a tmux pane"),
    "command": Kind("xw.bridges.command", "a command: a process per message, or one that speaks JSON lines"),
    "acp": Kind("xw.bridges.acp", "an agent that speaks the Agent Client Protocol (extra xw[acp])"),
}


INSIDE = "inside"
"""A file in the tmux chat's directory: the program that it believes to run inside of a wrapper."""


class Missing(Usage):
    """A kind of chat needs something that is not installed on this machine."""


class _Module(Protocol):
    OPTIONS: tuple[str, ...]

    def open_chat(self, target: str, options: Mapping[str, str], state: Path) -> Chat: ...
    def discover(self, options: Mapping[str, str]) -> list[Found]: ...


def _module(kind: str) -> _Module:
    if kind not in KINDS:
        raise Usage(f"no kind of bridge is called {kind!r}: there are {', '.join(KINDS)}")
    try:
        return cast(_Module, import_module(KINDS[kind].module))
    except ModuleNotFoundError as error:
        raise Missing(
            f"a bridge of kind {kind} needs the package {error.name}: pip install 'xw[{kind}]'"
        ) from None


def open_chat(kind: str, target: str, options: Mapping[str, str], state: Path) -> Chat:
    """A Chat of this kind; `state` is a directory of its own that outlives the process.

    Options are the bridge's settings as text (each module's docstring lists its
    own); an unknown one is a `Usage` error that names the known ones.
    """
    return _module(kind).open_chat(target, options, state)


def discover(kind: str, options: Mapping[str, str]) -> list[Found]:
    """Return what this machine has to bridge to; nothing for kinds that are started, not found.

    Raise Missing where the kind needs what is not installed, Usage for an option that it does not have.
    """
    module = _module(kind)
    check_options(options, module.OPTIONS)
    return module.discover(options)


def has_option(kind: str, name: str) -> bool:
    """Return True if this kind has the option. Missing."""
    return name in _module(kind).OPTIONS


def check_options(options: Mapping[str, str], known: tuple[str, ...]) -> None:
    """Refuse an option that the kind does not have, so that a typing error is not silently ignored."""
    for name in options:
        if name not in known:
            raise Usage(f"this kind of bridge has no option {name!r}: it has {', '.join(known)}")


def seconds(options: Mapping[str, str], name: str, default: float) -> float:
    """An option that is a time. Usage where it is no number of seconds that one can wait."""
    given = options.get(name, default)
    try:
        value = float(given)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1e9:  # which holds for no NaN
        raise Usage(f"the option {name} is {given!r}: give a number of seconds from 0 to 1,000,000,000")
    return value


_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")


def yes_or_no(options: Mapping[str, str], name: str) -> bool:
    """Return an option that is yes or no, by default no. Usage where it is neither."""
    given = options.get(name, "no")
    if given not in _YES + _NO:
        raise Usage(f"the option {name} is {given!r}: give yes or no")
    return given in _YES
