"""The handlers of log and trace."""

from collections.abc import Iterator

from xw import Entry, Line, Traced, clock, layout
from xw.cli import render
from xw.cli.call import Call
from xw.cli.show import emit, flush, tell
from xw.errors import Unreachable, Usage, XwError
from xw.text import first_line, span


def log(
    call: Call,
    thread: str | None,
    peer: str | None,
    room: str | None,
    grep: str | None,
    since: str | None,
    follow: bool,
    form: str,
) -> None:
    """Print the transcript."""
    if call.json and form == "markdown":
        raise Usage("--json and --format markdown exclude each other: give one of them")
    found: Iterator[Line | Entry]
    if room is None:
        found = call.agent().log(thread=thread, peer=peer, grep=grep, since=since, follow=follow)
    elif thread is None:
        found = call.rooms().log(room, author=peer, grep=grep, since=since, follow=follow)
    else:
        raise Usage("--thread and --room exclude each other: a room's conversation is one thread")
    show = render.printer("json" if call.json else form)
    empty = True
    for item in found:
        empty = False
        show(item)
        if follow:
            flush()
    if grep and empty:
        chosen = thread or peer or room or since
        raise XwError(f"no message contains {grep!r}" + (" among those chosen" if chosen else ""))


def trace(call: Call, token: str) -> int:
    """Print the state of a sent message; return 5 if the hub could not be asked about a recipient."""
    found = call.agent().trace(token)
    unasked = [one.to for one in found.recipients if one.where == "unreached" and not call.options.offline]
    errors = [Unreachable(f"the hub cannot be asked about {', '.join(unasked)}")] if unasked else []
    if call.json:
        return emit(found.to_json(), errors)
    for one in found.recipients:
        tell(f"{found.message.short} {one.to}: {_where(one, clock.now())}")
    return max((error.code for error in errors), default=0)


def _where(one: Traced, now: int) -> str:
    where = _WHERE.get(one.where, f"on the hub, {one.where}")
    since = (
        ""
        if one.since is None
        else f", since {clock.brief(one.since)} ({span((now - one.since) / clock.SECOND)})"
    )
    word = f" ({one.reply_status})" if one.reply_status else ""
    reply = f", reply {layout.short_id(one.reply)}{word}" if one.reply else ""
    started = ", started" if one.where == "processing" else ""
    reason = f": {first_line(one.reason, _REASON)}" if one.reason else ""
    held = f": {one.to} is on hold (`xw resume {one.to}`)" if one.on_hold else ""
    return where + since + started + reply + reason + held


_REASON = 500  # characters of a reason, which another program may have written

_WHERE = {
    "outbox": "in the outbox",
    "unreached": "on the hub, which cannot be reached now",
    "returned": "refused by the hub, in outbox/failed/ here",
    "absent": "not on the hub; `xw resend` sends it again",
    "no-mailbox": "not on the hub, which has no mailbox of this name",
    "unknown": "no longer there: handled and removed, or lost in a restore",
    "withdrawn": "withdrawn",
}
