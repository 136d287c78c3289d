"""Which mode of an ACP agent asks before it runs a tool; `acp` sets it and watches over it.

A bridge's policy can only answer questions that are asked, and some agents
start in a mode that asks nobody (claude-agent-acp and goose in `auto`). Modes are
known by their ids alone. Pure: values of this file, nothing of the protocol.
"""

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

ASKING = ("approve", "default", "ask", "manual", "read-only")
"""Ids of modes that ask before a tool runs, the first choice first."""

HARMLESS = (*ASKING, "plan", "chat")
"""Ids that an agent may switch to by itself: the last two run no tool that changes anything."""

_OPENCODE = ("opencode", "opencode-ai")
# opencode has no mode that asks: its configuration tells it to. Reading is allowed, as others do unasked.
_OPENCODE_ENV = "OPENCODE_PERMISSION"
_OPENCODE_ASKS = (
    '{"*":"ask","edit":"ask","bash":"ask","webfetch":"ask","websearch":"ask","task":"ask",'
    '"external_directory":"ask","doom_loop":"ask","read":"allow","glob":"allow","grep":"allow",'
    '"list":"allow","lsp":"allow","todoread":"allow","todowrite":"allow","skill":"allow"}'
)


class Modes(NamedTuple):
    """The modes that a session reports: their ids, the one in force, and the config option that holds it.

    `option` is empty where the session has modes of its own.
    """

    current: str
    offered: tuple[str, ...]
    option: str = ""

    def asking(self) -> str | None:
        """Return the mode to set; None if no mode that asks is offered."""
        return next((mode for mode in ASKING if mode in self.offered), None)


def is_opencode(argv: Sequence[str], agent: str) -> bool:
    """Whether the program asks by its configuration: by its command line, or as it calls itself."""
    names = [os.path.basename(word).partition("@")[0] for word in argv[:2]]
    return agent.lower() in _OPENCODE or any(name in _OPENCODE for name in names)


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of an agent that must ask; only opencode reads what is added."""
    return {**environ, _OPENCODE_ENV: _OPENCODE_ASKS}


def refusal(name: str, offered: Sequence[str]) -> str:
    """Return why an agent that offers no asking mode is not used, and what to do."""
    modes = f"only the modes {', '.join(offered)}" if offered else "no modes"
    return (
        f"{name}: the agent offers {modes}, and none that is known to ask before a tool runs: "
        "choose another agent, or give --option asks=yes if its own configuration makes it ask, "
        "or --option permissions=allow"
    )


def unasked(tool: str) -> str:
    """Return why an agent was ended that ran this tool without asking, and what to do."""
    return (
        f"the agent ran the tool {tool!r} and asked nobody, though it was put into a mode that asks: it was "
        "ended, and what the tool did is done: choose another agent, or give --option asks=yes if its own "
        "configuration allows that tool, or --option permissions=allow"
    )
