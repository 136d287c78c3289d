"""The payload FAILURE: a report by a bridge, a worker or the hub that there is no answer.

    {"kind": "FAILURE", "failure": "timeout", "reason": "no answer within 60 s", "re": "2026…-k7f3q2m9"}

It is in an `info` to everyone who waits for the answer, and in the reply of a chat that ended its turn
without a word (`empty`). The reader judges who may report a failure: `asking` and rooms trust only the
instances that were asked. `_older` and `_is_empty_of_older` alone know the texts of versions before this
payload. `docs/protocol.md` is the reference.
"""

import re
from typing import get_args

from xw import clock, layout
from xw.message import Fields, Message, encode
from xw.named_tuple import NamedTuple
from xw.words import FailureKind

Kind = FailureKind
KIND = "FAILURE"
EMPTY_ANSWER = "(the chat's answer was empty)"
"""The body of the reply if a chat ended its turn without a word, for people and older versions."""

_KINDS: tuple[Kind, ...] = get_args(Kind)
_NOTICE = "No answer from {} "  # followed by the question; the text of versions without the payload
_RETURN = "Not delivered to {}: "
_SENTENCE = 2000  # characters; another program may have written anything there
_OLDER_NOTICE = re.compile(r"[^(]*\(([a-z]+)\): ")
_OLDER_RETURN = re.compile(r"Not delivered to ([a-z0-9-]+): ")


class Failure(NamedTuple):
    """The failure of the message `re`: its kind (`failed` for an unknown one) and reason.

    `to` is the recipient from whom postmaster returned it, if known.
    """

    kind: Kind
    reason: str
    re: str
    to: str = ""


def payload(kind: Kind, reason: str, about: str, to: str = "") -> Fields:
    """Return the value of the field `protocol`; `about` is the id of the failed message."""
    fields: Fields = {"kind": KIND, "failure": kind, "reason": " ".join(reason.split()), "re": about}
    return fields | {"to": to} if to else fields


def notice(name: str, message: Message, kind: Kind, reason: str) -> str:
    """Return the body that reports a failure of `message`, which `name` should have answered."""
    return f"{_NOTICE.format(name)}to your {message.type} {message.short} ({kind}): {reason}"


def returned(to: str, kept: str, message_id: str, reason: str) -> str:
    """Return the body of postmaster's info that a message for `to` was returned; `kept` is its folder."""
    again = f"`xw retry {layout.short_id(message_id)}` sends it again"
    return f"{not_delivered(to, reason)} It is in {kept}/; {again}."


def not_delivered(to: str, reason: str) -> str:
    """Return the first sentence of postmaster's info about a message for `to`."""
    return f"{_RETURN.format(to)}{reason}."


def unregistered(to: str, name: str, thread: str | None) -> tuple[str, bytes]:
    """Return postmaster's info that a message was not handled because its recipient was unregistered.

    `name` is the message's file name, `thread` its thread. Repeated calls return the same bytes.
    """
    message_id = name.partition(".")[0]
    reason = f"{to} was unregistered before it handled the message"
    fields: Fields = {
        "from": layout.POSTMASTER,
        "type": "info",
        "to": [layout.sender_of(name)],
        "re": message_id,
        "thread": thread or message_id,
        "body": f"{not_delivered(to, reason)} Your copy is in {layout.SENT}/.",
        "protocol": payload("gone", reason, message_id, to),
    }
    return encode(fields, clock.from_stamp(layout.time_of(name)))


def sentence(message: Message) -> str:
    """Return a failure notice as one line, to which xw adds the name of its sender."""
    found, status = read(message), message.status
    who = f"{message.sender} ({status})" if status and status.is_alarming else message.sender
    if found is None:  # it is a room's refusal
        return f"No answer from {who}: {_line(message.body)}"
    about, reason = layout.short_id(found.re), _line(found.reason)
    if message.sender == layout.POSTMASTER:
        to = f" to {found.to}" if layout.is_name(found.to) else ""
        again = "" if found.kind == "gone" else f"; `xw retry {about}` sends it again"
        return f"Not delivered{to}: {reason}{again}"
    return f"No answer from {who} to {about} ({found.kind}): {reason}"


def _line(text: str) -> str:
    return " ".join(text[:_SENTENCE].split())


def is_empty(message: Message) -> bool:
    """Return True if an answer has no text, or its bridge reports that its chat gave none."""
    if message.attachments:
        return False
    return not message.body.strip() or _of(message).get("failure") == "empty" or _is_empty_of_older(message)


def is_notice(message: Message) -> bool:
    """Return True if a message has the payload FAILURE, whatever message it is about."""
    return message.type == "info" and bool(_of(message))


def read(message: Message) -> Failure | None:
    """Return the failure that a message reports, or None."""
    if message.type != "info" or message.re is None:
        return None
    found = _of(message)
    if not found:
        return _older(message, message.re)
    if found.get("re", message.re) != message.re:
        return None  # it is about another message than its `re`
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
    """Return a message's payload FAILURE; empty if it has none."""
    found = message.fields.get("protocol")
    return found if isinstance(found, dict) and found.get("kind") == KIND else {}


# Versions before the payload, such as 4ec1bb6, share hubs with this one. They write no payload, and recognise
# a failure by the beginning of its body, so the beginnings in `notice` and `returned` must never change.


def _older(message: Message, about: str) -> Failure | None:
    """Return the failure that a version without the payload reports."""
    returned = _OLDER_RETURN.match(message.body) if message.sender == layout.POSTMASTER else None
    if returned:
        return Failure("refused", message.body[returned.end() :], about, returned[1])
    # `hops` alone is not enough: an answer that an agent sends itself during its turn has hops too.
    if message.hops and message.body.startswith(_NOTICE.format(message.sender)):
        said = _OLDER_NOTICE.match(message.body)
        return Failure(_kind(said and said[1]), message.body[said.end() :] if said else message.body, about)
    return None


def _is_empty_of_older(message: Message) -> bool:
    """Return True for an older bridge's reply for a chat that gave no answer."""
    return not _of(message) and message.body.strip() == EMPTY_ANSWER
