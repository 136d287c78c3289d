"""What Codex records of a conversation: its turns, their texts and answers, exact and without a screen.

The record (`rollout-….jsonl`) has a line for each event, appended and flushed as it happens. Of 0.171.0 these
count, each with the turn's id:

    task_started        a turn begins
    item_completed      UserMessage: a text went in, byte for byte; AgentMessage: words of the model
    task_complete       the turn is over; `last_agent_message` is its answer, `error` why there is none
    turn_aborted        a person or the program ended it; `interrupted`: by Esc

Lines that are not understood are passed over. Called by `codex`.
"""

import json
import os
from typing import Any, BinaryIO, Literal, NamedTuple

from xw.errors import Damaged
from xw.files.local import LocalFiles

State = Literal["new", "busy", "idle", "interrupted"]

_CHUNK = 256 * 1024
_ENDS = ("task_complete", "turn_aborted")


class CodexTurn(NamedTuple):
    """A turn: the texts that went in, its answer, why there is none, and when it began (seconds)."""

    id: str
    texts: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    over: bool = False
    answer: str | None = None
    error: str = ""
    began: float = 0.0


class Record:
    """The turns of one record from a place on; each look reads only what is new."""

    def __init__(self, path: str, start: int = 0) -> None:
        self._path = path
        self._at = start
        self._turns: dict[str, CodexTurn] = {}

    def turn_with(self, text: str) -> CodexTurn | None:
        """Return the turn into which a text went; None if it is not in. Raise FileNotFoundError."""
        self._read()
        for turn in self._turns.values():
            if any(one.strip() == text.strip() for one in turn.texts):
                return turn
        return None

    def _read(self) -> None:
        with _opened(self._path) as file:
            if self._at and os.pread(file.fileno(), 1, self._at - 1) != b"\n":
                self._at = 0  # rewritten: a text is looked for by its own words, so nothing is taken twice
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # it is being written
                self._at += len(line)
                event = _event(line)
                if event:
                    self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        number = str(event.get("turn_id"))
        turn = self._turns.get(number, CodexTurn(number))
        kind, item = event["type"], event.get("item")
        if kind == "task_started":
            turn = turn._replace(began=_seconds(event.get("started_at")))
        elif kind == "turn_aborted":
            why = str(event.get("reason") or "aborted")
            turn = turn._replace(over=True, error=f"somebody ended the turn in Codex ({why})")
        elif kind == "task_complete":
            said, error = event.get("last_agent_message"), event.get("error")
            turn = turn._replace(over=True, answer=said if isinstance(said, str) else None, error=_why(error))
        elif isinstance(item, dict) and item.get("type") == "UserMessage":
            turn = turn._replace(texts=(*turn.texts, _text(item)))
        elif isinstance(item, dict) and item.get("type") == "AgentMessage":
            turn = turn._replace(said=(*turn.said, _text(item)))
        self._turns[number] = turn


def state_of(path: str, since: float = 0.0) -> State:
    """Return the state of a conversation by the end of its record. Raise OSError.

    A turn that began before `since`, the start of its process in seconds, ended with an earlier process.
    """
    event = _last(path)
    if event is None:
        return "new"
    if event["type"] == "task_started":
        return "busy" if _seconds(event.get("started_at")) >= since else "idle"
    return "interrupted" if event.get("reason") == "interrupted" else "idle"


def last_turn(path: str) -> str:
    """Return the id of the turn that began or ended last; empty if there is none. Raise OSError."""
    return str((_last(path) or {}).get("turn_id", ""))


def _last(path: str) -> dict[str, Any] | None:
    """Return the last event that begins or ends a turn; None if there is none."""
    with _opened(path) as file:
        end, rest = file.seek(0, os.SEEK_END), b""
        while end:
            start = max(0, end - _CHUNK)
            file.seek(start)
            lines = (file.read(end - start) + rest).splitlines(keepends=True)
            rest = lines.pop(0) if start else b""
            for line in reversed(lines):
                event = _event(line)
                if event and event["type"] in ("task_started", *_ENDS):
                    return event
            end = start
    return None


def is_helper(path: str) -> bool:
    """Return True for the record of a subagent, into which nobody types. Raise OSError."""
    with _opened(path) as file:
        first = _parsed(file.readline(_CHUNK))
    about = first.get("payload")
    return isinstance(about, dict) and isinstance(about.get("source"), dict)


def _opened(path: str) -> BinaryIO:
    """Return a record, open for reading. Raise OSError, also for what is not a regular file."""
    folder, name = os.path.split(path)
    try:
        return os.fdopen(LocalFiles(folder).open(name), "rb")
    except Damaged as damage:
        raise OSError(f"{path}: {damage}") from None


def _event(line: bytes) -> dict[str, Any] | None:
    """Return the event in a line; None for every other line. Most are long, and not parsed at all."""
    if b'"event_msg"' not in line:
        return None
    parsed = _parsed(line)
    payload = parsed.get("payload")
    if parsed.get("type") != "event_msg" or not isinstance(payload, dict):
        return None
    return payload if isinstance(payload.get("type"), str) else None


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(item: dict[str, Any]) -> str:
    content = item.get("content")
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def _why(error: object) -> str:
    if isinstance(error, dict):
        return str(error.get("message") or error)
    return str(error or "")


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
