"""What xw writes into a program's settings, as values; each kind knows how to go into a text and out of it.

`apply` returns the text with the piece in it, `remove` the text without it; both leave the rest byte for
byte, and doing either twice changes nothing. What a person has edited stays: xw tells an edited section from
its own by the digest in the mark.
"""

import re
import shlex
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

from xw import layout
from xw.actions.installing import json_text

KEY = "xw"
"""The key of xw's entry among MCP servers."""
_STARTS = ("hook", "mcp")
_MARK = "xw install:"


class Piece(Protocol):
    """A part of one settings file; `name` is the file's, for errors."""

    def apply(self, text: str, name: str) -> str:
        """Return the text with this piece in its newest form. Raise Usage if the file cannot take it."""

    def remove(self, text: str, name: str) -> str:
        """Return the text without this piece."""

    def edited(self, text: str, name: str) -> bool:
        """Return True if a person has written or changed this piece, so that it stays."""


class Entry(NamedTuple):
    """A value in a JSON file: of the object at `path` under `key`, or (no key) an element of the list there.

    xw recognises its own by the command (`xw hook EVENT`, `xw mcp`); one without a command by the value.
    """

    path: tuple[str, ...]
    key: str | None
    value: object

    def apply(self, text: str, name: str) -> str:
        """See `Piece`."""
        text = text if text.strip(json_text.BLANK) else text + "{}\n"
        node = json_text.find(json_text.parse(text, name), self.path)
        for number, member in enumerate(node.members if node else ()):
            if self._is_same(member.key, member.node.value):
                # A person may have changed a timeout; only another command is out of date.
                current = commands(member.node.value) == commands(self.value)
                return text if current else self._renewed(text, name, number, member.node)
        if self.edited(text, name):
            return text
        return json_text.add(text, name, self.path, self.key, self.value)

    def _renewed(self, text: str, name: str, number: int, node: json_text.Node) -> str:
        """Return the text with this entry in place of another version's; what a person added to it stays."""
        if isinstance(self.value, dict) and isinstance(node.value, dict):
            if _is_mixed(node.value):
                text = json_text.remove(text, name, (*self.path, number, "hooks"), _is_hook)
                return json_text.add(text, name, self.path, self.key, self.value)
            command = {key: self.value[key] for key in ("command", "args", "hooks") if key in self.value}
            return json_text.replace(text, node, {**self.value, **node.value, **command})
        return json_text.replace(text, node, self.value)

    def remove(self, text: str, name: str) -> str:
        """See `Piece`."""
        if not text.strip(json_text.BLANK):
            return text
        node = json_text.find(json_text.parse(text, name), self.path)
        for number, member in enumerate(node.members if node else ()):
            if self.key is None and _is_mixed(member.node.value):  # a person added a hook to the group
                at: json_text.Path = (*self.path, number, "hooks")
                text = json_text.remove(text, name, at, _is_hook)
        return json_text.remove(text, name, self.path, self._is_same)

    def edited(self, text: str, name: str) -> bool:
        """See `Piece`. True if something else is under the key; xw's own is recognised, however edited."""
        if self.key is None or not text.strip(json_text.BLANK):
            return False
        node = json_text.find(json_text.parse(text, name), (*self.path, self.key))
        return node is not None and not self._is_same(self.key, node.value)

    def _is_same(self, key: str, value: object) -> bool:
        if self.key is not None and key != self.key:
            return False
        return bool(commands(value)) if commands(self.value) else value == self.value


class Section(NamedTuple):
    """Lines between two comments, at the end of a TOML or Markdown file; `comment` is `#` or `<!--`."""

    comment: str
    lines: str

    def apply(self, text: str, name: str) -> str:
        """See `Piece`."""
        if self.edited(text, name):
            return text
        end, digest = _line_end(text), layout.digest(self.lines.encode())
        found = self._place(text)
        if found and digest in text[found.start :].partition("\n")[0]:
            return text
        begin = self._mark(f"begin {digest}")
        block = f"{begin}\n{self.lines}{self._mark('end')}\n".replace("\n", end)
        if found:
            return text[: found.start] + block + text[found.stop : found.mark] + text[found.after :]
        return text + (end if text else "") + block

    def remove(self, text: str, name: str) -> str:
        """See `Piece`."""
        found = self._place(text)
        if not found or self.edited(text, name):
            return text
        before, end = text[: found.start], _line_end(text)
        after = text[found.stop : found.mark] + text[found.after :]
        alone = before.removesuffix(end)
        # The line end in front is xw's, unless others' lines came after it and need it.
        glued = alone and after and not alone.endswith("\n") and not after.startswith(end)
        return (before if glued else alone) + after

    def edited(self, text: str, name: str) -> bool:  # noqa: ARG002  # the protocol's
        """See `Piece`."""
        found = self._place(text)
        return found is not None and found.stop == found.start

    def _mark(self, word: str) -> str:
        return f"{self.comment} {_MARK} {word}{' -->' if self.comment == '<!--' else ''}"

    def _place(self, text: str) -> "_Place | None":
        begin = re.search(rf"{self.comment} {_MARK} begin \w{{8}}\b", text)  # other words are a person's
        start = begin.start() if begin else -1
        mark = text.find(self._mark("end"), start) if start >= 0 else -1
        if mark < 0:
            return None
        after = mark + len(self._mark("end"))
        after += next((len(one) for one in ("\r\n", "\n") if text.startswith(one, after)), 0)
        first, *lines = text[start:mark].splitlines(keepends=True)
        stop, inner = start + len(first), ""
        for line in ("", *lines):
            stop, inner = stop + len(line), inner + line.replace("\r\n", "\n")
            if layout.digest(inner.encode()) in first:
                return _Place(start, stop, mark, after)
        return _Place(start, start, mark, after)


class _Place(NamedTuple):
    """A section's place: its lines up to `stop` (`start` if edited), its end mark up to `after`.

    A program that writes its own tables at the end of the file, such as Codex, writes them before the end
    mark, which is a comment: they are not xw's.
    """

    start: int
    stop: int
    mark: int
    after: int


class Whole(NamedTuple):
    """A file that is xw's alone; its last line has the digest of the others."""

    comment: str
    lines: str

    def apply(self, text: str, name: str) -> str:
        """See `Piece`."""
        if self.edited(text, name):
            return text
        close = " -->" if self.comment == "<!--" else ""
        return f"{self.lines}{self.comment} {_MARK} {layout.digest(self.lines.encode())}{close}\n"

    def remove(self, text: str, name: str) -> str:
        """See `Piece`."""
        return text if self.edited(text, name) else ""

    def edited(self, text: str, name: str) -> bool:  # noqa: ARG002  # the protocol's
        """See `Piece`."""
        lines, mark, last = text.rpartition(f"{self.comment} {_MARK} ")
        return bool(text) and not (mark and last.startswith(layout.digest(lines.encode())))


def rules(form: str, subcommands: Sequence[str], path: tuple[str, ...]) -> list[Entry]:
    """Return an entry in the list at `path` for each subcommand: `form` with its name in place of `%s`."""
    return [Entry(path, None, form % one) for one in subcommands]


def commands(value: object) -> list[list[str]]:
    """Return xw's commands in an entry: in an MCP server, or in the hooks of a group."""
    hooks = value.get("hooks") if isinstance(value, dict) else None
    found = [_ours(one) for one in (hooks if isinstance(hooks, list) else [value])]
    return [words for words in found if words]


def removed(text: str, name: str, pieces: Sequence[Piece], made: Sequence[tuple[str, ...]]) -> str:
    """Return the text without these pieces, and without those of the containers in `made` that are empty.

    The last goes first, as each was inserted beside the earlier ones. An empty path in `made` is the whole
    object of a file that was blank.
    """
    for piece in reversed(pieces):
        text = piece.remove(text, name)
    if text.strip(json_text.BLANK) and any(isinstance(piece, Entry) for piece in pieces):
        text = without_empty(text, name, [path for path in made if path])
        if () in made and text.strip(json_text.BLANK) == "{}":
            text = text.replace("{}\n", "").replace("{}", "")
    return text


def is_bare(text: str) -> bool:
    """Return True if a settings file with this text says nothing."""
    return "".join(text.split()) in ("", "{}")


def without_empty(text: str, name: str, paths: Sequence[tuple[str, ...]]) -> str:
    """Return the text without the containers at these paths that are empty; inner and last ones first."""
    whole = json_text.parse(text, name)
    places = {path: node.start for path in paths if (node := json_text.find(whole, path))}
    for path in sorted(places, key=lambda path: (len(path), places[path]), reverse=True):
        node = json_text.find(json_text.parse(text, name), path)
        if node is None or node.members or text[node.start + 1 : node.end - 1].strip():
            continue
        text = json_text.remove(text, name, path[:-1], _is_named(path[-1]))
    return text


def _is_hook(_: str, value: object) -> bool:
    return bool(_ours(value))


def _is_named(key: str) -> json_text.Chooses:
    return lambda name, _: name == key


def _is_mixed(value: object) -> bool:
    hooks = value.get("hooks") if isinstance(value, dict) else None
    return isinstance(hooks, list) and 0 < sum(bool(_ours(hook)) for hook in hooks) < len(hooks)


def _ours(value: object) -> list[str]:
    """Return the words of a hook's or server's command if it runs `xw hook` or `xw mcp`; else nothing."""
    if not isinstance(value, dict):
        return []
    words = [*_words(value.get("command")), *_words(value.get("args"))]
    runs = any(one.rpartition("/")[2] == KEY and two in _STARTS for one, two in pairwise(words))
    return words if runs else []


def _words(command: object) -> list[str]:
    if isinstance(command, str):
        try:
            return shlex.split(command)
        except ValueError:
            return []
    return [word for word in command if isinstance(word, str)] if isinstance(command, list) else []


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
