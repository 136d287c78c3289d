"""The process of a room: take messages, decide who speaks next, give turns, enforce the limits.

A crash is safe at every step. The room takes a line by moving it to `done/`. A
turn or an event exists once its copy is in `sent/`, before anybody else can see
it, and a new coordinator delivers the last one to all who lack it. Everything
else is a fold of these files (`state`), so the room loses nothing and does
nothing twice. After an exception, repeat the step: it reads the files again.
"""

from collections.abc import Sequence

from xw import layout, outbox, post
from xw.clock import SECOND
from xw.errors import Refused, Unreadable, XwError, explain, unforeseen
from xw.faults import Faults
from xw.instance import Instance
from xw.layout import INBOX
from xw.message import Attachment, Fields, Message
from xw.presence import NO_MEMORY
from xw.rooms import admission, definition, originals, payload, settings, wording
from xw.rooms.payload import Payload
from xw.rooms.policies import POLICIES, Policy
from xw.rooms.scene import ROOM, File, Limits, Line, Member, has_news, is_for
from xw.rooms.state import CLOSED, OPEN, State
from xw.rooms.view import RoomView
from xw.sender_status import FORGED
from xw.text import size
from xw.words import Type

_FILES = 64 * 1024 * 1024  # bytes of files in a turn: each member gets a copy
_MANY = 100  # files in a turn, which lists them and has 1 MiB
_NAMED = 5000  # lines that one message names, for the same reason
_RETRY = 5 * SECOND  # pause before the next try to deliver mail


class Coordinator:
    """Runs one room; the caller holds the room's lock, calls `begin`, and then `step` repeatedly."""

    def __init__(self, instance: Instance, state: State) -> None:
        self.instance = instance
        self.state = state
        self._mailbox, self._hub = instance.mailbox, instance.hub
        self._rooms = instance.hub.rooms()
        self._made = state.definition
        self._started = instance.now()
        self._sound = False  # True while `state` equals the fold of the files
        self._faults = Faults(f"{instance.root}/{instance.name}")
        self.unheard: dict[str, XwError] = {}
        """Mail that cannot be read here and now, or is forged, and why."""

    @property
    def _limits(self) -> Limits:
        return self.state.definition.limits

    @property
    def _policy(self) -> Policy:
        return POLICIES[self.state.definition.policy]

    def begin(self) -> None:
        """Fold the record, complete an earlier coordinator's interrupted step, and open a new room."""
        seed = self._made.seed
        state = self.state = State(self.state.name, self._made)
        state.replay(RoomView(self._rooms, state.name), self.instance.now())
        if state.last and state.last.to != (state.name,):
            if not self._answered(state.last):
                post.complete(self._mailbox, self._hub, state.last.file_name)
        elif seed and state.last is None and state.status == OPEN:
            self._send(
                post.Draft("info", (state.name,), seed), Payload(payload.EVENT, {"event": payload.OPENED})
            )
        self._sound = True

    def _answered(self, last: Message) -> bool:
        """Return True for a turn with an answer: a gc may have removed the turn from its member's mailbox."""
        if last.type != "question":
            return False
        waiting = self._mailbox.read_each(INBOX["pending"], self._mailbox.pending())
        return not self.state.holder(last.id) or any(
            isinstance(one, Message) and one.re == last.id for one in waiting
        )

    def step(self) -> float | None:
        """Do the next step. Return the seconds until time alone calls for another; None if it never will."""
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
            self._rooms.close(self.state.name)
            self._hear()  # mail that came in the meantime
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
                self._hear_one(item)
            elif isinstance(item[1], Unreadable):
                self.unheard[item[0]] = item[1]

    def _hear_one(self, message: Message) -> None:
        try:
            self._take(message)
        except (XwError, OSError) as error:
            if not self._faults.fails(message.file_name, error):
                raise
            self._drop(message, str(explain(error)))
        except Exception as bug:  # noqa: BLE001  # one message must not stop the room
            self._drop(message, unforeseen(bug))

    def _drop(self, message: Message, reason: str) -> None:
        self._mailbox.fail(message.file_name, "failed", reason)
        self.begin()  # forget the message's effects

    def _take(self, message: Message) -> None:
        now = self.instance.now()
        known = self.state.settled.get(message.id)
        if known:
            answer = admission.settled(known)
        else:
            judge = self._mailbox.judge
            status = judge(message, INBOX["pending"]) if judge else None
            answer = admission.decide(self.state, self._hub, message, now, status)
            if answer.dropped and status and status.word == FORGED:
                self.unheard[message.file_name] = Refused(status.plain)
        if answer.event:
            if self.state.status == CLOSED and answer.event["event"] == payload.RESUMED:
                # Before the event: an open room without a card would count as one whose record was removed.
                self._rooms.reopen(self.state.name, definition.card(self.state.name, self._made))
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
        # A reader of the record cannot tell what such a message is until an event names it.
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
                text = f"{member.name} {why}: passed over until it speaks, or a person names it with @"
                self._tell(fields, text + admission.in_its_place(self.state, member.name))

    def _deadline(self, member: Member) -> int:
        # Time without a coordinator, or in a paused room, does not count against the member.
        since = max(member.asked, self._started, self.state.resumed_at)
        return since + round(self._limits.answer_s * SECOND)

    def _end(self, now: int) -> None:
        """Close the room if a limit is reached and nobody has the floor."""
        if self.state.scene().waits:
            return
        reason = self.state.spent()
        if reason is None and self._is_quiet(now):
            reason = f"nobody spoke for {self._limits.quiet_s:g} s"
        if reason:
            fields: Fields = {"event": payload.CLOSED, "reason": reason}
            self._tell(fields, settings.closed(self.state, reason))

    def _is_quiet(self, now: int) -> bool:
        at = self._quiet_at()
        return at is not None and now >= at and not self._next(now) and not self._rates(now)

    def _quiet_at(self) -> int | None:
        quiet = round(self._limits.quiet_s * SECOND)
        return max(self.state.active_at, self._started) + quiet if quiet else None

    def _next(self, now: int) -> tuple[str, ...]:
        """Return the members to give a turn now, within the remaining turns."""
        if self.state.spent():
            return ()
        scene = self.state.scene(now)
        chosen = self._policy.next(scene, now)
        again = None if chosen else self._policy.again(scene)
        if again and scene.free_at(again) <= now:
            chosen = (again.name,)
        return chosen[: self._limits.turns - self.state.turns] if self._limits.turns else chosen

    def _give(self, now: int) -> None:
        while names := self._next(now):  # again: if a member has left, it is another's turn
            for name in names:
                if self._hub.knows(name):
                    self._turn(self.state.members[name])
                else:
                    fields: Fields = {"event": payload.LEFT, "member": name}
                    left = f"{name} has left: it is not on the hub"
                    self._tell(fields, left + admission.in_its_place(self.state, name))

    def _alarms(self, now: int) -> list[int]:
        """Return the times at which the room must act without new mail."""
        if self.state.status != OPEN:
            return []
        if self._next(now):
            return [now]  # the room was resumed after the last look at who speaks next
        held = [self._deadline(member) for member in self.state.members.values() if member.open]
        alarms = held + self._rates(now)
        quiet = self._quiet_at()
        return alarms or ([] if quiet is None else [quiet])

    def _rates(self, now: int) -> list[int]:
        """Return the times at which members with news are within their rates again, or have rested."""
        scene = self.state.scene(now)
        rated = [at for member in scene.present() if (at := scene.free_at(member)) > now]
        again = None if self._policy.next(scene, now) else self._policy.again(scene)
        if again and scene.free_at(again) > now:
            rated.append(scene.free_at(again))
        members = self.state.members.values()
        return rated + [m.rests for m in members if m.away and m.rests > now and has_news(m, scene.lines)]

    # Saying

    def _turn(self, member: Member) -> None:
        state = self.state
        again = not has_news(member, state.lines)
        memory = self._memory(member.name)
        if memory == NO_MEMORY or memory != member.memory:
            member = member._replace(fresh=True)
        shown = self._lines_for(member)
        files, paths, sums = self._enclosed(shown)
        said, left_out = wording.fitting(shown, files)
        body = wording.turn(state.name, member, self._brief(member, shown, again), said, left_out)
        passed = sorted({state.name}.union(*(line.rooms for line in shown)))
        author = next((line.author for line in reversed(shown) if line.author != member.name), state.name)
        more: Fields = {"author": author, "rooms": passed, **originals.of(self._mailbox, shown[left_out:])}
        draft = post.Draft("question", (member.name,), body, attachments=paths, more=more, sums=sums)
        fields: Fields = {"turn": state.given + 1, "again": again, "memory": memory}
        self._send(draft, Payload(payload.TURN, {key: value for key, value in fields.items() if value}))

    def _memory(self, name: str) -> str:
        """Return what a member's program remembers, by its bridge's last heartbeat; empty if nobody tells."""
        try:
            return self._hub.peer(name).memory
        except (XwError, OSError):
            return ""

    def _brief(self, member: Member, shown: Sequence[Line], again: bool) -> wording.Brief:
        """Return what a turn says around its lines."""
        state, made = self.state, self.state.definition
        able = tuple(other.name for other in state.scene(self.instance.now()).nameable(member))
        names = able if again or member.name == made.moderator else ()
        if not member.fresh:
            return wording.Brief(names=names, again=again)
        return wording.Brief(
            True,
            tuple(name for name in state.members if name != member.name),
            self._policy.hint_for(member.name, made.moderator),
            dict(made.personas).get(member.name, ""),
            # The topic, unless its turn shows the seed itself.
            "" if shown[:1] == state.lines[:1] else made.seed,
            names,
            again,
        )

    def _lines_for(self, member: Member) -> list[Line]:
        """Return the others' lines since a member's last turn; for a reminder, the last of all."""
        lines = self.state.lines
        # A room has its own memory, and would drop a turn that holds its own words.
        if member.fresh and member.kind != ROOM:
            start = min(self.state.remembered(), member.heard)
            return [line for line in lines[start:] if not line.silent]
        return [line for line in lines[member.heard :] if is_for(member, line)]

    def _enclosed(self, lines: Sequence[Line]) -> tuple[dict[File, str], tuple[str, ...], tuple[str, ...]]:
        """Return the turn's words for each file of its lines, and the attached files' paths and checksums."""
        said: dict[File, str] = {}
        paths: list[tuple[str, str]] = []
        taken: set[str] = set()
        left = _FILES
        for line in lines:
            for file in line.files:
                path = self._mailbox.attachment(file.folder, file.name)
                problem = self._problem(file) if file.size <= left and len(paths) < _MANY else None
                if problem:
                    said[file] = f"{file.name}, {problem}: ask {line.author}"
                elif file.size > left or len(paths) == _MANY:
                    said[file] = f"{file.name}, {size(file.size)}, too large for a turn: ask {line.author}"
                else:
                    left -= file.size
                    said[file] = layout.attachment_name(path, taken)  # the name that `post.send` gives it
                    paths.append((f"{self.instance.root}/{path}", file.sha256))
        return said, tuple(path for path, _ in paths), tuple(checked for _, checked in paths)

    def _problem(self, file: File) -> str | None:
        """Return the problem with a line's file, from its bytes; None if it is intact."""
        listed = Attachment(file.name, file.size, file.sha256)
        problem = self._mailbox.unsound(file.folder, [listed]).get(file.name)
        if problem is None:
            return None
        return "missing" if problem.kind == "missing" else f"changed since it was sent ({problem})"

    def _tell(
        self, fields: Fields, text: str, to: Sequence[str] = (), re: str | None = None, kind: Type = "info"
    ) -> None:
        """Send an event of the room, to all members if `to` is empty."""
        known = [name for name in dict.fromkeys(to or self.state.members) if self._hub.knows(name)]
        others = tuple(name for name in known if name != self.state.name)
        # If no recipient is left, the room sends its event to itself, to keep it.
        body = text if kind == "reply" else wording.event(self.state.name, text)
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
        return not outbox.flush(self._mailbox, self._hub).waiting
