"""What Claude Code's own record of a conversation shows, where its hooks have noted nothing.

The transcript is a file of JSON lines, and no documented interface. It is asked only for what the journal
cannot have: a text that waits in the program, a turn that ended without a Stop (Esc, an error of the API),
and a turn whose hook was killed or too slow. What is not understood there counts as absent.

Called by `claude`.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from xw.errors import Damaged
from xw.files.local import LocalFiles

_LIMIT = 8 * 1024 * 1024
"""Bytes at the end of a transcript that are read."""


class Taken(NamedTuple):
    """How far a text came: Claude Code holds it, or shows it in the turn with this id."""

    turn: str
    shown: bool


class Ended(NamedTuple):
    """How a turn ended: by Esc, by an error, or with an answer."""

    how: Literal["interrupted", "error", "answered"]
    text: str = ""


def taken(path: str, text: str) -> Taken | None:
    """Return how far a text came; None if the transcript does not have it."""
    held = None
    for entry in _entries(path, text.strip().splitlines()[-1]):
        kind = entry.get("type")
        if kind == "user" and text.strip() in _text(entry):
            return Taken(str(entry.get("promptId", "")), True)
        queued = kind == "queue-operation" and entry.get("operation") == "enqueue"
        if queued and text.strip() in str(entry.get("content", "")):
            held = Taken("", False)
    return held


def ended(path: str, turn: str) -> Ended | None:
    """Return how a turn ended; None if it has not, or nobody can tell."""
    found, inside = None, False
    for entry in _entries(path):
        kind, own = entry.get("type"), entry.get("promptId")
        if kind == "user" and own:
            inside = own == turn
            if inside:
                interrupted = _text(entry).startswith("[Request interrupted by user")
                found = Ended("interrupted") if interrupted else None
        elif kind == "assistant" and inside:
            if entry.get("isApiErrorMessage"):
                found = Ended("error", _text(entry))
            elif _message(entry).get("stop_reason") == "end_turn":
                found = Ended("answered", _text(entry))
    return found


def _entries(path: str, word: str = "") -> Iterator[dict[str, Any]]:
    """Yield the entries at the end of a transcript, without those whose line lacks a word."""
    needle = json.dumps(word, ensure_ascii=False)[1:-1].encode("utf-8", "replace")
    escaped = json.dumps(word)[1:-1].encode()
    folder, name = os.path.split(path)
    try:
        with os.fdopen(LocalFiles(folder).open(name), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LIMIT))
            lines = file.read(_LIMIT).splitlines()
    except (OSError, Damaged):
        return
    for line in lines:
        if needle in line or escaped in line:
            with suppress(ValueError, RecursionError):  # cut off, or being written
                entry = json.loads(line)
                if isinstance(entry, dict):
                    yield entry


def _message(entry: dict[str, Any]) -> dict[str, Any]:
    message = entry.get("message")
    return message if isinstance(message, dict) else {}


def _text(entry: dict[str, Any]) -> str:
    content = _message(entry).get("content", "")
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    texts = [block.get("text", "") for block in blocks if isinstance(block, dict)]
    return "\n".join(text for text in texts if isinstance(text, str) and text)
