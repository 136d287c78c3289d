"""A room's present state, folded from its history.

No file stores it: a new coordinator folds the room's record (`record`) and has
the state of the one before. While it runs, it folds each line that it takes and
each message that it sends, by the same two methods.
"""

from contextlib import suppress
from typing import Literal

from xw import clock, layout
from xw.message import Message
from xw.rooms import payload
from xw.rooms.definition import Definition
from xw.rooms.payload import Payload
from xw.rooms.record import Record
from xw.rooms.scene import HUMAN, MINUTE, ROOM, File, Line, Member, Scene, is_pass, kind_of, mentions
from xw.rooms.view import RoomView
from xw.words import RoomEvent, RoomStatus

OPEN: RoomStatus = "open"
PAUSED: RoomStatus = "paused"
CLOSED: RoomStatus = "closed"


class State:
    """The state of a room. `last` is the last message it sent, `thread` the first one's id.

    `turns` counts the turns toward the limit, `given` also the failed ones.

    `heard` has the lines that no sent message names yet, `aside` the messages set
    aside likewise; `settled` maps a message to the event that answered it;
    `active_at` is the time of the last line, or of the last resume.
    """

    def __init__(self, name: str, definition: Definition) -> None:
        self.name = name
        self.definition = definition
        self.members = {who: Member(who, kind) for who, kind in definition.members}
        self.lines: list[Line] = []
        self.turns = 0
        self.given = 0
        self.words = 0
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
            self.status, self.reason = CLOSED, "its record was removed"

    def hear(self, message: Message, now: int) -> None:
        """Fold a line. Its time is its sender's, limited by the room's last message and the room's clock.

        Otherwise a member with a slow clock would neither keep the room awake nor reach its rate.
        """
        line = line_of(message, now, self.last.sent if self.last else 0)
        self.heard.append(line.id)
        self.lines.append(line)
        if not line.silent:
            self.words += len(line.text.split())
            self.active_at = max(self.active_at, line.at)
        member = self.members.get(line.author)
        if member:
            if not (line.silent and member.kind == ROOM):  # a room's PASS only acknowledges a turn
                # Nobody answers a turn before it is given, however slow the member's clock.
                member = member._replace(spoke=self._recent(member, max(line.at, member.asked)))
            if answers(member, message):
                member = member._replace(open=None)
            if member.away:  # it may have forgotten the conversation
                member = member.back()
            self.members[line.author] = member._replace(failures=0)
        if member is None or member.kind == HUMAN:
            self._wake()

    def _wake(self) -> None:
        """Let members that could not answer have turns again: a person, or the room's host, has spoken."""
        for name, member in self.members.items():
            if member.away and member.failures:
                self.members[name] = member.back()

    def sent(self, message: Message, own: Payload) -> None:
        """Fold a turn or an event that the room sent."""
        self.last = message
        self.thread = self.thread or message.thread or message.id
        self.heard.clear()
        self.aside.clear()
        if own.kind == payload.TURN:
            self._turn(message)
        else:
            self._event(own, message)

    def _turn(self, message: Message) -> None:
        self.turns += 1
        self.given += 1
        member = self.members.get(message.to[0])
        if member:
            self.members[member.name] = member._replace(
                turned=self.given,
                heard=len(self.lines),
                before=member.heard,
                open=message.id,
                asked=message.sent,
                fresh=False,
                away=False,
            )

    def _event(self, own: Payload, message: Message) -> None:
        event, name = own.event, own.text("member")
        member = self.members.get(name)
        if message.re:
            self.settled[message.re] = event or "unknown"
        if event == payload.OPENED:
            self.lines.append(line_of(message, message.sent))
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
            self.status = OPEN
            self.active_at = self.resumed_at = message.sent
        elif event == payload.CLOSED:
            self.status, self.reason = CLOSED, own.text("reason")

    def _away(self, member: Member, own: Payload, message: Message) -> Member:
        """Return a member after a turn without an answer; after a failure it gets the turn again."""
        if not own.fields.get("failed"):
            return member._replace(open=None, away=True, failures=0, rests=0)
        if member.open == own.text("turn"):
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
    )
