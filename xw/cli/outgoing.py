"""send, reply, attach, retry."""

import sys

from xw import clock, ids, layout
from xw.actions import sending
from xw.cli.call import Call, warn
from xw.cli.show import emit, named, names, tell
from xw.errors import Refused, Usage
from xw.instance import Instance
from xw.post import Sent
from xw.text import first_line

_STDIN = "-"


def send(
    call: Call,
    kind: str,
    body: str | None,
    to: list[str],
    re: str | None,
    attachments: list[str],
    expires: str | None,
    file: str | None,
) -> None:
    """Send a message."""
    text = body_text(body, file)
    at = None if expires is None else clock.rfc3339(clock.when(expires, clock.now(), future=True))
    # Whom a message without names is for depends on who is there now.
    instance = call.instance(peers=not re and (not to or layout.EVERYONE in sending.split(to)))
    how = "answers" if kind == "reply" else "about"
    report(call, instance, sending.send(instance, kind, text, to, re, attachments, at), how)


def reply(call: Call, token: str, body: str | None, attachments: list[str], file: str | None) -> None:
    """Answer a message."""
    instance = call.instance()
    if body is None and file is None and not attachments:
        what = "the text is missing" if ids.may_be(token) else f"{first_line(token, 40)!r} is not an id"
        raise Usage(f'{what}: `xw reply ID "TEXT"`; `xw check` lists the ids; nothing was sent')
    sent = sending.send(instance, "reply", body_text(body, file), (), token, attachments)
    report(call, instance, sent, "answers")


def attach(call: Call, token: str, files: list[str]) -> None:
    """Add files to a sent message."""
    instance = call.instance()
    report(call, instance, sending.attach(instance, token, files), "adds to")


def retry(call: Call, token: str) -> None:
    """Send a dead letter again."""
    instance = call.instance()
    report(call, instance, sending.retry(instance, token), "repeats")


def report(call: Call, instance: Instance, sent: Sent, how: str = "") -> None:
    """Say what was sent, where it is once a mirror has been synced, and `how` it acts on which message."""
    sent, problem = instance.carrier.after_send(sent)
    if problem:
        warn(problem)
    parts = []
    if sent.delivered:
        parts.append(f"delivered to {names(sent.delivered)}")
    if sent.waiting:
        parts.append(f"in the outbox for {names(sent.waiting)}: `xw sync` delivers it later")
    if call.json and not sent.returned:
        emit(sent.to_json())
    elif parts and not call.json:
        if sent.about:
            # First, so that a line still ends with where the message is.
            parts.insert(0, f"{how} {named(sent.about.file_name, sent.about, instance.name)}")
        tell(f"{layout.short_id(sent.id)} {'; '.join(parts)}")
    if sent.returned:
        from xw.agent.values import returned

        error = returned(instance.hub.instances(), sent)
        error.told = sent.to_json()
        raise error


def body_text(body: str | None, file: str | None) -> str:
    """The text from the argument, standard input (`-`) or a file."""
    if file is not None and body is not None:
        raise Usage("give the text either as an argument or with --file, not both")
    if file is None and body != _STDIN:
        return body or ""
    source = "standard input" if file is None or file == _STDIN else file
    try:
        if source == file:
            with open(file, "rb") as stream:
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
