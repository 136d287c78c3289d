"""notify status, handoff, compaction, error, heartbeat."""

from xw.actions import notifying
from xw.actions.notifying import Told
from xw.cli.call import Call
from xw.cli.outgoing import report
from xw.cli.show import emit, say
from xw.instance import Instance


def status(call: Call, state: str, task: str | None, progress: str | None) -> None:
    """Say what one does."""
    instance = call.instance(peers=True)
    _report(call, instance, notifying.status(instance, state, task or "", progress or ""))


def handoff(call: Call, task: str, to: str | None, context: str | None, priority: str) -> None:
    """Give a task to another agent."""
    instance = call.instance(peers=not to)
    _report(call, instance, notifying.handoff(instance, task, to, context or "", priority))


def compaction(call: Call, summary: str, retained: list[str], task: str | None) -> None:
    """Tell all that one's context was compacted."""
    instance = call.instance(peers=True)
    _report(call, instance, notifying.compaction(instance, summary, retained, task or ""))


def error(call: Call, text: str, recoverable: bool, assistance: bool) -> None:
    """Tell all that something went wrong."""
    instance = call.instance(peers=True)
    _report(call, instance, notifying.error(instance, text, recoverable, assistance))


def heartbeat(call: Call, state: str, task: str | None, ttl: float, message: bool) -> None:
    """Give a sign of life."""
    instance = call.instance(peers=message)
    _report(call, instance, notifying.heartbeat(instance, state, task or "", ttl, message))


def _report(call: Call, instance: Instance, told: Told) -> None:
    if told.sent:
        report(call, instance, told.sent)
    elif call.json:
        emit({"id": None, "delivered": [], "outbox": [], "returned": [], "about": None})
    else:
        say("noted in your presence; no message was sent")
