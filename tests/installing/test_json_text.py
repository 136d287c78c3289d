"""Edits of a JSON file's text: what is added is there, and what is taken out leaves the rest as it was."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xw.actions.installing import json_text
from xw.errors import Usage

NAME = "settings.json"
MARK = {"command": "xw mcp"}


def ours(key: str, value: object) -> bool:
    return value == MARK or key == "xw"


def plain(text: str) -> object:
    return json_text.parse(text, NAME).value


SHAPES = [
    "{}",
    "{ }",
    "{\n}\n",
    '{\n  "a": 1\n}\n',
    '{\n  "a": 1, // the first\n  "b": [1, 2,], /* two */\n}\n',
    '{\r\n\t"a": {\r\n\t\t"b": null\r\n\t}\r\n}\r\n',
    '\ufeff{"a": "}]//\\"", "l": []}',
    '{\n    "mcpServers": {\n        "other": {"command": "x"} // mine\n    }\n}',
    '{"mcpServers": {}, "hooks": {"Stop": []}}',
    "{\n  // nothing yet\n}\n",
    '{\n  "hooks": {\n    "Stop": [\n      {"hooks": []}, // a comment, with a comma\n    ],\n  },\n}\n',
]


@pytest.mark.parametrize("text", SHAPES)
@pytest.mark.parametrize(("path", "key"), [((), "xw"), (("mcpServers",), "xw"), (("hooks", "Stop"), None)])
def test_added_and_taken_out(text: str, path: tuple[str, ...], key: str | None) -> None:
    """What was added can be read, all else means what it meant, and removal gives back the bytes."""
    made = json_text.missing(json_text.parse(text, NAME), path)
    added = json_text.add(text, NAME, path, key, MARK)
    node = json_text.find(json_text.parse(added, NAME), path)
    assert node is not None
    assert MARK in [member.node.value for member in node.members]
    left = json_text.remove(added, NAME, path, ours)
    for way in reversed(made):
        left = json_text.remove(left, NAME, way[:-1], lambda name, value, way=way: name == way[-1])  # type: ignore[misc]
    assert left == text


def test_two_entries_and_one_of_a_person() -> None:
    """A person's own entry between two of ours stays, with its comment."""
    text = json_text.add("{}", NAME, ("hooks", "Stop"), None, MARK)
    text = json_text.add(text, NAME, ("hooks", "Stop"), None, {"command": "mine"})
    text = json_text.add(text, NAME, ("hooks", "Stop"), None, MARK)
    text = text.replace('"mine"', '"mine" // keep')
    left = json_text.remove(text, NAME, ("hooks", "Stop"), ours)
    assert plain(left) == {"hooks": {"Stop": [{"command": "mine"}]}}
    assert "// keep" in left


def test_a_value_is_replaced_on_its_indentation() -> None:
    """A new value takes the place of the old one; the lines around it stay."""
    text = '{\n  "a": {\n    "xw": {"command": "old"}, // note\n    "z": 1\n  }\n}\n'
    node = json_text.find(json_text.parse(text, NAME), ("a", "xw"))
    assert node is not None
    assert json_text.replace(text, node, MARK) == text.replace('"old"', '"xw mcp"')


@pytest.mark.parametrize(
    ("text", "line"),
    [("", 1), ("{\n'a': 1}", 2), ('{"a" 1}', 1), ("{} x", 1), ("[1 2]", 1), ('{"a": 01}', 1)],
)
def test_damaged_files_are_named(text: str, line: int) -> None:
    """A file that is not JSON is refused, with the line."""
    with pytest.raises(Usage, match=f"settings.json, line {line}: not JSON"):
        json_text.add(text, NAME, (), "xw", MARK)


def test_something_else_in_the_place() -> None:
    """A list where an object belongs is refused, with the line."""
    with pytest.raises(Usage, match="line 2: expected an object here"):
        json_text.add('{\n"mcpServers": []}', NAME, ("mcpServers",), "xw", MARK)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), _JSON, max_size=3), st.sampled_from([None, 1, 2, 4, "\t"]))
def test_any_settings(value: dict[str, object], indent: int | str | None) -> None:
    """Whatever JSON a file has, an entry goes in and out again without a trace."""
    text = json.dumps(value, indent=indent)
    assert plain(text) == value
    added = json_text.add(text, NAME, ("x", "y"), None, MARK)
    assert plain(added) == {**value, "x": {"y": [MARK]}}
    assert json_text.remove(added, NAME, (), lambda key, _: key == "x") == text
