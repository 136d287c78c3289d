"""News from a hub elsewhere, fetched on the side of a command and within its limit.

On a hub that is a directory there is nothing to fetch. A mirror that a `sync
--watch` keeps is left to it; a hub that has just been tried in vain is left
alone for a while, so that a sleeping host costs one command its limit, not
every command.
"""

from xw.instance import Instance

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from xw.errors import XwError
    from xw.hub.remote import RemoteHub, SyncState
    from xw.post import Sent

_KEPT_S = 60.0  # a `sync --watch` looks every 15 s; who has not come round by then is not silently trusted


def freshen(
    instance: Instance,
    limit: float = float("inf"),
    waiting: "dict[str, XwError] | None" = None,
    even_kept: bool = False,
) -> str | None:
    """Sync the instance's mirror, if it is one; None, or what to say of the mail that is shown.

    In at most the configured time, and `limit` seconds. `waiting` is told why mail stays in the outbox.
    With `even_kept` also where a `sync --watch` keeps the mirror: it may not have looked for 15 s.
    """
    if not instance.mailbox.mirror:
        return None
    hub: RemoteHub = instance.hub  # type: ignore[assignment]  # a mirror has this kind of hub
    if hub.offline:
        return None
    state = hub.state(instance.name)
    if hub.watched(instance.name) and not even_kept:
        return _kept(state)
    if state.rests():
        return _stale(state, _hinted(f"{state.why} (not tried again for a moment)", hub.hint))
    problem = _sync_within(instance, hub, min(hub.patience, limit), {} if waiting is None else waiting)
    problem = problem and _hinted(problem, hub.hint)
    after = hub.state(instance.name)
    if problem and after.at == state.at:
        return _stale(state, problem)
    return "; ".join(filter(None, (problem, after.missing))) or None  # fresh, whatever failed later


def _hinted(problem: str, hint: str) -> str:
    return problem if hint in problem else f"{problem}; {hint}"


def travelled(instance: Instance, sent: "Sent") -> "tuple[Sent, str | None]":
    """What has become of a message once the mirror was synced; and what to say if it could not be."""
    if not instance.mailbox.mirror:
        return sent, None
    waiting: dict[str, XwError] = {}
    problem = freshen(instance, waiting=waiting)
    back = instance.mailbox.refused(sent.name)
    left = {to for to in sent.waiting if sent.name in instance.mailbox.outbox(to)}
    there = tuple(to for to in sent.waiting if to not in left | back)
    if not problem and left & set(waiting):
        problem = "; ".join(dict.fromkeys(str(waiting[to]) for to in sorted(left & set(waiting))))
    return sent._replace(delivered=there, waiting=tuple(sorted(left)), returned=tuple(sorted(back))), problem


def came_back(instance: Instance, sent: "Sent") -> "XwError":
    """The error that a message is which the hub has refused for some: NotFound, or Refused."""
    from xw.errors import NotFound, Refused
    from xw.layout import short_id

    kind = Refused if set(sent.returned) <= set(instance.hub.instances()) else NotFound
    return kind(f"{short_id(sent.name)} came back from {', '.join(sent.returned)}: `xw check` says why")


def _sync_within(
    instance: Instance, hub: "RemoteHub", seconds: float, waiting: "dict[str, XwError]"
) -> str | None:
    """Sync, for at most so long; None, or why it did not succeed. `waiting` gets what the outbox keeps."""
    from time import monotonic

    from xw.errors import Busy, XwError, explain
    from xw.layout import is_message
    from xw.sync import sync

    file = ""  # the last one that travelled

    def note(name: str, _done: int, _whole: int) -> None:
        nonlocal file
        file = name

    began = monotonic()
    try:
        with hub.within(seconds):
            # Half for another sync to end: with no time left afterwards, a host that is well looks dumb.
            report = sync(instance.mailbox, hub, note, patience=seconds / 2)
        waiting.update(report.flushed.waiting)
    except Busy:
        return "another sync of this mirror waits for the hub"
    except XwError as error:
        if not file or monotonic() - began < seconds:
            return str(error)
        # The host is well; and with the same limit the next try would come no further.
        what = "the mail" if is_message(file) else file
        why = f"{what} takes longer than {seconds:.1f} s: `xw sync` takes the time that it needs"
        hub.failed(why)
        return why
    except OSError as error:
        return str(explain(error))
    return None


def _kept(state: "SyncState") -> str | None:
    """What to say of a mirror that a `sync --watch` keeps."""
    from time import time

    if state.failed:
        return _stale(state, state.why)
    if time() - state.at > _KEPT_S:
        return _stale(state, "`xw sync --watch` has not come round to it yet")
    return state.missing or None


def _stale(state: "SyncState", why: str) -> str:
    from time import time

    from xw.text import span

    if not state.at:
        return f"{why}; it has never been reached from here"
    return f"{why}; this is the mail of {span(time() - state.at)} ago"
