"""What a command line runs: `node /usr/bin/gemini -m x` is gemini, `python3` is a REPL, `bash` a shell.

Only the program itself counts, and of an interpreter the script: any other argument (`less notes/claude`)
is not what runs. Where a command line can be read in two ways, it is read as the more dangerous one.
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
    """What a process is to somebody who types to it."""

    SHELL = "a shell"
    REPL = "a REPL"
    OTHER = "a tool"
    WRAPPER = "a wrapper"
    LAUNCHER = "a launcher"
    """Runs another program in the same terminal: a shell with `-c` does too."""
    SCRIPT = "a script"
    """Of a shell: it may run other programs in the same terminal."""
    PROGRAM = "a program"


class Command(NamedTuple):
    """What a process runs, and the name by which it is known."""

    kind: Kind
    name: str


def read(words: Sequence[str], file: str = "") -> Command:
    """What this command line runs. `file` is the executable's name, where the system tells it.

    A process chooses its own command line, but not its file: what calls itself claude and is a shell, is one.
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
    """The name that a process shows; what it sets itself may go on behind a blank: `gemini (work)`."""
    return base(word if "/" in word or not word.strip() else word.split()[0].rstrip(":"))


def base(word: str) -> str:
    """The name of a program in its path: no folders, no login dash, no suffix of a script."""
    name = word.rsplit("/", 1)[-1].lstrip("-")
    return re.sub(r"\.(js|mjs|cjs|ts|py|rb|pl|sh|exe|real|wrapped)$", "", name)


def _plain(name: str) -> list[str]:
    """The name as the lists have it, with and without its version."""
    low = _BUILDS.sub("", name.lower().removeprefix("."))
    return [
        low,
        re.sub(r"[-_.]?\d[\d.]*([-.]?(beta|rc|dev|dbg|multiarch|system-\w+|t?d?m?|intel64))*$", "", low),
    ]


_BUILDS = re.compile(
    r"([-.](wrapped|bin|static|distrib|basic|tiny|nox|gtk3?|huge|preview|lts|daily|linux|docker|orig))+$"
)
"""How packages mark a build of a program."""

_LOADERS = ("qemu-", "ld-linux", "ld-musl", "ld.so", "ld64.so")
"""How the names of what runs another program's file begin."""


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
    """Return True for the name of a shell, a REPL or an interpreter."""
    return _listed(name) in (Kind.SHELL, Kind.REPL)


def _interpreter(name: str) -> Interpreter | None:
    return next((INTERPRETERS[plain] for plain in _plain(name) if plain in INTERPRETERS), None)


def _program(name: str, arguments: Sequence[str]) -> Command:
    """A program or script by its name; `rails console` is a REPL like any other."""
    kind = _listed(name)
    if kind is None and any(word in CONSOLES for word in arguments[:2]):
        kind = Kind.REPL
    return Command(kind or Kind.PROGRAM, name)


def _shell(words: Sequence[str], name: str) -> Command:
    number = 1
    if _plain(name)[0] in ("busybox", "toybox") and words and base(words[0]) == name:
        number = 2  # the applet
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
    """The option in this word that counts, and the value that it brings along: `-um` is `-m`."""
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
