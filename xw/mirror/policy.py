"""Decide when a command syncs a mirror in the background, within its limit, and what it reports.

A mirror that a `sync --watch` keeps in sync is left to it. A hub is left alone for a while after a failed
try, so that a sleeping host costs one command its limit, not every command.
"""

from xw.layout import is_message
from xw.mirror.mirror import Mirror

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xw.errors import XwError
    from xw.hub.contract import Progress
    from xw.mirror.notes import SyncState
    from xw.mirror.sync import Peers, Report
    from xw.post import Sent
    from xw.sweep import Swept

_KEPT_S = 60.0  # a `sync --watch` syncs every 15 s; after this long without a sync it is not trusted


class MirrorCarrier(Mirror):
    """The `Carrier` of a mailbox with a remote hub: a mirror, and when to sync it."""

    def refresh(
        self,
        limit: float = float("inf"),
        unsent: "dict[str, XwError] | None" = None,
        *,
        even_watched: bool = False,
        peers: bool = False,
        mail: bool = True,
    ) -> str | None:
        """Sync, unless a `sync --watch` does, or a try has just failed."""
        stale = _stale if mail else _not_reached
        owner = self.mailbox.owner
        if self.offline:
            return None
        state = self.notes.state(owner)
        if not (even_watched or peers) and self.watched():
            return _kept(state, stale)
        if state.in_backoff():
            return stale(state, self._hinted(f"{state.why} (tried a moment ago)"))
        problem = self._sync_within(min(self.timeout, limit), {} if unsent is None else unsent, peers)
        problem = problem and self._hinted(problem)
        after = self.notes.state(owner)
        if problem and after.at == state.at:
            return stale(state, problem)
        return "; ".join(filter(None, (problem, after.missing))) or None  # fresh, whatever failed afterwards

    def after_send(self, sent: "Sent") -> "tuple[Sent, str | None]":
        """Sync, the recipients included. Report a failure, because the message is durable already."""
        self.notes.add_interest(self.mailbox.owner, sent.waiting)
        unsent: dict[str, XwError] = {}
        problem = self.refresh(unsent=unsent, mail=False)
        try:
            return self._whereabouts(sent, unsent, problem)
        except OSError as error:
            from xw.errors import explain

            return sent, problem or str(explain(error))

    def _whereabouts(
        self, sent: "Sent", unsent: "dict[str, XwError]", problem: str | None
    ) -> "tuple[Sent, str | None]":
        """Return a message with its state after a sync, and a sentence to report, if any."""
        mailbox = self.mailbox
        back = mailbox.refused(sent.name)
        left = {to for to in sent.waiting if sent.name in mailbox.outbox(to)}
        delivered = tuple(to for to in sent.waiting if to not in left | back)
        if not problem and left & set(unsent):
            problem = "; ".join(dict.fromkeys(str(unsent[to]) for to in sorted(left & set(unsent))))
        problem = "; ".join(filter(None, (self._in_front(sent.name, sorted(left)), problem))) or None
        problem = problem or self.notes.caution_to_tell() or None
        now = sent._replace(delivered=delivered, waiting=tuple(sorted(left)), returned=tuple(sorted(back)))
        return now, problem

    def _in_front(self, name: str, waiting: "Sequence[str]") -> str:
        """Return for which earlier mail, and its files, a message waits; empty if for none."""
        from xw.errors import XwError
        from xw.layout import MESSAGE_LIMIT, OUTBOX, short_id
        from xw.message import decode
        from xw.text import visible

        for to in waiting:
            queue = self.mailbox.outbox(to)
            if name not in queue[1:]:  # it is the first, or a `sync --watch` has just delivered it
                continue
            first = queue[0]
            what = f"{short_id(name)} waits for {short_id(first)}, sent to {to} before it"
            try:
                path = self.mailbox.at(f"{OUTBOX}/{to}", first)
                files = decode(first, self.mailbox.files.read(path, MESSAGE_LIMIT)).files[1]
            except (XwError, OSError):
                return what
            names = ", ".join(f"{visible(file.name, '')} ({file.size:,} bytes)" for file in files)
            return f"{what}, and its file {names}" if names else what
        return ""

    def sync(self, progress: "Progress | None" = None) -> "Report":
        """Sync, all peers included."""
        from xw.mirror.sync import sync

        return sync(self, progress, "all")

    def sweep(self, days: int, dry_run: bool) -> "Swept":
        """Sweep the mirror, except messages unknown to the hub as handled; then sweep the hub.

        If the hub has a message as pending, only the mirror's copy shows that it was handled: without it, the
        next sync would fetch the message again.
        """
        from xw.errors import Unreachable, XwError
        from xw.sweep import sweep

        mailbox, owner = self.mailbox, self.mailbox.owner
        try:
            hub = self.remote()
            states = hub.survey(owner, {}).states
            unhandled = {name for name, state in states.items() if state in ("pending", "processing")}
        except Unreachable as error:
            return sweep(mailbox, days, dry_run, unhandled=None)._replace(problem=str(error))
        except (XwError, OSError):
            sweep(mailbox, days, dry_run, unhandled=None)  # does not depend on the hub
            raise
        swept = sweep(mailbox, days, dry_run, unhandled)
        if closed := self.closed():
            return swept._replace(problem=closed)
        try:
            return swept._replace(elsewhere=hub.sweep(owner, days, dry_run))
        except Unreachable as error:
            return swept._replace(problem=str(error))

    def _hinted(self, problem: str) -> str:
        from xw.text import then

        return problem if self.hint in problem else then(problem, self.hint)

    def _sync_within(self, seconds: float, unsent: "dict[str, XwError]", peers: bool) -> str | None:
        """Sync for at most `seconds`; return None, or why it failed. `unsent` gets the outbox's errors."""
        from time import monotonic

        from xw.errors import Busy, XwError, explain
        from xw.mirror.sync import sync

        file = ""  # the last file that travelled

        def note(name: str, _done: int, _whole: int) -> None:
            nonlocal file
            file = name

        began = monotonic()
        try:
            with self.hub.within(seconds):
                # Half for another sync to end: with no time left afterwards, a healthy host looks dead.
                which: Peers = "all" if peers else "recent"
                report = sync(self, note, which, timeout=seconds / 2, limit=seconds / 2)
            unsent.update(report.flushed.waiting)
        except Busy:
            return "another sync of this mirror waits for the hub"
        except XwError as error:
            if not file or monotonic() - began < seconds:
                return str(error)
            # The host is healthy, and with the same limit the next try would get no further.
            what = "the mail" if is_message(file) else file
            why = f"{what} takes longer than {seconds:.1f} s: `xw sync` takes the time that it needs"
            self.notes.failed(why)
            return why
        except OSError as error:
            return str(explain(error))
        return None


def _kept(state: "SyncState", stale: "Callable[[SyncState, str], str]") -> str | None:
    """Return a sentence about a mirror that a `sync --watch` keeps in sync, or None."""
    from time import time

    if state.failed:
        return stale(state, state.why)
    if time() - state.at > _KEPT_S:
        return stale(state, "`xw sync --watch` has not synced it yet")
    return state.missing or None


def _not_reached(state: "SyncState", why: str) -> str:
    """Return why a command that shows no mail could not sync."""
    from xw.text import then

    return why if state.at else then(why, "this machine has never reached it")


def _stale(state: "SyncState", why: str) -> str:
    """Return why a command could not sync, and the age of the mail that it shows."""
    from time import time

    from xw.text import span, then

    if not state.at:
        return _not_reached(state, why)
    return then(why, f"this is the mail of {span(time() - state.at)} ago")
