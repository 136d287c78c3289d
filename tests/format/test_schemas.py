"""The schemas in `docs/schemas/` are those of the types, and the types those of the code."""

import json
import re
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from tests.schemas import make, validate
from tests.transcript import steps
from xw import codes, errors, message, words
from xw.cli.commands import COMMANDS
from xw.rooms.policies import POLICIES
from xw.rooms.scene import Limits
from xw.shapes import files, table

DOCS = make.FOLDER.parent
ON_DISK = {path.relative_to(make.FOLDER).as_posix(): path.read_text() for path in make.FOLDER.rglob("*.json")}


def test_they_are_up_to_date() -> None:
    """Made anew they are the same; `make schemas` writes them."""
    assert make.made() == ON_DISK


@pytest.mark.parametrize("path", sorted(ON_DISK))
def test_each_is_a_schema(path: str) -> None:
    """Each is a valid schema of draft 2020-12, of objects alone."""
    schema = json.loads(ON_DISK[path])
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)
    assert not Draft202012Validator(schema).is_valid([])


def test_each_command_has_one() -> None:
    """Each command has a schema, and no other has one."""
    assert set(table.COMMANDS) == {command.name for command in COMMANDS}


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_each_documented_example_is_valid(page: str) -> None:
    """Every JSON example on the pages is valid."""
    for step in steps((DOCS / page).read_text(encoding="utf-8")):
        validate.output(step.command.partition("xw ")[2].split(), step.output)


def _below(error: type[errors.XwError]) -> set[type[errors.XwError]]:
    return {error}.union(*map(_below, error.__subclasses__()))


def test_the_codes_are_those_of_the_errors() -> None:
    """Each error has a code that the schema knows, and each code is some error's."""
    import xw.actions.asking  # noqa: F401  # which has one of its own

    found = {error.word for error in _below(errors.XwError)}
    assert found == set(get_args(codes.ErrorCode)) <= set(get_args(codes.Code))


def test_the_page_lists_each_code() -> None:
    """`docs/commands.md` says what each code of an error and of a finding means."""
    page = (DOCS / "commands.md").read_text()
    rows = re.findall(r"^\| (`[a-z-]+`[^|]*)\|", page, re.MULTILINE)
    assert set(get_args(codes.Code)) <= set(re.findall(r"`([a-z-]+)`", " ".join(rows)))


def test_the_words_are_those_of_the_code() -> None:
    """The closed sets of the schemas are those that the code knows."""
    assert set(get_args(words.Policy)) == set(POLICIES)
    assert set(files.RoomLimits.__annotations__) == set(Limits._fields)


def test_the_message_is_that_of_the_reader() -> None:
    """The schema of a message has the fields that `decode` checks, and those that it takes in any form."""
    unchecked = {"urgent", "priority", "typed", "originals"}
    assert set(files.Message.__annotations__) == set(message._SHAPE) | unchecked
    assert files.Message.__optional_keys__ == message._OPTIONAL | unchecked


_GOOD = {
    "format": 1, "sent": "2026-11-21T05:30:12.123456Z", "from": "alice", "type": "task", "to": ["bob"],
    "body": "x",
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2}, {"format": True}, {"from": "Alice"}, {"type": "wish"}, {"to": []}, {"to": ["a", "a"]},
        {"to": "bob"}, {"sent": "2026-11-21 05:30"}, {"sent": "2026-11-21T05:30:12Z"}, {"body": None},
        {"re": "k7f3q2m9"}, {"hops": -1}, {"hops": 1.5}, {"expires": "tomorrow"}, {"room": ""},
        {"attachments": [{"name": ".x", "size": 1, "sha256": "0" * 64}]},
        {"attachments": [{"name": "x", "size": -1, "sha256": "0" * 64}]},
        {"attachments": [{"name": "x", "size": 1, "sha256": "0"}]}, {"protocol": []},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_message(change: dict[str, Any]) -> None:
    """The schema refuses what `decode` refuses, and takes what it takes."""
    validator = Draft202012Validator(json.loads(ON_DISK["files/message.json"]))
    assert validator.is_valid(_GOOD | {"unknown": 1, "re": None, "expires": "2026-11-21T05:30:12+02:00"})
    whole = _GOOD | change
    assert not validator.is_valid(whole)
    assert not all(fits(whole.get(key)) for key, fits in message._SHAPE.items() if key in whole) or (
        "sent" in change or "type" in change  # which `decode` compares with the file's name
    )
