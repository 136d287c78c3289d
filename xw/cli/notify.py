"""notify status, handoff, compaction, error, heartbeat."""

from xw.actions import notifying
from xw.actions.notifying import Told
from xw.cli.call import Call
from xw.cli.outgoing import report
from xw.cli.show import emit, say


def status(call: Call, state: str, task: str | None, progress: str | None) -> None:
    """Say what one does."""
    _report(call, notifying.status(call.instance(), state, task or "", progress or ""))


def handoff(call: Call, task: str, to: str | None, context: str | None, priority: str) -> None:
    """Give a task to another agent."""
    _report(call, notifying.handoff(call.instance(), task, to, context or "", priority))


def compaction(call: Call, summary: str, retained: list[str], task: str | None) -> None:
    """Tell all that one's context was compacted."""
    _report(call, notifying.compaction(call.instance(), summary, retained, task or ""))


def error(call: Call, text: str, recoverable: bool, assistance: bool) -> None:
    """Tell all that something went wrong."""
    _report(call, notifying.error(call.instance(), text, recoverable, assistance))


def heartbeat(call: Call, state: str, task: str | None, ttl: float, message: bool) -> None:
    """Give a sign of life."""
    _report(call, notifying.heartbeat(call.instance(), state, task or "", ttl, message))


def _report(call: Call, told: Told) -> None:
    if told.sent:
        report(call, told.sent)
    elif call.json:
        emit({"id": None, "delivered": [], "outbox": []})
    else:
        say("noted in your presence; no message was sent")
