"""The waker of a session: it waits in the background until mail arrives that the session was not told.

A program runs it beside an idle session (Claude Code's `asyncRewake`), and starts a turn with its text when
it ends. One session has one waker; another ends at once. It sleeps until the kernel reports an arrival, or
an event of the session's journal; every few seconds it looks whether the session's process still runs, and
whether a hold has ended.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress

from xw import delivery, layout, presence, sessions
from xw.actions import telling
from xw.actions.telling import News
from xw.delivery import Followed
from xw.errors import Busy, XwError
from xw.hook_events import Given, dialect
from xw.instance import Instance
from xw.journal import AgentSession, Journal
from xw.layout import INBOX
from xw.told import Told
from xw.unconfirmed import LOOK_S
from xw.watch import Arrivals


@contextmanager
def awaited(
    instance: Instance, given: Given, environ: Mapping[str, str] = os.environ
) -> Iterator[News | None]:
    """Yield the news that wakes the session; None if it ends, is told otherwise, or has a waker already.

    The news counts as told, unless the caller leaves by an error. Raise OSError if nothing can be noted.
    """
    if not given.session:
        raise XwError("the program gave no session_id")
    with ExitStack() as stack:
        try:
            stack.enter_context(Told(instance.mailbox, given.session).waker())
        except Busy:
            yield None
            return
        waker = _Waker(instance, given, environ)
        folders = [f"{instance.root}/{folder}" for folder in waker.folders]
        arrivals = stack.enter_context(Arrivals(folders))
        while not waker.is_over():
            found = waker.look(stack)
            if found:
                yield found
                return
            arrivals.wait(LOOK_S if waker.unconfirmed else None)
        yield None


class _Waker:
    """The look of a waker at its session and its mail."""

    def __init__(self, instance: Instance, given: Given, environ: Mapping[str, str]) -> None:
        self._instance = instance
        self._given = given
        self._environ = environ
        self._owner = Followed(instance)
        self._journal = Journal(instance.mailbox, given.program, given.session)
        self._session = AgentSession(given.program, given.session, sessions.program_process())
        self._parent = os.getppid()
        self.unconfirmed = False
        """True if mail waits for its sender to be confirmed, which wakes nobody."""
        # A session that is resumed has an end among its events; the hook that notes its start runs beside.
        is_start = given.text("hook_event_name") == dialect(given.program).start
        self._seen = self._journal.last() if is_start else 0

    @property
    def folders(self) -> list[str]:
        """The folders in which something arrives that the waker must see."""
        mailbox = self._instance.mailbox
        self._journal.prepare()
        return [mailbox.at(INBOX["pending"]), self._journal.folder]

    def is_over(self) -> bool:
        """Return True if this waker has nothing to wait for any more; a hold only lets it wait."""
        lives = self._session.lives if self._session.process else os.getppid() == self._parent
        if not lives or self._has_ended():
            return True
        mailbox = self._instance.mailbox
        if presence.runs(mailbox, layout.BRIDGE_LOCK):
            return True
        return "idle" not in delivery.SHOWN_AT[delivery.effective(self._owner, self._environ).value]

    def look(self, stack: ExitStack) -> News | None:
        """Return the news, held in `stack` until its text was given; None if there is none for now."""
        with suppress(OSError, Busy):  # it only tells peers that the session lives
            presence.attend(self._instance.mailbox)
        if self._on_hold():
            return None
        turn = telling.Turn(continues=False, allowed=lambda: not (self._on_hold() or self.is_over()))
        with suppress(Busy), ExitStack() as attempt:
            found = attempt.enter_context(telling.news(self._instance, self._given.session, turn))
            self.unconfirmed = bool(found.unconfirmed)
            if found.inbox.total:
                stack.push(attempt.pop_all())
                return found
        return None

    def _on_hold(self) -> bool:
        return delivery.held(self._instance.mailbox)

    def _has_ended(self) -> bool:
        events = self._journal.events(max(self._seen, self._journal.last() - 1))
        return bool(events) and events[-1].kind == "exit"
