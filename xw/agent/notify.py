"""Status reports of an instance, to all or to one: `agent.notify`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from xw.actions import notifying, sending
from xw.actions.notifying import Told
from xw.agent.policy import Policy, names, optional, seconds, texts
from xw.instance import Instance

if TYPE_CHECKING:
    from xw.agent.policy import Names


class Notify:
    """The verbs of `xw notify`. Each returns the text and the message that carries it, if any.

    `all` means everyone on the hub now.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def status(self, state: str, *, task: str = "", progress: str = "") -> Told:
        """Announce that this instance is idle, working, blocked or completed: in its presence and to all."""
        texts(state=state, task=task, progress=progress)
        return self._told(lambda instance: notifying.status(instance, state, task, progress))

    def handoff(
        self, task: str, *, to: str | None = None, context: str = "", priority: str = "medium"
    ) -> Told:
        """Hand a task over to another agent, by default the only peer; `priority` is low, medium or high."""
        texts(task=task, context=context, priority=priority)
        optional(to=to)
        return self._told(
            lambda instance: notifying.handoff(instance, task, to, context, priority),
            peers=sending.needs_peers([to] if to else []),
        )

    def compaction(self, summary: str, *, retained: "Names" = (), task: str = "") -> Told:
        """Tell all that this agent's context was compacted, and what it kept."""
        texts(summary=summary, task=task)
        kept = list(names("retained", retained))
        return self._told(lambda instance: notifying.compaction(instance, summary, kept, task))

    def error(
        self, text: str, *, recoverable: bool | None = None, needs_assistance: bool | None = None
    ) -> Told:
        """Report an error to all; peers see until the next status that it `needs_assistance`.

        What is None is left out.
        """
        texts(text=text)
        return self._told(lambda instance: notifying.error(instance, text, recoverable, needs_assistance))

    def heartbeat(
        self, state: str = "alive", *, task: str = "", ttl: float = 30.0, message: bool = False
    ) -> Told:
        """Renew the presence for `ttl` seconds as alive, busy or idle; with `message`, also inform all."""
        texts(state=state, task=task)
        seconds(ttl=ttl)
        return self._told(
            lambda instance: notifying.heartbeat(instance, state, task, ttl, message), peers=message
        )

    def _told(self, act: Callable[[Instance], Told], peers: bool = True) -> Told:
        with self._policy.acting():
            if peers:
                self._policy.refresh(peers=True, mail=False)
            told = act(self._policy.instance)
            return told._replace(sent=self._policy.travel(told.sent)) if told.sent else told
