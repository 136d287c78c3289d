"""ask, wait, watch."""

import json
import os
import subprocess

from xw import layout
from xw.actions import asking, inbox, waited, waiting
from xw.actions.absence import absences
from xw.actions.sending import split
from xw.cli.call import Call, complain, warn
from xw.cli.inbox import file_line, left_out
from xw.cli.outgoing import body_text
from xw.cli.show import emit, flush, line, put, tell
from xw.message import Message
from xw.post import Sent
from xw.quote import guarded


def ask(call: Call, body: str | None, to: list[str], file: str | None, timeout: float) -> int:
    """Ask and print the reply, which is then done; 1 where none will come, with the reason on stderr."""
    instance = call.instance(peers=not to or layout.EVERYONE in split(to))

    def announce(sent: Sent) -> None:
        sent, problem = instance.carrier.after_send(sent)
        if problem:
            warn(problem)
        if sent.returned:
            from xw.agent.values import returned

            raise returned(instance.hub.instances(), sent)
        asked = sent.delivered + sent.waiting
        warn(f"asked {', '.join(asked)} as {layout.short_id(sent.id)}, waiting")
        for sentence in absences(instance, asked):
            warn(sentence)

    try:
        answered = asking.ask(instance, to, body_text(body, file), timeout, announce, warn)
    except asking.NoAnswer as error:
        code = complain(error, call.json)
        inbox.done(instance, [notice.id for notice in error.notices])
        return code
    if answered.reply.expired(instance.now()):
        warn(f"the answer {answered.reply.short} came too late: it expired at {answered.reply.expires}")
    enclosed = inbox.enclosed(instance, answered.reply)
    if call.json:
        emit({**answered.reply.to_json(), "files": [one.to_json() for one in enclosed]})
    else:
        put(guarded(answered.reply.body))
        for one in enclosed:
            tell(file_line(one))
    # Only after it was printed: what was not shown must not count as handled.
    flush()
    inbox.done(instance, [answered.reply.id, *(notice.id for notice in answered.notices)])
    return 0


def wait(call: Call, re: str | None, new: bool, timeout: float | None) -> None:
    """Print the message that was waited for, in one line."""
    instance = call.instance()
    # Before the sync: what it brings is new here, and no earlier command has shown it.
    passed = waited.seen(instance.mailbox) if new else None
    # With --re, what answers something else is looked at, but shown to nobody: it stays new.
    looked_at = set(passed) if re and passed is not None else passed
    call.refresh(instance)
    try:
        message = waiting.wait(instance, re, timeout, looked_at)
        if call.json:
            emit(message.to_json())
        else:
            tell(line(message, instance.now()))
        flush()
        if passed is not None:
            passed.add(message.file_name)  # only after it was printed
    finally:
        if passed is not None:
            waited.note(instance.mailbox, passed)


def watch(call: Call, execute: str | None) -> None:
    """Print a line for each message, or run a command for it; endless."""
    instance = call.instance()
    for message in waiting.arrivals(instance, left_out):
        if execute:
            _run(execute, message)
        elif call.json:
            emit(message.to_json())
        else:
            tell(line(message, instance.now()))
        flush()


def _run(command: str, message: Message) -> None:
    environ = {**os.environ, "XW_ID": message.id, "XW_TYPE": message.type, "XW_FROM": message.sender}
    ended = subprocess.run(
        command, shell=True, env=environ, input=json.dumps(message.to_json()).encode(), check=False
    )
    if ended.returncode:
        warn(f"the command for {message.short} ended with {ended.returncode}; the message stays pending")
