"""Wait for mail: arrivals, wait, and `Lookout`, which decides when to look again.

`asking` waits for an answer.
"""

import time
from collections.abc import Callable, Collection, Generator
from contextlib import nullcontext
from types import TracebackType
from typing import NamedTuple

from xw import failure, layout
from xw.actions.doubts import Doubts
from xw.actions.transcript import Asleep, LeftOut
from xw.backoff import Pause
from xw.errors import NoMessage, TimedOut, Unreadable, XwError
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import ARRIVED, Place
from xw.message import Message
from xw.reports import Reports
from xw.unconfirmed import LOOK_S, Unconfirmed
from xw.watch import Arrivals

Tell = Callable[[str], None]
_LEAST_S = 1.0  # minimum for the sync of a mirror, even if less of the wait is left


class Wanted(NamedTuple):
    """The mail to wait for: of these types, and from this sender or all."""

    types: Collection[str] = layout.TYPES
    sender: str | None = None

    def fits(self, name: str) -> bool:
        """Return True if the message with this file name is wanted."""
        _, kind, sender, _ = name.split(".")
        return kind in self.types and self.sender in (None, sender)


ANY = Wanted()


class NoAnswer(XwError):
    """No recipient will answer the question `asked`; `notices` are their failure notices, still pending."""

    word = "no-answer"

    def __init__(self, text: str, notices: list[Message], asked: str) -> None:
        super().__init__(text)
        self.notices = notices
        self.asked = asked


def arrivals(
    instance: Instance,
    left_out: LeftOut,
    tell: Tell = lambda text: None,
    wanted: Wanted = ANY,
    asleep: Asleep = nullcontext,
) -> Generator[Message, None, None]:
    """Yield each pending message that is wanted once, oldest first, then each new one. Endless.

    `left_out` gets each message that cannot be read: it went to `failed/`, or stays if it is Unreadable.
    `tell` gets a sentence about those whose sender must be confirmed first.
    """
    _check(instance, wanted)
    seen: set[str] = set()
    reports = Reports()
    left: set[str] = set()
    unconfirmed = Unconfirmed(instance)
    with Lookout(instance, asleep) as lookout:
        while True:
            strays: list[tuple[str, NoMessage]] = []
            names = instance.mailbox.pending(strays)
            for name, error in strays:
                if name not in left:  # a file that cannot be moved is reported once
                    left_out(name, error)
            left = {name for name, error in strays if isinstance(error, Unreadable)}
            fresh = [name for name in names if name not in seen and wanted.fits(name)]
            fresh = unconfirmed.without(fresh)
            if news := unconfirmed.news():
                tell(news)
            for item in instance.mailbox.read_each(INBOX["pending"], fresh):
                if not isinstance(item, Message):
                    left_out(*item)
                elif not instance.mailbox.expire(item, instance.now()):
                    item = instance.mailbox.judged(item)
                    old = reports.superseded(item)
                    if old:
                        instance.mailbox.supersede(old)
                    if old is not item:
                        yield item
            seen = {name for name in names if name in seen or name in fresh or not wanted.fits(name)}
            lookout.wait(None, LOOK_S if unconfirmed.note else float("inf"))


def _check(instance: Instance, wanted: Wanted) -> None:
    """Raise NotFound if nobody has the sender's name: the wait would not end."""
    from xw.actions.pending import check_sender

    if wanted.sender and not any(map(wanted.fits, instance.mailbox.names(INBOX["pending"]))):
        check_sender(instance, wanted.sender)


def wait(
    instance: Instance,
    re: str | None,
    timeout: float | None,
    passed: set[str] | None = None,
    asleep: Asleep = nullcontext,
    wanted: Wanted = ANY,
    tell: Tell = lambda text: None,
) -> Message:
    """Return the oldest pending message that is wanted and has not expired; wait until there is one.

    With `re`, return the first message that answers it, pending or handled. Raise NoAnswer once all its
    recipients have reported a failure, TimedOut after `timeout` seconds. Skip the names in `passed`
    (`waited.seen`), and add the names that were looked at. `tell` gets a sentence about each answer that does
    not count.
    """
    _check(instance, wanted)
    place = None if re is None else instance.mailbox.find(re)
    asked = _recipients(instance, place) if place else ()
    question = place.name if place else None
    search = _Search(instance, question, asked, set() if passed is None else passed, wanted, tell)
    deadline = None if timeout is None else time.monotonic() + timeout
    with Lookout(instance, asleep) as lookout:
        while True:
            message = search.first()
            if message:
                return message
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                what = f"answers {re}" if re else "has arrived"
                again = "run `xw wait` or `xw check` again"
                raise TimedOut(f"nothing {what} within {timeout:g} s; {again}{search.doubts.note}")
            lookout.wait(left)


class Lookout:
    """Returns from `wait` when an instance's mail is worth another look. A context manager.

    Meanwhile it syncs a mirror, less often the longer nothing arrives: a wait of hours must not drain the
    battery or the data plan.
    """

    def __init__(self, instance: Instance, asleep: Asleep = nullcontext) -> None:
        self._instance = instance
        self._asleep = asleep
        self._woken = Arrivals([f"{instance.root}/{instance.mailbox.at(INBOX['pending'])}"])
        # Between two syncs of a mirror: at first, and after a minute without mail.
        self._look_again_s = instance.carrier.look_again_s
        self._least, most = self._look_again_s or (0.0, 0.0)
        self._pause = Pause(self._least, most, growth=1.25)
        self._next = 0.0 if self._look_again_s else float("inf")  # sync

    def __enter__(self) -> "Lookout":
        self._woken.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._woken.__exit__(kind, error, trace)
        if isinstance(error, FileNotFoundError) and self._instance.carrier.mirror is None:
            self._instance.hub.instances()  # raises Moved or Unreachable if the hub itself is not there

    def wait(self, left: float | None, most: float = float("inf")) -> None:
        """Return when mail arrived, when it is time to look anyway, or after `most` seconds.

        `left` is the rest of the whole wait in seconds.
        """
        ends = float("inf") if left is None else time.monotonic() + left
        if time.monotonic() >= self._next:
            # The end of the wait must not make the hub look unreachable.
            self._instance.carrier.refresh(max(ends - time.monotonic(), _LEAST_S))
            self._next = self._after(time.monotonic(), ends)
        pause = min(most, min(ends, self._next) - time.monotonic())
        with self._asleep():
            woken = self._woken.wait(None if pause == float("inf") else pause)
        if woken and self._look_again_s:
            self._pause.reset()
            self._next = min(self._next, time.monotonic() + self._least)

    def _after(self, now: float, ends: float) -> float:
        """Return when to sync next; one sync comes shortly before the end, so that the mail is fresh."""
        return min(now + self._pause.longer(), max(now + self._least, ends - self._least))


def _recipients(instance: Instance, place: Place) -> tuple[str, ...]:
    """Return the recipients of this instance's message; () for another's message or an unreadable one."""
    message = instance.mailbox.glance(place)
    return message.to if message and message.sender == instance.name else ()


class _Search:
    """Looks for the oldest pending message, or the first in the whole inbox that answers `question`.

    `re` decides, because the times in two senders' names come from two clocks. If `asked` is not empty, only
    these instances can answer, and postmaster for them. Skips expired messages, and answers that do not
    count (`doubts`); `tell` gets a sentence about each of those. `question` is a file name. `passed` are
    names known not to answer; they are not read again.
    """

    def __init__(
        self,
        instance: Instance,
        question: str | None,
        asked: tuple[str, ...],
        passed: set[str],
        wanted: Wanted,
        tell: Tell,
    ) -> None:
        self._instance = instance
        self._question = question.partition(".")[0] if question else None
        self.doubts = Doubts(instance, question or "", asked)
        self._tell = tell
        self._asked = asked
        self._passed = passed
        self._wanted = wanted
        self._notices: list[Message] = []
        self._failed: set[str] = set()

    def first(self) -> Message | None:
        """Return the message, or None. Raise NoAnswer if all who were asked have failed."""
        mailbox, question = self._instance.mailbox, self._question
        for folder in ARRIVED if question else ARRIVED[:1]:
            names = mailbox.pending() if folder == ARRIVED[0] else mailbox.names(folder)
            for name in names:
                if name in self._passed or not self._wanted.fits(name):
                    continue
                message = mailbox.arrived(Place(folder, name))
                if message is None:
                    continue
                if message.expired(self._instance.now()):
                    if folder == INBOX["pending"]:
                        mailbox.expire(message, self._instance.now())
                elif question is None:
                    return mailbox.judged(message, folder)
                elif message.re == question:
                    message = mailbox.judged(message, folder)
                    if self._is_answer(message):
                        return message
                self._passed.add(name)
        if self._asked and self._failed.issuperset(self._asked):
            raise NoAnswer(failure.sentence(self._notices[-1]), self._notices, str(question))
        return None

    def _is_answer(self, message: Message) -> bool:
        """Return True if a message answers the question; record a failure of one who was asked."""
        may = not self._asked or message.sender in (*self._asked, layout.POSTMASTER)
        if message.re != self._question or not may:
            return False
        if left := self.doubts.about(message):
            self._tell(left)
            return False
        found = failure.read(message) if self._asked else None
        if found is None:
            return not failure.is_notice(message)  # a notice about another message, whatever its `re` says
        self._notices.append(message)
        if message.sender == layout.POSTMASTER:
            self._failed |= {found.to} if found.to else set(self._asked[:1])
        else:
            self._failed.add(message.sender)
        return False
