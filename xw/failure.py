"""The payload FAILURE: what a bridge, a worker or the hub reports in place of an answer.

    {"kind": "FAILURE", "failure": "timeout", "reason": "no answer within 60 s", "re": "2026…-k7f3q2m9"}

An `info` to whoever waits for the answer carries it. Its body says the same in
words that older versions recognise by their beginning, so both must stay. Who
may report a failure is for the reader to judge: `asking` and rooms trust those who
were asked. `docs/protocol.md` is the reference.
"""

import re

from xw import layout
from xw.message import Fields, Message
from xw.record import NamedTuple

KIND = "FAILURE"
EMPTY_ANSWER = "(the chat's answer was empty)"
"""The body of a reply to a chat that ended its turn well and said nothing."""

_NOTICE = "No answer from {} "  # followed by what was asked; how versions without the payload say it
_RETURN = "Not delivered to "
_SENTENCE = 2000  # characters; whoever wrote the notice may have put anything there
_OLDER_KIND = re.compile(r"[^(]*\(([a-z]+)\): ")


class Failure(NamedTuple):
    """Why the message `re` gets no answer: the kind (`timeout`, `gone`, `refused` …) and the reason."""

    kind: str
    reason: str
    re: str


def payload(kind: str, reason: str, about: str) -> Fields:
    """Return the value of the field `protocol`; `about` is the id of the message that failed."""
    return {"kind": KIND, "failure": kind, "reason": " ".join(reason.split()), "re": about}


def notice(name: str, message: Message, kind: str, reason: str) -> str:
    """Return the body that reports a failure of `message`, which `name` was to answer."""
    return f"{_NOTICE.format(name)}to your {message.type} {message.short} ({kind}): {reason}"


def sentence(message: Message) -> str:
    """Return what a notice of failure says, for one line of xw's own: it always names who says it."""
    own = _RETURN if message.sender == layout.POSTMASTER else _NOTICE.format(message.sender)
    text = " ".join(message.body[:_SENTENCE].split())
    return text if text.startswith(own) else f"No answer from {message.sender}: {text}"


def is_empty(message: Message) -> bool:
    """Return whether an answer says nothing, in its own words or by a bridge's."""
    return not message.attachments and message.body.strip() in ("", EMPTY_ANSWER)


def is_notice(message: Message) -> bool:
    """Return whether a message has the payload FAILURE, whatever message that is about."""
    found = message.fields.get("protocol")
    return message.type == "info" and isinstance(found, dict) and found.get("kind") == KIND


def read(message: Message) -> Failure | None:
    """Return the failure that a message reports; None if it reports none."""
    if message.type != "info" or message.re is None:
        return None
    found = message.fields.get("protocol")
    if isinstance(found, dict) and found.get("kind") == KIND:
        if found.get("re", message.re) != message.re:
            return None  # about another message than the one that it says it answers
        kind, reason = found.get("failure"), found.get("reason")
        return Failure(
            kind if isinstance(kind, str) else "failed",
            reason if isinstance(reason, str) else message.body,
            message.re,
        )
    return _older(message, message.re)


def _older(message: Message, about: str) -> Failure | None:
    """Return the failure that a version without the payload reports."""
    if message.sender == layout.POSTMASTER and message.body.startswith(_RETURN):
        return Failure("refused", message.body, about)
    # And how it begins: what an agent sends itself during its turn counts as automatic too, and is an answer.
    if message.hops and message.body.startswith(_NOTICE.format(message.sender)):
        kind = _OLDER_KIND.match(message.body)
        return Failure(kind[1] if kind else "failed", message.body, about)
    return None
