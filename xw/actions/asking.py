"""`ask`: send a question, wait for its answer, and report why none will come.

An answer is a message from an instance that was asked; its `re` names the question, and it has a text. One
that looks like somebody else's is no answer (`doubts`), nor a failure notice (`failure`), which counts only
from those instances and from postmaster. The wait ends with an error as soon as nobody is left to answer:
each instance asked has failed, or has settled the question (done, failed, withdrawn) without an answer. Ids
of different senders are never compared; every message that arrives after the question was sent is read.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, NamedTuple

from xw import failure, layout
from xw.actions.absence import held_back
from xw.actions.addressing import one_each
from xw.actions.doubts import Doubts
from xw.actions.inbox import Enclosed, enclosed
from xw.actions.sending import send, split
from xw.actions.transcript import Asleep
from xw.actions.waiting import Lookout, NoAnswer
from xw.errors import TimedOut, XwError, cause, explain
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import ARRIVED, Mailbox, Place
from xw.message import Message
from xw.post import Sent
from xw.rooms import payload

if TYPE_CHECKING:
    from xw.shapes import mail

GRACE_S = 2.0
"""An answer may arrive this long after its question was settled."""

_LOOK_S = 1.0  # between two checks of the question's state, on a local hub
_REMOTE_LOOK_S = 5.0  # … or of what the mirror knows about the recipients, on a remote hub
# The hub itself is asked after a recipient has acted. Its times are whole seconds, so an act may be
# missed: it is also asked after this long, less often while `sync --watch` has the connection.
_BLIND_S, _KEPT_BLIND_S = 15.0, 60.0

_GONE = "gone"
_ENDS = {
    "done": "finished it without one",
    "failed": "has it in failed/",
    _GONE: "is no longer on the hub",
}

Tell = Callable[[str], None]


class Asked(NamedTuple):
    """A question that was sent, its answer with its attachments, and the failure notices of others asked."""

    sent: Sent
    reply: Message
    notices: list[Message]
    enclosed: tuple[Enclosed, ...] = ()

    def to_json(self) -> "mail.Answer":
        """Return the object that `--json` prints."""
        return {**self.reply.to_json(), "files": [file.to_json() for file in self.enclosed]}


def ask(
    instance: Instance,
    to: list[str],
    body: str,
    timeout: float,
    sent: Callable[[Sent], None],
    tell: Tell,
    asleep: Asleep = nullcontext,
) -> Asked:
    """Send a question and return its answer, which stays pending.

    `sent` is called once the question is durable, before the wait; `tell` gets a line when one of several
    recipients cannot answer. Raise NoAnswer once none of them will, TimedOut after `timeout` seconds.
    """
    incoming = _Arrived(instance.mailbox)
    question = send(instance, "question", body, one_each(instance, split(to)) if to else [])
    sent(question)
    notices: list[Message] = []
    try:
        fate = _Fate(instance, question, tell, notices)
        return _answer(instance, question, fate, incoming, timeout, asleep)
    except (NoAnswer, TimedOut) as error:
        error.told = _unanswered(question, notices)
        raise
    except (XwError, OSError) as error:
        raise _interrupted(question, notices, error) from error


class Unwaited(XwError):
    """The question `asked` was sent, but xw cannot wait for its answer; `code` and `word` are the cause's."""

    def __init__(self, text: str, asked: str, cause: XwError) -> None:
        super().__init__(text)
        self.asked = asked
        self.code, self.word = cause.code, cause.word


def _interrupted(question: Sent, notices: list[Message], error: XwError | OSError) -> Unwaited:
    """Return the error for a wait that broke off: its cause, and the command that continues."""
    short = layout.short_id(question.id)
    text = f"the question was sent as {short}, but xw cannot wait: {cause(error)}"
    text += f"; `xw wait --re {short}` continues"
    found = Unwaited(text, question.id, explain(error))
    found.told = _unanswered(question, notices)
    return found


def _unanswered(question: Sent, notices: list[Message]) -> "mail.Unanswered":
    """Return the question and its failures, for programs."""
    return {"format": 1, "question": question.id, "failures": [_failed(notice) for notice in notices]}


def _failed(notice: Message) -> "mail.Failed":
    found = failure.read(notice)
    if found:
        return {"from": notice.sender, "kind": found.kind, "reason": found.reason}
    if failure.is_empty(notice):
        return {"from": notice.sender, "kind": "empty", "reason": "its answer is empty"}
    return {"from": notice.sender, "kind": "refused", "reason": notice.body}  # a room's refusal


def _answer(
    instance: Instance, question: Sent, fate: "_Fate", incoming: "_Arrived", timeout: float, asleep: Asleep
) -> Asked:
    """Wait for the answer. Raise NoAnswer or TimedOut."""
    deadline = time.monotonic() + timeout
    with Lookout(instance, asleep) as lookout:
        while True:
            for message in incoming.fresh():
                if message.re == question.id and fate.is_answer(message):
                    files = enclosed(instance, message)
                    return Asked(question, message, fate.notices, files)
            left = deadline - time.monotonic()
            most = fate.check(left <= 0)
            if left <= 0:
                short = layout.short_id(question.id)
                raise TimedOut(
                    f"no reply to {short} within {timeout:g} s; `xw wait --re {short}` keeps waiting, "
                    f"`xw trace {short}` shows where it is{fate.doubts.note}",
                    question.id,
                )
            lookout.wait(left, most)


class _Arrived:
    """The messages that arrive in an inbox after this object was made."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._seen = {name for folder in ARRIVED for name in mailbox.names(folder)}

    def fresh(self) -> Iterator[Message]:
        """Yield the messages that arrived since the last call, handled or not."""
        for folder in ARRIVED:
            pending = folder == INBOX["pending"]
            for name in self._mailbox.pending() if pending else self._mailbox.names(folder):
                if name not in self._seen:
                    message = self._mailbox.arrived(Place(folder, name))
                    if message:
                        self._seen.add(name)
                        yield self._mailbox.judged(message, folder)


class _Fate:
    """The progress of a question with each of its recipients."""

    def __init__(self, instance: Instance, question: Sent, tell: Tell, notices: list[Message]) -> None:
        self.notices = notices
        self._instance = instance
        self._question = question
        self._tell = tell
        self._asked = (*question.delivered, *question.waiting)
        self.doubts = Doubts(instance, question.name, self._asked)
        self._failed: set[str] = set()
        self._looked = time.monotonic()
        self._asked_at = dict.fromkeys(self._asked, self._looked)  # when the hub was last asked about each
        self._remote = instance.carrier.look_again_s is not None
        self._seen = {name: instance.carrier.sighting(name) for name in self._asked}
        self._ended: dict[str, str] = {}  # recipients who settled the question, or left; and how
        self._asked_bridges = float("-inf")
        self._held: set[str] = set()  # recipients whose bridge was reported to hold mail back
        self._ended_at: float | None = None
        self._collected = not self._remote

    def is_answer(self, message: Message) -> bool:
        """Return True if a message answers the question; record a failure notice.

        Raise NoAnswer after the last recipient's.
        """
        returned = message.sender == layout.POSTMASTER
        if not returned and message.sender not in self._asked:
            # `ask` prints the body alone, which would hide that another instance wrote it.
            self._tell(f"{message.short} from {message.sender}, who was not asked, is left pending")
            return False
        if left := self.doubts.about(message):
            self._tell(left)
            return False
        reason = failure.sentence(message)
        if not payload.is_failure_notice(message):
            if failure.is_notice(message):
                return False  # about another message, whatever its `re` says
            if not failure.is_empty(message):
                return True
            reason = f"{message.sender} handled {layout.short_id(self._question.id)}, and its answer is empty"
        self.notices.append(message)
        self._failed |= self._returned() if returned else {message.sender}
        if self._failed.issuperset(self._asked):
            raise NoAnswer(reason, self.notices, self._question.id)
        self._tell(reason)
        return False

    def check(self, last: bool) -> float:
        """Look up the question's state; return the seconds until the next check.

        Raise NoAnswer if no answer can come. With `last`, do not wait for an answer that may still be on its
        way.
        """
        now = time.monotonic()
        if self._ended_at is None:
            if (last and not self._remote) or now - self._looked >= self._pause():
                self._looked = now
                self._look()
            if not self._failed.union(self._ended).issuperset(self._asked):
                return self._pause()
            self._ended_at = now
        left = GRACE_S - (now - self._ended_at)
        if not last and left <= 0 and not self._collected:
            # An answer reaches the hub before its question is settled, perhaps after the last sync.
            self._collected = True
            self._instance.carrier.refresh(even_watched=True)
            return 0.0
        if last or left <= 0:
            raise NoAnswer(self._why(), self.notices, self._question.id)
        return left

    def _pause(self) -> float:
        return _REMOTE_LOOK_S if self._remote else _LOOK_S

    def _look(self) -> None:
        hub = self._instance.hub
        wanted = [name for name in self._asked if name not in self._failed and name not in self._ended]
        self._tell_of_bridges(wanted)
        wanted = [name for name in wanted if not self._travels(name) and not self._is_idle(name)]
        for name in wanted:
            self._asked_at[name] = self._looked
            with suppress(XwError, OSError):  # unreachable for now; the answer may still come
                found = hub.locate(name, self._question.name)
                if found and found.state in ("done", "failed"):
                    self._ended[name] = found.state
                elif found is None and not hub.knows(name):
                    self._ended[name] = _GONE
        if wanted:
            self._instance.carrier.rest()

    def _tell_of_bridges(self, names: list[str]) -> None:
        """Report each bridge that holds mail back, once, as its presence says."""
        now = time.monotonic()
        if now - self._asked_bridges < _REMOTE_LOOK_S:
            return  # this may list 100,000 files
        self._asked_bridges = now
        for name in names:
            held = None if name in self._held else held_back(self._instance, name)
            if held:
                self._held.add(name)
                self._tell(held)

    def _is_idle(self, name: str) -> bool:
        """Return True if the hub need not be asked: the mirror shows no sign of the recipient since."""
        carrier = self._instance.carrier
        before, seen = self._seen[name], carrier.sighting(name)
        self._seen[name] = seen
        if before is None or seen is None:
            return False
        if self._looked - self._asked_at[name] >= (_KEPT_BLIND_S if carrier.watched() else _BLIND_S):
            return False
        taken = before.oldest is not None and seen.oldest != before.oldest
        acted = taken or seen.pending < before.pending or seen.changed != before.changed
        return not acted or seen.oldest == self._question.name

    def _travels(self, name: str) -> bool:
        """Return True if the question is still in the outbox: the hub need not be asked about it."""
        return name in self._question.waiting and self._question.name in self._instance.mailbox.outbox(name)

    def _returned(self) -> set[str]:
        """Return the recipients whose copy of the question was returned."""
        # The notice appears a moment before the refused message is moved.
        return self._instance.mailbox.refused(self._question.name) or set(self._asked[:1])

    def _why(self) -> str:
        short = layout.short_id(self._question.id)
        states = "; ".join(f"{name} {_ENDS[state]}" for name, state in self._ended.items())
        return f"no answer to {short}: {states}; `xw trace {short}` shows where it is{self.doubts.note}"
