"""What a room does with a message that arrived: decided here, carried out by the coordinator.

The author of a line is the mailbox that sent it, whatever the message claims.
Members speak; so do people (instances of kind human) and the room's own host,
who write as the room. Everyone may join and leave; people, the host and the
owner may do all else.
"""

from typing import NamedTuple

from xw import failure, layout
from xw.errors import NotFound
from xw.hub.contract import Hub
from xw.message import Fields, Message
from xw.rooms import payload
from xw.rooms.scene import HUMAN, MINUTE, ROOM, Member
from xw.rooms.state import CLOSED, OPEN, PAUSED, State, answers, reached_all
from xw.text import first_line, span

_WIDTH = 200
_ROOMS = 16  # that a text may pass
_REST_S = 5.0  # of a member that could not answer, until it is asked again; twice as long each time
_REST_MOST_S = 600.0
_FAILURES = 10  # in a row, and then it is passed over: about half an hour
_NAME = 40  # characters of what is no name


class Answer(NamedTuple):
    """What to do with a message: make an event of it, keep it as a line or as none, drop it, or put it away.

    `event` are the event's fields, `text` its words, `to` whom it concerns
    besides the members, who are told unless it is `private`; `kind` the type of
    the message that tells it. `dropped` is the kind and the reason.
    """

    event: Fields | None = None
    text: str = ""
    to: tuple[str, ...] = ()
    private: bool = False
    kind: str = "info"
    line: bool = False
    aside: bool = False
    dropped: tuple[failure.Kind, str] | None = None


_PUT_AWAY = Answer()
_LINE = Answer(line=True)
_ASIDE = Answer(aside=True)


def decide(state: State, hub: Hub, message: Message, now: int) -> Answer:
    """Return what a room in this state does with a message, which is not one of its own events."""
    own = payload.read(message)
    if own and own.kind == payload.CONTROL:
        return _control(state, hub, message, own)
    if not payload.is_line(message):
        return _PUT_AWAY if state.status == CLOSED else _sign(state, message)
    if reached_all(state, message):
        # So it is with `--to all` of an older xw, which counts rooms among all. Passed on, each member would
        # get it twice, the second time as a paid question; its sender has not thought of the room.
        return _ASIDE
    if message.sender == state.name:
        return _LINE
    passed = payload.rooms_of(message)
    if (state.name in passed and message.type != "reply") or len(passed) > _ROOMS:
        return Answer(dropped=("looped", f"it has passed {state.name} before, or more than {_ROOMS} rooms"))
    if state.status == CLOSED:
        return _refusal(message, f"the room is closed: {state.reason}")
    member = state.members.get(message.sender)
    if member is None and _kind(hub, message.sender) != HUMAN:
        if not state.members and len(message.to) > 1:
            return _ASIDE  # a broadcast as above, to a room that nobody has joined yet
        return _refusal(message, f"{message.sender} is no member: `xw room join {state.name}` makes it one")
    if message.expired(now):
        why = f"it expired at {message.expires}, before the room heard it"
        return _refusal(message, why)._replace(dropped=("expired", why))
    if member is None:
        return _LINE
    if own and own.kind == payload.TURN and member.kind == ROOM:
        # A room in the room: its members' words count, and it need not be waited for.
        event: Fields = {"event": payload.HEARD}
        return Answer(event, "PASS", (message.sender,), private=True, kind="reply", line=True)
    return _member(state, member, message, now)


def settled(event: str) -> Answer:
    """Return what is left to do with a message that this event has answered already, before a crash."""
    if event in (payload.REFUSED, payload.LIMITED):
        return Answer(dropped=("refused", "refused; the sender was told why"))
    return _LINE if event == payload.HEARD else _PUT_AWAY


def _member(state: State, member: Member, message: Message, now: int) -> Answer:
    most = state.definition.limits.per_minute
    lately = sum(then > now - MINUTE for then in member.spoke)
    if most and lately >= most and not answers(member, message) and member.kind not in (HUMAN, ROOM):
        why = f"more than {most} messages in a minute from {member.name}: wait for your turn"
        refusal = _refusal(message, why)
        if now - member.limited < MINUTE:
            return refusal
        # A limit that is reached is said in the room, though not at each message beyond it.
        return refusal._replace(event={"event": payload.LIMITED, "member": member.name}, private=False)
    return _LINE


def _sign(state: State, message: Message) -> Answer:
    """Decide about a message that is no line, but may report that a turn will not be answered."""
    member = state.holder(message.re)
    own = payload.read(message)
    protocol = message.fields.get("protocol")
    notice = isinstance(protocol, dict) and protocol.get("kind") == "ERROR_NOTICE"
    refused = own is not None and own.text("event") == payload.REFUSED
    word = notice or refused or failure.read(message) is not None
    if member is None or not (
        message.sender == layout.POSTMASTER or (message.sender == member.name and word)
    ):
        return _PUT_AWAY
    event: Fields = {"event": payload.AWAY, "member": member.name, "turn": member.open, "failed": True}
    quoted = first_line(message.body, _WIDTH).replace('"', "'")  # its words end where the room says so
    what = f'{member.name} cannot answer ("{quoted}")'
    # What comes back, and another room's refusal, will be no different in a moment.
    if message.sender == layout.POSTMASTER or member.kind == ROOM or member.failures + 1 >= _FAILURES:
        cure = f"`xw room join {state.name} --member {member.name}`"
        return Answer(event, f"{what}: passed over until it or a person says something, or {cure}")
    rest = min(_REST_S * 2**member.failures, _REST_MOST_S)
    text = f"{what}: it rests, and is asked again in {span(rest)}"
    # The members hear of the first failure and of the last; `xw log --room` has them all.
    told = (state.name,) if member.failures else ()
    return Answer(event | {"rest_s": rest}, text, told, private=bool(told))


def _control(state: State, hub: Hub, message: Message, own: payload.Payload) -> Answer:
    command, name, sender = own.text("do"), own.text("name") or message.sender, message.sender
    if command not in payload.COMMANDS:
        return _refusal(message, f"a room can be asked to {', '.join(payload.COMMANDS)}")
    may = sender in (state.name, state.definition.owner) or _kind(hub, sender) == HUMAN
    if not may and not (command in ("join", "leave") and name == sender):
        return _refusal(message, f"{sender} may not do this: people and the room's owner may")
    problem = _problem(state, hub, command, name)
    return _refusal(message, problem) if problem else _done(state, hub, command, name, sender)


def _problem(state: State, hub: Hub, command: str, name: str) -> str | None:
    """Return why a command cannot be done now; None if it can."""
    if state.status == CLOSED:
        return f"the room is closed: {state.reason}"
    if command == "join" and (name == state.name or not hub.knows(name)):
        return f"no instance {first_line(name, _NAME)!r} on the hub"
    if command == "leave" and name not in state.members:
        return f"{first_line(name, _NAME)} is no member"
    if (command == "pause" and state.status == PAUSED) or (command == "resume" and state.status == OPEN):
        return f"the room is {state.status} already"
    return None


def _done(state: State, hub: Hub, command: str, name: str, sender: str) -> Answer:
    if command == "join":
        back = name in state.members
        event: Fields = {"event": payload.JOINED, "member": name, "as": _kind(hub, name)}
        return Answer(event, f"{name} {'is back' if back else 'has joined'}", (name, sender))
    if command == "leave":
        return Answer({"event": payload.LEFT, "member": name}, f"{name} has left", (name, sender))
    if command == "close":
        reason = f"{sender} closed it"
        return Answer({"event": payload.CLOSED, "reason": reason}, f"the room is closed: {reason}", (sender,))
    event = {"event": payload.PAUSED if command == "pause" else payload.RESUMED, "by": sender}
    return Answer(event, f"{sender} {command}d the room", (sender,))


def _refusal(message: Message, why: str) -> Answer:
    text = f"not taken: {why}"
    event: Fields = {"event": payload.REFUSED, "member": message.sender}
    return Answer(event, text, (message.sender,), private=True, dropped=("refused", why))


def _kind(hub: Hub, name: str) -> str:
    """Return the kind in an instance's card; agent where it has none, or is not there."""
    try:
        return hub.peer(name).kind or "agent"
    except NotFound:
        return "agent"
