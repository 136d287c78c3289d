"""Asking: send a question, wait for its answer, and report why none will come.

An answer is a message whose `re` names the question, from one of those who were
asked, and that says something. A notice of failure (`failure`) is none, and counts only from them and
from postmaster. The wait ends with an error as soon as nobody is left to answer:
each one asked has failed, or has put the question away (done, failed,
withdrawn) and no answer followed. Ids of different senders are never compared:
whatever came into the inbox after the question was sent is looked at.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from typing import NamedTuple

from xw import failure, layout
from xw.actions.absence import held_back
from xw.actions.sending import send
from xw.actions.transcript import Asleep
from xw.actions.waiting import ARRIVED, Lookout
from xw.errors import TimedOut, XwError
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import Mailbox, Place
from xw.message import Message
from xw.post import Sent
from xw.rooms import payload

GRACE_S = 2.0
"""An answer may still travel so long after its question was put away."""

_LOOK_S = 1.0  # between two looks at where the question lies, on a hub whose files are here
_FAR_LOOK_S = 5.0  # … or at what the mirror knows of the recipients, on a hub elsewhere
# The hub itself is asked once a recipient was seen to act. Times there are whole seconds, so this may be
# missed: the hub is also asked after so long, more rarely where `sync --watch` has the connection.
_BLIND_S, _KEPT_BLIND_S = 15.0, 60.0

_GONE = "gone"
_ENDS = {
    "done": "finished it without one",
    "failed": "has it in failed/",
    _GONE: "is no longer on the hub",
}

Tell = Callable[[str], None]


class Asked(NamedTuple):
    """A question that was sent, its answer, and the notices of those asked who cannot give one."""

    sent: Sent
    reply: Message
    notices: list[Message]


class NoAnswer(XwError):
    """Nobody asked will answer; `notices` are the messages that say so, still pending."""

    word = "no-answer"

    def __init__(self, text: str, notices: list[Message]) -> None:
        super().__init__(text)
        self.notices = notices


def ask(
    instance: Instance,
    to: list[str],
    body: str,
    timeout: float,
    sent: Callable[[Sent], None],
    tell: Tell,
    asleep: Asleep = nullcontext,
) -> Asked:
    """Send a question and return its answer, which is left pending.

    `sent` is called once the question is durable, before the wait; `tell` hears
    that one of several recipients cannot answer. Raise NoAnswer once none of
    them will, TimedOut after `timeout` seconds.
    """
    incoming = _Arrived(instance.mailbox)
    question = send(instance, "question", body, to)
    sent(question)
    fate = _Fate(instance, question, tell)
    deadline = time.monotonic() + timeout
    with Lookout(instance, asleep) as lookout:
        while True:
            for message in incoming.fresh():
                if message.re == question.id and fate.is_answer(message):
                    return Asked(question, message, fate.notices)
            left = deadline - time.monotonic()
            most = fate.check(left <= 0)
            if left <= 0:
                short = layout.short_id(question.id)
                raise TimedOut(
                    f"nothing answers {short} within {timeout:g} s; `xw wait --re {short}` waits on, "
                    f"`xw trace {short}` shows where it is"
                )
            lookout.wait(left, most)


class _Arrived:
    """What comes into an inbox after this was made."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._seen = {name for folder in ARRIVED for name in mailbox.names(folder)}

    def fresh(self) -> Iterator[Message]:
        """Yield what was not there at the last call, handled or not."""
        for folder in ARRIVED:
            pending = folder == INBOX["pending"]
            for name in self._mailbox.pending() if pending else self._mailbox.names(folder):
                if name not in self._seen:
                    message = self._mailbox.arrived(Place(folder, name))
                    if message:
                        self._seen.add(name)
                        yield message


class _Fate:
    """What becomes of a question with each of those who were asked."""

    def __init__(self, instance: Instance, question: Sent, tell: Tell) -> None:
        self.notices: list[Message] = []
        self._instance = instance
        self._question = question
        self._tell = tell
        self._asked = (*question.delivered, *question.waiting)
        self._failed: set[str] = set()
        self._looked = time.monotonic()
        self._asked_at = dict.fromkeys(self._asked, self._looked)  # when the hub was last asked, for each
        self._far = instance.carrier.look_again_s is not None
        self._seen = {name: instance.carrier.sighting(name) for name in self._asked}
        self._ended: dict[str, str] = {}  # who has put the question away, into which state; or is gone
        self._asked_bridges = float("-inf")
        self._held: set[str] = set()  # those of whose bridge it was told that it holds mail back
        self._ended_at: float | None = None
        self._collected = not self._far

    def is_answer(self, message: Message) -> bool:
        """Return True if a message answers the question; note a failure; NoAnswer if it is the last."""
        returned = message.sender == layout.POSTMASTER
        if not returned and message.sender not in self._asked:
            # `ask` prints the body alone, and nobody could see that it is another's.
            self._tell(f"{message.short} from {message.sender}, who was not asked, is left pending")
            return False
        reason = failure.sentence(message)
        if not payload.is_failure_notice(message):
            if failure.is_notice(message):
                return False  # of another message, whatever it says it answers
            if not failure.is_empty(message):
                return True
            reason = f"{message.sender} handled {layout.short_id(self._question.id)}, and its answer is empty"
        self.notices.append(message)
        self._failed |= self._returned() if returned else {message.sender}
        if self._failed.issuperset(self._asked):
            raise NoAnswer(reason, self.notices)
        self._tell(reason)
        return False

    def check(self, last: bool) -> float:
        """Look where the question lies; the seconds until the next look. NoAnswer if no answer can come.

        With `last` no time is left to wait for an answer that may still travel.
        """
        now = time.monotonic()
        if self._ended_at is None:
            if (last and not self._far) or now - self._looked >= self._pause():
                self._looked = now
                self._look()
            if not self._failed.union(self._ended).issuperset(self._asked):
                return self._pause()
            self._ended_at = now
        left = GRACE_S - (now - self._ended_at)
        if not last and left <= 0 and not self._collected:
            # An answer gets there before its question is put away: it may have come since the last sync.
            self._collected = True
            self._instance.carrier.refresh(even_watched=True)
            return 0.0
        if last or left <= 0:
            raise NoAnswer(self._why(), self.notices)
        return left

    def _pause(self) -> float:
        return _FAR_LOOK_S if self._far else _LOOK_S

    def _look(self) -> None:
        hub = self._instance.hub
        wanted = [name for name in self._asked if name not in self._failed and name not in self._ended]
        self._tell_of_bridges(wanted)
        wanted = [name for name in wanted if not self._travels(name) and not self._is_idle(name)]
        for name in wanted:
            self._asked_at[name] = self._looked
            with suppress(XwError, OSError):  # out of reach for now: the answer may come all the same
                found = hub.locate(name, self._question.name)
                if found and found.state in ("done", "failed"):
                    self._ended[name] = found.state
                elif found is None and not hub.knows(name):
                    self._ended[name] = _GONE
        if wanted:
            self._instance.carrier.rest()

    def _tell_of_bridges(self, names: list[str]) -> None:
        """Tell once of each bridge that holds mail back, as its presence says."""
        now = time.monotonic()
        if now - self._asked_bridges < _FAR_LOOK_S:
            return  # it may mean listing 100,000 files
        self._asked_bridges = now
        for name in names:
            held = None if name in self._held else held_back(self._instance, name)
            if held:
                self._held.add(name)
                self._tell(held)

    def _is_idle(self, name: str) -> bool:
        """Return True if the hub need not be asked: in the mirror, the recipient has done nothing since."""
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
        """Return True if the question still waits in the outbox: the hub need not be asked for it."""
        return name in self._question.waiting and self._question.name in self._instance.mailbox.outbox(name)

    def _returned(self) -> set[str]:
        """Return the recipients from whom the question came back."""
        # Its notice is there a moment before what it tells of is put away.
        return self._instance.mailbox.refused(self._question.name) or set(self._asked[:1])

    def _why(self) -> str:
        short = layout.short_id(self._question.id)
        states = "; ".join(f"{name} {_ENDS[state]}" for name, state in self._ended.items())
        return f"no answer to {short}: {states}; `xw trace {short}` shows where it is"
