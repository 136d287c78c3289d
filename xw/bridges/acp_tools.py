"""Which tool calls of an ACP agent ran although nobody was asked.

An agent that was put into a mode that asks, and has not said itself that it is in
it, may be in its own mode all the same. What it reports of its tools then shows:
a call that works or has ended, and for which no permission was requested, ran
unasked. Reading and thinking need no permission in any agent's asking mode. A call
that failed may be one that the agent itself refused. Pure; `acp` ends the agent.
"""

UNASKED_KINDS = ("read", "search", "think", "switch_mode")
"""Kinds of tools that agents use without asking, whatever their mode."""

_TITLE = 100  # characters of a tool's title, which may be a whole command


class ToolCalls:
    """The tool calls that an agent reports, by their ids; `ran` names the first that ran unasked."""

    def __init__(self) -> None:
        self.ran = ""
        self._asked: set[str] = set()
        self._titles: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._working: set[str] = set()

    def ask(self, call: str) -> None:
        """Note that permission was requested for a call, whatever the answer."""
        self._asked.add(call)
        self._working.discard(call)

    def report(self, call: str, kind: str | None, title: str | None, status: str | None) -> bool:
        """Note what the agent says of a call; True if it works unasked, which a request may still change."""
        self._kinds[call] = kind or self._kinds.get(call, "")
        self._titles[call] = title or self._titles.get(call, "")
        if call in self._asked or self._kinds[call] in UNASKED_KINDS:
            self._working.discard(call)
        elif status == "completed":
            self._note(call)
        elif status == "in_progress":
            self._working.add(call)
        elif status == "failed":
            self._working.discard(call)
        return call in self._working

    def overdue(self, call: str) -> None:
        """Count a call that still works unasked as one that ran."""
        if call in self._working:
            self._note(call)

    def end(self) -> None:
        """End the turn: what still works was not asked for."""
        for call in sorted(self._working):
            self._note(call)

    def _note(self, call: str) -> None:
        self._working.discard(call)
        self.ran = self.ran or (self._titles[call] or self._kinds[call] or call)[:_TITLE]
