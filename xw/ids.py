"""An id as people and models write it: `k7f3`, `#k7f3`, `[k7f3q2m9]`, "id: k7f3q2m9", a file name.

It cleans such a text, and rejects one too short to be unique. `Mailbox.find` finds the message.
"""

from xw import layout
from xw.errors import ShortId

LEAST = 4  # characters of a short id; among 40 messages, a shorter prefix often matches the wrong one
_AROUND = " \t\r\n\"'`<>[](){}#*_.,:;!?=…“”‘’«»"
_LABELS = ("id", "re", "message", "msg", "mail")


def wanted(token: str) -> str:
    """Return the id in a text, in lower case: whole, or the start of a short id. ShortId if too short."""
    text = _without_label(token.lower().strip(_AROUND))
    if text.endswith(".json"):  # a file name, perhaps with its path
        text = text.rpartition("/")[2].partition(".")[0]
    if len(text) < LEAST:
        shown = repr(token if len(token) <= 40 else token[:39] + "…")
        raise ShortId(f"an id needs at least {LEAST} characters, not {shown}: `xw check` lists the ids")
    return text


def may_be(token: str) -> bool:
    """Return True if a text can be an id or the start of one; few words of prose can."""
    text = _without_label(token.lower().strip(_AROUND))
    return layout.file_name(token.rpartition("/")[2]) is not None or layout.is_id_start(text)


def is_short(token: str) -> bool:
    """Return True if a text can be a number in a list or the start of an id, but is too short for one."""
    text = _without_label(token.lower().strip(_AROUND))
    return len(text) < LEAST and (not text or text[0].isdigit() or layout.is_id_start(text))


def _without_label(text: str) -> str:
    for label in _LABELS:
        rest = text.removeprefix(label)
        if rest != text and rest[:1] in (":", "=", "#", " "):
            return rest.strip(_AROUND)
    return text
