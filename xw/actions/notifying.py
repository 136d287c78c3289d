"""Send protocol messages and record presence: status, handoff, compaction, error, heartbeat."""

from typing import TYPE_CHECKING, NamedTuple

from xw import clock, layout, presence, protocol
from xw.actions import addressing, sending
from xw.errors import NotFound, Usage
from xw.instance import Instance
from xw.message import Fields
from xw.post import Sent
from xw.protocol import Payload

if TYPE_CHECKING:
    from xw.shapes import mail


_PRIORITIES = {"low": 2, "medium": 5, "high": 8}


class Told(NamedTuple):
    """The text of a notification, and the message that carries it, if any.

    `away` are those who did not get it, because they have been away for long.
    """

    text: str
    sent: Sent | None
    away: tuple[str, ...] = ()

    def to_json(self) -> "mail.Sent":
        """Return the object that `--json` prints."""
        if self.sent:
            return self.sent.to_json()
        return {
            "format": 1,
            "id": None,
            "delivered": [],
            "outbox": [],
            "returned": [],
            "about": None,
            "away": list(self.away),
        }


def status(instance: Instance, state: str, task: str, progress: str) -> Told:
    """Announce the current activity: in the presence for 15 minutes, and as an info to all."""
    payload = protocol.make("STATUS_UPDATE", status=state, task=task, progress=progress)
    assert isinstance(payload, protocol.StatusUpdate)
    presence.report(instance.mailbox, state, payload.task, payload.progress)
    return _tell_all(instance, payload)


def handoff(instance: Instance, task: str, to: str | None, context: str, priority: str) -> Told:
    """Hand a task over to another agent; `to` defaults to the only peer."""
    names = list(dict.fromkeys(sending.split([to]))) if to else []
    names = addressing.one_each(instance, names)
    if len(names) > 1 or layout.EVERYONE in names:
        raise Usage(f"a task is handed to one agent, not to {to}: name one; nothing was sent")
    payload = protocol.make("TASK_HANDOFF", task=task, context=context, priority=priority)
    return _send(instance, "task", payload, names, {"priority": _PRIORITIES[priority]})


def compaction(instance: Instance, summary: str, retained: list[str], task: str) -> Told:
    """Tell all that this agent's context was compacted, and what it kept."""
    return _tell_all(
        instance,
        protocol.make("CONTEXT_COMPACTION", summary=summary, retained=retained, current_task=task),
    )


def error(instance: Instance, text: str, recoverable: bool | None, needs_assistance: bool | None) -> Told:
    """Report an error to all; with `needs_assistance`, also in the presence, until the next status."""
    payload = protocol.make(
        "ERROR_NOTICE", error=text, recoverable=recoverable, needs_assistance=needs_assistance
    )
    if needs_assistance:
        presence.ask_for_help(instance.mailbox, text)
    return _tell_all(instance, payload)


def heartbeat(instance: Instance, state: str, task: str, ttl_s: float, message: bool) -> Told:
    """Renew the presence for `ttl_s` seconds; with `message`, also send an info to all."""
    payload = protocol.make("HEARTBEAT", status=state, task=task)
    assert isinstance(payload, protocol.Heartbeat)
    presence.say(instance.mailbox, payload.status, payload.task, ttl_s=ttl_s, keep_help=True)
    return _tell_all(instance, payload) if message else Told(_text(instance, payload), None)


def _tell_all(instance: Instance, payload: Payload) -> Told:
    try:
        return _send(instance, "info", payload, [layout.EVERYONE])
    except addressing.AllAway as error:
        return Told(_text(instance, payload), None, error.away)
    except NotFound:
        return Told(_text(instance, payload), None)  # no peer yet


def _send(instance: Instance, kind: str, payload: Payload, to: list[str], more: Fields | None = None) -> Told:
    text = _text(instance, payload)
    fields: Fields = {"protocol": protocol.dump(payload), **(more or {})}
    return Told(text, sending.send(instance, kind, text, to, more=fields))


def _text(instance: Instance, payload: Payload) -> str:
    return protocol.render(payload, instance.name, clock.rfc3339(instance.now()))
