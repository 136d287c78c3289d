"""Read command lines: `node /usr/bin/gemini -m x` runs gemini, `python3` is a REPL, `bash` a shell.

Only the program counts, or an interpreter's script; any other argument (`less notes/claude`) does not. If a
command line has two readings, `read` returns the more dangerous one.
"""

import re
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from xw.bridges.names import (
    ALWAYS_SHELLS,
    CONSOLES,
    INTERPRETERS,
    JAVA_CONSOLES,
    LAUNCHERS,
    OTHERS,
    REPLS,
    SHELL_VALUES,
    SHELLS,
    TALKING_MODULES,
    TALKS,
    WRAPPERS,
    Interpreter,
)


class Kind(Enum):
    """The kind of a process, from the view of a person who types to it."""

    SHELL = "a shell"
    REPL = "a REPL"
    OTHER = "a tool"
    WRAPPER = "a wrapper"
    LAUNCHER = "a launcher"
    """Runs another program in the same terminal, as a shell with `-c` does."""
    SCRIPT = "a script"
    """A shell's script, which may run other programs in the same terminal."""
    PROGRAM = "a program"


class Command(NamedTuple):
    """The kind of program that a process runs, and its name."""

    kind: Kind
    name: str


def read(words: Sequence[str], file: str = "") -> Command:
    """Return the program that a command line runs. `file` is the executable's name, if the system tells it.

    A process chooses its command line, but not its file: a shell that calls itself claude is a shell.
    """
    shown = _shown(words[0]) if words else base(file)
    for name in dict.fromkeys((base(file) or shown, shown)):
        kind, how = _listed(name), _interpreter(name)
        called = shown if _listed(shown) is kind else name
        if "java" in _plain(name) and any(re.search(JAVA_CONSOLES, word) for word in words[1:]):
            return Command(Kind.REPL, called)
        if how is not None:
            if how.titled and _interpreter(shown) is None:
                return _program(shown, words[1:])
            return _interpreted(words, called, how)
        if kind is Kind.SHELL and _plain(name)[0] not in ALWAYS_SHELLS:
            return _shell(words, called)
        if kind is not None:
            return Command(kind, called)
    return _program(shown, words[1:])


def _shown(word: str) -> str:
    """Return the name that a process shows; a title may continue behind a blank: `gemini (work)`."""
    return base(word if "/" in word or not word.strip() else word.split()[0].rstrip(":"))


def base(word: str) -> str:
    """Return a program's name from its path: no folders, no login dash, no script's suffix."""
    name = word.rsplit("/", 1)[-1].lstrip("-")
    return re.sub(r"\.(js|mjs|cjs|ts|py|rb|pl|sh|exe|real|wrapped)$", "", name)


def _plain(name: str) -> list[str]:
    """Return the name as the lists spell it, with and without its version."""
    low = _BUILDS.sub("", name.lower().removeprefix("."))
    return [
        low,
        re.sub(r"[-_.]?\d[\d.]*([-.]?(beta|rc|dev|dbg|multiarch|system-\w+|t?d?m?|intel64))*$", "", low),
    ]


_BUILDS = re.compile(
    r"([-.](wrapped|bin|static|distrib|basic|tiny|nox|gtk3?|huge|preview|lts|daily|linux|docker|orig))+$"
)
"""Suffixes by which packages mark a build of a program."""

_LOADERS = ("qemu-", "ld-linux", "ld-musl", "ld.so", "ld64.so")
"""Prefixes of the names of programs that run another program's file."""


def _listed(name: str) -> Kind | None:
    for plain in _plain(name):
        for kind, names in _KINDS:
            if plain in names or (kind is Kind.WRAPPER and plain.startswith(_LOADERS)):
                return kind
    return None


_KINDS = (
    (Kind.SHELL, SHELLS),
    (Kind.REPL, REPLS),
    (Kind.OTHER, OTHERS),
    (Kind.WRAPPER, WRAPPERS),
    (Kind.LAUNCHER, LAUNCHERS),
)


def runs_input(name: str) -> bool:
    """Return True for a name of a shell, a REPL or an interpreter."""
    return _listed(name) in (Kind.SHELL, Kind.REPL)


def _interpreter(name: str) -> Interpreter | None:
    return next((INTERPRETERS[plain] for plain in _plain(name) if plain in INTERPRETERS), None)


def _program(name: str, arguments: Sequence[str]) -> Command:
    """Return a program or script by its name; `rails console` is a REPL like any other."""
    kind = _listed(name)
    if kind is None and any(word in CONSOLES for word in arguments[:2]):
        kind = Kind.REPL
    return Command(kind or Kind.PROGRAM, name)


def _shell(words: Sequence[str], name: str) -> Command:
    number = 1
    if _plain(name)[0] in ("busybox", "toybox") and words and base(words[0]) == name:
        number = 2  # after the applet's name
        if number > len(words) or _listed(base(words[1])) is not Kind.SHELL:
            return Command(Kind.SHELL, name)
    while number < len(words):
        word = words[number]
        low = word.lower()
        if low in ("-file", "--"):
            number += 1
            break
        if not word.startswith(("-", "+")) or word == "-":
            break
        if low.startswith("--command") or (word[0] == "-" and word[1:2] != "-" and "c" in word[1:]):
            return Command(Kind.LAUNCHER, name)
        if word[0] == "-" and word[1:2] != "-" and "s" in word[1:]:
            return Command(Kind.SHELL, name)  # its commands come from the terminal
        takes_value = word in SHELL_VALUES or (word[1:2] not in ("-", "+") and word[-1] in "oO")
        number += 2 if takes_value else 1
    if number < len(words) and words[number] != "-":
        script = base(words[number])
        found = _program(script, words[number + 1 :])
        seen_through = found.kind in (Kind.PROGRAM, Kind.LAUNCHER)
        return Command(Kind.SCRIPT, script) if seen_through else found
    return Command(Kind.SHELL, name)


def _interpreted(words: Sequence[str], name: str, how: Interpreter) -> Command:
    repl, number = False, 1
    while number < len(words):
        word = words[number]
        number += 1
        if word == "-":
            return Command(Kind.REPL, name)
        if word == "--":
            return _script(words[number:], repl, name)
        if word.startswith("-"):
            option, value = _option(word, how)
            if option == how.module and option:
                named = [value, *words[number:]] if value else list(words[number:])
                if named and named[0].split(".")[0] in TALKING_MODULES:
                    return Command(Kind.REPL, name)
                return _script([word.split(".")[0] for word in named[:1]] + named[1:], repl, name)
            if option in how.inline:
                script = value or " ".join(words[number : number + 1])
                return Command(Kind.REPL if repl or re.search(TALKS, script) else Kind.PROGRAM, name)
            repl = repl or option in how.repl
            number += option in how.values and not value
        elif word in how.repl:
            return Command(Kind.REPL, name)
        elif word not in how.skipped:
            return _script(words[number - 1 :], repl, name)
    return Command(Kind.REPL, name)


def _option(word: str, how: Interpreter) -> tuple[str, str]:
    """Return the significant option in a word, and the value joined to it: `-um` means `-m`."""
    if word.startswith("--"):
        option, _, value = word.partition("=")
        return option, value
    found = ""
    for number, letter in enumerate(word[1:], 1):
        option = f"-{letter}"
        if option == how.module or option in how.values or option in how.inline:
            return (found, "") if found else (option, word[number + 1 :])
        if option in how.repl:
            found = option
    return found or word, ""


def _script(words: Sequence[str], repl: bool, name: str) -> Command:
    if not words or repl:
        return Command(Kind.REPL, name)
    return _program(base(words[0]), words[1:])
