"""The one loop of all bridges: list pending, claim, present, capture, file the answer, done.

`Bridge.step` does one step and returns when to call it again; `serve` calls it.
A step writes its intent to disk first (`turn`), so that the next bridge can
continue after a kill at any moment: no text goes in twice, no answer is lost or
filed twice, and if nobody can tell whether a text went in, the message fails as
`uncertain`.
"""

import time
from collections.abc import Callable
from contextlib import suppress

from xw import clock, delivery, layout, post, presence
from xw.backoff import Pause
from xw.bridges import answer, batch, infos, own_reply, present, turn
from xw.bridges.chat import (
    BLOCKED_S,
    Chat,
    ChatFailed,
    ChatGone,
    NoAnswer,
    NotPresented,
    Reply,
    Routine,
    Unusable,
    why_not_ready,
)
from xw.bridges.door import LOOK_S, Door
from xw.bridges.pace import Delay, Limits, Pace
from xw.bridges.queue import Queue
from xw.bridges.turn import CLAIMED, ENDED, FAILING, LOST, PRESENTED, PRESENTING, Ending, Turn
from xw.errors import (
    Damaged,
    Newer,
    NoMessage,
    NotFound,
    Refused,
    Usage,
    XwError,
    explain,
    unforeseen,
)
from xw.failure import Kind
from xw.faults import Faults
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import Place
from xw.message import Message
from xw.mirror import holding
from xw.post import Draft
from xw.unconfirmed import Unconfirmed
from xw.words import Status

TRIES = 3
DOUBT_S = 600.0
"""After a restart, time for a busy or missing chat to show whether it got the text."""

REASON_LIMIT = 2000
"""Characters of a reason, which travels in a message: a dying program may print megabytes."""

GONE_S = 5.0
"""Time for a chat that vanishes while it answers to come back."""

Tell = Callable[[str], None]


class Bridge:
    """Takes an instance's mail through a chat, one message at a time. Not thread-safe; one per instance.

    If the chat is `over`, it only settles what an earlier one began to show, and waits for nothing else.
    """

    def __init__(
        self,
        instance: Instance,
        chat: Chat,
        tell: Tell = lambda text: None,
        monotonic: Callable[[], float] = time.monotonic,
        arrivals: Callable[[], object] = object,
        limits: Limits = Limits(),  # noqa: B008  # frozen
        over: bool = False,
    ) -> None:
        self._instance = instance
        self._mailbox = instance.mailbox
        self._chat = chat
        self._tell = tell
        self._unshown = present.Unshown(tell)
        self._monotonic = monotonic
        self._over = over
        self._left = turn.load_all(instance.mailbox)
        self._turn: Turn | None = None
        self._queue = Queue(instance.mailbox, arrivals, monotonic)
        self._door = Door(instance, chat)
        self._unconfirmed = Unconfirmed(instance)
        self._pace = Pace(instance, limits)
        self._delayed: dict[str, Delay] = {}  # senders whose mail waits, though the chat could take it
        self._spent = ""  # the message whose turn is counted
        self._pause = Pause(0.02, 0.5)
        self._rest = Pause(0.02, BLOCKED_S)
        self._since: float | None = None
        self._waits_for = ""
        self._at_hand: Message | None = None  # the message being examined, before it has a turn
        self._faults = Faults(f"{instance.root}/{instance.name}")

    @property
    def doing(self) -> presence.Doing:
        """Return the status and the task for the instance's presence."""
        used = "; ".join(filter(None, (self._pace.used, self._unconfirmed.note)))
        notes = (used, *(f"mail waits: {delay.reason}" for delay in self._delayed.values()))
        note = "; ".join(filter(None, notes))
        if self._waits_for:
            status: Status = "idle" if delivery.by_choice(self._waits_for) else "alive"
            return presence.Doing(status, "", self._waits_for, used, self._door.value)
        if self._turn is None:
            return presence.Doing("idle", note=note, delivery=self._door.value)
        name = layout.file_name(self._turn.name)
        task = f"{name.type} {layout.short_id(name.id)} from {name.sender}" if name else ""
        task += _more(self._turn.riders)
        return presence.Doing("busy", task, note=note, delivery=self._door.value)

    def step(self) -> float | None:
        """Do the next step. Return the seconds until the following one (0: at once; None: when mail arrives).

        An XwError or OSError leaves everything unchanged: call this again later. If one
        message's files cause it repeatedly, that message fails. Any other exception is a
        bug in xw and fails the message at once. A claim that a newer xw left stays for a newer xw.
        """
        try:
            pause = self._step()
        except Newer as error:
            pause = self._leave(error)
        except (XwError, OSError) as error:
            if not self._faults.fails(self._name, error):
                raise
            return self._fail_at_hand(str(explain(error)))
        except Exception as bug:  # noqa: BLE001  # else it would end this bridge, and each one started after it
            return self._fail_at_hand(unforeseen(bug))
        self._faults.forget()
        return pause

    @property
    def _name(self) -> str:
        """Return the file name of the message at hand; empty if there is none."""
        return self._turn.name if self._turn else self._at_hand.file_name if self._at_hand else ""

    def _step(self) -> float | None:
        self._at_hand = None
        pause = self._go_on()
        now = self._turn
        return self._finish(now) if now is not None and now.stage == ENDED else pause

    def _leave(self, error: Newer) -> float:
        """Leave the turn at hand and its note unchanged, for a newer xw to continue."""
        if self._turn is None:
            raise error
        self._tell(f"left in processing/: {self._turn.name}: {error}")
        self._turn = None
        return 0.0

    def _fail_at_hand(self, why: str) -> float | None:
        """Fail the message in whose turn a bug occurred, whichever other steps still succeed."""
        now, reason = self._turn, answer.writable(why, REASON_LIMIT)
        if now is not None:
            if now.stage == CLAIMED:
                now = self._detach(now)
            reason += answer.kept_letter(self._instance, now)
            message = answer.unreadable(now.name)
            with suppress(OSError, NoMessage):
                message = self._mailbox.read(Place(INBOX["processing"], now.name))
        elif self._at_hand is not None:
            now, message = Turn(self._at_hand.file_name), self._at_hand
        else:
            raise XwError(reason)
        self._tell(f"failed (failed): {now.name}: {reason}")
        report = message if now.stage != ENDED else None  # an ended turn has its own letter to the sender
        if report and self._ends(now, report, reason):
            return 0.0
        # First: if it cannot be moved, its sender must not get a report at each try.
        self._fail(now.name, "failed", reason)
        self._end_riders(now, now.ending or Ending("failed", "failed", reason))
        self._turn = None
        if report:
            self._report_fault(report, reason)
        self._left = [left for left in self._left if left.name != now.name]
        return self._forget(now)

    def _ends(self, now: Turn, message: Message, reason: str) -> bool:
        """Note that a turn ends with a report of a bug; return False if the bug prevents that too."""
        with suppress(Exception):  # whatever it is, the message fails without a note
            draft = answer.failure_notice(self._instance, message, {message.sender}, "failed", reason)
            if draft:
                self._send(now, draft, Ending("failed", "failed", reason))
        # From the note on, `_finish` completes what failed here.
        return self._turn is not None and self._turn.stage == ENDED

    def _report_fault(self, message: Message, reason: str) -> None:
        """Report a message that triggered a bug to its sender, unless the report triggers another."""
        try:
            draft = answer.failure_notice(self._instance, message, {message.sender}, "failed", reason)
            if draft:
                post.send(self._mailbox, self._instance.hub, draft, self._instance.now)
        except Exception as error:  # noqa: BLE001  # the message is in failed/ with its reason in any case
            self._tell(f"cannot report the failure to {message.sender}: {error}")

    def _go_on(self) -> float | None:
        if self._turn is None and self._left:
            left = self._left[0]
            ours = left.stage != CLAIMED or self._holds(left.name)
            self._left.pop(0)
            if not ours:
                return self._forget(self._detach(left))  # another machine of this name was first
            self._turn = left
            self._tell(Routine(f"resuming {self._turn.name} ({self._turn.stage})"))
        now = self._turn
        if self._over and (now is None or now.stage == CLAIMED):
            if now is not None:
                self._let_go(self._detach(now))
            return 0.0 if self._left else None
        if now is None:
            return self._begin()
        if now.stage == ENDED:
            return 0.0
        try:
            message = self._claimed_message(now)
        except FileNotFoundError:
            return self._go_on_without(now)
        except Damaged as damage:
            return self._end(now, answer.unreadable(now.name), "damaged", str(damage))
        if now.stage == FAILING and now.ending:
            return self._end(now, message, now.ending.kind or "failed", now.ending.reason)
        if now.stage == LOST:
            return self._end(now, message, "uncertain", "the note about its turn is damaged")
        if now.mark and now.chat != type(self._chat).__name__:
            why = "an earlier bridge was showing it to another kind of chat, which this bridge cannot ask"
            return self._end(now, message, "gone" if now.stage == PRESENTED else "uncertain", why)
        if now.stage == PRESENTED:
            return self._capture(now, message)
        return self._resolve(now, message) if now.stage == PRESENTING else self._try(now, message)

    def _claimed_message(self, now: Turn) -> Message:
        """Return the message of a turn. `xw done` does not answer it, so its answer is still captured."""
        box = self._mailbox
        try:
            return box.judged(box.read(Place(INBOX["processing"], now.name)), INBOX["processing"])
        except FileNotFoundError:
            if now.stage != PRESENTED:
                raise
            return box.judged(box.read(Place(INBOX["done"], now.name)), INBOX["done"])

    def _let_go(self, now: Turn) -> None:
        """Release a message of which nothing was shown: whoever takes this instance's mail next gets it."""
        with holding.locked(self._mailbox):
            if self._mailbox.state_of(now.name) == "processing":
                holding.save(self._mailbox, now.name, holding.Hold("free"))
            turn.remove(self._mailbox, now)
        self._turn = None
        self._instance.carrier.release(now.name)

    def _go_on_without(self, now: Turn) -> float | None:
        """End the turn of a message that was never claimed, or that its owner has ended meanwhile."""
        if now.stage == PRESENTED:  # with the others in its text
            return self._settle(now, Ending("done"))
        if now.stage == PRESENTING and (now.infos or now.riders):
            why = "the bridge ended while it showed this below or above another message"
            return self._settle(now, Ending("failed", "uncertain", why))
        return self._forget(self._detach(now))

    def _begin(self) -> float | None:
        """Claim the first message that asks for a turn, once the chat can take it."""
        self._look()
        closed = self._admit()
        message = self._next(self._released())
        if message is None:
            return self._wait_for_turns(closed)
        unfit = present.unfit(message, self._instance.now())
        if unfit is None and self._must_wait():
            return self._rest.longer()
        new = Turn(message.file_name)
        won = self._claim(new)
        if not won:
            self._queue.leave_out(new.name)  # a mirror shows it until the next sync
            return self._forget(new)
        self._queue.drop(new.name)
        self._turn = new
        return self._end(new, message, *unfit) if unfit else self._show(new, message)

    def _look(self) -> None:
        self._queue.let_in(self._unconfirmed.freed())
        self._queue.look()

    def _admit(self) -> str:
        """Let the queue offer what may be shown now; return why other mail waits, empty if none does."""
        admitted, why = self._door.admitted()
        self._queue.admit(admitted)
        if not self._queue.holds_back():
            self._door.rest()
            return ""
        if self._door.turn_ended():
            self._queue.admit(self._door.admitted()[0])
        return why if self._queue.holds_back() else ""

    def _next(self, released: Message | None) -> Message | None:
        """Return the message whose turn it is within the limits: `released`, or the first readable one."""
        delayed: dict[str, Delay] = {}
        if released and self._may_go_on(released, delayed):
            self._delayed = delayed
            return released
        found = None
        while found is None and (name := self._queue.first(delayed)):
            message = next(present.readable(self._instance, [name], self._unshown), None)
            if message is None:
                self._queue.drop(name)
            elif self._unconfirmed.waits(message):
                self._queue.leave_out(name)
            elif self._may_go_on(message, delayed):
                found = message
        self._delayed = delayed
        if news := self._unconfirmed.news():
            self._tell(news)
        return found

    def _may_go_on(self, message: Message, delayed: dict[str, Delay]) -> bool:
        """Return True if a message may have its turn; else note in `delayed` why its sender's mail waits."""
        self._at_hand = message
        if present.unfit(message, self._instance.now()):
            return True
        delay = self._pace.delay(message)
        if delay is None:
            return True
        delayed[message.sender] = delay
        self._report_delay(message, delay)
        return False

    def _report_delay(self, message: Message, delay: Delay) -> None:
        try:
            if self._pace.tell(message, delay):
                self._tell(f"mail of {message.sender} waits: {delay.reason}; its sender knows")
        except (XwError, OSError) as error:
            self._tell(f"cannot report to {message.sender} that its mail waits: {explain(error)}")

    def _wait_for_turns(self, closed: str) -> float | None:
        """Wait for mail; if some waits for a turn, at most until there is one; `closed` is why, or empty."""
        self._at_hand = None
        reasons = [delay.reason for delay in self._delayed.values()] + ([closed] if closed else [])
        if not reasons:
            self._waits_for = ""
            if not self._unconfirmed.note:
                return None
            box = self._mailbox
            self._unconfirmed.forget([*box.names(INBOX["pending"]), *box.names(INBOX["processing"])])
            return LOOK_S
        self._say_why("; ".join(dict.fromkeys(reasons)))
        if closed:
            return LOOK_S
        until = min(delay.until for delay in self._delayed.values())
        return max(self._rest.longer(), (until - self._instance.now()) / clock.SECOND)

    def _released(self) -> Message | None:
        """Return the oldest claimed message that nobody holds any more; see `holding`."""
        for name in holding.free(self._mailbox):
            if delivery.wants_turn(name) and self._queue.admits(name):
                message = self._mailbox.glance(Place(INBOX["processing"], name))
                message = message and self._mailbox.judged(message, INBOX["processing"])
                if message and not self._unconfirmed.waits(message):
                    return message
        return None

    def _claim(self, new: Turn) -> bool:
        """Claim a pending message, or one that nobody holds; its note is written first."""
        carrier = self._instance.carrier
        with holding.locked(self._mailbox):
            pending = self._mailbox.state_of(new.name) != "processing"
            if pending:
                holding.drop(self._mailbox, new.name)  # of a process that ended before it had the claim
            elif holding.standing(self._mailbox, new.name) != "free":
                return False
            turn.save(self._mailbox, new)
            try:
                if pending:
                    return carrier.claim(new.name)
                holding.drop(self._mailbox, new.name)
                return carrier.holds(new.name)
            except (XwError, OSError):
                self._left.append(new)  # the claim may or may not have succeeded: ask again first
                raise

    def _holds(self, name: str) -> bool:
        """Return True unless another has the message that this bridge was about to claim."""
        return holding.load(self._mailbox, name) is None and self._instance.carrier.holds(name)

    def _try(self, now: Turn, message: Message) -> float | None:
        """Present a claimed message, unless it has expired or the chat cannot take it now."""
        unfit = present.unfit(message, self._instance.now())
        if unfit:
            return self._end(now, message, *unfit)
        self._look()
        self._admit()
        if self._unconfirmed.waits(message):  # the policy has changed since it was claimed
            self._let_go(self._detach(now))
            return 0.0
        if not self._queue.admits(now.name):
            self._say_why(self._door.admitted()[1])
            return LOOK_S
        if self._must_wait():
            return self._rest.longer()
        return self._show(now, message)

    def _show(self, now: Turn, message: Message) -> float | None:
        try:
            now, riders = self._gather(now, message)
            above = infos.choose(
                self._instance, self._queue, message, self._tell, self._unshown, self._unconfirmed
            )
            shown = present.show(self._instance, message, above, self._chat.limit, riders)
            mark = self._chat.mark()
        except Unusable:
            raise  # not caused by this message: the next bridge presents it
        except Refused as error:
            return self._end(self._detach(now), message, "refused", str(error))
        except ChatGone as error:
            self._waits_for = str(error)
            raise  # `serve` reports it once and retries ever less often: a try may start a program
        now = self._detach(now, shown.riders)
        if self._spent != now.name:
            self._pace.spend(message)  # before the turn, so that none is taken uncounted
            self._spent = now.name
        chat = type(self._chat).__name__
        since = own_reply.begin(self._mailbox)
        now = now._replace(
            stage=PRESENTING, chat=chat, mark=mark, text=shown.text, infos=shown.infos, since=since
        )
        turn.save(self._mailbox, now)
        self._turn = now
        return self._present(now, message)

    def _gather(self, now: Turn, message: Message) -> tuple[Turn, list[Message]]:
        """Return the turn with its riders, and those messages: claimed by an earlier try, or now."""
        riders = self._claimed(now) if now.riders else self._claim_riders(now, message)
        now = self._turn = now._replace(riders=tuple(rider.file_name for rider in riders))
        return now, riders

    def _claimed(self, now: Turn) -> list[Message]:
        riders = []
        for name in now.riders:
            try:
                rider = self._mailbox.read(Place(INBOX["processing"], name))
            except FileNotFoundError:
                turn.remove(self._mailbox, Turn(name))  # finished by its owner meanwhile
            except (NoMessage, OSError):
                self._leave_alone(name)
            else:
                if rider.expired(self._instance.now()):
                    self._leave_alone(name)
                    continue
                rider = self._mailbox.judged(rider, INBOX["processing"])
                if self._unconfirmed.waits(rider):
                    self._leave_alone(name)
                else:
                    riders.append(rider)
        return riders

    def _claim_riders(self, now: Turn, message: Message) -> list[Message]:
        riders = []
        limit, hidden = self._chat.limit, self._unconfirmed
        for reply in batch.choose(
            self._instance, self._queue, message, limit, self._unshown, hidden, self._delayed
        ):
            new = Turn(reply.file_name, head=now.name)
            self._queue.drop(new.name)
            try:
                won = self._claim(new)
            except Exception:  # noqa: BLE001  # claimed or not: its own turn finds out
                self._left = [left for left in self._left if left.name != new.name] + [Turn(new.name)]
                break
            if won:
                riders.append(reply)
            else:
                self._queue.leave_out(new.name)
                turn.remove(self._mailbox, new)
        return riders

    def _detach(self, now: Turn, kept: tuple[str, ...] = ()) -> Turn:
        """Give each rider but the `kept` ones, which was not shown, its own turn. Return the turn without."""
        for rider in now.riders:
            if rider not in kept:
                self._leave_alone(rider)
        now = now._replace(riders=kept)
        self._turn = self._turn and now
        return now

    def _leave_alone(self, name: str) -> None:
        """Give a rider that was not shown its own turn, also in its note: its head may fail without it."""
        self._left.append(Turn(name))
        with suppress(XwError, OSError):  # then it may fail as its head does
            turn.save(self._mailbox, Turn(name))

    def _present(self, now: Turn, message: Message) -> float | None:
        try:
            self._chat.present(now.mark, now.text)
        except (NotPresented, ChatGone) as error:
            return self._again(now, message, str(error))
        except Refused as error:
            return self._end(self._detach(now)._replace(infos=()), message, "refused", str(error))
        except (XwError, OSError) as error:
            return self._end(now, message, "uncertain", f"the chat may or may not have shown it: {error}")
        more = _more(now.riders)
        self._tell(Routine(f"presented {message.type} {message.short} from {message.sender}{more}"))
        return self._keep(now._replace(stage=PRESENTED))

    def _again(self, now: Turn, message: Message, reason: str) -> float | None:
        """Schedule another try for a text that is not in; count this one unless the chat became busy."""
        tries = now.tries + (why_not_ready(self._chat) is None)
        if tries >= TRIES:
            reason = f"the chat did not accept it in {tries} tries: {reason}"
            return self._end(self._detach(now)._replace(infos=()), message, "failed", reason)
        self._tell(Routine(f"not presented, will retry: {message.short}: {reason}"))
        self._keep(now.again()._replace(tries=tries))
        return self._pause.longer()

    def _resolve(self, now: Turn, message: Message) -> float | None:
        """After a crash, ask the chat whether the text went in, and continue accordingly."""
        # In this order: a chat that was ready, and then cannot tell, never will.
        busy = why_not_ready(self._chat)
        seen = self._chat.seen(now.mark, now.text)
        if seen is not None:
            self._since = None
            return self._keep(now._replace(stage=PRESENTED) if seen else now.again())
        if busy and not self._over and self._lasted() < DOUBT_S:
            return self._pause.longer()
        self._since = None
        return self._end(
            now, message, "uncertain", "the bridge ended while it showed this message, and shows it only once"
        )

    def _capture(self, now: Turn, message: Message) -> float | None:
        try:
            reply = self._chat.capture(now.mark, now.text)
        except ChatGone as error:
            if not self._over and self._lasted() < GONE_S:
                return self._pause.longer()
            return self._end(now, message, "gone", str(error))
        except ChatFailed as error:
            return self._end(now, message, "failed", answer.failure_reason(self._instance, message, error))
        except NoAnswer as error:
            return self._end(now, message, "timeout", answer.failure_reason(self._instance, message, error))
        if reply is None and self._over:
            if self._lasted() >= GONE_S:
                return self._end(now, message, "gone", "the program ended before it answered")
            return self._pause.longer()
        self._since = None
        if reply is None:
            return self._pause.longer()
        if not present.wants_answer(message):
            return self._settle(now, Ending("done"))
        own = self._own_ending(now, message)
        if own:
            return self._settle(now, own)
        return self._file(now, message, reply._replace(text=answer.writable(reply.text)))

    def _own_ending(self, now: Turn, message: Message) -> Ending | None:
        """Return how the agent itself has ended a message since it was shown; None if it has not."""
        reply = own_reply.find(self._mailbox, message, now.since)
        if reply is None:
            return own_reply.failed(self._mailbox, now.name)
        whose = f"{message.short} from {message.sender}"
        self._tell(
            Routine(f"{whose} has its answer by `xw reply` ({reply.short}): the turn's text is not sent")
        )
        return Ending("done")

    def _file(self, now: Turn, message: Message, reply: Reply) -> float | None:
        """Send the answer; once its bytes are noted, nothing can lose or duplicate it."""
        try:
            draft = answer.reply(
                self._instance, message, reply, answer.protocol_in(self._instance, reply.text, self._tell)
            )
            self._send(now, draft, Ending("done"))
        except (NotFound, Refused, Usage) as error:
            reason = f"{error}; the answer is in {answer.keep(self._instance, message, reply)}"
            self._tell(f"failed (unanswerable): {now.name}: {reason}")
            return self._settle(now, Ending("failed", "unanswerable", reason))
        self._tell(Routine(f"answered {message.short} from {message.sender}"))
        return 0.0

    def _end(self, now: Turn, message: Message | None, kind: Kind, reason: str) -> float | None:
        """Fail a message and report the failure to its sender, unless the agent has ended it itself."""
        if message and now.since:
            own = self._own_ending(now, message)
            if own is None and self._mailbox.state_of(now.name) == "done":
                own = Ending("done")
            if own:
                return self._settle(now, own)
        reason = answer.writable(reason, REASON_LIMIT)
        self._tell(f"failed ({kind}): {now.name}: {reason}")
        ending = Ending("failed", kind, reason)
        senders = {message.sender} if message else set()
        if kind == "uncertain":
            senders |= {name.sender for info in now.infos if (name := layout.file_name(info))}
        draft = message and answer.failure_notice(self._instance, message, senders, kind, reason)
        if draft is None:
            return self._settle(now, ending)
        try:
            self._send(now, draft, ending)
        except (NotFound, Refused, Usage) as error:
            self._tell(f"cannot report the failure to {', '.join(draft.to)}: {error}")
            return self._settle(now, ending)
        return 0.0

    def _send(self, now: Turn, draft: Draft, ending: Ending) -> None:
        def note(name: str, data: bytes) -> None:
            self._settle(now, ending._replace(letter=name, data=data.decode()))

        post.send(self._mailbox, self._instance.hub, draft, self._instance.now, note)

    def _settle(self, now: Turn, ending: Ending) -> float:
        """Write the ending of a turn to disk; every later step only carries it out."""
        ended = now._replace(stage=ENDED, ending=ending)
        turn.save(self._mailbox, ended)
        self._turn = ended
        return 0.0

    def _finish(self, now: Turn) -> float:
        """Carry out a turn's ending; each part may have been done before."""
        ending = now.ending or Ending("failed", "damaged", "the note about its turn has no ending")
        if ending.letter:
            post.complete(self._mailbox, self._instance.hub, ending.letter, ending.data.encode())
        for info in now.infos:
            self._queue.drop(info)
            if ending.kind == "uncertain":
                self._fail(info, ending.kind, ending.reason)
            else:
                self._mailbox.settle(info)
        self._end_riders(now, ending)
        if ending.state == "done":
            self._mailbox.settle(now.name)
        else:
            self._fail(now.name, ending.kind or "failed", ending.reason)
        return self._forget(now)

    def _end_riders(self, now: Turn, ending: Ending) -> None:
        """End what was shown below a message as that one ends; if it fails, each sender gets a letter."""
        for rider in now.riders:
            if ending.state == "done":
                self._mailbox.settle(rider)
                turn.remove(self._mailbox, Turn(rider))
            else:
                # As long as the head's note is there, no rider's turn begins, so this may be repeated.
                failing = Turn(rider, FAILING, ending=Ending("failed", ending.kind, ending.reason))
                turn.save(self._mailbox, failing)
                self._left = [left for left in self._left if left.name != rider] + [failing]

    def _fail(self, name: str, kind: Kind, reason: str) -> None:
        """Move a message to `failed/`, whether or not it was claimed before."""
        if not self._mailbox.fail(name, kind, reason, "processing"):
            self._mailbox.fail(name, kind, reason)

    def _forget(self, now: Turn) -> float:
        turn.remove(self._mailbox, now)
        self._turn = None
        self._door.rest()  # the program was busy with the bridge's own turn
        self._pause.reset()
        return 0.0

    def _keep(self, now: Turn) -> float:
        """Continue from a step that the chat has taken, even if the disk cannot note it."""
        self._turn = now
        self._pause.reset()
        turn.save(self._mailbox, now)
        return 0.0

    def _must_wait(self) -> bool:
        """Return True if the chat cannot take mail now; report each reason once."""
        reason = why_not_ready(self._chat)
        self._say_why(reason or "")
        if not reason:
            self._rest.reset()
        return bool(reason)

    def _say_why(self, reason: str) -> None:
        if reason and reason != self._waits_for:
            self._tell(Routine(f"mail waits: {reason}"))
        self._waits_for = reason

    def _lasted(self) -> float:
        """Return the seconds since the present trouble began."""
        if self._since is None:
            self._since = self._monotonic()
        return self._monotonic() - self._since


def _more(riders: tuple[str, ...]) -> str:
    return f" and {len(riders)} more" if riders else ""
