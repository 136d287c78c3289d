"""The handlers of check, read, done, claim, release and fail."""

import xw
from xw import clock, layout
from xw.cli.call import Call, warn
from xw.cli.show import emit, flush, heading, line, named, put, say, subject, tell
from xw.errors import Damaged, Unreadable, Usage, XwError
from xw.text import size

TYPE_CHECKING = False  # type checkers read it as true: the imports are for them only
if TYPE_CHECKING:
    from typing import Any

    from xw import Agent, DeadLetters, Enclosed, Opened, Step

_AT_ONCE = 64 * 1024
"""Characters of bodies that one `read` of several messages prints; the first one is always whole."""
_REASON = 1000  # characters of a dead letter's reason, which another program may have written

_NAMED = 10  # files that are not mail; a flood of them must not hide the mail


def check(
    call: Call,
    failed: bool,
    everything: bool,
    limit: int | None,
    kind: str | None,
    sender: str | None,
    newest: bool,
    untold: str | None,
) -> None:
    """Print pending messages, or dead letters."""
    agent = call.agent()
    if untold is not None:
        if failed:
            raise Usage("--untold and --failed exclude each other: give one")
        choice = {"all": everything, "limit": limit, "type": kind, "sender": sender, "newest": newest}
        return _untold(call, agent, untold, choice)
    such = " of this kind" if kind or sender else ""
    if failed:
        letters = agent.dead_letters(all=everything, limit=limit, type=kind, sender=sender)
        return _dead_letters(call, agent, letters, such, newest)
    found = agent.check(all=everything, limit=limit, type=kind, sender=sender, newest=newest)
    if found.set_aside or found.newer:
        _left_out(found.set_aside, Damaged)
        _left_out(found.newer, Unreadable)
    if call.json:
        emit((found if everything or limit else found.light()).to_json())
        return None
    if not found.messages and not found.newer:
        tell(f"no mail{such} for {agent.name} on {agent.hub}")
    newest_first = newest or agent.kind == "human"
    for message in reversed(found.messages) if newest_first else found.messages:
        tell(line(message, clock.now()))
    more = found.total - len(found.messages) - len(found.newer)
    if more > 0:
        say(f"and {more} more: `xw check --all`; --type, --from, --newest, --limit choose")
    if found.claimed:
        ids = [layout.short_id(one) for one in found.claimed]
        rest = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        say(f"claimed, and not finished: {', '.join(ids[:_NAMED])}{rest}")
    return None


def _untold(call: Call, agent: "Agent", session: str, choice: "dict[str, Any]") -> None:
    """Print what is new to a session, and nothing if nothing is."""
    with agent.untold(session, **choice) as found:
        if call.json:
            emit(found.to_json())
        else:
            for message in found.inbox:
                tell(line(message, clock.now()))
            if found.inbox.total > len(found.inbox):
                say(f"and {found.inbox.total - len(found.inbox)} more: `xw check`")
            if found.perhaps:
                say(found.doubt)
            if found.unconfirmed and found.inbox.total:
                say(f"not shown: {found.unconfirmed}")
        flush()
    _left_out(found.inbox.set_aside, Damaged)


def _left_out(files: tuple[tuple[str, str], ...], error: type[XwError]) -> None:
    from xw.agent.values import left_out

    for name, reason in files[:_NAMED]:
        warn(left_out(name, error(reason)))
    if len(files) > _NAMED:
        warn(f"… and {len(files) - _NAMED} more")


def _dead_letters(call: Call, agent: "Agent", found: "DeadLetters", such: str, newest: bool) -> None:
    if call.json:
        emit(found.to_json())
        return
    letters = found.letters
    if not letters:
        tell(f"no dead letters{such} for {agent.name} on {agent.hub}")
    for one in reversed(letters) if newest else letters:
        tell(line(one.message, clock.now()) if one.message else _file_name(one.name))
        tell(f"  {one.why.get('kind', 'failed')}: {one.why.get('reason', 'no reason was kept')}"[:_REASON])
    if found.total > len(letters):
        tell(f"and {found.total - len(letters)} older: `xw check --failed --all`")


def _file_name(name: str) -> str:
    """Return the name of an unreadable dead letter, made safe: it may imitate a line of xw's."""
    return name if layout.is_message(name) else f"not a message: {name}"


def read(call: Call, tokens: list[str], thread: bool) -> int:
    """Print messages, or their threads; report problems with some after the others."""
    agent = call.agent()
    if len(tokens) == 1 and not thread:
        opened = agent.read(tokens[0])
        if call.json:
            emit(opened.to_json())
        else:
            _print(opened, clock.now())
        return 0
    found: dict[str, Opened] = {}
    errors: list[XwError] = []
    for token in tokens:
        try:
            found |= {
                one.message.id: one for one in (agent.thread(token) if thread else (agent.read(token),))
            }
        except XwError as error:
            if len(tokens) == 1:
                raise
            errors.append(error)
    if call.json:
        from xw.agent.values import Thread

        return emit(Thread(found.values()).to_json(), errors)
    left = _AT_ONCE
    for index, one in enumerate(found.values()):
        if index:
            say("")
        whole = thread or not index or len(one.message.body) <= left
        _print(one, clock.now(), whole)
        left -= len(one.message.body) if whole else 0
    for problem in errors:
        warn(str(problem))
    return max((problem.code for problem in errors), default=0)


def _print(opened: "Opened", now: int, whole: bool = True) -> None:
    from xw.quote import MARGIN, indented  # imported here because `check` does not need it

    say(heading(opened.message, now))
    for file in opened.enclosed:
        tell(file_line(file))
    if whole:
        put(f"\n{indented(opened.message.body)}")
    else:
        short = opened.message.short
        say(f"\n{MARGIN}({size(len(opened.message.body.encode()))}: `xw read {short}` prints the text)")


def file_line(file: "Enclosed") -> str:
    """Return an attachment as a line: its local path, its size, and its problem."""
    problem = f" PROBLEM: {file.problem}" if file.problem else ""
    return f"file: {file.path} ({size(file.file.size)}){problem}"


def done(call: Call, tokens: list[str]) -> int:
    """Mark messages as done; report problems after the others are done."""
    try:
        finished = call.agent().done(*tokens)
    except xw.Unfinished as error:
        if len(error.finished) == 1 and not call.json:
            raise
        finished = error.finished
    errors = [one.error for one in finished if one.error]
    if call.json:
        return emit(finished.to_json(), errors)
    for one in finished:
        if one.error or one.name is None:
            warn(str(one.error))
        elif one.moved:
            tell(f"done {subject(one.name, one.message)}")
        else:
            tell(f"{named(one.name, one.message)} was done before")
    return max((error.code for error in errors), default=0)


def claim(call: Call, token: str) -> None:
    """Claim a message."""
    _step(call, call.agent().claim(token), "claimed {}", "{} was claimed before")


def release(call: Call, token: str) -> None:
    """Release a claimed message."""
    _step(call, call.agent().release(token), "released {}", "nobody holds {}")


def fail(call: Call, token: str, why: str | None) -> None:
    """Fail a message, and tell its sender why."""
    from xw.cli.outgoing import body_text

    step = call.agent().fail(token, body_text(call, why, None))
    told = "" if step.notice or not step.moved else "; its sender gets no notice"
    _step(call, step, f"failed {{}}{told}", "{} failed before")


def _step(call: Call, step: "Step", now: str, before: str) -> None:
    """Print what was done, or that it was so before."""
    if call.json:
        emit(step.to_json())
    elif step.moved:
        tell(now.format(subject(step.name, step.message)))
    else:
        tell(before.format(named(step.name, step.message)))
