"""The process of a room: hears what arrives, decides who speaks next, gives turns, keeps the limits.

Every step is safe to be cut off at. A line is heard by its move to `done/`; a
turn or an event exists from the moment its copy lies in `sent/`, before anybody
else can see it, and a new coordinator brings the last one to those who lack
it. All else is folded from these files (`state`), so nothing is lost and
nothing is done twice. A step that raised may be repeated: it begins with the files again.
"""

from collections.abc import Sequence

from xw import layout, post
from xw.clock import SECOND
from xw.errors import XwError, explain, unforeseen
from xw.faults import Faults
from xw.instance import Instance
from xw.layout import INBOX
from xw.message import Attachment, Fields, Message
from xw.rooms import admission, definition, payload, wording
from xw.rooms.payload import Payload
from xw.rooms.policies import POLICIES
from xw.rooms.scene import ROOM, File, Line, Member, has_news, is_for
from xw.rooms.state import CLOSED, OPEN, State
from xw.text import size

_FILES = 64 * 1024 * 1024  # bytes that go along with a turn: each member gets a copy
_MANY = 100  # files, likewise: they are listed in the turn, which has 1 MiB
_NAMED = 5000  # lines that one message names, likewise
_RETRY = 5 * SECOND  # how long mail that could not be delivered waits for the next try


class Coordinator:
    """Acts for one room, whose lock its maker holds: `begin`, then `step` again and again."""

    def __init__(self, instance: Instance, state: State) -> None:
        self.instance = instance
        self.state = state
        self._mailbox, self._hub = instance.mailbox, instance.hub
        self._limits = state.definition.limits
        self._policy = POLICIES[state.definition.policy]
        self._started = instance.now()
        self._sound = False  # whether `state` is what the files hold
        self._faults = Faults(f"{instance.root}/{instance.name}")

    def begin(self) -> None:
        """Fold the record, finish what a forerunner was cut off at, and open the room if it is new."""
        seed = self.state.definition.seed
        state = self.state = State(self.state.name, self.state.definition)
        state.replay(self._mailbox, self.instance.now())
        if state.last and state.last.to != (state.name,):
            if not self._answered(state.last):
                post.finish(self._mailbox, self._hub, state.last)
        elif seed and state.last is None and state.status == OPEN:
            self._send(
                post.Draft("info", (state.name,), seed), Payload(payload.EVENT, {"event": payload.OPENED})
            )
        self._sound = True

    def _answered(self, last: Message) -> bool:
        """Return whether it is a turn with an answer: a gc may have removed it from its member's mailbox."""
        if last.type != "question":
            return False
        waiting = self._mailbox.read_each(INBOX["pending"], self._mailbox.pending())
        return not self.state.holder(last.id) or any(
            isinstance(one, Message) and one.re == last.id for one in waiting
        )

    def step(self) -> float | None:
        """Do the next step. Return seconds until the clock gives more to do, None if it never will."""
        if not self._sound:
            self.begin()
        self._sound = False
        self._hear()
        now = self.instance.now()
        if self.state.status == OPEN:
            self._pass_over(now)
            self._end(now)
        if self.state.status == OPEN:
            self._give(now)
        if self.state.status == CLOSED:
            definition.retire(self._mailbox)
            self._hear()  # what came until then
        alarms = self._alarms(now)
        if not self._flushed():
            alarms.append(now + _RETRY)
        self._sound = True
        return max(0, min(alarms) - self.instance.now()) / SECOND if alarms else None

    # Hearing

    def _hear(self) -> None:
        pending = self._mailbox.pending()
        for item in self._mailbox.read_each(INBOX["pending"], pending):
            if isinstance(item, Message):
                try:
                    self._take(item)
                except (XwError, OSError) as error:
                    if not self._faults.fails(item.file_name, error):
                        raise
                    self._drop(item, str(explain(error)))
                except Exception as bug:  # noqa: BLE001  # one message must not end the room for all
                    self._drop(item, unforeseen(bug))

    def _drop(self, message: Message, reason: str) -> None:
        self._mailbox.fail(message.file_name, "failed", reason)
        self.begin()  # whatever of it was taken up is forgotten

    def _take(self, message: Message) -> None:
        now = self.instance.now()
        known = self.state.settled.get(message.id)
        answer = admission.settled(known) if known else admission.decide(self.state, self._hub, message, now)
        if answer.event:
            to = answer.to if answer.private else (*self.state.members, *answer.to)
            if not answer.private or any(map(self._hub.knows, answer.to)):
                self._tell(answer.event, answer.text, to, message.id, answer.kind)
        if answer.dropped:
            self._mailbox.fail(message.file_name, *answer.dropped)
            return
        self._mailbox.settle(message.file_name)
        if answer.line:
            self.state.hear(message, now)
        if answer.aside:
            self.state.aside.append(message.id)
        # A reader of the record cannot tell what such a message is before something names it.
        unclear = len(message.to) > 1 and (answer.line or (answer.aside and not self.state.members))
        waiting = len(self.state.heard) + len(self.state.aside)
        if unclear or waiting >= _NAMED:
            note = post.Draft("info", (self.state.name,), f"lines heard: {waiting}")
            self._send(note, Payload(payload.EVENT, {"event": payload.HEARD}))

    # Deciding

    def _pass_over(self, now: int) -> None:
        for member in tuple(self.state.members.values()):
            if member.open and now >= self._deadline(member):
                fields: Fields = {"event": payload.AWAY, "member": member.name, "turn": member.open}
                why = f"did not answer within {self._limits.answer_s:g} s"
                self._tell(fields, f"{member.name} {why}: passed over until it says something")

    def _deadline(self, member: Member) -> int:
        # The time in which no coordinator ran, or the room was paused, is not the member's.
        since = max(member.asked, self._started, self.state.resumed_at)
        return since + round(self._limits.answer_s * SECOND)

    def _end(self, now: int) -> None:
        """Close the room where a limit is reached and nobody has the floor."""
        if self.state.scene().waits:
            return
        reason = self._spent()
        if reason is None and self._is_quiet(now):
            reason = f"nothing was said for {self._limits.quiet_s:g} s"
        if reason:
            fields: Fields = {"event": payload.CLOSED, "reason": reason}
            self._tell(fields, f"the room is closed: {reason}")

    def _spent(self) -> str | None:
        """Return the limit that forbids any further turn."""
        if 0 < self._limits.turns <= self.state.turns:
            return f"the limit of {self._limits.turns} turns is reached"
        if 0 < self._limits.words <= self.state.words:
            return f"the limit of {self._limits.words} words is reached"
        return None

    def _is_quiet(self, now: int) -> bool:
        at = self._quiet_at()
        return at is not None and now >= at and not self._next(now) and not self._rates(now)

    def _quiet_at(self) -> int | None:
        quiet = round(self._limits.quiet_s * SECOND)
        return max(self.state.active_at, self._started) + quiet if quiet else None

    def _next(self, now: int) -> tuple[str, ...]:
        """Return who is to be given a turn now, within the turns that are left."""
        if self._spent():
            return ()
        chosen = self._policy.speakers(self.state.scene(now), now)
        return chosen[: self._limits.turns - self.state.turns] if self._limits.turns else chosen

    def _give(self, now: int) -> None:
        while names := self._next(now):  # again: after one who has left it is another's turn
            for name in names:
                if self._hub.knows(name):
                    self._turn(self.state.members[name])
                else:
                    fields: Fields = {"event": payload.LEFT, "member": name}
                    self._tell(fields, f"{name} has left: it is not on the hub")

    def _alarms(self, now: int) -> list[int]:
        """Return the times at which the clock alone gives something to do."""
        if self.state.status != OPEN:
            return []
        held = [self._deadline(member) for member in self.state.members.values() if member.open]
        alarms = held + self._rates(now)
        quiet = self._quiet_at()
        return alarms or ([] if quiet is None else [quiet])

    def _rates(self, now: int) -> list[int]:
        """Return the times at which members with news come within their rates again, or have rested."""
        scene = self.state.scene(now)
        rated = [at for member in scene.present() if (at := scene.free_at(member)) > now]
        members = self.state.members.values()
        return rated + [m.rests for m in members if m.away and m.rests > now and has_news(m, scene.lines)]

    # Saying

    def _turn(self, member: Member) -> None:
        state = self.state
        shown = self._lines_for(member)
        files, paths, sums = self._enclosed(shown)
        # One that has to be reminded is told what it is about, unless it is shown the seed itself.
        topic = "" if shown[:1] == state.lines[:1] else state.definition.seed
        body = wording.turn(state.name, member, tuple(state.members), shown, files, topic, self._policy.hint)
        passed = sorted({state.name}.union(*(line.rooms for line in shown)))
        more: Fields = {"author": shown[-1].author, "rooms": passed}
        draft = post.Draft("question", (member.name,), body, attachments=paths, more=more, sums=sums)
        self._send(draft, Payload(payload.TURN, {"turn": state.given + 1}))

    def _lines_for(self, member: Member) -> list[Line]:
        """Return the others' lines since a member's last turn; for a reminder, after the last of all."""
        lines = self.state.lines
        news = [line for line in lines[member.heard :] if is_for(member, line)]
        # A room remembers by itself, and would drop the turn with its own words in it.
        reminded = member.fresh and member.kind != ROOM
        start = self.state.remembered() if reminded else member.heard
        return [line for line in lines[start : member.heard] if not line.silent] + news

    def _enclosed(self, lines: Sequence[Line]) -> tuple[dict[File, str], tuple[str, ...], tuple[str, ...]]:
        """Return what a turn says of each file of its lines, and the paths of the files that go along."""
        said: dict[File, str] = {}
        paths: list[tuple[str, str]] = []
        taken: set[str] = set()
        left = _FILES
        for line in lines:
            for file in line.files:
                path = self._mailbox.attachment(file.folder, file.name)
                problem = self._problem(file) if file.size <= left and len(paths) < _MANY else None
                if problem:
                    said[file] = f"{file.name}, which {problem}: ask {line.author}"
                elif file.size > left or len(paths) == _MANY:
                    said[file] = f"{file.name}, {size(file.size)}, too much for a turn: ask {line.author}"
                else:
                    left -= file.size
                    said[file] = layout.attachment_name(path, taken)  # as the sending will name it
                    paths.append((f"{self.instance.root}/{path}", file.sha256))
        return said, tuple(path for path, _ in paths), tuple(checked for _, checked in paths)

    def _problem(self, file: File) -> str | None:
        """Return what is wrong with a file of a line, whose bytes are read."""
        listed = Attachment(file.name, file.size, file.sha256)
        problem = self._mailbox.unsound(file.folder, [listed]).get(file.name)
        if problem is None:
            return None
        return "is lost" if problem.kind == "missing" else f"is not what was sent ({problem})"

    def _tell(
        self, fields: Fields, text: str, to: Sequence[str] = (), re: str | None = None, kind: str = "info"
    ) -> None:
        """Make an event of the room's; told to all members where nobody is named."""
        known = [name for name in dict.fromkeys(to or self.state.members) if self._hub.knows(name)]
        others = tuple(name for name in known if name != self.state.name)
        # Where nobody is left to hear it, the room itself keeps what has become of it.
        body = text if kind == "reply" else f"[room {self.state.name}] {text}"
        self._send(post.Draft(kind, others or (self.state.name,), body, re), Payload(payload.EVENT, fields))

    def _send(self, draft: post.Draft, own: Payload) -> None:
        state = self.state
        protocol = payload.write(own.kind, own.fields, state.heard, state.aside)
        more: Fields = {"room": state.name, "author": state.name, "hops": 0, "rooms": [state.name]}
        draft = draft._replace(
            thread=state.thread, more=more | draft.more | {"protocol": protocol}, noted=True
        )
        sent = post.send(self._mailbox, self._hub, draft, self.instance.now)
        fields = (sent.id, draft.type, state.name, draft.to, draft.body, draft.re, draft.thread)
        state.sent(Message(*fields, attachments=(), attached=(), expires=None, fields=draft.more), own)

    def _flushed(self) -> bool:
        """Try again to deliver the outbox. Return whether it is empty."""
        if not self._mailbox.waiting_for():
            return True
        return not post.flush(self._mailbox, self._hub).waiting
