"""The handlers of ask, wait and watch."""

import json
import os
import subprocess

from xw import Message, Sent, Worked, clock, layout
from xw.cli.call import Call, warn
from xw.cli.inbox import file_line
from xw.cli.outgoing import body_text
from xw.cli.show import emit, flush, line, put, status, tell
from xw.quote import guarded


def ask(call: Call, body: str | None, to: list[str], file: str | None, timeout: float) -> None:
    """Ask, print the reply and mark it as done. Raise NoAnswer if none will come."""

    def announce(sent: Sent) -> None:
        warn(f"asked {', '.join(sent.delivered + sent.waiting)} as {layout.short_id(sent.id)}, waiting")

    agent = call.agent()
    with agent.question(to, body_text(call, body, file), timeout=timeout, sent=announce) as asked:
        if call.json:
            emit(asked.to_json())
        else:
            warn(f"{asked.reply.short} from {asked.reply.sender}{status(asked.reply)}")
            put(guarded(asked.reply.body))
            for one in asked.enclosed:
                tell(file_line(one))
        flush()


def wait(
    call: Call, re: str | None, new: bool, kind: str | None, sender: str | None, timeout: float | None
) -> None:
    """Print the awaited message in one line."""
    with call.agent().awaited(re=re, new=new, timeout=timeout, type=kind, sender=sender) as message:
        if call.json:
            emit(message.to_json())
        else:
            tell(line(message, clock.now()))
        flush()


def watch(call: Call, execute: str | None, claim: bool, kind: str | None, sender: str | None) -> None:
    """Print a line for each message, or run a command for it; endless."""
    agent, types = call.agent(), () if kind is None else (kind,)
    if execute and claim:
        for worked in agent.work(execute, types, sender=sender):
            if call.json:
                emit(worked.to_json())
            else:
                _report(worked)
            flush()
        return
    for message in agent.arrivals(types, sender=sender, claim=claim):
        if execute:
            _run(execute, message)
        elif call.json:
            emit(message.to_json())
        else:
            tell(line(message, clock.now()))
        flush()


def _report(worked: Worked) -> None:
    """Report a command that has failed, or settled its message in another way than its exit code says."""
    if worked.code:
        short, state = worked.message.short, worked.state
        told = ", and its sender gets a notice" if state == "failed" else ""
        warn(f"the command for {short} ended with {worked.code}; the message is {state}{told}")


def _run(command: str, message: Message) -> None:
    environ = {**os.environ, "XW_ID": message.id, "XW_TYPE": message.type, "XW_FROM": message.sender}
    ended = subprocess.run(
        command, shell=True, env=environ, input=json.dumps(message.to_json()).encode(), check=False
    )
    if ended.returncode:
        warn(f"the command for {message.short} ended with {ended.returncode}; the message stays pending")
