"""Find the tool calls that an ACP agent ran without asking.

An agent that was put into a mode that asks, and has not confirmed it, may still be
in its own mode. Its reports about tools show which: a call that is in progress or
complete, and for which no permission was requested, ran unasked. No agent's asking
mode asks for reading or thinking. A failed call may be one that the agent itself
refused. Pure; `acp_agent` ends the agent.
"""

UNASKED_KINDS = ("read", "search", "think", "switch_mode")
"""Kinds of tools that agents use without asking in every mode."""

_TITLE = 100  # characters of a tool's title, which may be a whole command


class ToolCalls:
    """The tool calls that an agent reports, by id; `ran` names the first that ran unasked."""

    def __init__(self) -> None:
        self.ran = ""
        self._asked: set[str] = set()
        self._titles: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._working: set[str] = set()

    def ask(self, call: str) -> None:
        """Record that the agent requested permission for a call, whatever the answer."""
        self._asked.add(call)
        self._working.discard(call)

    def report(self, call: str, kind: str | None, title: str | None, status: str | None) -> bool:
        """Record a report about a call. Return True if it runs unasked so far; a request may follow."""
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
        """Count a call that is still in progress and unasked as run."""
        if call in self._working:
            self._note(call)

    def end(self) -> None:
        """End the turn: count every call still in progress as run unasked."""
        for call in sorted(self._working):
            self._note(call)

    def _note(self, call: str) -> None:
        self._working.discard(call)
        self.ran = self.ran or (self._titles[call] or self._kinds[call] or call)[:_TITLE]
