"""A room's present state, folded from its history.

No file stores it: a new coordinator folds the room's record (`record`) and has
the state of the one before. While it runs, it folds each line that it takes and
each message that it sends, by the same two methods.
"""

from contextlib import suppress
from typing import Literal, NamedTuple

from xw import clock, layout, relayed
from xw.errors import Usage
from xw.message import Message
from xw.rooms import definition, payload
from xw.rooms.definition import Definition
from xw.rooms.payload import Payload
from xw.rooms.record import Record
from xw.rooms.scene import HUMAN, MINUTE, ROOM, File, Limits, Line, Member, Scene, is_pass, kind_of, mentions
from xw.rooms.view import RoomView
from xw.words import RoomEvent, RoomStatus

OPEN: RoomStatus = "open"
PAUSED: RoomStatus = "paused"
CLOSED: RoomStatus = "closed"


class Cost(NamedTuple):
    """A member's share of the room's cost: its turns, the words in them, and the words that it said."""

    turns: int = 0
    fed: int = 0
    said: int = 0


class State:
    """The state of a room. `last` is the last message it sent, `thread` the first one's id.

    `definition` has the present settings. `turns` counts the turns toward the limit, `given` also the failed
    ones; `costs` has all of each member, also after it has left.

    `heard` has the lines that no sent message names yet, `aside` the messages set
    aside likewise; `settled` maps a message to the event that answered it;
    `active_at` is the time of the last line, or of the last resume. `whole` is False
    if the record's beginning is missing, as after a gc.
    """

    def __init__(self, name: str, definition: Definition) -> None:
        self.name = name
        self.definition = definition
        self.members = {who: Member(who, kind) for who, kind in definition.members}
        self.lines: list[Line] = []
        self.turns = 0
        self.given = 0
        self.words = 0
        self.costs: dict[str, Cost] = {}
        self.whole = True
        self.status = OPEN
        self.reason = ""
        self.heard: list[str] = []
        self.aside: list[str] = []
        self.settled: dict[str, RoomEvent | Literal["unknown"]] = {}
        self.last: Message | None = None
        self.thread: str | None = None
        self.active_at = 0
        self.resumed_at = 0

    def scene(self, now: int = 0) -> Scene:
        """Return the policy's view of the room at this time."""
        limits, moderator = self.definition.limits, self.definition.moderator
        return Scene(
            tuple(member.at(now) for member in self.members.values()),
            self.lines,
            limits,
            self.turns,
            moderator,
        )

    def holder(self, turn: str | None) -> Member | None:
        """Return the member that has not answered this turn yet; None if there is none."""
        return next((m for m in self.members.values() if turn and m.open == turn), None)

    def replay(self, room: RoomView, now: int) -> None:
        """Fold the room's files."""
        record = Record(room)
        for message, own in record.fresh():
            # Leave out a message that triggers a bug in xw, like an unreadable one.
            with suppress(Exception):
                if own:
                    self.sent(message, own)
                else:
                    self.hear(message, now)
        for message in record.unnamed():
            # The room has sent nothing since, so nobody has joined or left: the same decision holds.
            with suppress(Exception):
                if reached_all(self, message):
                    self.aside.append(message.id)
                else:
                    self.hear(message, now)
        if self.status != CLOSED and not room.rooms.is_open(room.name):
            self.status, self.reason, self.whole = CLOSED, "its record was removed", False

    def spent(self, limits: Limits | None = None) -> str | None:
        """Return the reached limit that forbids any further turn; None if there is none."""
        limits = limits or self.definition.limits
        if 0 < limits.turns <= self.turns:
            return f"the limit of {limits.turns} turns is reached"
        if 0 < limits.words <= self.words:
            return f"the limit of {limits.words} words is reached"
        return None

    def hear(self, message: Message, now: int) -> None:
        """Fold a line. Its time is its sender's, limited by the room's last message and the room's clock.

        Otherwise a member with a slow clock would neither keep the room awake nor reach its rate.
        """
        line = line_of(message, now, self.last.sent if self.last else 0)
        member = self.members.get(line.author)
        # No other stranger's words are taken; a person may also type into a member's own window.
        person = member is None or member.kind == HUMAN or payload.is_typed(message)
        line = line._replace(person=person)
        self.heard.append(line.id)
        self.lines.append(line)
        if not line.silent:
            said = len(line.text.split())
            self.words += said
            self._count(line.author, said=said)
            self.active_at = max(self.active_at, line.at)
            self._let_name(line.author)
        if member:
            # A room's PASS only acknowledges a turn.
            if not (line.silent and member.kind == ROOM) and not payload.is_typed(message):
                # Nobody answers a turn before it is given, however slow the member's clock.
                member = member._replace(spoke=self._recent(member, max(line.at, member.asked)))
            if answers(member, message):
                member = member._replace(open=None)
            if member.away:  # it may have forgotten the conversation
                member = member.back()
            self.members[line.author] = member._replace(failures=0)
        if person:
            self._wake(line)

    def _wake(self, line: Line) -> None:
        """Let members have turns again, because a person, or the room's host, has spoken.

        These are the members that could not answer, and those that it names.
        """
        for name, member in self.members.items():
            if member.away and (member.failures or name in line.names):
                self.members[name] = member.back()

    def _let_name(self, speaker: str = "") -> None:
        """Let members be asked once more to name somebody: another has spoken since."""
        for name, member in self.members.items():
            if name != speaker:
                self.members[name] = member._replace(nudged=False)

    def _count(self, name: str, turns: int = 0, fed: int = 0, said: int = 0) -> None:
        cost = self.costs.get(name, Cost())
        self.costs[name] = Cost(cost.turns + turns, cost.fed + fed, cost.said + said)

    def sent(self, message: Message, own: Payload) -> None:
        """Fold a turn or an event that the room sent."""
        if self.last is None and message.thread is not None:
            self.whole = False  # the first message of a room begins its thread
        self.last = message
        self.thread = self.thread or message.thread or message.id
        self.heard.clear()
        self.aside.clear()
        if own.kind == payload.TURN:
            self._turn(own, message)
        else:
            self._event(own, message)

    def _turn(self, own: Payload, message: Message) -> None:
        self.turns += 1
        self.given += 1
        self._count(message.to[0], turns=1, fed=len(message.body.split()))
        member = self.members.get(message.to[0])
        if member:
            self.members[member.name] = member._replace(
                turned=self.given,
                heard=len(self.lines),
                before=member.heard,
                open=message.id,
                last=message.id,
                asked=message.sent,
                fresh=False,
                away=False,
                nudged=own.fields.get("again") is True,
                memory=own.text("memory"),
            )

    def _event(self, own: Payload, message: Message) -> None:
        event, name = own.event, own.text("member")
        member = self.members.get(name)
        if message.re:
            self.settled[message.re] = event or "unknown"
        if event == payload.OPENED:
            self.lines.append(line_of(message, message.sent)._replace(original=""))  # the room's own
        elif event == payload.JOINED and layout.is_name(name):
            back = member or Member(name, kind_of(own.text("as")), self.given, self.remembered())
            self.members[name] = back.back()._replace(open=None)
        elif event == payload.LEFT:
            self.members.pop(name, None)
        elif event == payload.AWAY and member:
            self.members[name] = self._away(member, own, message)
        elif event == payload.LIMITED and member:
            self.members[name] = member._replace(limited=message.sent)
        elif event == payload.PAUSED:
            self.status = PAUSED
        elif event == payload.RESUMED:
            self._resume(own, message)
        elif event == payload.SET:
            self._set(own)
        elif event == payload.CLOSED:
            self.status, self.reason = CLOSED, own.text("reason")

    def _resume(self, own: Payload, message: Message) -> None:
        if self.status == CLOSED:
            # Answers to open turns were refused; and what silenced a member may be over.
            for name, member in self.members.items():
                heard = member.before if member.open else member.heard
                self.members[name] = member.back()._replace(open=None, heard=heard)
        self.status, self.reason = OPEN, ""
        self.active_at = self.resumed_at = message.sent
        self._let_name()
        self._set(own)

    def _set(self, own: Payload) -> None:
        """Take new settings; a member with a new persona is reminded of it with its next turn."""
        if not own.settings:
            return
        with suppress(Usage):  # settings of a newer xw
            self.definition = definition.changed(self.definition, own.settings, list(self.members))
        personas = own.settings.get("personas")
        for name in personas if isinstance(personas, dict) else ():
            if name in self.members:
                self.members[name] = self.members[name]._replace(fresh=True)
        self._let_name()

    def _away(self, member: Member, own: Payload, message: Message) -> Member:
        """Return a member after a turn without an answer; after a failure it gets the turn again."""
        if not own.fields.get("failed"):
            return member._replace(open=None, away=True, failures=0, rests=0)
        if own.text("turn") in (member.open, member.last):
            self.turns -= 1
            member = member._replace(heard=member.before)
        self.active_at = max(self.active_at, message.sent)  # a failure restarts the quiet time
        rest = clock.seconds(own.fields.get("rest_s"))
        rests = message.sent + round(rest * clock.SECOND) if rest else 0
        failures = member.failures + 1
        return member._replace(open=None, away=True, fresh=True, failures=failures, rests=rests)

    def remembered(self) -> int:
        """Return the index of the first line that a new member gets."""
        first, left = len(self.lines), self.definition.limits.memory
        while first and left:
            first -= 1
            left -= not self.lines[first].silent
        return first

    def _recent(self, member: Member, at: int) -> tuple[int, ...]:
        most = self.definition.limits.per_minute
        return tuple(then for then in (*member.spoke, at) if then > at - MINUTE)[-most:] if most else ()


def answers(member: Member, message: Message) -> bool:
    """Return True if a message is a member's answer to its open turn."""
    return message.type == "reply" and member.open is not None and member.open == message.re


def reached_all(state: State, message: Message) -> bool:
    """Return True if the sender addressed a message to everybody to whom the room would pass it."""
    if len(message.to) == 1 or message.type == "reply" or message.sender == state.name:
        return False
    others = {name for name in state.members if name != message.sender}
    return bool(others) and others.issubset(message.to)


def line_of(message: Message, now: int, after: int = 0) -> Line:
    """Return a message to the room as a line, with a time between `after` and `now`."""
    text = message.body
    folder = (message.re if message.attached else None) or message.id
    listed = message.attached or message.attachments
    files = tuple(File(folder, file.name, file.size, file.sha256) for file in listed)
    silent = is_pass(text) and not files
    passed = payload.rooms_of(message)
    return Line(
        message.id,
        message.sender,
        text,
        min(max(message.sent, after), now),
        passed,
        mentions(text),
        silent,
        files,
        original=message.file_name if relayed.may_travel(message) else "",
    )
