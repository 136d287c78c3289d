"""log, trace."""

from xw import clock, layout
from xw.actions import transcript
from xw.actions.transcript import Line, Selection, Traced
from xw.cli.call import Call, warn_left_out
from xw.cli.show import dated, emit, flush, put, say, tell
from xw.errors import Usage
from xw.quote import guarded, indented, quoted
from xw.text import span


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
    if room is not None:
        if thread is not None:
            raise Usage("--thread and --room exclude each other: a room's conversation is one thread")
        from xw.cli import room as rooms

        return rooms.log(call, room, peer, grep, since, follow, form)
    instance = call.instance()
    earliest = None if since is None else clock.when(since, instance.now(), future=False)
    selection = Selection(thread, peer, grep, earliest)
    printer = _json if call.json or form == "json" else _FORMS[form]
    for found in (transcript.follow if follow else transcript.log)(instance, selection, warn_left_out):
        printer(found)
        if follow:
            flush()
    return None


def _json(found: Line) -> None:
    """One JSON object a line, so that a transcript that goes on can be read as it comes."""
    emit(found.to_json())


def _text(found: Line) -> None:
    message = found.message
    when, to = clock.brief(message.sent), ", ".join(message.to)
    tell(f"{when} {message.short} {message.sender} -> {to} [{message.type}{_answer(message.re)}]")
    put(indented(guarded(message.body)))
    for file in (*message.attachments, *message.attached):
        tell(f"    (file: {file.name})")


def _markdown(found: Line) -> None:
    message = found.message
    say(f"### {message.sender} → {', '.join(message.to)}: {message.type}{_answer(message.re)}\n")
    say(f"*{dated(message.sent)}, {message.short}*\n")
    files = [("", f"File: `{file.name}`") for file in (*message.attachments, *message.attached)]
    put(quoted(message.body, tuple(line for pair in files for line in pair)))
    say("")


def _answer(re: str | None) -> str:
    return f" re {layout.short_id(re)}" if re else ""


_FORMS = {"text": _text, "markdown": _markdown}


def trace(call: Call, token: str) -> None:
    """Print where a sent message is."""
    instance = call.instance(news=True)
    message, found = transcript.trace(instance, token)
    if call.json:
        emit({"id": message.id, "recipients": [one.to_json() for one in found]})
        return
    for one in found:
        tell(f"{message.short} {one.to}: {_where(one, instance.now())}")


def _where(one: Traced, now: int) -> str:
    where = _WHERE.get(one.where, f"on the hub, {one.where}")
    since = (
        ""
        if one.since is None
        else f", since {clock.brief(one.since)} ({span((now - one.since) / clock.SECOND)})"
    )
    reply = f", reply {layout.short_id(one.reply)}" if one.reply else ""
    return where + since + reply


_WHERE = {
    "outbox": "in the outbox",
    "unreached": "on the hub, which cannot be reached now",
    "returned": "refused by the hub, in outbox/failed/ here",
    "unknown": "no longer there: handled and removed, or the mailbox is gone",
}
