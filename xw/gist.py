"""Say in one line what a message says: its first line, or the content of a protocol message.

    [PROTOCOL:ERROR_NOTICE] from alice at …        error: the disk is full (needs help)
    Error: the disk is full
    Needs assistance: true

Reads the text alone, which every version and other tools write; `protocol` validates it, but costs pydantic.
"""

from xw.text import first_line

_MARK = "[PROTOCOL:"
_LABELS = 8  # at most this many lines belong to a protocol message
_TRUE = ("true", "yes")


def gist(body: str, width: int) -> str:
    """Return one line of at most `width` characters, made visible."""
    if _MARK not in body[:200]:
        return first_line(body, width)
    return first_line(_said(body) or body, width)


def _said(body: str) -> str | None:
    """Return the content of a protocol message in one line; None if the body is none, or of another kind."""
    head, *lines = [line.strip() for line in body.strip().split("\n", _LABELS + 1)][: _LABELS + 1]
    kind, _, rest = head.removeprefix(_MARK).partition("]")
    if not head.startswith(_MARK) or not rest.startswith(" from "):
        return None
    fields: dict[str, str] = {}
    for line in lines:
        label, colon, value = line.partition(": ")
        if not colon or line.startswith("["):
            break
        fields.setdefault(label.lower(), value)
    return _in_words(kind, fields)


def _in_words(kind: str, fields: dict[str, str]) -> str | None:
    task = fields.get("task", "")
    if kind == "ERROR_NOTICE" and fields.get("error"):
        marks = {"needs assistance": "needs help", "recoverable": "recoverable"}
        told = [mark for label, mark in marks.items() if fields.get(label, "").lower() in _TRUE]
        return f"error: {fields['error']}" + (f" ({', '.join(told)})" if told else "")
    if kind in ("STATUS_UPDATE", "HEARTBEAT") and fields.get("status"):
        name = "status" if kind == "STATUS_UPDATE" else "heartbeat"
        return f"{name}: {', '.join(filter(None, (fields['status'], task, fields.get('progress'))))}"
    if kind == "TASK_HANDOFF" and task:
        return f"handoff ({fields.get('priority', 'medium')}): {task}"
    if kind == "CONTEXT_COMPACTION" and fields.get("summary"):
        now = fields.get("current task")
        return f"compaction: {fields['summary']}" + (f" (now: {now})" if now else "")
    return None
