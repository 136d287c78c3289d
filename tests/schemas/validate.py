"""Validate commands' output, and the files that they write, against `docs/schemas/`.

Stricter than a user: a key unknown to the schema is an error too, except in messages, which keep unknown
keys.
"""

import json
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from jsonschema import Draft202012Validator

from tests.schemas.make import FOLDER
from xw.cli.commands import COMMANDS, GROUPS
from xw.cli.quick import command_first
from xw.shapes import table

_OPEN = ("Message", "Placed", "Opened", "Answer", "Attachment", "Enclosed", "Schema")
_FAILED = ("error", "code", "exit_code", "suggestions")
_NAMES = {command.name for command in COMMANDS}


def output(arguments: Sequence[str], text: str) -> None:
    """Check the output of a command line that asked for JSON."""
    before = list(arguments)[: arguments.index("--") if "--" in arguments else None]
    if not {"--json", "--format json"} & {*before, *map(" ".join, pairwise(before))}:
        return
    name = command_of(arguments)
    lines = text.splitlines()
    assert len(lines) <= 1 or name in table.LINES, f"{name} prints one object: {text[:500]}"
    for line in lines:
        printed(name, json.loads(line))


def command_of(arguments: Sequence[str]) -> str:
    """Return the command in a command line; empty if there is none."""
    words = command_first(list(arguments))
    name = " ".join(words[: 2 if words and words[0] in GROUPS else 1])
    return name if name in _NAMES else ""


def printed(name: str, value: Any) -> None:
    """Check one object that a command printed."""
    assert isinstance(value, dict), value
    if "error" in value:
        _check(_validator("Error"), value)
        value = {key: what for key, what in value.items() if key not in _FAILED}
        if set(value) == {"format"}:
            return
    _check(_validator(f"commands/{name.replace(' ', '_')}"), value)


def file(name: str, data: bytes) -> None:
    """Check a file of the format."""
    _check(_validator(f"files/{name.removesuffix('.json')}"), json.loads(data))


def _check(validator: Draft202012Validator, value: Any) -> None:
    problems = [problem.message[:500] for problem in validator.iter_errors(value)]
    assert not problems, (problems, value)


@cache
def _validator(name: str) -> Draft202012Validator:
    if name == "Error":
        whole = json.loads((FOLDER / "commands/up.json").read_text())
        return Draft202012Validator(whole | {"anyOf": [{"$ref": "#/$defs/Error"}]})
    whole = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    if "anyOf" in whole:
        whole["anyOf"] = [one for one in whole["anyOf"] if one != {"$ref": "#/$defs/Error"}]
    closed = [whole, *whole.get("$defs", {}).values()]
    for one in closed:
        if "properties" in one and one.get("title") not in _OPEN and name != "files/message":
            one.setdefault("additionalProperties", False)
    return Draft202012Validator(whole)
