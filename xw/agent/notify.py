"""What an instance says of itself, to all or to one: `agent.notify`."""

from collections.abc import Callable, Sequence

from xw.actions import notifying
from xw.actions.notifying import Told
from xw.agent.policy import Policy
from xw.instance import Instance


class Notify:
    """The verbs of `xw notify`. Each returns the text and, if a message carries it, what was sent.

    What is for all is for those who are on the hub now.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def status(self, state: str, *, task: str = "", progress: str = "") -> Told:
        """Say in the presence and to all that one is idle, working, blocked or completed."""
        return self._told(lambda instance: notifying.status(instance, state, task, progress))

    def handoff(
        self, task: str, *, to: str | None = None, context: str = "", priority: str = "medium"
    ) -> Told:
        """Give a task to one other agent, the only peer by default; `priority` is low, medium or high."""
        return self._told(
            lambda instance: notifying.handoff(instance, task, to, context, priority), peers=not to
        )

    def compaction(self, summary: str, *, retained: Sequence[str] = (), task: str = "") -> Told:
        """Tell all that one's context was compacted, and what was kept of it."""
        return self._told(lambda instance: notifying.compaction(instance, summary, list(retained), task))

    def error(self, text: str, *, recoverable: bool = False, needs_assistance: bool = False) -> Told:
        """Tell all that something went wrong."""
        return self._told(lambda instance: notifying.error(instance, text, recoverable, needs_assistance))

    def heartbeat(
        self, state: str = "alive", *, task: str = "", ttl: float = 30.0, message: bool = False
    ) -> Told:
        """Say in the presence, for `ttl` seconds, that one is alive, busy or idle; with `message`, to all."""
        return self._told(
            lambda instance: notifying.heartbeat(instance, state, task, ttl, message), peers=message
        )

    def _told(self, act: Callable[[Instance], Told], peers: bool = True) -> Told:
        with self._policy.acting():
            if peers:
                self._policy.refresh(peers=True)
            told = act(self._policy.instance)
            return told._replace(sent=self._policy.travel(told.sent)) if told.sent else told
