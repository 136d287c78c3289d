"""Add values to a JSON file, and take them out again, as edits of its text.

Everything else stays byte for byte: comments, trailing commas, the order and the indentation of keys, the
kind of line ends. Such a file is written by people and by its program; to parse and print it would reformat
all of it. Comments (`//`, `/* */`) and trailing commas are allowed, as those programs allow them.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from xw.errors import Usage

Path = tuple[str | int, ...]
"""Keys of nested objects and indexes of arrays, from the top."""

Chooses = Callable[[str, object], bool]
"""Tells by its key (empty in an array) and its value whether a member is meant."""

BLANK = " \t\r\n\ufeff"
"""The characters of a file that is empty for its program."""

_SPACE = re.compile(r"(?:[ \t\r\n\ufeff]|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_SCALAR = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null')


class Node(NamedTuple):
    """A value and its place in the text; `members` are those of an object (by key) or an array."""

    start: int
    end: int
    value: object
    members: tuple["Member", ...] = ()


class Member(NamedTuple):
    """A member of an object or an array: where it begins (its key, if it has one), its key, and its value."""

    start: int
    key: str
    node: Node


def parse(text: str, name: str) -> Node:
    """Return the value in a text. Raise Usage, with the line, if it is not JSON."""
    reader = _Reader(text, name)
    reader.space()
    try:
        node = reader.value()
    except RecursionError:
        raise reader.wrong("values nested too deeply") from None
    reader.space()
    if reader.at != len(text):
        raise reader.wrong("more text after the value")
    return node


def find(node: Node, path: Path) -> Node | None:
    """Return the value at a path, or None."""
    for key in path:
        keyed = isinstance(node.value, dict)
        # The last of two equal keys is the one that programs read.
        found = [one.node for n, one in enumerate(node.members) if key == (one.key if keyed else n)]
        if not found:
            return None
        node = found[-1]
    return node


def missing(node: Node, path: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the paths of the containers on the way to a path that are not there."""
    ways = [path[:length] for length in range(1, len(path) + 1)]
    return tuple(way for way in ways if find(node, way) is None)


def add(text: str, name: str, path: tuple[str, ...], key: str | None, value: object) -> str:
    """Return the text with a value added: to the object at `path` under `key`, or to the array there.

    Containers that are missing on the way are made. Raise Usage if something else is in their place.
    """
    node, left = parse(text, name), list(path)
    while left and (inner := find(node, (left[0],))):
        node = inner
        left.pop(0)
    if not left:
        return _insert(text, name, node, key, value)
    return _insert(text, name, node, left[0], _nested(left[1:], key, value))


def _nested(keys: Sequence[str], key: str | None, value: object) -> object:
    whole: object = [value] if key is None else {key: value}
    for one in reversed(keys):
        whole = {one: whole}
    return whole


def replace(text: str, node: Node, value: object) -> str:
    """Return the text with another value in a node's place, on the node's own indentation."""
    unit, end = _unit(text), _line_end(text)
    printed = _printed(value, unit, _indent_at(text, node.start), end, "\n" in text[node.start : node.end])
    return text[: node.start] + printed + text[node.end :]


def remove(text: str, name: str, path: Path, ours: Chooses) -> str:
    """Return the text without the members of a container for which `ours(key, value)` is true."""
    while True:
        node = find(parse(text, name), path)
        found = (
            [n for n, member in enumerate(node.members) if ours(member.key, member.node.value)]
            if node
            else []
        )
        if node is None or not found:
            return text
        text = _cut(text, node, found[-1])


def _insert(text: str, name: str, node: Node, key: str | None, value: object) -> str:
    if not isinstance(node.value, list if key is None else dict):
        line = text.count("\n", 0, node.start) + 1
        raise Usage(
            f"{name}, line {line}: expected {'a list' if key is None else 'an object'} here: change it"
        )
    unit, end = _unit(text), _line_end(text)
    outer = _indent_at(text, node.start)
    lines = "\n" in text[node.start : node.end] or not node.members
    inner = _indent_at(text, node.members[-1].start) if node.members and lines else outer + unit
    label = "" if key is None else f"{json.dumps(key, ensure_ascii=False)}: "
    printed = label + _printed(value, unit, inner, end, lines)
    close = node.end - 1
    if not node.members:
        return f"{text[: node.start + 1]}{end}{inner}{printed}{end}{outer}{text[node.start + 1 :]}"
    last = node.members[-1].node.end
    comma = _comma(text, last, close)
    before = len(text[:close].rstrip())
    gap = f"{end}{inner}" if lines else " "
    if comma is not None:
        return f"{text[:before]}{gap}{printed},{text[before:]}"
    return f"{text[:last]},{text[last:before]}{gap}{printed}{text[before:]}"


def _cut(text: str, node: Node, index: int) -> str:
    member = node.members[index]
    close = node.end - 1
    stop = node.members[index + 1].start if index + 1 < len(node.members) else close
    comma = _comma(text, member.node.end, stop)
    begin = len(text[: member.start].rstrip())  # what is in front: the bracket, a comma, or a comment
    if len(node.members) == 1:
        end = member.node.end if comma is None else comma + 1
        made = f"{_line_end(text)}{_indent_at(text, node.start)}"  # by `_insert`, around the only member
        return text[:begin] + text[end:close].removeprefix(made) + text[close:]
    if comma is not None:
        return text[:begin] + text[comma + 1 :]
    before = _comma(text, node.members[index - 1].node.end, member.start)
    assert before is not None  # two members have a comma between them
    return text[:before] + text[before + 1 : begin] + text[member.node.end :]


def _comma(text: str, at: int, stop: int) -> int | None:
    """Return the place of the first comma between two places, outside of comments."""
    at = _skip(text, at)
    return at if at < stop and text[at] == "," else None


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _printed(value: object, unit: str, indent: str, end: str, lines: bool) -> str:
    if not lines:
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, indent=unit).replace("\n", end + indent)


def _line_end(text: str) -> str:
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def _indent_at(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at].removeprefix("\ufeff")
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    """Return the first indentation in a text; two blanks if it has none."""
    found = re.search(r"\n([ \t]+)\S", text)
    return found[1] if found else "  "


class _Reader:
    def __init__(self, text: str, name: str) -> None:
        self.at = 0
        self._text = text
        self._name = name

    def wrong(self, what: str) -> Usage:
        line = self._text.count("\n", 0, self.at) + 1
        return Usage(f"{self._name}, line {line}: not JSON: {what}: repair it first")

    def space(self) -> None:
        self.at = _skip(self._text, self.at)

    def value(self) -> Node:
        start, first = self.at, self._text[self.at : self.at + 1]
        if first in ("{", "["):
            members = self._members(first == "{")
            value: object = (
                {one.key: one.node.value for one in members}
                if first == "{"
                else [one.node.value for one in members]
            )
            return Node(start, self.at, value, members)
        return self._scalar()

    def _scalar(self) -> Node:
        match = _SCALAR.match(self._text, self.at)
        if not match:
            raise self.wrong(f"{self._text[self.at : self.at + 20].strip()!r} is not a JSON value")
        try:
            value = json.loads(match[0])
        except ValueError:
            raise self.wrong(f"{match[0][:20]!r} is not a JSON value") from None
        node = Node(self.at, match.end(), value)
        self.at = match.end()
        return node

    def _members(self, keyed: bool) -> tuple[Member, ...]:
        close, members = "}" if keyed else "]", list[Member]()
        self.at += 1
        while True:
            self.space()
            if self._text.startswith(close, self.at):
                self.at += 1
                return tuple(members)
            start, key = self.at, ""
            if keyed:
                key = str(self._scalar().value)
                self.space()
                self._expect(":")
                self.space()
            members.append(Member(start, key, self.value()))
            self.space()
            if not self._text.startswith(close, self.at):
                self._expect(",")

    def _expect(self, mark: str) -> None:
        if not self._text.startswith(mark, self.at):
            raise self.wrong(f"expected {mark!r}")
        self.at += 1
