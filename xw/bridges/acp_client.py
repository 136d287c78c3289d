"""The bridge's side of the Agent Client Protocol: answer an agent's requests, record its reports.

The agent gets no files and no terminals, and the policy alone grants permissions. The SDK calls
`Client` inside the event loop of `acp_agent`, which also reads a session's modes through this module.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import acp
from acp import schema

from xw.bridges.acp_modes import Modes, Permissions
from xw.bridges.acp_tools import ToolCalls

ASK_S = 2.0
"""Limit for an agent to request permission for a tool that it reported as in progress: some report first."""


class Client:
    """Answers an agent's requests by the policy; records its text of this turn, its mode and its tools."""

    def __init__(self, policy: Permissions) -> None:
        self._policy = policy
        self._said: list[str] = []
        self._before_tool = ""
        self.replays = False
        """True while the agent repeats an earlier session: none of that happens now."""
        self.mode = ""
        """The mode that the agent last reported; empty if it has reported none."""
        self._moved = asyncio.Event()
        self.tools = ToolCalls()
        self.on_report: Callable[[], None] = lambda: None
        """Called after each report of a mode or a tool."""

    def begin_session(self) -> None:
        """Forget an earlier agent's mode and tools. Call this inside the new agent's event loop."""
        self.mode, self.tools, self.replays = "", ToolCalls(), False
        self._moved = asyncio.Event()

    def begin_turn(self) -> None:
        """Forget the text of an earlier turn."""
        self._said.clear()
        self._before_tool = ""

    def words(self) -> str:
        """Return the text after the last tool call, or else the last text before one."""
        return "".join(self._said).strip("\n") or self._before_tool

    def note_mode(self, mode: str) -> None:
        """Record the mode that the agent reports."""
        self.mode = mode
        self._moved.set()
        self.on_report()

    async def until_mode(self, mode: str) -> None:
        """Return once the agent reports this mode."""
        while self.mode != mode:
            self._moved.clear()
            await self._moved.wait()

    async def session_update(self, session_id: str, update: Any, **kwargs: Any) -> None:  # noqa: ARG002 (SDK's)
        """Record an update: text, a tool call, a mode."""
        if self.replays:
            return
        if isinstance(update, schema.AgentMessageChunk):
            self._said.append(str(getattr(update.content, "text", "")))
        elif isinstance(update, schema.ToolCallStart):
            # Text before a tool call is the answer only if none follows.
            self._before_tool = self.words()
            self._said.clear()
            self._note_tool(update)
        elif isinstance(update, schema.ToolCallProgress):
            self._note_tool(update)
        elif isinstance(update, schema.CurrentModeUpdate):
            self.note_mode(update.current_mode_id)
        elif isinstance(update, schema.ConfigOptionUpdate):
            found = mode_option(update.config_options)
            if found:
                self.note_mode(found.current)

    def _note_tool(self, update: schema.ToolCallStart | schema.ToolCallProgress) -> None:
        tools, call = self.tools, update.tool_call_id
        if tools.report(call, update.kind, update.title, update.status):
            asyncio.get_running_loop().call_later(ASK_S, self._end_wait, tools, call)
        self.on_report()

    def _end_wait(self, tools: ToolCalls, call: str) -> None:
        tools.overdue(call)
        self.on_report()

    async def request_permission(
        self,
        session_id: str,  # noqa: ARG002 (SDK's)
        tool_call: schema.ToolCallUpdate,
        options: list[schema.PermissionOption],
        **kwargs: Any,  # noqa: ARG002 (SDK's)
    ) -> acp.RequestPermissionResponse:
        """Allow or reject this one tool call by the policy."""
        self.tools.ask(tool_call.tool_call_id)
        allowed = self._policy == "allow" or (self._policy == "read" and tool_call.kind in ("read", "search"))
        wanted = "allow_once" if allowed else "reject_once"
        chosen = [option for option in options if option.kind == wanted]
        if not chosen:
            return acp.RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))
        outcome = schema.AllowedOutcome(outcome="selected", option_id=chosen[0].option_id)
        return acp.RequestPermissionResponse(outcome=outcome)

    def on_connect(self, conn: acp.Agent) -> None:
        """Do nothing; the SDK calls it."""


def modes_of(session: Any) -> Modes:
    """Return a new session's modes: its own, or those of its config option for modes."""
    option = mode_option(getattr(session, "config_options", None))
    modes = getattr(session, "modes", None)
    if modes is None:
        return option or Modes("", ())
    own = Modes(modes.current_mode_id, tuple(mode.id for mode in modes.available_modes))
    return option if option and own.asking() is None and option.asking() else own


def mode_option(options: Any) -> Modes | None:
    """Return the modes that a session's config options offer; None if no option sets modes."""
    for option in options or ():
        if isinstance(option, schema.SessionConfigOptionSelect) and "mode" in (option.category, option.id):
            values = [value for entry in option.options for value in getattr(entry, "options", [entry])]
            return Modes(option.current_value, tuple(value.value for value in values), option.id)
    return None
