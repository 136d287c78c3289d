"""The payload FAILURE: what a bridge, a worker or the hub reports in place of an answer.

    {"kind": "FAILURE", "failure": "timeout", "reason": "no answer within 60 s", "re": "2026…-k7f3q2m9"}

An `info` to whoever waits for the answer carries it; so does the reply of a chat
that ended its turn and said nothing (`empty`). Who may report a failure is for
the reader to judge: `asking` and rooms trust those who were asked. What versions
before the payload write, and read, is in `_older` and `_is_empty_of_older`, and nowhere else.
`docs/protocol.md` is the reference.
"""

import re
from typing import Literal, get_args

from xw import layout
from xw.message import Fields, Message
from xw.record import NamedTuple

Kind = Literal[
    "damaged",
    "empty",
    "expired",
    "failed",
    "gone",
    "hops",
    "looped",
    "refused",
    "timeout",
    "unanswerable",
    "uncertain",
]
"""Why a message was not answered; all but `empty` also stand in the notes of dead letters."""

KIND = "FAILURE"
EMPTY_ANSWER = "(the chat's answer was empty)"
"""The body of a reply to a chat that ended its turn well and said nothing, for people and older versions."""

_KINDS: tuple[Kind, ...] = get_args(Kind)
_NOTICE = "No answer from {} "  # followed by what was asked; how versions without the payload say it
_RETURN = "Not delivered to {}: "
_SENTENCE = 2000  # characters; whoever wrote the notice may have put anything there
_OLDER_NOTICE = re.compile(r"[^(]*\(([a-z]+)\): ")
_OLDER_RETURN = re.compile(r"Not delivered to ([a-z0-9-]+): ")


class Failure(NamedTuple):
    """Why the message `re` gets no answer: kind (`failed` for one that this xw does not know) and reason.

    `to` is the recipient from whom postmaster returned it, as far as it tells.
    """

    kind: Kind
    reason: str
    re: str
    to: str = ""


def payload(kind: Kind, reason: str, about: str, to: str = "") -> Fields:
    """Return the value of the field `protocol`; `about` is the id of the message that failed."""
    fields: Fields = {"kind": KIND, "failure": kind, "reason": " ".join(reason.split()), "re": about}
    return fields | {"to": to} if to else fields


def notice(name: str, message: Message, kind: Kind, reason: str) -> str:
    """Return the body that reports a failure of `message`, which `name` was to answer."""
    return f"{_NOTICE.format(name)}to your {message.type} {message.short} ({kind}): {reason}"


def returned(to: str, kept: str, message_id: str, reason: str) -> str:
    """Return the body of postmaster's note that a message for `to` came back; `kept` is where it lies."""
    again = f"`xw retry {layout.short_id(message_id)}` sends it again"
    return f"{_RETURN.format(to)}{reason}. It lies in {kept}/; {again}."


def sentence(message: Message) -> str:
    """Return what a notice of failure reports, for one line of xw's own, which names who reports it."""
    found = read(message)
    if found is None:  # a room's refusal
        return f"No answer from {message.sender}: {_line(message.body)}"
    about, reason = layout.short_id(found.re), _line(found.reason)
    if message.sender == layout.POSTMASTER:
        to = f" to {found.to}" if layout.is_name(found.to) else ""
        return f"Not delivered{to}: {reason}; `xw retry {about}` sends it again"
    return f"No answer from {message.sender} to {about} ({found.kind}): {reason}"


def _line(text: str) -> str:
    return " ".join(text[:_SENTENCE].split())


def is_empty(message: Message) -> bool:
    """Return whether an answer says nothing, by itself or as a bridge reports of its chat."""
    if message.attachments:
        return False
    return not message.body.strip() or _of(message).get("failure") == "empty" or _is_empty_of_older(message)


def is_notice(message: Message) -> bool:
    """Return whether a message has the payload FAILURE, whatever message that is about."""
    return message.type == "info" and bool(_of(message))


def read(message: Message) -> Failure | None:
    """Return the failure that a message reports; None if it reports none."""
    if message.type != "info" or message.re is None:
        return None
    found = _of(message)
    if not found:
        return _older(message, message.re)
    if found.get("re", message.re) != message.re:
        return None  # about another message than the one that it says it answers
    kind = _kind(found.get("failure"))
    reason, to = found.get("reason"), found.get("to")
    return Failure(
        kind,
        reason if isinstance(reason, str) else message.body,
        message.re,
        to if isinstance(to, str) else "",
    )


def _kind(value: object) -> Kind:
    known: dict[object, Kind] = {kind: kind for kind in _KINDS}
    return known.get(value, "failed") if isinstance(value, str) else "failed"


def _of(message: Message) -> Fields:
    """Return the payload FAILURE of a message; empty if it has none."""
    found = message.fields.get("protocol")
    return found if isinstance(found, dict) and found.get("kind") == KIND else {}


# Versions before the payload, such as 4ec1bb6, share hubs with this one: they write no payload, and know a
# failure by how its body begins, so what `notice` and `returned` write must go on beginning so.


def _older(message: Message, about: str) -> Failure | None:
    """Return the failure that a version without the payload reports."""
    returned = _OLDER_RETURN.match(message.body) if message.sender == layout.POSTMASTER else None
    if returned:
        return Failure("refused", message.body[returned.end() :], about, returned[1])
    # And how it begins: what an agent sends itself during its turn counts as automatic too, and is an answer.
    if message.hops and message.body.startswith(_NOTICE.format(message.sender)):
        said = _OLDER_NOTICE.match(message.body)
        return Failure(_kind(said and said[1]), message.body[said.end() :] if said else message.body, about)
    return None


def _is_empty_of_older(message: Message) -> bool:
    """Return whether it is the reply of a bridge without the payload to a chat that said nothing."""
    return not _of(message) and message.body.strip() == EMPTY_ANSWER
