"""Running a bridge: one per instance, with heartbeats, until it is told to stop."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple, Protocol

from xw import layout, presence
from xw.bridges.announce import Announcer
from xw.bridges.chat import Chat, ChatGone, Starting, Unusable, why_not_ready
from xw.bridges.loop import Bridge, Tell
from xw.bridges.pace import Pause
from xw.errors import Busy, Unreachable, XwError, explain, unforeseen
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.watch import Arrivals

BEAT_S = 10.0
"""Three heartbeats to the time that one is believed: a single late one kills nobody."""

CUT_S = 1.0
"""A step that still lasts so long after a signal is cut off: an agent may take a minute to start."""


class Plan(NamedTuple):
    """What a bridge is to do. `open` makes its chat, given a directory that outlives the process."""

    kind: str
    open: Callable[[Path], Chat]
    notify: bool = False


class _Cut(BaseException):
    """A signal cuts a step off; the next bridge finds what a crash would have left."""


class Stop:
    """Ends `serve`: at a signal, from another thread, or when `orphaned` says that nobody wants it."""

    def __init__(self, orphaned: Callable[[], bool] | None = None) -> None:
        self._asked = False
        self._orphaned = orphaned or (lambda: False)
        self._wake: Callable[[], None] = lambda: None
        self._may_cut = False

    def on_signals(self) -> None:
        """Stop at SIGINT, SIGTERM and SIGHUP, which the main thread gets."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._signalled)
        signal.signal(signal.SIGALRM, self._cut)

    @contextmanager
    def cutting(self) -> Iterator[None]:
        """Let a signal cut the block off, and end it quietly; the tidying up comes after it."""
        with suppress(_Cut):
            self._may_cut = True
            try:
                yield
            finally:
                self._may_cut = False

    def ask(self) -> None:
        """Stop as soon as the step under way is done."""
        self._asked = True
        # Waking takes a lock that the thread which a signal interrupts may hold: another thread waits for it.
        Thread(target=self._wake, daemon=True).start()

    def asked(self) -> bool:
        """Return whether to stop."""
        return self._asked or self._orphaned()

    def wakes(self, wake: Callable[[], None]) -> None:
        """Set the function that ends the wait under way."""
        self._wake = wake

    def _signalled(self, *_: object) -> None:
        self.ask()
        # Again and again: one that falls into code which swallows every exception cuts nothing.
        signal.setitimer(signal.ITIMER_REAL, CUT_S, CUT_S)

    def _cut(self, *_: object) -> None:
        if self._may_cut:
            raise _Cut


class _Worker(Protocol):
    @property
    def doing(self) -> tuple[str, str]: ...
    def step(self) -> float | None: ...


def serve(instance: Instance, plan: Plan, stop: Stop, tell: Tell) -> None:
    """Take an instance's mail through a chat until `stop`. Busy where another bridge does."""
    mailbox = instance.mailbox
    with ExitStack() as held:
        try:
            # A second of patience: the lock of a bridge that was just killed is not free at once.
            held.enter_context(mailbox.files.locked(mailbox.at(layout.BRIDGE_LOCK), patience=1.0))
        except Busy:
            raise Busy(f"another bridge runs for {instance.name}: an instance has one") from None
        _run(instance, plan, stop, tell)


def _run(instance: Instance, plan: Plan, stop: Stop, tell: Tell) -> None:
    mailbox = instance.mailbox
    state = mailbox.at(f"{layout.BRIDGE}/{plan.kind}")
    mailbox.files.make_folder(state)
    chat = plan.open(Path(instance.root, state))
    try:
        with stop.cutting():
            _work(instance, plan, chat, stop, tell)
    finally:
        chat.close()
    with suppress(XwError, OSError):  # which was told with the heartbeats
        presence.leave(mailbox)


def _work(instance: Instance, plan: Plan, chat: Chat, stop: Stop, tell: Tell) -> None:
    mailbox = instance.mailbox
    worker: _Worker = (Announcer if plan.notify else Bridge)(instance, chat, tell)
    with Arrivals([f"{instance.root}/{mailbox.at(INBOX['pending'])}"]) as woken:
        stop.wakes(woken.wake)
        lock = f"{instance.root}/{mailbox.at(layout.BRIDGE_LOCK)}"
        lost = partial(_lost, lock, os.stat(lock))
        with _Pulse(mailbox, plan.kind, worker, tell) as pulse:
            tell("ready")
            reason = why_not_ready(chat) or _start(chat)
            if reason:
                tell(f"the chat is not ready, so mail will wait: {reason}")
            _loop(worker, pulse, woken, stop, tell, lost)


def _start(chat: Chat) -> str | None:
    """Start a chat's program where that can be done ahead; None, or why it cannot be started now."""
    if isinstance(chat, Starting):
        try:
            chat.start()
        except (ChatGone, OSError) as error:
            return str(explain(error))
    return None


def _loop(
    worker: _Worker, pulse: "_Pulse", woken: Arrivals, stop: Stop, tell: Tell, lost: Callable[[], bool]
) -> None:
    trouble, told = Pause(0.5, 30.0), ""
    while not stop.asked():
        if lost():
            raise Unreachable(
                "the hub was moved or removed under this bridge: start it again where it is now"
            )
        try:
            pause = worker.step()
            pulse.changed()
            if told:
                tell("goes on")
            told = ""
            trouble.reset()
        except Unusable:
            raise
        except Exception as error:  # noqa: BLE001
            # Each step may be repeated; a full disk or a hub out of reach passes, and a fault of xw's
            # that no message can be blamed for must not end what serves all others.
            reason = str(explain(error)) if isinstance(error, (XwError, OSError)) else unforeseen(error)
            # The path may be a scratch file's, another one each time.
            state = os.strerror(error.errno or 0) if isinstance(error, OSError) else reason
            if state != told:
                tell(f"cannot go on now: {reason}")
            told = state
            pause = trouble.longer()
        if pause != 0.0:
            woken.wait(pause)


def _lost(lock: str, held: os.stat_result) -> bool:
    """Return whether the lock is gone from its place: the next bridge would take the same mail."""
    try:
        return not os.path.samestat(os.stat(lock), held)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False  # out of reach for now: the next step says why


class _Pulse:
    """Heartbeats in a thread of their own: presenting a long text may take longer than one is believed.

    One that cannot be written (a folder in its place, a full disk) is told once, and mail goes on.
    """

    def __init__(self, mailbox: Mailbox, kind: str, worker: _Worker, tell: Tell) -> None:
        self._mailbox = mailbox
        self._kind = kind
        self._worker = worker
        self._tell = tell
        self._fails = False
        self._shown = ("", "")
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
        """Beat if what the bridge does is no longer what is shown."""
        if self._worker.doing != self._shown:
            self._beat()

    def _beat_on(self) -> None:
        while not self._ended.wait(BEAT_S):
            with suppress(Exception):  # the next beat is due soon, and the loop tells what is wrong
                self._beat()

    def _beat(self) -> None:
        self._shown = self._worker.doing
        try:
            presence.beat(self._mailbox, self._kind, *self._shown)
            self._fails = False
        except (XwError, OSError) as error:
            if not self._fails:
                self._tell(f"its heartbeat cannot be shown: {explain(error)}")
            self._fails = True
