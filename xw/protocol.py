"""Protocol messages: typed payloads, each with a fixed readable form that other tools can parse.

    [PROTOCOL:STATUS_UPDATE] from alice at 2026-11-21T05:30:12.123Z
    Status: working
    Task: the parser
    Progress: 80%

A message carries both: the payload in its field `protocol`, this text in its body. `parse` finds such text in
a body or in a chat's output; the header may end in ` seq=<n>`, and a blank line ends the text.
`docs/protocol.md` is the reference. Only code that handles such messages imports this module, because
pydantic costs 100 ms.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from xw import clock
from xw.errors import Usage
from xw.schema_errors import expected, found, unknown
from xw.text import nearest, visible

MARK = "[PROTOCOL:"


def _one_line(value: object) -> object:
    """Replace line breaks and runs of blanks by one space: a value is the rest of a line."""
    return " ".join(value.split()) if isinstance(value, str) else value


def _items(value: object) -> object:
    """Return the items, each in one line, without empty ones."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        return value
    return tuple(filter(None, (" ".join(item.split()) for item in value)))


OneLine = Annotated[str, BeforeValidator(_one_line)]
Said = Annotated[OneLine, Field(min_length=1)]


class _Payload(BaseModel):
    """The base of all kinds: strict, frozen, no other fields."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ContextCompaction(_Payload):
    """The agent's context was compacted: what it kept, what it works on."""

    kind: Literal["CONTEXT_COMPACTION"] = "CONTEXT_COMPACTION"
    summary: Said
    retained: Annotated[tuple[str, ...], BeforeValidator(_items)] = ()
    current_task: OneLine = ""


class StatusUpdate(_Payload):
    """The agent's current activity."""

    kind: Literal["STATUS_UPDATE"] = "STATUS_UPDATE"
    status: Literal["idle", "working", "blocked", "completed"]
    task: OneLine = ""
    progress: OneLine = ""


class TaskHandoff(_Payload):
    """A request to another agent to take over a task."""

    kind: Literal["TASK_HANDOFF"] = "TASK_HANDOFF"
    task: Said
    priority: Literal["low", "medium", "high"] = "medium"
    context: OneLine = ""


class ErrorNotice(_Payload):
    """An error report."""

    kind: Literal["ERROR_NOTICE"] = "ERROR_NOTICE"
    error: Said
    recoverable: bool | None = None
    needs_assistance: bool | None = None


class Heartbeat(_Payload):
    """A sign of life."""

    kind: Literal["HEARTBEAT"] = "HEARTBEAT"
    status: Literal["alive", "busy", "idle"] = "alive"
    task: OneLine = ""


class Failure(_Payload):
    """A report that the message `re` gets no answer; `failure` is the kind: timeout, gone, refused …

    `to` is the recipient that returned it; only the payload has it.
    """

    kind: Literal["FAILURE"] = "FAILURE"
    failure: Said
    reason: OneLine = ""
    re: Said
    to: OneLine = ""


Payload = ContextCompaction | StatusUpdate | TaskHandoff | ErrorNotice | Heartbeat | Failure

# Labels and their order are fixed; an empty field has no line. `kind` names the payload, so the kind of a
# failure is its field `failure`.
LABELS: dict[str, dict[str, str]] = {
    "CONTEXT_COMPACTION": {"Summary": "summary", "Retained": "retained", "Current task": "current_task"},
    "STATUS_UPDATE": {"Status": "status", "Task": "task", "Progress": "progress"},
    "TASK_HANDOFF": {"Task": "task", "Priority": "priority", "Context": "context"},
    "ERROR_NOTICE": {
        "Error": "error",
        "Recoverable": "recoverable",
        "Needs assistance": "needs_assistance",
    },
    "HEARTBEAT": {"Status": "status", "Task": "task"},
    "FAILURE": {"Kind": "failure", "Reason": "reason", "Re": "re"},
}


class Notice(NamedTuple):
    """A protocol message found in a text: its sender, its time (as written), its number if any."""

    sender: str
    at: str
    seq: int | None
    payload: Payload


class Malformed(NamedTuple):
    """A text that begins like a protocol message but is invalid: its first line, and the problem."""

    header: str
    problem: str


_ADAPTER: TypeAdapter[Payload] = TypeAdapter(Annotated[Payload, Field(discriminator="kind")])
# A terminal program may put a bullet or a bar before its model's words.
_HEADER = re.compile(r"[^\w\[\n]*(\[PROTOCOL:.*)")
_WHOLE = re.compile(
    r"\[PROTOCOL:(?P<kind>[A-Z_]+)\] from (?P<sender>[a-z0-9][a-z0-9-]{0,31}) "
    r"at (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))(?: seq=(?P<seq>\d{1,18}))?",
    re.ASCII,
)
_TRUTH = {"yes": True, "true": True, "no": False, "false": False}


def make(kind: str, **fields: object) -> Payload:
    """Return the payload of this kind. Raise Usage with the field and the expected value."""
    return load({"kind": kind, **fields})


def load(fields: object) -> Payload:
    """Return the payload in a message's field `protocol`. Raise Usage if it is invalid."""
    try:
        return _ADAPTER.validate_python(_tuples(fields))
    except ValidationError as error:
        raise Usage(_problem(error)) from None


def dump(payload: Payload) -> dict[str, object]:
    """Return the payload in the form of a message's field `protocol`; what is not known is left out."""
    return payload.model_dump(mode="json", exclude_none=True)


def render(payload: Payload, sender: str, at: str, seq: int | None = None) -> str:
    """Return the readable form. `at` is RFC 3339, written to the millisecond."""
    number = "" if seq is None else f" seq={seq}"
    lines = [f"{MARK}{payload.kind}] from {sender} at {_to_millis(at)}{number}"]
    for label, field in LABELS[payload.kind].items():
        value = _spelled(getattr(payload, field))
        if value:
            lines.append(f"{label}: {value}")
    return "\n".join(lines)


def parse(text: str) -> list[Notice | Malformed]:
    """Return every protocol message in a text, in order; a Malformed for an invalid one."""
    found: list[Notice | Malformed] = []
    if MARK not in text:
        return found
    lines = text.replace("\r\n", "\n").split("\n")
    for number, line in enumerate(lines):
        header = _HEADER.match(line)
        if header:
            found.append(_read(header.group(1).rstrip(), (lines[n] for n in range(number + 1, len(lines)))))
    return found


def _read(header: str, lines: Iterable[str]) -> Notice | Malformed:
    match = _WHOLE.fullmatch(header)
    if not match:
        return Malformed(header, "the first line is not `[PROTOCOL:KIND] from NAME at TIME`")
    kind = match["kind"]
    if kind not in LABELS:
        return Malformed(header, f"unknown kind {kind}{nearest(kind, list(LABELS))}")
    try:
        clock.from_rfc3339(match["at"])
    except ValueError:
        return Malformed(header, f"invalid time {match['at']}")
    fields: dict[str, object] = {"kind": kind}
    for line in lines:
        if not line.strip() or line.lstrip().startswith("[") or _HEADER.match(line):
            break  # a bracket: another message, or the end of a bridge's frame
        problem = _take(line, LABELS[kind], fields)
        if problem:
            return Malformed(header, problem)
    try:
        payload = _ADAPTER.validate_python(fields)
    except ValidationError as error:
        return Malformed(header, _problem(error))
    return Notice(match["sender"], match["at"], int(match["seq"]) if match["seq"] else None, payload)


def _take(line: str, labels: dict[str, str], fields: dict[str, object]) -> str | None:
    """Read a `Label: value` line into `fields`; return its problem, or None."""
    label, colon, value = line.strip().partition(":")
    shown = visible(line.strip()[:60], keep="")
    if not colon:
        return f"{shown!r} is not a `Label: value` line; a blank line ends the message"
    field = labels.get(label)
    if field is None:
        return f"unknown label {visible(label[:40], keep='')!r}{nearest(label, list(labels))}"
    if field in fields:
        return f"{label} appears twice"
    value = value.strip()
    if field in ("recoverable", "needs_assistance"):
        fields[field] = _TRUTH.get(value.lower(), value)
    else:
        fields[field] = tuple(value.split(", ")) if field == "retained" else value
    return None


def _spelled(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    # Between items stands a comma and a blank: none of an item's own commas may read like it.
    return ", ".join(item.replace(", ", ",") for item in value) if isinstance(value, tuple) else str(value)


def _tuples(fields: object) -> object:
    """Replace JSON's lists by the tuples of the frozen payload."""
    if not isinstance(fields, dict):
        return fields
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}


def _to_millis(at: str) -> str:
    return re.sub(r"(\.\d{3})\d+", r"\1", at)


def _problem(error: ValidationError) -> str:
    first: Any = error.errors()[0]
    # Each label is its field's name in words, so the name fits both forms.
    place = visible(str(first["loc"][1]), keep="") if first["loc"] else "the payload"
    if first["type"] in ("extra_forbidden", "invalid_key"):
        return f"unknown field {place!r}{unknown(place, LABELS[first['loc'][0]].values())}"
    if first["type"] == "missing":
        return f"{place} is missing"
    return f"{place} is {found(first)}: expected {expected(first)}"
