"""Find the mode in which an ACP agent asks before it runs a tool; `acp_agent` sets it and enforces it.

A bridge's policy can only answer requests that arrive, and some agents start in a
mode that requests nothing (claude-agent-acp and goose in `auto`). Only their ids
tell modes apart. Pure: values of this module, nothing of the protocol.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

Permissions = Literal["deny", "read", "allow"]
"""Actions that an agent may take unasked: none, reading and searching, or all."""

ASKING = ("approve", "default", "ask", "manual", "read-only")
"""Ids of modes that ask before a tool runs, in order of preference."""

HARMLESS = (*ASKING, "plan", "chat")
"""Ids of modes that an agent may switch to by itself: the last two run no tool that changes anything."""

_OPENCODE = ("opencode", "opencode-ai")
# opencode has no mode that asks; its configuration makes it. Reading is allowed, as other agents never ask.
_OPENCODE_ENV = "OPENCODE_PERMISSION"
_OPENCODE_ASKS = (
    '{"*":"ask","edit":"ask","bash":"ask","webfetch":"ask","websearch":"ask","task":"ask",'
    '"external_directory":"ask","doom_loop":"ask","read":"allow","glob":"allow","grep":"allow",'
    '"list":"allow","lsp":"allow","todoread":"allow","todowrite":"allow","skill":"allow"}'
)


class Modes(NamedTuple):
    """A session's modes: the id in force, the ids offered, and the config option that sets them.

    `option` is empty if the session has modes of its own.
    """

    current: str
    offered: tuple[str, ...]
    option: str = ""

    def asking(self) -> str | None:
        """Return the mode to set; None if the session offers no mode that asks."""
        return next((mode for mode in ASKING if mode in self.offered), None)


def is_opencode(argv: Sequence[str], agent: str) -> bool:
    """Return True for opencode, by its command line or by the name that it reports."""
    names = [os.path.basename(word).partition("@")[0] for word in argv[:2]]
    return agent.lower() in _OPENCODE or any(name in _OPENCODE for name in names)


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of an agent that must ask; only opencode reads the added variable."""
    return {**environ, _OPENCODE_ENV: _OPENCODE_ASKS}


def refusal(name: str, offered: Sequence[str]) -> str:
    """Return the error for an agent that offers no mode that asks."""
    modes = f"only the modes {', '.join(offered)}" if offered else "no modes"
    return (
        f"{name}: the agent offers {modes}; none is known to ask before a tool runs: "
        "choose another agent, or give --option asks=yes if its own configuration makes it ask, "
        "or --option permissions=allow"
    )


def unasked(tool: str) -> str:
    """Return the error for an agent that was ended because it ran this tool without asking."""
    return (
        f"ended the agent: it ran the tool {tool!r} without asking, though it was put into a mode that asks; "
        "the tool's effects remain: choose another agent, or give --option asks=yes if its own "
        "configuration allows that tool, or --option permissions=allow"
    )
