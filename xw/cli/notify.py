"""The handlers of notify: status, handoff, compaction, error, heartbeat."""

from collections.abc import Callable

from xw import Agent, Told
from xw.cli.call import Call
from xw.cli.outgoing import acted, show
from xw.cli.show import emit, names, say


def status(call: Call, state: str, task: str | None, progress: str | None) -> None:
    """Announce the current activity."""
    _report(call, lambda agent: agent.notify.status(state, task=task or "", progress=progress or ""))


def handoff(call: Call, task: str, to: str | None, context: str | None, priority: str) -> None:
    """Hand a task over to another agent."""
    _report(call, lambda agent: agent.notify.handoff(task, to=to, context=context or "", priority=priority))


def compaction(call: Call, summary: str, retained: list[str], task: str | None) -> None:
    """Tell all that this agent's context was compacted."""
    _report(call, lambda agent: agent.notify.compaction(summary, retained=retained, task=task or ""))


def error(call: Call, text: str, recoverable: bool, assistance: bool) -> None:
    """Report an error to all."""
    _report(
        call,
        lambda agent: agent.notify.error(
            text, recoverable=recoverable or None, needs_assistance=assistance or None
        ),
    )


def heartbeat(call: Call, state: str, task: str | None, ttl: float, message: bool) -> None:
    """Renew the presence."""
    _report(call, lambda agent: agent.notify.heartbeat(state, task=task or "", ttl=ttl, message=message))


def _report(call: Call, act: Callable[[Agent], Told]) -> None:
    agent = call.agent()
    told = acted(call, agent, act)
    if told.sent:
        show(call, agent, told.sent)
    elif call.json:
        emit(told.to_json())
    else:
        away = f": all are away for long ({names(told.away)})" if told.away else ""
        say(f"noted in your presence; no message was sent{away}")
