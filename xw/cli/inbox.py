"""check, read, done."""

from xw import layout
from xw.actions import inbox, pending
from xw.actions.inbox import Enclosed
from xw.cli.call import Call, warn, warn_left_out
from xw.cli.show import emit, heading, line, named, put, say, subject, tell
from xw.errors import Damaged, Unreadable, Usage, XwError
from xw.message import Message
from xw.text import size

_REASON = 1000  # characters of a dead letter's reason; whoever wrote the note may have put anything there

_NAMED = 10  # files that are no mail; a flood of them must not drown the mail


def check(
    call: Call,
    failed: bool,
    everything: bool,
    limit: int | None,
    kind: str | None,
    sender: str | None,
    newest: bool,
) -> None:
    """Print pending messages, or dead letters."""
    if limit is not None and (everything or not 0 < limit <= pending.MOST):
        raise Usage(f"--limit {limit}: give a number from 1 to {pending.MOST:,}, without --all")
    most = pending.ALL if everything else limit or pending.SHOWN
    instance = call.instance(news=True)
    if failed:
        return _dead_letters(call, most, kind, sender, newest)
    found = pending.check(instance, pending.Wanted(most, kind, sender, newest))
    for error, files in ((Damaged, found.set_aside), (Unreadable, found.newer)):
        for name, reason in files[:_NAMED]:
            left_out(name, error(reason))
        if len(files) > _NAMED:
            warn(f"… and {len(files) - _NAMED} more")
    if call.json:
        emit(found.to_json())
        return None
    if not found.messages and not found.newer:
        such = " of this kind" if kind or sender else ""
        tell(f"no mail{such} for {instance.name} on {instance.hub.url}")
    newest_first = newest or instance.config.instances.get(instance.name, {}).get("kind") == "human"
    for message in reversed(found.messages) if newest_first else found.messages:
        tell(line(message, instance.now()))
    more = found.total - len(found.messages) - len(found.newer)
    if more > 0:
        say(f"and {more} more: `xw check --all`; --type, --from, --newest, --limit choose")
    return None


def left_out(name: str, error: XwError) -> None:
    """Say what became of a pending file that cannot be shown."""
    became = "left in pending/" if isinstance(error, Unreadable) else "set aside in failed/"
    warn(f"{became}: {name}: {error}")


def _dead_letters(call: Call, limit: int, kind: str | None, sender: str | None, newest: bool) -> None:
    instance = call.instance()
    letters, total = inbox.dead_letters(instance, limit, kind, sender)
    if call.json:
        emit({"dead_letters": [one.to_json() for one in letters], "total": total})
        return
    if not letters:
        such = " of this kind" if kind or sender else ""
        tell(f"no dead letters{such} for {instance.name} on {instance.hub.url}")
    for one in reversed(letters) if newest else letters:
        tell(line(one.message, instance.now()) if one.message else _file_name(one.name))
        tell(f"  {one.why.get('kind', 'failed')}: {one.why.get('reason', 'no reason was kept')}"[:_REASON])
    if total > len(letters):
        tell(f"and {total - len(letters)} older: `xw check --failed --all`")


def _file_name(name: str) -> str:
    """The name of a dead letter that cannot be read; whoever gave it may have made it look like a line."""
    return name if layout.is_message(name) else f"not a message: {name}"


def read(call: Call, token: str, thread: bool) -> None:
    """Print a message, or its thread."""
    instance = call.instance()
    opened = inbox.read(instance, token)
    shown = [opened]
    if thread:
        from xw.actions.transcript import Selection, log

        found = log(instance, Selection(thread=opened.message.id), warn_left_out)
        shown = [inbox.Opened(*line, inbox.enclosed(instance, line.message)) for line in found]
    if call.json:
        whole = [one.to_json() for one in shown]
        emit({"messages": whole} if thread else whole[0])
        return
    for index, one in enumerate(shown):
        if index:
            say("")
        _print(one.message, one.enclosed, instance.now())


def _print(message: Message, enclosed: list[Enclosed], now: int) -> None:
    from xw.quote import indented  # which `check` does not need

    say(heading(message, now))
    for file in enclosed:
        tell(file_line(file))
    put(f"\n{indented(message.body)}")


def file_line(file: Enclosed) -> str:
    """An attachment in one line: its path here, its size, what is wrong with it."""
    problem = f" PROBLEM: {file.problem}" if file.problem else ""
    return f"file: {file.path} ({size(file.file.size)}){problem}"


def done(call: Call, tokens: list[str]) -> int:
    """Finish messages; what is wrong with one is said after the others are done."""
    instance = call.instance()
    finished = inbox.done(instance, tokens)
    errors = [one.error for one in finished if one.error]
    if call.json:
        emit({"messages": [one.to_json() for one in finished]}, errors)
    for one in [] if call.json else finished:
        if one.error or one.name is None:
            warn(str(one.error))
        elif one.moved:
            tell(f"done {subject(one.name, one.message)}")
        else:
            tell(f"{named(one.name, one.message)} was done before")
    call.refresh(instance)
    return max((error.code for error in errors), default=0)
