"""Run a bridge with heartbeats until something asks it to stop; one per instance."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple, Protocol

from xw import layout, presence
from xw.backoff import Pause
from xw.bridges.announce import Announcer
from xw.bridges.chat import (
    Chat,
    ChatGone,
    Choosing,
    Ending,
    Hearing,
    Remembering,
    Routine,
    Starting,
    Telling,
    Unusable,
    why_not_ready,
)
from xw.bridges.loop import Bridge, Tell
from xw.bridges.overheard import Ears
from xw.bridges.pace import Limits
from xw.errors import Busy, Unreachable, XwError, explain, unforeseen
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.watch import Arrivals

BEAT_S = 10.0
"""A third of the time that a heartbeat stays valid: a single late one does no harm."""

CUT_S = 1.0
"""Time for a step to end after a signal, then it is interrupted: an agent may take a minute to start."""


SETTLES_S = 8.0
"""Time to settle what was shown to a program that has ended; a missing answer is waited for `GONE_S`."""


class Plan(NamedTuple):
    """The settings of a bridge. `open` makes its chat, given a directory that outlives the process."""

    kind: str
    open: Callable[[Path], Chat]
    notify: bool = False
    limits: Limits = Limits()


class _Cut(BaseException):
    """A signal interrupts a step; the next bridge finds the same files as after a crash."""


class Stop:
    """Ends `serve`: at a signal, from another thread, or once `orphaned` returns True."""

    def __init__(self, orphaned: Callable[[], bool] | None = None) -> None:
        self._asked = False
        self._orphaned = orphaned or (lambda: False)
        self._wake: Callable[[], None] = lambda: None
        self._may_cut = False

    def on_signals(self) -> None:
        """Stop at SIGINT, SIGTERM and SIGHUP. Call this in the main thread, which gets the signals."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._signalled)
        signal.signal(signal.SIGALRM, self._cut)

    @contextmanager
    def cutting(self) -> Iterator[None]:
        """Let a signal interrupt the block and end it quietly; the clean-up comes after the block."""
        with suppress(_Cut):
            self._may_cut = True
            try:
                yield
            finally:
                self._may_cut = False

    def ask(self) -> None:
        """Stop as soon as the current step is done."""
        self._asked = True
        # Waking takes a lock that the interrupted thread may hold: another thread waits for it.
        Thread(target=self._wake, daemon=True).start()

    def asked(self) -> bool:
        """Return True if the bridge is to stop."""
        return self._asked or self._orphaned()

    def wakes(self, wake: Callable[[], None]) -> None:
        """Set the function that ends the current wait."""
        self._wake = wake

    def _signalled(self, *_: object) -> None:
        self.ask()
        # Repeatedly: a signal inside code that swallows every exception interrupts nothing.
        signal.setitimer(signal.ITIMER_REAL, CUT_S, CUT_S)

    def _cut(self, *_: object) -> None:
        if self._may_cut:
            raise _Cut


class _Worker(Protocol):
    @property
    def doing(self) -> presence.Doing: ...
    def step(self) -> float | None: ...


class _Attentive(NamedTuple):
    """A worker that also passes on what people type into the program's own window."""

    worker: _Worker
    ears: Ears

    @property
    def doing(self) -> presence.Doing:
        return self.worker.doing

    def step(self) -> float | None:
        pauses = [self.worker.step(), self.ears.step()]
        return min((pause for pause in pauses if pause is not None), default=None)


def serve(instance: Instance, plan: Plan, stop: Stop, tell: Tell) -> None:
    """Take an instance's mail through a chat until `stop`. Raise Busy if another bridge does."""
    mailbox = instance.mailbox
    with ExitStack() as held:
        try:
            # Wait a second: the lock of a bridge that was just killed is not free at once.
            held.enter_context(mailbox.files.locked(mailbox.at(layout.BRIDGE_LOCK), timeout=1.0))
        except Busy:
            raise Busy(
                f"another bridge runs for {instance.name}, and an instance has only one: stop it first"
            ) from None
        _run(instance, plan, stop, tell)


def _run(instance: Instance, plan: Plan, stop: Stop, tell: Tell) -> None:
    mailbox = instance.mailbox
    state = mailbox.at(f"{layout.BRIDGE}/{plan.kind}")
    mailbox.files.make_folder(state)
    folder = Path(instance.root, state)
    chat = plan.open(folder)
    if isinstance(chat, Telling):
        chat.tells(tell)
    hears = isinstance(chat, Hearing) and chat.hears and not plan.notify
    ears = Ears(instance, chat, folder, tell) if isinstance(chat, Hearing) and hears else None
    try:
        with stop.cutting():
            _work(instance, plan, chat, ears, stop, tell)
        if isinstance(chat, Ending) and chat.over and not plan.notify:
            _settle(instance, chat, tell)
    finally:
        chat.close()
    if ears:
        ears.close()
    with suppress(XwError, OSError):  # the heartbeats have reported it
        presence.leave(mailbox)


def _work(instance: Instance, plan: Plan, chat: Chat, ears: Ears | None, stop: Stop, tell: Tell) -> None:
    mailbox = instance.mailbox
    with Arrivals([f"{instance.root}/{mailbox.at(INBOX['pending'])}"]) as woken:
        worker: _Worker = (
            Announcer(instance, chat, tell, plan.limits)
            if plan.notify
            else Bridge(instance, chat, tell, arrivals=woken.ticket, limits=plan.limits)
        )
        if ears:
            worker = _Attentive(worker, ears)
        stop.wakes(woken.wake)
        lock = f"{instance.root}/{mailbox.at(layout.BRIDGE_LOCK)}"
        lost = partial(_lost, lock, os.stat(lock))
        with _Pulse(mailbox, plan, worker, tell, chat) as pulse:
            tell(Routine("ready"))
            reason = why_not_ready(chat) or _start(chat)
            if reason:
                tell(Routine(f"the chat is not ready, mail waits: {reason}"))
            look = chat.look if isinstance(chat, Choosing) else None
            _loop(worker, pulse, woken, stop, tell, lost, look)


def _settle(instance: Instance, chat: Chat, tell: Tell) -> None:
    """Settle what was shown to a program that has ended: nobody else will ask it for an answer."""
    try:
        bridge, late = Bridge(instance, chat, tell, over=True), time.monotonic() + SETTLES_S
        while (pause := bridge.step()) is not None and time.monotonic() < late:
            time.sleep(pause)
    except (XwError, OSError) as error:  # the next bridge settles it
        tell(f"cannot settle what was shown: {explain(error)}")


def _start(chat: Chat) -> str | None:
    """Start a chat's program if the chat can do so ahead of mail. Return None, or why it did not start."""
    if isinstance(chat, Starting):
        try:
            chat.start()
        except (ChatGone, OSError) as error:
            return str(explain(error))
    return None


def _loop(
    worker: _Worker,
    pulse: "_Pulse",
    woken: Arrivals,
    stop: Stop,
    tell: Tell,
    lost: Callable[[], bool],
    look: Callable[[], None] | None = None,
) -> None:
    trouble, told = Pause(0.5, 30.0), ""
    while not stop.asked():
        if lost():
            raise Unreachable(
                "the hub was moved or removed while this bridge ran: start the bridge again at its new place"
            )
        try:
            pause = worker.step()
            if pause is None and look:
                look()
            pulse.changed()
            if told:
                tell(Routine("resumed"))
            told = ""
            trouble.reset()
        except Unusable:
            raise
        except Exception as error:  # noqa: BLE001
            # Every step may be repeated. A full disk or an unavailable hub passes, and a bug in xw that
            # no message causes must not end the bridge that serves all others.
            reason = str(explain(error)) if isinstance(error, (XwError, OSError)) else unforeseen(error)
            # Compared without the path, which may be a new scratch file's each time.
            state = os.strerror(error.errno or 0) if isinstance(error, OSError) else reason
            if state != told:
                tell(f"cannot continue, will retry: {reason}")
            told = state
            pause = trouble.longer()
        if pause != 0.0:
            woken.wait(pause)


def _lost(lock: str, held: os.stat_result) -> bool:
    """Return True if the lock file is no longer in its place: another bridge would take the same mail."""
    try:
        return not os.path.samestat(os.stat(lock), held)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False  # unavailable now: the next step reports why


class _Pulse:
    """Heartbeats in their own thread: presenting a long text may take longer than one stays valid.

    If one cannot be written (a folder in its place, a full disk), report it once and continue.
    """

    def __init__(
        self, mailbox: Mailbox, plan: Plan, worker: _Worker, tell: Tell, chat: object = None
    ) -> None:
        self._mailbox = mailbox
        self._kind = plan.kind
        self._worker = worker
        self._memory = chat if isinstance(chat, Remembering) and not plan.notify else None
        self._ways = chat if isinstance(chat, Choosing) else None
        self._tell = tell
        self._fails = False
        self._shown: tuple[str, presence.Doing, str] | None = None  # by its last heartbeat
        self._ended = Event()
        self._thread = Thread(target=self._beat_on, daemon=True)

    def __enter__(self) -> "_Pulse":
        self._beat()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def changed(self) -> None:
        """Write a heartbeat if the bridge's status or task, or the program's memory, has changed."""
        if self._present() != self._shown:
            self._beat()

    def _present(self) -> tuple[str, presence.Doing, str]:
        doing, kind = self._worker.doing, self._kind
        if self._ways:
            way = self._ways.way
            kind = way.kind or kind
            why = "" if way.why == doing.waits_for else way.why
            doing = doing._replace(note="; ".join(filter(None, (doing.note, why))))
        return kind, doing, self._memory.memory if self._memory else ""

    def _beat_on(self) -> None:
        while not self._ended.wait(BEAT_S):
            with suppress(Exception):  # the next one is due soon, and the loop reports any trouble
                self._beat()

    def _beat(self) -> None:
        self._shown = kind, doing, memory = self._present()
        try:
            presence.beat(self._mailbox, kind, doing, memory)
            self._fails = False
        except (XwError, OSError) as error:
            if not self._fails:
                self._tell(f"cannot write the heartbeat: {explain(error)}")
            self._fails = True
