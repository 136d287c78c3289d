"""The fast parser: well-formed calls of every command, parsed by the same data as typer's.

For anything else (help, a mistake, a value that begins with a dash, a repeated option) it returns None, and
typer parses, whose import takes longer than most commands. A test checks that both give the same result.
"""

import os

from xw.cli.commands import COMMANDS, COMMON, GROUPS, Command, Param
from xw.layout import TYPES

Values = dict[str, object]
_COMMANDS = {tuple(command.name.split()): command for command in COMMANDS}
_BARE = {"keys": "list"}
"""The command that a group's name alone means."""


def command_first(arguments: list[str]) -> list[str]:
    """Return the arguments with common options moved behind the command: `xw --as bob check`."""
    flags = {param.flag: 1 if param.kind == "switch" else 2 for param in COMMON}
    end = 0
    while end < len(arguments) and (flag := arguments[end].partition("=")[0]) in flags:
        end += 1 if flag != arguments[end] else flags[flag]
    words = 2 if arguments[end : end + 1] and arguments[end] in GROUPS else 1
    name, rest = arguments[end : end + words], arguments[end + words :]
    if name and name[0] in _BARE and (len(name) < 2 or name[1].partition("=")[0] in flags):
        name[1:1] = [_BARE[name[0]]]
    return [*name, *arguments[:end], *rest]


def parse(arguments: list[str]) -> tuple[Command, Values] | None:
    """Return the command and its parameters' values, or None if typer must parse."""
    count = 2 if arguments and arguments[0] in GROUPS else 1
    command = _COMMANDS.get(tuple(arguments[:count]))
    if command is None or second_file(arguments):
        return None
    params = command.params + COMMON
    options = {param.flag: param for param in params if param.flag}
    values: Values = {param.name: param.absent for param in params}
    words: list[str] = []
    rest = iter(arguments[count:])
    seen: set[str] = set()
    for word in rest:
        if word == "--" or not word.startswith("-") or word == "-":
            words += rest if word == "--" else [word]
            continue
        param = options.get(word)
        if param is None or (param.name in seen and not param.many):
            return None
        seen.add(param.name)
        if param.kind == "switch":
            values[param.name] = True
            continue
        value = next(rest, None)
        if value is None or value.startswith("-") or not _fits(param, value):
            return None
        values[param.name] = [*_list(values[param.name]), value] if param.many else value
    return (command, values) if _place(command, words, values) else None


def second_file(arguments: list[str]) -> str | None:
    """Return the `b` of `--attach a b`, which would be the text, if it names a file; else None."""
    if "--attach" not in arguments or arguments[0] not in ("send", "reply"):
        return None
    for flag, _, word in zip(arguments, arguments[1:], arguments[2:]):  # noqa: B905  # they end apart
        if flag == "--":
            break
        if flag == "--attach" and word not in TYPES and word.split() == [word] and os.path.isfile(word):
            return word
    return None


def _place(command: Command, words: list[str], values: Values) -> bool:
    """Assign the words to the command's arguments, in order; return False if they do not fit."""
    for param in command.params:
        if param.flag:
            continue
        if param.many:
            values[param.name], words = words, []
        elif words:
            values[param.name] = words.pop(0)
        if not _fits(param, values[param.name]):
            return False
    return not words


def _fits(param: Param, value: object) -> bool:
    if value is None or value == []:
        return not param.required
    return not param.choices or value in param.choices


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
