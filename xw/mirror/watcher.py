"""Keep mirrors in sync for as long as it runs: `xw sync --watch`.

One connection serves all of this machine's instances on one hub. The hub pushes if it can; otherwise it is
asked, less and less often while nothing happens. Local changes (an outbox file, a settled message) go out at
once. An unreachable hub is tried for ever, with growing, jittered pauses, and one that refuses this user with
longer ones, which the hub decides; meanwhile commands see the mirror and its age.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from threading import Event, Thread

from xw import clock, layout
from xw.backoff import Pause, pauses
from xw.errors import Busy, Moved, NotFound, Refused, Resting, Unreachable, XwError, explain, unforeseen
from xw.hub.contract import Hub
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.mirror.mirror import Mirror
from xw.mirror.sync import Peers, Report, sync
from xw.watch import Arrivals

_POLL_S = (1.0, 15.0)  # between two looks, when busy and when idle, if the hub cannot push
_FULL_S = 15.0  # between two looks in case a push was lost, and between two tries to get pushes
# A silently dropped connection is noticed by a question without an answer: after _PING_S
# while nothing happens, or 15 s after something did.
_PING_S = 10.0
_HOLD_S = 1.0  # time for a watcher that is just ending
_CONNECT_S = 120.0  # for all steps of connecting, each of which has a shorter limit of its own
_LOOK_S = 5.0  # between two looks whether a refused host is worth another try, which cost it nothing
_STOP_S = 3.0  # time for the current step to finish before the link is closed


class MirrorWatcher:
    """Keeps mirrors of one hub, in one folder, in sync; `tell` gets a line when that begins or fails."""

    def __init__(self, mirrors: Sequence[Mirror], tell: Callable[[str], None]) -> None:
        self._mirrors = mirrors
        self._mailboxes = [mirror.mailbox for mirror in mirrors]
        self._notes = mirrors[0].notes
        self._tell = tell
        self._root = mirrors[0].files.root
        self._stopped = Event()
        self._ended = Event()
        self._connected: bool | None = None  # None: not yet
        self._told: dict[str, list[str]] = {}  # problems in each mailbox's last sync
        self._connecting = Event()  # set when connecting has ended, or must end
        self._woken: Arrivals | None = None
        self._listeners: dict[str, Thread] = {}  # by the first instance that each watches
        self._pushed = False  # True once the hub has pushed
        self._deaf = False  # True if it has just stopped

    @property
    def _hub(self) -> Hub:
        """The hub, to which a sync may give another URL."""
        return self._mirrors[0].hub

    def stop(self) -> None:
        """Make `run` return soon; may be called from a signal handler or another thread."""
        # Waking takes locks that the interrupted thread may hold, so another thread waits for them.
        Thread(target=self._stop, daemon=True).start()

    def _stop(self) -> None:
        self._stopped.set()
        self._wake()
        if not self._ended.wait(_STOP_S):
            self._close()

    def run(self) -> None:
        """Sync until `stop`. Raise Busy if another process serves one of the mailboxes."""
        try:
            with ExitStack() as held:
                for mailbox in self._mailboxes:
                    self._hold(mailbox, held)
                self._run()
        finally:
            self._ended.set()
            self._close()

    def _close(self) -> None:
        """Close the connections, of which a served hub has one for each instance."""
        for mirror in self._mirrors:
            mirror.close()

    def _hold(self, mailbox: Mailbox, held: ExitStack) -> None:
        """Take the lock that marks a mailbox as watched; a process that only asks may have it briefly."""
        try:
            held.enter_context(mailbox.files.locked(mailbox.at(layout.WATCH_LOCK), timeout=_HOLD_S))
        except Busy:
            where = f"{self._root}/{mailbox.owner}"
            raise Busy(f"another `xw sync --watch` already syncs {where}") from None

    def _run(self) -> None:
        waits = pauses()
        while not self._stopped.is_set():
            try:
                self._connect()
                self._attend()
            except (XwError, OSError) as error:
                if isinstance(error, Unreachable):
                    self._close()  # the rest of the connection would only delay the next
                if self._stopped.is_set():
                    return
                if isinstance(error, Moved):  # between two syncs; the next one follows
                    self._stopped.wait(_POLL_S[0])
                    continue
                rests = isinstance(error, Resting)
                problem = error.why if isinstance(error, Resting) else str(explain(error))
                if not rests or self._connected is not False:
                    for mailbox in self._mailboxes:  # a served hub refuses each, or this is none of it
                        self._notes.failed(problem, mailbox.owner, error)
                if self._connected is not False:
                    self._tell(f"unreachable since {clock.brief(clock.now())}: {problem}; still trying")
                    waits = pauses()
                self._connected = False
                self._stopped.wait(_LOOK_S if rests else next(waits))

    def _connect(self) -> None:
        """Connect, within the usual timeouts; return early once stopped.

        Runs in a thread, because a key exchange or a name look-up cannot be interrupted.
        """
        problems: list[Exception] = []
        over = Event()

        def connect() -> None:
            try:
                self._connect_one()
            except Exception as error:  # noqa: BLE001  # raised again below
                problems.append(error)
            finally:
                over.set()
                self._connecting.set()

        self._connecting.clear()
        Thread(target=connect, daemon=True).start()
        while not (over.is_set() or self._stopped.is_set()):
            self._connecting.wait()
            self._connecting.clear()
        if problems:
            raise problems[0]

    def _connect_one(self) -> None:
        """Connect; where each instance has a connection of its own, one that is let in suffices."""
        for number, mirror in enumerate(self._mirrors, start=1):
            hub = mirror.remote()
            try:
                # A hub that has moved is no failure: the next sync follows it.
                with suppress(Moved), hub.within(_CONNECT_S):
                    hub.connect()
                return
            except Refused:
                if number == len(self._mirrors) or not hub.limits().one_owner:
                    raise

    def _attend(self) -> None:
        """Sync whenever something happens here or there. Raise when the link breaks."""
        with Arrivals([f"{self._root}/{folder}" for folder in self._local()], rescan=_FULL_S) as woken:
            self._woken = woken
            pause, listen_at, was_woken = Pause(*_POLL_S, growth=1.5), 0.0, True
            while not self._stopped.is_set():
                listen = self._deaf or time.monotonic() >= listen_at
                self._deaf = False
                moved = self._sync_all("none" if was_woken and not listen else "recent")
                if not self._connected:
                    self._tell(f"{'connected' if self._connected is None else 'back'}: {self._names()}")
                    self._connected = True
                if listen:
                    listen_at = time.monotonic() + _FULL_S
                    self._listen()
                if moved and not was_woken:
                    self._pushed = False  # no push reported it: do not rely on pushes until the next one
                if moved or self._pushed:
                    pause.reset()
                for mailbox in self._mailboxes:
                    for peer in mailbox.outboxes():
                        with suppress(PermissionError):  # another user's folder, which the sync has reported
                            woken.also(f"{self._root}/{mailbox.at(f'{layout.OUTBOX}/{peer}')}")
                was_woken = self._rest(woken, _FULL_S if self._pushed else pause.longer())

    def _rest(self, woken: Arrivals, seconds: float) -> bool:
        """Return True when woken, False after `seconds`. Raise Unreachable for a dead connection."""
        while not woken.wait(min(seconds, _PING_S)):
            seconds -= _PING_S
            if seconds <= 0:
                return False
            with self._hub.within(_PING_S):
                self._hub.ping()
        return True

    def _sync_all(self, peers: Peers) -> bool:
        """Sync all mailboxes, even after a broken one; return True if anything moved."""
        moved = False
        broken: list[OSError | XwError] = []
        for mirror in self._mirrors:
            mailbox = mirror.mailbox
            try:
                report = self._sync(mirror, peers)
                moved |= bool(report.fetched or report.settled or report.advanced or report.flushed.delivered)
            except (OSError, NotFound, Refused) as error:  # on either side; a broken link is Unreachable
                if isinstance(error, Refused) and not self._hub.limits().one_owner:
                    raise
                broken.append(error)
                self._tell_once(mailbox, [f"{mailbox.owner}: {explain(error)}"])
            except XwError:
                raise
            except Exception as bug:  # noqa: BLE001  # report a bug in xw, and go on
                broken.append(OSError(unforeseen(bug)))
                self._tell_once(mailbox, [f"{mailbox.owner}: {unforeseen(bug)}"])
        if len(broken) == len(self._mailboxes):
            raise broken[0]
        return moved

    def _sync(self, mirror: Mirror, peers: Peers) -> Report:
        """Sync one mailbox, and report its problems."""
        report = sync(mirror, peers=peers)
        troubles = [f"{name}: {problem}" for name, problem in report.problems]
        troubles += [
            f"still in the outbox for {peer}: {error}" for peer, error in report.flushed.waiting.items()
        ]
        self._tell_once(mirror.mailbox, troubles)
        return report

    def _tell_once(self, mailbox: Mailbox, troubles: list[str]) -> None:
        """Report the problems of a mailbox's last sync that are new."""
        for trouble in troubles:
            if trouble not in self._told.get(mailbox.owner, ()):
                self._tell(trouble)
        self._told[mailbox.owner] = troubles

    def _local(self) -> list[str]:
        """Return the folders whose changes must travel."""
        folders = (layout.OUTBOX, INBOX["processing"], INBOX["done"], INBOX["failed"])
        return [mailbox.at(folder) for mailbox in self._mailboxes for folder in folders]

    def _names(self) -> str:
        return f"{', '.join(mailbox.owner for mailbox in self._mailboxes)} on {self._hub.url}"

    def _wake(self) -> None:
        self._connecting.set()
        if self._woken:
            self._woken.wake()

    def _listen(self) -> None:
        """Make sure that threads turn the hub's pushes into wake-ups; each ends if the hub cannot push."""
        for hub, owners in self._watched():
            listener = self._listeners.get(owners[0])
            if listener is None or not listener.is_alive():
                listener = Thread(target=self._hear, args=(hub.pushes(owners),), daemon=True)
                self._listeners[owners[0]] = listener
                listener.start()

    def _watched(self) -> list[tuple[Hub, list[str]]]:
        """Return each connection, and the instances that it watches."""
        if self._hub.limits().one_owner:
            return [(mirror.hub, [mirror.mailbox.owner]) for mirror in self._mirrors]
        return [(self._hub, [mailbox.owner for mailbox in self._mailboxes])]

    def _hear(self, pushes: Iterator[None]) -> None:
        began = time.monotonic()
        with suppress(XwError, OSError):  # the link is broken, as the next sync will notice
            for _ in pushes:
                self._pushed = True
                self._wake()
        self._pushed = False
        # Listen again at once, but not to a host on which it never lasts.
        self._deaf = time.monotonic() - began > _FULL_S
        self._wake()
