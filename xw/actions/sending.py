"""Send mail: send, reply, attach, retry."""

from collections.abc import Sequence
from contextlib import suppress

from xw import clock, layout, post
from xw.errors import NoMessage, NotFound, Refused, Usage
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import ARRIVED, RECEIVED, RECEIVED_FIRST, Place
from xw.message import Fields, Message
from xw.post import Draft, Sent


def send(
    instance: Instance,
    kind: str,
    body: str,
    to: Sequence[str] = (),
    re: str | None = None,
    attachments: Sequence[str] = (),
    expires: str | None = None,
    more: Fields | None = None,
    any_one: bool = False,
) -> Sent:
    """Send a message; `re` and `to` as typed by a person, `expires` in RFC 3339.

    With `any_one`, send to one of the recipients, who is idle or has the shortest queue. Without `to`, send
    to the sender of the message that `re` names, or to the only peer. A reply without `re` answers the only
    open task or question of its recipients; raise Usage if several are open.
    """
    known = layout.type_of(kind)
    if known is None:
        raise Usage(f"unknown message type {kind!r}: use {', '.join(layout.TYPES)}")
    if not body.strip() and not attachments:
        raise Usage("the body is empty: give a text or an attachment")
    if expires is not None and clock.from_rfc3339(expires) <= instance.now():
        raise Usage(f"it would expire at {expires}, which has passed: give a later time; nothing was sent")
    answered = _answered(instance, re)
    if not to and not answered:
        _refuse_name(instance, body)
    names, away = recipients(instance, to, answered)
    if any_one and len(names) > 1:
        from xw.actions.addressing import any_of

        names = (any_of(instance, names),)
    if kind == "reply" and answered is None:
        answered = _only_open(instance, names)
    draft = Draft(
        known,
        names,
        body,
        re=answered.id if answered else None,
        thread=(answered.thread or answered.id) if answered else None,
        attachments=tuple(attachments),
        expires=expires,
        more=_hops(instance) | (more or {}),
    )
    sent = post.send(instance.mailbox, instance.hub, draft, instance.now)
    return sent._replace(about=answered, away=away)


def _only_open(instance: Instance, names: Sequence[str]) -> Message | None:
    from xw.actions.answering import only_open  # rarely needed, and `send` runs all the time

    return only_open(instance, names)


def _hops(instance: Instance) -> Fields:
    """Return the field `hops` for mail sent during a bridge's turn, so that two agents cannot loop."""
    mailbox, folder = instance.mailbox, INBOX["processing"]
    hops = 0
    for name in mailbox.files.list_folder(mailbox.at(folder)):
        if name.endswith(layout.TURN):
            for place in (folder, INBOX["done"]):  # an `xw done` in the turn does not end it
                with suppress(OSError, NoMessage):  # the turn has ended, or the file is another user's
                    message = mailbox.read(Place(place, name.removesuffix(layout.TURN)))
                    hops = max(hops, message.answered_hops)
                    break
    return {"hops": hops} if hops else {}


def recipients(
    instance: Instance, to: Sequence[str], answered: Message | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the recipients, each once, and those that `all` leaves out because they have been away.

    `all` becomes every agent and person on the hub, `@NAME` everybody with this group or capability.
    """
    if not to:
        return _unnamed(instance, answered), ()
    names: list[str] = []
    away: tuple[str, ...] = ()
    for name in split(to):
        if name == layout.EVERYONE:
            from xw.actions.addressing import everyone

            found, away = everyone(instance)
            names += found
        elif name.startswith("@"):
            from xw.actions.addressing import members

            names += [peer.name for peer in members(instance, name)]
        else:
            names.append(name)
    if not names:
        raise NotFound(
            "you are the only agent or person on the hub: `xw init --name NAME` adds one, "
            "a message to a room names the room; nothing was sent"
        )
    return tuple(dict.fromkeys(names)), tuple(name for name in away if name not in names)


def needs_peers(to: Sequence[str]) -> bool:
    """Return True if the recipients depend on what is known of all peers."""
    return not to or any(name == layout.EVERYONE or name.startswith("@") for name in split(to))


def split(to: Sequence[str]) -> list[str]:
    """Return the names given with `--to`, which may hold several separated by commas or blanks."""
    return [name for given in to for name in given.replace(",", " ").split() or [given]]


def attach(instance: Instance, token: str, paths: Sequence[str]) -> Sent:
    """Add files to a message that this instance sent; its recipients get an `info` about them."""
    from xw.actions.lookup import not_sent, open_named

    place, message = open_named(instance.mailbox, token, [layout.SENT], *RECEIVED)
    if place.folder != layout.SENT:
        reply = f"`xw reply {message.short} TEXT --attach FILE` sends files back"
        raise not_sent(place, f"`xw attach` adds files to messages that you sent; {reply}")
    sent = post.attach(instance.mailbox, instance.hub, message, paths, instance.now)
    return sent._replace(about=message)


def retry(instance: Instance, token: str) -> Sent:
    """Send a dead letter again as a new message with `retry_of`.

    A message from this instance's `inbox/failed/` returns to its own `pending/`, still from the original
    sender. A message that the hub refused, or that its recipients failed, goes to the recipients it did not
    reach.
    """
    from xw.actions.lookup import not_sent, open_named

    mailbox = instance.mailbox
    sent = [INBOX["failed"], layout.REFUSED, layout.SENT]
    place, message = open_named(mailbox, token, sent, *RECEIVED)
    if place.folder not in sent:
        raise not_sent(place, "`xw retry` repeats dead letters; `xw check --failed` lists yours")
    paths = tuple(
        f"{instance.root}/{mailbox.attachment(message.id, file.name)}" for file in message.attachments
    )
    for name, problem in mailbox.unsound(message.id, message.attachments).items():
        if problem.kind != "unchecked":
            raise Refused(
                f"the attachment {name} of {message.short} has changed: {problem}; nothing was sent"
            )
    if place.folder == INBOX["failed"]:
        if mailbox.why(place.name).get("kind") == "withdrawn":
            raise Refused(f"{message.sender} withdrew {message.short}: `xw read {message.short}` shows it")
        before = _repeated(instance, message, ARRIVED)
        if before:  # by a call that was killed after that
            return Sent(before.id, before.file_name, (instance.name,), (), about=message)
        return post.repeat_dead_letter(mailbox, message, paths, instance.now)._replace(about=message)
    to = _failed_at(instance, message)
    if not to:
        raise NotFound(f"{message.short} is not a dead letter: `xw trace {message.short}` shows where it is")
    before = _repeated(instance, message, (layout.SENT,))
    if before:
        post.complete(mailbox, instance.hub, before.file_name)
        again = set(_failed_at(instance, before))
        to = tuple(one for one in to if one in again or one not in before.to)
        if not to:
            waiting = tuple(one for one in before.to if before.file_name in mailbox.outbox(one))
            there = tuple(one for one in before.to if one not in waiting)
            return Sent(before.id, before.file_name, there, waiting, about=message)
    kept = ("attached", "room", "author", "rooms", "protocol", "urgent", "priority")
    more: Fields = {key: message.fields[key] for key in kept if message.fields.get(key)}
    more["retry_of"] = message.id
    sums = tuple(file.sha256 for file in message.attachments)
    thread = message.thread or message.id
    # Noted: if this call is killed, the next one finds the copy in `sent/`, and completes it.
    draft = Draft(message.type, to, message.body, message.re, thread, paths, more=more, sums=sums, noted=True)
    return post.send(mailbox, instance.hub, draft, instance.now)._replace(about=message)


def _repeated(instance: Instance, message: Message, folders: Sequence[str]) -> Message | None:
    """Return the newest message in some folders that repeats a dead letter, or None."""
    mailbox, end = instance.mailbox, f".{message.type}.{message.sender}.json"
    for folder in folders:
        names = [name for name in mailbox.names(folder) if name > message.id and name.endswith(end)]
        paths = [mailbox.at(folder, name) for name in names]
        found = zip(names, mailbox.files.read_all(paths, layout.MESSAGE_LIMIT), strict=True)
        # Searching the bytes takes a third of the time of parsing them.
        fitting = [name for name, data in found if isinstance(data, bytes) and message.id.encode() in data]
        for name in reversed(fitting):
            one = mailbox.glance(Place(folder, name))
            if one and one.fields.get("retry_of") == message.id:
                return one
    return None


def _failed_at(instance: Instance, message: Message) -> tuple[str, ...]:
    """Return the recipients that a message did not reach: the hub refused it, or it is in their `failed/`."""
    refused = instance.mailbox.refused(message.file_name)
    located = {to: instance.hub.locate(to, message.file_name) for to in message.to}
    return tuple(to for to, found in located.items() if to in refused or (found and found.state == "failed"))


def _answered(instance: Instance, token: str | None) -> Message | None:
    if token is None:
        return None
    from xw.actions.lookup import open_named  # which most calls of `send` do without

    return open_named(instance.mailbox, token, *RECEIVED_FIRST)[1]


def _unnamed(instance: Instance, answered: Message | None) -> tuple[str, ...]:
    """Return the recipients of a message sent without `--to`."""
    if answered:
        if answered.sender == layout.POSTMASTER:
            raise Usage("nobody reads answers to postmaster: name a recipient; nothing was sent")
        return answered.to if answered.sender == instance.name else (answered.sender,)
    peers = _peers(instance)
    if len(peers) == 1:
        return tuple(peers)
    if not peers:
        raise NotFound("no peers yet: `xw init --name NAME` adds one; nothing was sent")
    raise Usage(f"no recipient: name one of {', '.join(peers)}, or all; nothing was sent")


def _refuse_name(instance: Instance, body: str) -> None:
    """Raise Usage if a text for nobody named is a name itself: `xw ask bob` asks nothing."""
    if layout.is_name(body.strip()) and body.strip() in (layout.EVERYONE, *_peers(instance)):
        raise Usage(f"the text is only the name {body.strip()!r}: give a text as well; nothing was sent")


def _peers(instance: Instance) -> list[str]:
    return [name for name in instance.hub.instances() if name != instance.name]
