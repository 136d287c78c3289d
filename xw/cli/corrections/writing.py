"""Write a call as a command line that works."""

import re

from xw.cli.commands import COMMANDS, COMMON, NUMBERS, Command, Param
from xw.cli.corrections.wrong import Wrong, nearest_name, type_of

BY_NAME = {command.name: command for command in COMMANDS}
_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_UNSAFE = re.compile(r'["$`\\!]')
_LONGEST = 400  # characters of a text in a suggestion; a longer one is the caller's to repeat
_TEXTS = ("body", "why", "task", "summary", "text", "progress", "context")
SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])?[a-z]*(?:\s+ago)?", re.IGNORECASE)
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def write(name: str, words: list[str], wrong: Wrong, **changed: list[str] | str | None) -> str:
    """Return a command line; empty if it would not parse. `changed` replaces options of the wrong call."""
    command = BY_NAME.get(name)
    if command is None:
        return ""
    options = dict(wrong.options)
    options |= {key: [value] if isinstance(value, str) else value or [] for key, value in changed.items()}
    flags, behind = ["xw", *name.split()], list[str]()
    for param in (*command.params, *COMMON):
        if param.flag and param.flag not in command.hides:
            written = [part for value in options.get(param.name, []) for part in _option(param, value)]
            (flags if param.name == "to" else behind).extend(written)
    placed = _placed(command, words)
    if placed is None:
        return ""
    dashed = any(word.startswith("-") and word != "-" for word in words)
    return " ".join([*flags, *behind, "--", *placed] if dashed else [*flags, *placed, *behind])


def _option(param: Param, value: str) -> list[str]:
    if param.kind == "switch":
        return [param.flag]
    if param.choices and value not in param.choices:
        value = (
            type_of(value) or "" if param.name == "kind" else nearest_name(value, list(param.choices)) or ""
        )
        if value not in param.choices:
            return []
    if param.kind in NUMBERS:
        value = _number(value, param.kind)
    if param.metavar == "WHEN":
        value = _when(value)
    return [param.flag, quoted(value or param.metavar or "TEXT", param.name in _TEXTS)]


def _placed(command: Command, words: list[str]) -> list[str] | None:
    """Return the words in the places of the command's arguments, quoted; None if they do not fit."""
    placed: list[str] = []
    left = list(words)
    for param in command.params:
        if param.flag:
            continue
        taken, left = (left, []) if param.many else (left[:1], left[1:])
        if not taken and param.required:
            taken = [param.metavar or "TEXT"]
        if param.choices and any(word not in param.choices for word in taken):
            return None
        placed += [quoted(word, param.name in _TEXTS) for word in taken]
    return placed if not left else None


def quoted(text: str, prose: bool = False) -> str:
    """Return a word for a shell; `prose` is always in quotes, except `-`."""
    if len(text) > _LONGEST or not text.isprintable():
        text = "TEXT"
    if text == "-" or (_PLAIN.fullmatch(text) and not prose):
        return text
    if _UNSAFE.search(text):
        from shlex import quote

        return quote(text)
    return f'"{text}"'


def seconds(text: str) -> str:
    """Return a span in seconds: `5m` is 300."""
    return _number(text, "decimal")


def _number(text: str, kind: str) -> str:
    """Return a number without its unit, in seconds: `5m` is 300."""
    match = SPAN.fullmatch(text.strip())
    if not match:
        return text
    value = float(match[1]) * (_UNITS[(match[2] or "s").lower()] if kind == "decimal" else 1)
    return f"{value:g}"


def _when(text: str) -> str:
    days = {"today": "1d", "yesterday": "2d", "hour": "1h", "day": "1d", "week": "1w"}
    match = SPAN.fullmatch(text.strip())
    if match and match[2] and match[2].lower() != "ms":
        return f"{match[1]}{match[2].lower()}"
    return days.get(text.strip().lower(), text)
