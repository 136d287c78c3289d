"""Decide what a room does with a message that arrived; the coordinator carries it out.

The author of a line is the mailbox that sent it, whatever the message claims.
Members may speak, and so may people (instances of kind human) and the room's own
host, who writes as the room. Everyone may join and leave; only people, the host
and the owner may give other commands, which include every change of a setting.
What another has forged in its sender's name is no line and no command. A command
needs more: nothing may speak against its sender. A line may come unsigned, or
with a new key: readers see that themselves.
"""

from typing import Literal, NamedTuple

from xw import failure, layout
from xw.errors import NotFound, Usage
from xw.gist import gist
from xw.hub.contract import Outgoing
from xw.message import Fields, Message
from xw.rooms import definition, payload, settings
from xw.rooms.scene import HUMAN, MINUTE, ROOM, Member, kind_of
from xw.rooms.state import CLOSED, OPEN, PAUSED, State, answers, reached_all
from xw.sender_status import FORGED, SenderStatus
from xw.text import first_line, span
from xw.words import InstanceKind, RoomCommand, RoomEvent, Type

_WIDTH = 200
_ROOMS = 16  # rooms that a text may pass through
_RETRY_AFTER_S = 5.0  # pause before a member that could not answer gets its turn again; doubles each time
_RETRY_AFTER_MOST_S = 600.0
_FAILURES = 10  # failures in a row, about half an hour, after which the room passes the member over
_NAME = 40  # characters of an invalid name to quote


class Answer(NamedTuple):
    """The room's reaction to a message: an event, a line, a message set aside, a dropped one, or none.

    `event` has the event's fields and `text` its words; it goes to the members,
    unless `private`, and to the names in `to`, as a message of type `kind`.
    `dropped` has the kind of failure and the reason.
    """

    event: Fields | None = None
    text: str = ""
    to: tuple[str, ...] = ()
    private: bool = False
    kind: Type = "info"
    line: bool = False
    aside: bool = False
    dropped: tuple[failure.Kind, str] | None = None


_PUT_AWAY = Answer()
_LINE = Answer(line=True)
_ASIDE = Answer(aside=True)


def decide(
    state: State, hub: Outgoing, message: Message, now: int, status: SenderStatus | None = None
) -> Answer:
    """Return the reaction of a room in this state to a message that is not one of its own events.

    `status` is what is known of its sender; None where nobody can tell.
    """
    if status and status.word == FORGED:  # no notice: the one that it names has not sent it
        return Answer(dropped=("refused", status.plain))
    own = payload.read(message)
    if own and own.kind == payload.CONTROL:
        if status and status.is_alarming:
            return _refusal(message, f"a command must be certainly yours, and this one is {status.plain}")
        return _control(state, hub, message, own)
    if not payload.is_line(message):
        return _PUT_AWAY if state.status == CLOSED else _sign(state, hub, message, status)
    if reached_all(state, message):
        # An older xw counts rooms in `--to all`. If the room passed the message on, each member would get it
        # twice, the second time as a paid question, though its sender did not mean the room.
        return _ASIDE
    if message.sender == state.name:
        return _LINE
    passed = payload.rooms_of(message)
    if (state.name in passed and message.type != "reply") or len(passed) > _ROOMS:
        return Answer(
            dropped=("looped", f"it passed through {state.name} before, or through more than {_ROOMS} rooms")
        )
    if state.status == CLOSED:
        return _refusal(message, settings.closed(state, state.reason))
    member = state.members.get(message.sender)
    if member is None and _kind(hub, message.sender) != HUMAN:
        if not state.members and len(message.to) > 1:
            return _ASIDE  # a broadcast as above, to a room that nobody has joined yet
        return _refusal(message, f"{message.sender} is not a member: run `xw room join {state.name}`")
    if message.expired(now):
        why = f"it expired at {message.expires}, before the room took it"
        return _refusal(message, why)._replace(dropped=("expired", why))
    if member is None:
        return _LINE
    if own and own.kind == payload.TURN and member.kind == ROOM:
        # A room that is a member: take its members' words, and answer at once.
        event: Fields = {"event": payload.HEARD}
        return Answer(event, "PASS", (message.sender,), private=True, kind="reply", line=True)
    return _member(state, member, message, now)


def settled(event: RoomEvent | Literal["unknown"]) -> Answer:
    """Return the rest of the reaction to a message that this event answered before a crash."""
    if event in (payload.REFUSED, payload.LIMITED):
        return Answer(dropped=("refused", "refused; the sender knows why"))
    return _LINE if event == payload.HEARD else _PUT_AWAY


def _member(state: State, member: Member, message: Message, now: int) -> Answer:
    most = state.definition.limits.per_minute
    lately = sum(then > now - MINUTE for then in member.spoke)
    free = member.kind in (HUMAN, ROOM) or answers(member, message) or payload.is_typed(message)
    if most and lately >= most and not free:
        why = f"more than {most} messages in a minute from {member.name}: wait for your turn"
        if now - member.limited < MINUTE:
            return Answer(dropped=("refused", why))  # a notice for each would be read with its next turn
        why += "; further messages in this minute are refused without a notice"
        event: Fields = {"event": payload.LIMITED, "member": member.name}
        return _refusal(message, why)._replace(event=event, private=False)
    return _LINE


def _sign(state: State, hub: Outgoing, message: Message, status: SenderStatus | None) -> Answer:
    """Return the reaction to a message that is not a line, but may report that a turn gets no answer."""
    if status and status.is_alarming:
        return _PUT_AWAY
    # A bridge may give up long after the room has passed its member over.
    late = (m for m in state.members.values() if m.away and not m.failures and m.last == message.re)
    member = state.holder(message.re) or next(late, None)
    own = payload.read(message)
    protocol = message.fields.get("protocol")
    notice = isinstance(protocol, dict) and protocol.get("kind") == "ERROR_NOTICE"
    refused = own is not None and own.event == payload.REFUSED
    word = notice or refused or failure.read(message) is not None
    if member is None or not (
        message.sender == layout.POSTMASTER or (message.sender == member.name and word)
    ):
        return _PUT_AWAY
    # The room's own xw signs what it returns. Others report only, unsigned, that a member was unregistered.
    if message.sender == layout.POSTMASTER and status and not status.is_verified and hub.knows(member.name):
        return _PUT_AWAY
    event: Fields = {"event": payload.AWAY, "member": member.name, "turn": message.re, "failed": True}
    quoted = gist(message.body, _WIDTH).replace('"', "'")  # the room's own quotes enclose it
    what = f'{member.name} cannot answer ("{quoted}")'
    # Returned mail, and another room's refusal, will not change in a moment.
    if message.sender == layout.POSTMASTER or member.kind == ROOM or member.failures + 1 >= _FAILURES:
        fix = f"`xw room join {state.name} --member {member.name}`"
        text = f"{what}: passed over until it or a person says something, or {fix}"
        return Answer(event, text + in_its_place(state, member.name))
    rest = min(_RETRY_AFTER_S * 2**member.failures, _RETRY_AFTER_MOST_S)
    text = f"{what}: asked again in {span(rest)}, or when a person says something"
    text += in_its_place(state, member.name)
    # The room reports the first and the last failure to the members; `xw log --room` has them all.
    told = (state.name,) if member.failures else ()
    return Answer(event | {"rest_s": rest}, text, told, private=bool(told))


def in_its_place(state: State, name: str) -> str:
    """Return the words of an event on who leads the room without its moderator; empty for other members."""
    member = state.members.get(name)
    if name != state.definition.moderator or (member and member.kind == HUMAN):
        return ""
    command = f"`xw room set {state.name} --moderator NAME` names another moderator"
    return f"; the others speak in turn meanwhile; {command}"


def may_command(state: State, hub: Outgoing, sender: str) -> bool:
    """Return True if an instance may give every command to a room: a person, the owner, or the host."""
    return sender in (state.name, state.definition.owner) or _kind(hub, sender) == HUMAN


def _control(state: State, hub: Outgoing, message: Message, own: payload.Payload) -> Answer:
    given, name, sender = own.text("do"), own.text("name") or message.sender, message.sender
    command = next((one for one in payload.COMMANDS if one == given), None)
    if command is None:
        quoted = first_line(given, _NAME)
        return _refusal(message, f"unknown command {quoted!r}: a room takes {', '.join(payload.COMMANDS)}")
    if not may_command(state, hub, sender) and not (command in ("join", "leave") and name == sender):
        return _refusal(message, f"{sender} may not {command}: only people and the room's owner may")
    try:
        changes = settings.absolute(state, own.settings)
        new = definition.changed(state.definition, changes, list(state.members))
    except Usage as error:
        return _refusal(message, str(error))
    if command == "resume" and state.status == OPEN and changes:
        command = "set"
    problem = _problem(state, hub, command, name)
    if problem is None and command == "resume":
        problem = settings.why_not_resumed(state, new)
    if problem is None and command == "set" and not changes:
        problem = f"nothing to set: name a setting of {', '.join(definition.SETTINGS)}"
    if problem:
        return _refusal(message, problem)
    if command in ("set", "resume"):
        return _changed(state, command, changes, sender)
    return _done(state, hub, command, name, sender)


def _changed(state: State, command: RoomCommand, changes: Fields, sender: str) -> Answer:
    kind = payload.SET if command == "set" else payload.RESUMED
    event: Fields = {"event": kind, "by": sender} | ({"set": changes} if changes else {})
    did = "changed the room" if command == "set" else "resumed the room"
    words = settings.in_words(state.definition, changes)
    return Answer(event, f"{sender} {did}{': ' if words else ''}{words}", (sender,))


def _problem(state: State, hub: Outgoing, command: RoomCommand, name: str) -> str | None:
    """Return why the room cannot carry out a command now; None if it can."""
    if state.status == CLOSED and command != "resume":
        return settings.closed(state, state.reason)
    if command == "join" and (name == state.name or not hub.knows(name)):
        return f"no instance {first_line(name, _NAME)!r} on the hub"
    if command == "leave" and name not in state.members:
        return f"{first_line(name, _NAME)!r} is not a member"
    if (command == "pause" and state.status == PAUSED) or (command == "resume" and state.status == OPEN):
        return f"the room is {state.status} already"
    return None


def _done(state: State, hub: Outgoing, command: RoomCommand, name: str, sender: str) -> Answer:
    if command == "join":
        back = name in state.members
        event: Fields = {"event": payload.JOINED, "member": name, "as": _kind(hub, name)}
        return Answer(event, f"{name} {'is back' if back else 'has joined'}", (name, sender))
    if command == "leave":
        left = f"{name} has left{in_its_place(state, name)}"
        return Answer({"event": payload.LEFT, "member": name}, left, (name, sender))
    if command == "close":
        reason = f"{sender} closed it"
        event = {"event": payload.CLOSED, "reason": reason}
        return Answer(event, settings.closed(state, reason), (sender,))
    return Answer({"event": payload.PAUSED, "by": sender}, f"{sender} paused the room", (sender,))


def _refusal(message: Message, why: str) -> Answer:
    text = f"refused: {why}"
    event: Fields = {"event": payload.REFUSED, "member": message.sender}
    return Answer(event, text, (message.sender,), private=True, dropped=("refused", why))


def _kind(hub: Outgoing, name: str) -> InstanceKind:
    """Return the kind in an instance's card; agent if it has none, or is not on the hub."""
    try:
        return kind_of(hub.peer(name).kind)
    except NotFound:
        return "agent"
