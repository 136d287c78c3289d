"""The handlers of send, reply, attach and retry."""

import os
import sys

import xw
from xw import ids, layout
from xw.cli.call import Call
from xw.cli.show import emit, named, names, tell
from xw.errors import Refused, Usage
from xw.text import first_line

TYPE_CHECKING = False  # type checkers read it as true: the imports are for them only
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, TypeVar

    from xw import Agent, Resends, Sent

    _Acted = TypeVar("_Acted")

_STDIN = "-"
_LEFT = 20  # messages left by a repair that are listed


def send(
    call: Call,
    kind: str,
    body: str | None,
    to: list[str],
    any_one: bool,
    re: str | None,
    attachments: list[str],
    expires: str | None,
    urgent: bool,
    file: str | None,
) -> None:
    """Send a message."""
    text = body_text(call, body, file)
    how = "answers" if kind == "reply" else "about"
    if any_one and not to:
        raise Usage("--any chooses one of the recipients: name them with --to; nothing was sent")

    def act(agent: "Agent") -> "Sent":
        return agent.send(
            to, kind, text, re=re, attach=attachments, expires=expires, urgent=urgent, any=any_one
        )

    report(call, act, how)


def reply(call: Call, token: str, body: str | None, attachments: list[str], file: str | None) -> None:
    """Answer a message."""
    if body is None and file is None and not attachments:
        what = "the text is missing" if ids.may_be(token) else f"{first_line(token, 40)!r} is not an id"
        raise Usage(f'{what}: `xw reply ID "TEXT"`; `xw check` lists the ids; nothing was sent')
    text = body_text(call, body, file)
    report(call, lambda agent: agent.reply(token, text, attach=attachments), "answers")


def attach(call: Call, token: str, files: list[str]) -> None:
    """Add files to a sent message."""
    report(call, lambda agent: agent.attach(token, *files), "adds to")


def retry(call: Call, token: str) -> None:
    """Send a dead letter again."""
    report(call, lambda agent: agent.retry(token), "repeats")


def recall(call: Call, token: str) -> int:
    """Withdraw a sent message."""
    found = call.agent().recall(token)
    if call.json:
        return emit(found.to_json(), found.errors)
    for one in found.recipients:
        tell(f"{found.message.short} {one.to}: {one.note}")
    return max((error.code for error in found.errors), default=0)


def resend(call: Call, tokens: list[str], force: list[str], dry_run: bool) -> int:
    """Send lost messages again."""
    found = call.agent().resend(*tokens, force=force, dry_run=dry_run)
    if call.json:
        return emit(found.to_json(), found.errors)
    resent(found)
    return max((error.code for error in found.errors), default=0)


def resent(found: "Resends") -> None:
    """Print what became of each message that was to be sent again; of those left, the first ones."""
    again = "would be sent again" if found.dry_run else "sent again"
    left = [one for one in found.messages if one.outcome == "left"]
    hidden = set(left[_LEFT:])
    for one in found.messages:
        short, to = layout.short_id(one.id), f" {one.to}" if one.to else ""
        if one.outcome == "sent":
            tell(f"{short}{to}: {again}{f' {one.reason}' if one.reason else ''}")
        elif one.outcome == "there":
            tell(f"{short}{to}: there already, {one.reason}")
        elif one not in hidden:
            how = f"; `--force {short}` sends it" if one.forceable else ""
            tell(f"{short}{to}: not sent again: {one.reason}{how}")
    if hidden:
        tell(f"and {len(hidden)} more were not sent again: --json lists them")


def report(call: Call, act: "Callable[[Agent], Sent]", how: str = "") -> None:
    """Act, and print the sent message's state; `how` is its relation to the message acted on."""
    agent = call.agent()
    show(call, agent, acted(call, agent, act, how), how)


def acted(call: Call, agent: "Agent", act: "Callable[[Agent], _Acted]", how: str = "") -> "_Acted":
    """Act, and return the result. Raise Returned after printing the recipients that do get the message."""
    try:
        return act(agent)
    except xw.Returned as error:
        if not call.json:
            show(call, agent, error.sent, how)
        raise


def show(call: Call, agent: "Agent", sent: "Sent", how: str = "") -> None:
    """Print the sent message's state."""
    if call.json:
        emit(sent.to_json())
        return
    parts = []
    if sent.delivered:
        own = "" if sent.about else agent.name  # a dead letter of one's own is repeated to oneself
        to = tuple(f"{one} (yourself)" if one == own else one for one in sent.delivered)
        parts.append(f"delivered to {names(to)}")
    if sent.waiting:
        parts.append(f"in the outbox for {names(sent.waiting)}: `xw sync` delivers it later")
    if parts and sent.away:
        parts.append(f"not to {names(sent.away)}, away for long: `--to NAME` reaches them")
    if not parts:
        return
    if sent.about:
        # First, so that the line still ends with the message's state.
        parts.insert(0, f"{how} {named(sent.about.file_name, sent.about, agent.name)}")
    tell(f"{layout.short_id(sent.id)} {'; '.join(parts)}")


def body_text(call: Call, body: str | None, file: str | None) -> str:
    """Return the text of the argument, standard input (`-`) or a file that this call may read."""
    if file is not None and body is not None:
        raise Usage("give the text either as an argument or with --file, not both")
    if file is None and body != _STDIN:
        return body or ""
    source = "standard input" if file is None or file == _STDIN else file
    try:
        if source == file:
            with _opened(call, file) as stream:
                data = stream.read(layout.MESSAGE_LIMIT + 1)
        else:
            data = sys.stdin.buffer.read(layout.MESSAGE_LIMIT + 1)
    except OSError as error:
        raise Usage(f"{source}: {error.strerror}") from None
    if len(data) > layout.MESSAGE_LIMIT:
        raise Refused(f"the text from {source} is larger than 1 MiB: send it with --attach")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Usage(f"the text from {source} is not UTF-8: send it with --attach") from None


def _opened(call: Call, file: str) -> "BinaryIO":
    if os.environ.get("XW_CONFINED"):
        from xw import confined
        from xw.agent.functions import attachments_of

        return os.fdopen(confined.opened(file, attachments_of(call.options)), "rb")
    return open(file, "rb")
