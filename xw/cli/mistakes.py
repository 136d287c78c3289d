"""Wrong calls as people and models make them: the calls that work instead, for the error to print.

Called only once a command has failed with a usage error, or has not found a name or an id; a call that is
right never loads this. A wrong call's words are sorted into the parameters of the command that they are most
likely meant for (`synonyms` has the tables), and the command is written out again. It is printed and never
run; where a word could stand for several commands, the one that removes or costs nothing is chosen.
"""

import re
import shlex
from difflib import get_close_matches

from xw import ids, layout
from xw.agent import Options, functions
from xw.cli import synonyms
from xw.cli.commands import COMMANDS, COMMON, GROUPS, NUMBERS, Command, Param
from xw.cli.corrections import corrected
from xw.cli.corrections.wrong import Wrong
from xw.cli.quick import command_first
from xw.errors import NotFound, ShortId, Unnamed, XwError
from xw.text import then

_BY_NAME = {command.name: command for command in COMMANDS}
_MOST = 3
"""At most this many calls are suggested."""
_LOOKS = ("log", "peers", "who", "doctor")
"""Commands that a person may run as any instance, because they change nothing."""
_COSTLY = ("ask", "gc", "up", "bridge", "hub", "sync", "retry")
"""A misspelt word is taken for one of these only if it is very close."""
_NUMBER = re.compile(r"-\d+")
_SPAN = re.compile(r"\d+(\.\d+)?(ms|s|m|h|d|w|sec|secs|seconds|min|mins|minutes|hours?|days?)?")


def amended(error: XwError, arguments: list[str]) -> XwError:
    """Return the error of a call with the calls that work in its text, and for programs beside it."""
    if isinstance(error, ShortId) and any(map(ids.is_short, arguments)):
        return error  # nobody but the caller knows which list a number counts, or how an id goes on
    words = command_first(arguments)
    if isinstance(error, Unnamed):
        look = words[:1] and words[0] in _LOOKS and "--" not in words
        call = f": `xw {shlex.join([*words, '--as', error.first])}`" if look else ""
        join = "`xw init --name you --kind human`, then `export XW_NAME=you`"
        error.args = (f"{error}{call}; a person joins by {join}",)
        return error
    given = _meant(words)
    calls = [call for call in suggested(arguments) if _meant(command_first(shlex.split(call)[1:])) != given]
    listing = error.listing if isinstance(error, NotFound) else ()
    more = [call for call in calls if not _only_lists(call, listing)]
    if more:
        error.args = (then(str(error), f"try {listed(more)}"),)
    if calls:
        error.told = {**error.told, "suggestions": calls}
    return error


def _only_lists(call: str, listing: tuple[str, ...]) -> bool:
    """Return True for a call of one of these commands with options alone: the error names it already."""
    meant = _meant(command_first(shlex.split(call)[1:]))
    own = set(meant[1].options) - {param.name for param in COMMON} if meant else set()
    return meant is not None and meant[0] in listing and not meant[1].words and not own


def listed(calls: list[str]) -> str:
    """Return calls for a sentence."""
    return " or ".join(f"`{call}`" for call in calls)


def suggested(arguments: list[str]) -> list[str]:
    """Return calls that work in place of a wrong one, the likeliest first; empty if there is none."""
    arguments = [word for word in command_first(arguments) if word != "xw"]
    found = _command(arguments)
    if found is None:
        return []
    before, command, rest = found
    if command.startswith("--"):
        topic = next((word for word in rest if word in _BY_NAME or word in GROUPS), "")
        return [" ".join(filter(None, ("xw", topic, command)))]
    wrong = _sorted(_BY_NAME[command], [*before, *rest])
    name, hub, config = (_first(wrong, name) for name in ("as_name", "hub", "config"))
    known = functions.known(Options(name, hub, config))
    return list(dict.fromkeys(corrected(wrong, known)))[:_MOST]


def _meant(arguments: list[str]) -> tuple[str, Wrong] | None:
    """Return what a command line says, whatever the order of its options."""
    name = next((" ".join(arguments[:n]) for n in (2, 1) if " ".join(arguments[:n]) in _BY_NAME), None)
    return (name, _sorted(_BY_NAME[name], arguments[len(name.split()) :], exactly=True)) if name else None


def _command(arguments: list[str]) -> tuple[list[str], str, list[str]] | None:
    """Return the options before the command, its name (or `--help`, `--version`), and the other words."""
    for flag in arguments[:1]:
        if flag in synonyms.COMMANDS and flag.startswith("-"):
            return [], synonyms.COMMANDS[flag], []
    at = next((n for n, word in enumerate(arguments) if not word.startswith("-")), None)
    if at:  # behind an option of unknown length, such as `--name bob`
        at = next((n for n, word in enumerate(arguments) if _is_command(word)), at)
    if at is None:
        return None
    before, word, rest = arguments[:at], arguments[at], arguments[at + 1 :]
    name = _named(word.lower(), rest)
    return None if name is None else (before, name[0], name[1])


def _is_command(word: str) -> bool:
    return word in _BY_NAME or word in GROUPS or word in synonyms.COMMANDS


def _named(word: str, rest: list[str]) -> tuple[str, list[str]] | None:
    """Return the command that a word stands for, and the words behind it."""
    first = rest[0].lower() if rest else ""
    if word in _BY_NAME:
        return word, rest
    if word in GROUPS:
        return _in_group(word, rest)
    if first in GROUPS and word in ("create", "list", "show", "join", "leave", "close", "run", "new", "stop"):
        return _in_group(first, [word, *rest[1:]])
    if special := _special(word, first, rest):
        return special
    if word in synonyms.COMMANDS:
        return _target(synonyms.COMMANDS[word], rest)
    if layout.is_name(word) and rest and not first.startswith("-") and _is_instance(word):
        return "send", ["--to", word, *rest]
    close = get_close_matches(word, [*_BY_NAME, *GROUPS, *synonyms.COMMANDS], n=1, cutoff=0.7)
    if not close or (close[0] in _COSTLY and not get_close_matches(word, close, cutoff=0.8)):
        return None
    return _named(close[0], rest)


def _is_instance(word: str) -> bool:
    return word in functions.known(Options()).names


def _target(commands: str, rest: list[str]) -> tuple[str, list[str]] | None:
    """Return the first of some commands that this xw has, with the options that come with it."""
    for one in commands.split("|"):
        words = one.split()
        if words[0].startswith("--"):
            return words[0], rest
        length = 2 if words[0] in GROUPS else 1
        name = " ".join(words[:length])
        if name in _BY_NAME:
            return name, [*words[length:], *rest]
    return None


def _special(word: str, first: str, rest: list[str]) -> tuple[str, list[str]] | None:
    """Return the command for a word whose meaning depends on the next one."""
    looks = ("", "list", "ls", "check", "show", "inbox", "all", "new", "get")
    if word in ("mail", "email", "message", "messages", "msg", "msgs", "mails") and (
        first in looks or first.startswith("--json")
    ):
        return "check", rest[1:] if first and not first.startswith("-") else rest
    if word in ("list", "show", "get", "ls", "view", "inbox") and first in synonyms.COMMANDS:
        name = _target(synonyms.COMMANDS[first], rest[1:])
        if name and name[0] in ("peers", "room list", "check", "who", "log"):
            return name
    if word == "list" and first in _BY_NAME:
        return first, rest[1:]
    if word in ("status", *_STATES):
        words = rest if word == "status" else [word, *rest]
        if words and words[0].lower() in _STATES:
            return "notify status", [words[0].lower(), *words[1:]]
        return ("trace", rest) if word == "status" and words and ids.may_be(words[0]) else ("who", [])
    if word == "group" and first:
        return (first, rest[1:]) if first in ("join", "leave") else ("peers", rest[1:])
    if word in ("pause", "unpause", "continue", "reopen"):
        return ("room pause" if word == "pause" else "room resume"), rest
    if word in ("remove", "rm", "delete", "kick", "ban") and first and _is_instance(first):
        return "unregister", rest
    if word == "progress":
        return "notify status", ["working", "--progress", *rest[:1]]
    if word in ("handoff", "notify") and not rest:
        return "notify handoff" if word == "handoff" else "notify status", []
    return None


_SETTINGS = ("turns", "words", "quiet", "answer", "memory", "policy", "moderator", "persona")
_STATES = ("idle", "working", "blocked", "completed", "busy")


def _in_group(group: str, rest: list[str]) -> tuple[str, list[str]] | None:
    """Return the command of a group that the words behind its name stand for."""
    word = rest[0].lower() if rest else ""
    more = rest[1:]
    if f"{group} {word}" in _BY_NAME:
        return f"{group} {word}", more
    if group == "room" and word in _SETTINGS and more:
        return "room set", [more[0], word, *more[1:]]
    if group == "notify":
        return _notify(word, rest)
    if group == "room" and word in ("log", "history", "read", "transcript", "tail", "messages"):
        return "log", ["--room", *more]
    if group == "hub" and word in ("list", "ls", "show", "info", "where", ""):
        return "who", []
    if group == "hub" and word in ("init", "create", "join", "add", "use"):
        return "init", ["--hub", *more]
    if group == "hub" and word in ("status", "check", "health"):
        return "doctor", []
    meant = {other: name for name, others in synonyms.SUBCOMMANDS[group].items() for other in others.split()}
    if word in meant:
        return f"{group} {meant[word]}", more
    if group == "room" and not word:
        return "room list", []
    known = [name.partition(" ")[2] for name in _BY_NAME if name.startswith(f"{group} ")]
    close = get_close_matches(word, known, n=1, cutoff=0.7)
    if close:
        return f"{group} {close[0]}", more
    return ("room show", rest) if group == "room" else None


def _notify(word: str, rest: list[str]) -> tuple[str, list[str]]:
    """Return the command for `notify` and a word that is none of its own."""
    if word in _STATES:
        return "notify status", ["working" if word == "busy" else word, *rest[1:]]
    if word in ("alive", "ping"):
        return "notify heartbeat", rest[1:]
    if word in ("done", "complete", "finished"):
        return "notify status", ["completed", *rest[1:]]
    for name, others in synonyms.SUBCOMMANDS["notify"].items():
        if word in others.split():
            return f"notify {name}", rest[1:]
    if not word:
        return "notify status", []
    if word in ("--status", "--state"):
        return "notify status", rest[1:]
    if word in ("help", "assistance") and len(rest) > 1:
        return "notify error", [*rest[1:], "--needs-assistance"]
    if word.startswith("-") or word in synonyms.TYPE_OF:
        return "send", rest
    if rest[0] in functions.known(Options()).names:
        return "send", ["--to", *rest]
    return "send", ["--to", "all", "info", *rest]


# Sorting words into parameters


def _sorted(command: Command, arguments: list[str], exactly: bool = False) -> Wrong:
    """Return a wrong call of a command: its words, its options by parameter, and unknown flags.

    With `exactly`, a flag is unknown unless it is the command's own.
    """
    wrong = Wrong(command, [], {}, {})
    at, plain = 0, False
    while at < len(arguments):
        word = arguments[at]
        at += 1
        if re.match("-[a-z]{2,}", word) and not exactly and _own(command, f"-{word.partition('=')[0]}"):
            word = f"-{word}"
        if (
            plain
            or word in ("", "-")
            or not word.startswith("-")
            or (_is_prose(command, word) and not exactly)
        ):
            wrong.words.append(word)
            continue
        if word == "--":
            plain = True
            continue
        if _NUMBER.fullmatch(word):  # `log -20`
            wrong.words.append(word[1:])
            continue
        flag, equals, value = word.partition("=")
        following = arguments[at] if at < len(arguments) else None
        param = _own(command, flag)
        if param is None and not exactly:
            param = _like(command, flag, value if equals else following or "")
        if param is not None and param.kind == "switch":
            if not exactly and not equals and following and following.lower() in ("true", "false"):
                equals, value, at = "=", following, at + 1
            if exactly or value.lower() not in ("false", "no", "0", "off"):
                wrong.options[param.name] = [""]
                if equals and value.lower() not in ("true", "yes", "1"):
                    wrong.words.append(value)
            continue
        if not equals:
            if param is None and not _takes_value(flag, following):
                wrong.unknown[flag] = ""
                continue
            value = following or ""
            at += following is not None
        if param is None:
            wrong.unknown[flag] = value
        else:
            wrong.options.setdefault(param.name, []).append(value)
    return wrong


def _takes_value(flag: str, following: str | None) -> bool:
    if following is None or following.startswith("-"):
        return False
    return flag not in synonyms.SWITCHES or _SPAN.fullmatch(following) is not None


def _is_prose(command: Command, word: str) -> bool:
    """Return True if a word that begins with a dash is rather a text, such as an item of a list."""
    if not any(param.name == "body" for param in command.params):
        return False
    first, *more = word.split()
    return "=" not in first and (bool(more) or (not first.startswith("--") and len(first) > 2))


def _own(command: Command, flag: str) -> Param | None:
    return next((param for param in (*command.params, *COMMON) if param.flag == flag), None)


def _like(command: Command, flag: str, value: str) -> Param | None:
    """Return the parameter that another flag stands for, or None; `value` chooses among several."""
    params = (*command.params, *COMMON)
    meant = [param for param in params if flag in synonyms.ALIASES.get(param.name, ())]
    fitting = [param for param in meant if _fits(param, value)]
    if fitting:
        return next((param for param in fitting if param.choices or param.name == "body"), fitting[0])
    if flag in synonyms.SWITCHES or flag == "--fail":
        return None
    flags = {param.flag.lstrip("-"): param for param in params if param.flag}
    close = get_close_matches(flag.lstrip("-"), list(flags), n=1, cutoff=0.7)
    if close and len(flag) > 3:
        return flags[close[0]]
    return _ELSEWHERE.get(flag)


def _fits(param: Param, value: str) -> bool:
    if param.name in ("token", "tokens"):
        return ids.may_be(value)
    if param.kind in NUMBERS:
        return _SPAN.fullmatch(value) is not None or not value
    meant = synonyms.TYPE_OF.get(value.lower(), value) if param.name == "kind" else value
    return not param.choices or meant in param.choices


_ELSEWHERE = {
    param.flag: param
    for name in ("log", "check", "ask", "send")  # the last wins
    for param in _BY_NAME[name].params
    if param.flag
}
"""Flags of other commands, which the functions of `corrections` may move."""


def _first(wrong: Wrong, name: str) -> str | None:
    return next(iter(wrong.options.get(name, [])), None) or None
