"""What a bridge sends: the chat's answer as a reply, or a notice that there is none."""

import json
from collections.abc import Callable
from contextlib import suppress

from xw import failure, layout, presence
from xw.bridges.chat import ChatFailed, Reply
from xw.bridges.turn import Turn
from xw.instance import Instance
from xw.message import Fields, Message
from xw.post import Draft

_ROOM = 64 * 1024  # for all that is in a message besides its body
_SHOWN = 16 * 1024  # of an answer that is too long for a message
_ANSWER = "answer.txt"


def reply(instance: Instance, message: Message, answer: Reply, protocol: Fields | None) -> Draft:
    """The reply that files a chat's answer; one that is too long for a message goes as an attachment."""
    text = answer.text
    attachments: tuple[str, ...] = ()
    if len(json.dumps(text, ensure_ascii=False).encode()) > layout.MESSAGE_LIMIT - _ROOM:
        attachments = (_spill(instance, text),)
        text = f"{text[:_SHOWN]}\n\n(cut here: the attachment {_ANSWER} has all {len(text):,} characters)"
    if answer.truncated:
        text += f"\n\n(not all of the answer could be captured: {answer.note})"
    more: Fields = {"hops": message.answered_hops}
    if message.fields.get("room"):
        more["room"] = message.fields["room"]
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
    """What a chat said, as it can be filed: without lone surrogates, and cut after `limit` characters."""
    text = text.encode(errors="replace").decode()
    return text if limit is None or len(text) <= limit else f"{text[:limit]}…"


def failure_notice(
    instance: Instance, message: Message, senders: set[str], kind: str, reason: str
) -> Draft | None:
    """Return the info that reports a failed message to these senders; None if none of them is on the hub."""
    to = tuple(sorted(name for name in senders - {instance.name} if instance.hub.knows(name)))
    if not to:
        return None
    body = failure.notice(instance.name, message, kind, reason)
    more: Fields = {"hops": message.answered_hops, "protocol": failure.payload(kind, reason, message.id)}
    return Draft("info", to, body, message.id, message.thread or message.id, more=more)


def unreadable(file_name: str) -> Message | None:
    """Return what a damaged message's file name alone says of it, to report its failure by."""
    name = layout.file_name(file_name)
    return name and Message(name.id, name.type, name.sender, (), "", None, None, (), (), None, {})


def keep(instance: Instance, message: Message, answer: Reply) -> str:
    """Put an answer that nobody can be sent where its owner finds it; the path."""
    kept = instance.mailbox.keep_beside(message, _ANSWER, answer.text.encode())
    return f"{instance.root}/{instance.mailbox.attachment(message.id, kept.name)}"


def kept_letter(instance: Instance, turn: Turn) -> str:
    """Keep the letter of a turn that cannot be carried out; what to add to its reason, if anything."""
    message = unreadable(turn.name)
    if message and turn.ending and turn.ending.data:
        with suppress(Exception):  # this is for a turn whose files are in disorder already
            data = turn.ending.data.encode(errors="replace")
            kept = instance.mailbox.keep_beside(message, "letter.json", data)
            path = instance.mailbox.attachment(message.id, kept.name)
            return f"; the letter that was to be sent lies in {instance.root}/{path}"
    return ""


def failed(instance: Instance, message: Message, error: ChatFailed) -> str:
    """Return the reason of a failed turn; what the chat had said by then is kept, and the reason names it."""
    if not error.said.strip():
        return str(error)
    return f"{error}; what it had said lies in {keep(instance, message, Reply(writable(error.said)))}"


def protocol_in(instance: Instance, text: str, tell: Callable[[str], None]) -> Fields | None:
    """Return the first protocol message of the instance's own in an answer; None if it holds none.

    A status goes into the presence as well; `tell` reports each one that is malformed.
    """
    if "[PROTOCOL:" not in text:
        return None
    from xw import protocol  # for the rare text that needs it: pydantic takes 100 ms

    for found in protocol.parse(text):
        if isinstance(found, protocol.Malformed):
            tell(f"malformed: {found.header}: {found.problem}")
        elif found.sender == instance.name:
            if isinstance(found.payload, protocol.StatusUpdate):
                said = found.payload
                presence.say(instance.mailbox, presence.SHOWN_AS[said.status], said.task, said.progress)
            return protocol.dump(found.payload)
    return None


def _spill(instance: Instance, text: str) -> str:
    """Write an answer that is too long for a message into a file beside the mailbox; the file's path."""
    mailbox = instance.mailbox
    path = mailbox.at(layout.BRIDGE, _ANSWER)
    mailbox.files.make_folder(mailbox.at(layout.BRIDGE))
    # Not by `open`: a link that somebody put there must not lead a bridge of root's to another file.
    mailbox.files.replace(text.encode(), mailbox.at(layout.SCRATCH), path)
    return f"{instance.root}/{path}"
