"""Draft a bridge's messages: the chat's answer as a reply, or a notice that there is none."""

import json
from collections.abc import Callable
from contextlib import suppress

from xw import failure, layout, presence
from xw.bridges.chat import ChatFailed, NoAnswer, Reply
from xw.bridges.turn import Turn
from xw.instance import Instance
from xw.message import Fields, Message
from xw.post import Draft

_SPARE = 64 * 1024  # bytes for everything in a message besides its body
_EXCERPT = 16 * 1024  # characters of an answer that is too long for a message
_ANSWER = "answer.txt"


def reply(instance: Instance, message: Message, answer: Reply, protocol: Fields | None) -> Draft:
    """Return the reply that files a chat's answer; attach an answer that is too long for a message."""
    text = answer.text
    attachments: tuple[str, ...] = ()
    if len(json.dumps(text, ensure_ascii=False).encode()) > layout.MESSAGE_LIMIT - _SPARE:
        attachments = (_spill(instance, text),)
        text = f"{text[:_EXCERPT]}\n\n(cut here: the attachment {_ANSWER} has all {len(text):,} characters)"
    if answer.truncated:
        text += f"\n\n(part of the answer is missing: {answer.note})"
    more: Fields = {"hops": message.answered_hops}
    if message.fields.get("room"):
        more["room"] = message.fields["room"]
    if not text.strip():
        protocol = failure.payload("empty", "the chat ended its turn and said nothing", message.id)
    if protocol:
        more["protocol"] = protocol
    return Draft(
        "reply",
        (message.sender,),
        text if text.strip() else failure.EMPTY_ANSWER,
        message.id,
        message.thread or message.id,
        attachments,
        more=more,
    )


def writable(text: str, limit: int | None = None) -> str:
    """Return a chat's text in a form that can be filed: no lone surrogates, cut after `limit` characters."""
    text = text.encode(errors="replace").decode()
    return text if limit is None or len(text) <= limit else f"{text[:limit]}…"


def failure_notice(
    instance: Instance, message: Message, senders: set[str], kind: failure.Kind, reason: str
) -> Draft | None:
    """Return the info that reports a failed message to these senders; None if none of them is on the hub."""
    to = tuple(sorted(name for name in senders - {instance.name} if instance.hub.knows(name)))
    if not to:
        return None
    body = failure.notice(instance.name, message, kind, reason)
    more: Fields = {"hops": message.answered_hops, "protocol": failure.payload(kind, reason, message.id)}
    return Draft("info", to, body, message.id, message.thread or message.id, more=more)


def unreadable(file_name: str) -> Message | None:
    """Return a damaged message as far as its file name describes it, to report its failure with."""
    name = layout.file_name(file_name)
    return name and Message(name.id, name.type, name.sender, (), "", None, None, (), (), None, {})


def keep(instance: Instance, message: Message, answer: Reply) -> str:
    """Keep an answer that cannot be sent to anybody, for the instance's owner. Return its path."""
    kept = instance.mailbox.keep_beside(message, _ANSWER, answer.text.encode())
    return f"{instance.root}/{instance.mailbox.attachment(message.id, kept.name)}"


def kept_letter(instance: Instance, turn: Turn) -> str:
    """Keep the letter of a turn that cannot be carried out. Return the words to add to its reason."""
    message = unreadable(turn.name)
    if message and turn.ending and turn.ending.data:
        with suppress(Exception):  # the turn's files are in disorder already
            data = turn.ending.data.encode(errors="replace")
            kept = instance.mailbox.keep_beside(message, "letter.json", data)
            path = instance.mailbox.attachment(message.id, kept.name)
            return f"; the unsent letter is in {instance.root}/{path}"
    return ""


def failure_reason(instance: Instance, message: Message, error: ChatFailed | NoAnswer) -> str:
    """Return the reason of a failed turn; keep the chat's output until then, and name its file."""
    if not error.said.strip():
        return str(error)
    return f"{error}; its output before that is in {keep(instance, message, Reply(writable(error.said)))}"


def protocol_in(instance: Instance, text: str, tell: Callable[[str], None]) -> Fields | None:
    """Return the instance's first protocol message in an answer; None if there is none.

    Copy a status, and a request for help, into the presence as well; report each malformed message through
    `tell`.
    """
    if "[PROTOCOL:" not in text:
        return None
    from xw import protocol  # for the rare text that needs it: pydantic takes 100 ms

    for found in protocol.parse(text):
        if isinstance(found, protocol.Malformed):
            tell(f"malformed: {found.header}: {found.problem}")
        elif found.sender == instance.name:
            said = found.payload
            if isinstance(said, protocol.StatusUpdate):
                presence.report(instance.mailbox, said.status, said.task, said.progress)
            elif isinstance(said, protocol.ErrorNotice) and said.needs_assistance:
                presence.ask_for_help(instance.mailbox, said.error)
            return protocol.dump(found.payload)
    return None


def _spill(instance: Instance, text: str) -> str:
    """Write an answer that is too long for a message into the mailbox's bridge folder. Return its path."""
    mailbox = instance.mailbox
    path = mailbox.at(layout.BRIDGE, _ANSWER)
    mailbox.files.make_folder(mailbox.at(layout.BRIDGE))
    # Not by `open`: a link that somebody put there must not lead root's bridge to another file.
    mailbox.files.replace(text.encode(), mailbox.at(layout.SCRATCH), path)
    return f"{instance.root}/{path}"
