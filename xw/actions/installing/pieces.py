"""What xw writes into a program's settings, as values; each kind knows how to go into a text and out of it.

`apply` returns the text with the piece in it, `remove` the text without it; both leave the rest byte for
byte, and doing either twice changes nothing. What a person has edited stays: xw tells an edited section from
its own by the digest in the mark.
"""

import json
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

    def has(self, text: str, name: str) -> bool:
        """Return True if the text has this piece, in whatever form."""

    def edited(self, text: str) -> bool:
        """Return True if a person has changed this piece, so that it stays."""


class Entry(NamedTuple):
    """A value in a JSON file: of the object at `path` under `key`, or (no key) an element of the list there.

    xw recognises its own by the command (`xw hook EVENT`, `xw mcp`); one without a command by the value.
    """

    path: tuple[str, ...]
    key: str | None
    value: object

    def apply(self, text: str, name: str) -> str:
        """See `Piece`."""
        text = text or "{}\n"
        node = json_text.find(json_text.parse(text, name), self.path)
        for member in node.members if node else ():
            if self._is_same(member.key, member.node.value):
                # A person may have changed a timeout; only another command is out of date.
                current = commands(member.node.value) == commands(self.value)
                return text if current else json_text.replace(text, member.node, self.value)
        return json_text.add(text, name, self.path, self.key, self.value)

    def remove(self, text: str, name: str) -> str:
        """See `Piece`."""
        if not text.strip():
            return text
        node = json_text.find(json_text.parse(text, name), self.path)
        for number, member in enumerate(node.members if node else ()):
            if self.key is None and _is_mixed(member.node.value):  # a person added a hook to the group
                at: json_text.Path = (*self.path, number, "hooks")
                text = json_text.remove(text, name, at, lambda _, hook: bool(_ours(hook)))
        return json_text.remove(text, name, self.path, self._is_same)

    def has(self, text: str, name: str) -> bool:
        """See `Piece`."""
        node = json_text.find(json_text.parse(text, name), self.path) if text.strip() else None
        return any(self._is_same(one.key, one.node.value) for one in (node.members if node else ()))

    def edited(self, text: str) -> bool:  # noqa: ARG002  # recognised by its command, however edited
        """See `Piece`."""
        return False

    def _is_same(self, key: str, value: object) -> bool:
        if self.key is not None and key != self.key:
            return False
        return bool(commands(value)) if commands(self.value) else value == self.value


class Section(NamedTuple):
    """Lines between two comments, at the end of a TOML or Markdown file; `comment` is `#` or `<!--`."""

    comment: str
    lines: str

    def apply(self, text: str, name: str) -> str:  # noqa: ARG002  # the protocol's
        """See `Piece`."""
        if self.edited(text):
            return text
        end = _line_end(text)
        begin = self._mark(f"begin {layout.digest(self.lines.encode())}")
        block = f"{begin}\n{self.lines}{self._mark('end')}\n".replace("\n", end)
        if found := self._place(text):
            return text[: found[0]] + block + text[found[1] :]
        return text + (end if text else "") + block

    def remove(self, text: str, name: str) -> str:  # noqa: ARG002  # the protocol's
        """See `Piece`."""
        found = self._place(text)
        if not found or self.edited(text):
            return text
        return text[: found[0]].removesuffix(_line_end(text)) + text[found[1] :]

    def has(self, text: str, name: str) -> bool:  # noqa: ARG002  # the protocol's
        """See `Piece`."""
        return self._place(text) is not None

    def edited(self, text: str) -> bool:
        """See `Piece`."""
        found = self._place(text)
        if not found:
            return False
        block = text[found[0] : found[1]].replace("\r\n", "\n").rstrip("\n").split("\n")
        inner = "".join(f"{line}\n" for line in block[1:-1])
        return layout.digest(inner.encode()) not in block[0]

    def _mark(self, word: str) -> str:
        return f"{self.comment} {_MARK} {word}{' -->' if self.comment == '<!--' else ''}"

    def _place(self, text: str) -> tuple[int, int] | None:
        start = text.find(f"{self.comment} {_MARK} begin ")
        last = self._mark("end")
        stop = text.find(last, start) if start >= 0 else -1
        if stop < 0:
            return None
        stop += len(last)
        ending = next((one for one in ("\r\n", "\n") if text.startswith(one, stop)), "")
        return start, stop + len(ending)


class Whole(NamedTuple):
    """A file that is xw's alone; its last line has the digest of the others."""

    comment: str
    lines: str

    def apply(self, text: str, name: str) -> str:  # noqa: ARG002  # the protocol's
        """See `Piece`."""
        if self.edited(text):
            return text
        close = " -->" if self.comment == "<!--" else ""
        return f"{self.lines}{self.comment} {_MARK} {layout.digest(self.lines.encode())}{close}\n"

    def remove(self, text: str, name: str) -> str:  # noqa: ARG002  # the protocol's
        """See `Piece`."""
        return text if self.edited(text) else ""

    def has(self, text: str, name: str) -> bool:  # noqa: ARG002  # the protocol's
        """See `Piece`."""
        return f"{self.comment} {_MARK} " in text

    def edited(self, text: str) -> bool:
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


def without_empty(text: str, name: str, paths: Sequence[tuple[str, ...]]) -> str:
    """Return the text without those of the containers at these paths that are empty, the inner ones first."""
    for path in sorted(paths, key=len, reverse=True):
        node = json_text.find(json_text.parse(text, name), path)
        if node is None or node.members or text[node.start + 1 : node.end - 1].strip():
            continue
        text = json_text.remove(text, name, path[:-1], _is_named(path[-1]))
    return text


def as_json(value: object) -> str:
    """Return a value as the text of a file."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


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
