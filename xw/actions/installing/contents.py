"""Which files of a program get what: its hooks, MCP entry, permission rules, skill. Data, one function each.

Facts and versions are in `docs/agents.md`. Hooks and servers are recognised by their command, so a program's
file needs no mark.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from shlex import join
from typing import NamedTuple

from xw import confined, hook_events
from xw.actions.installing.pieces import Entry, Piece, Section, Whole, rules
from xw.confined import HARMLESS

CODEX_VARIABLES = ("XW_NAME", "XW_CONFIG", "XW_HUB", "XW_STATE", "XW_RUN")
"""What `xw mcp` needs of the environment, of which Codex passes nothing on by itself."""
_WAKER_S = 7 * 86400  # Claude Code ends it then, and nothing would wake the session until its next turn
SKILL = """---
name: xw
description: >-
  Mail with other AI coding agents and people. Use it when the user asks to check mail or to tell, ask or
  send something to another agent or person, and when a hook shows mail.
---

"""


class Site(NamedTuple):
    """Where to install: a project's folder, or (empty) the user's home.

    `xw` are the words that run xw there, `skill` is the text of the skill, `has_mcp` True if `xw mcp` can
    run.
    """

    project: str
    environ: Mapping[str, str]
    xw: tuple[str, ...]
    skill: str
    has_mcp: bool

    @property
    def home(self) -> str:
        """Return the user's home."""
        return os.path.expanduser("~")

    def own(self, variable: str, below_home: str) -> str:
        """Return a program's folder of settings: the one that its variable names, else one below the home."""
        return os.path.abspath(self.environ.get(variable) or os.path.join(self.home, below_home))


class Contents(NamedTuple):
    """The pieces for each file by its path, and what the person should know."""

    files: dict[str, list[Piece]]
    notes: tuple[str, ...] = ()


def claude(site: Site) -> Contents:
    """Claude Code: hooks and rules in settings.json, the server in .mcp.json or the user's file, a skill."""
    own = site.own("CLAUDE_CONFIG_DIR", ".claude")
    folder = os.path.join(site.project, ".claude") if site.project else own
    waker = {
        "type": "command",
        "command": _hook(site, "wake", "claude"),
        "asyncRewake": True,
        "timeout": _WAKER_S,
    }
    entries: list[Piece] = [
        *_hooks(site, "claude", 10, waker),
        # A turn that an error of the API ends has no Stop: without this, nothing would wake the session.
        Entry(("hooks", "StopFailure"), None, {"hooks": [waker]}),
        Entry(("env",), confined.VARIABLE, "1"),
        *rules("Bash(xw %s:*)", HARMLESS, ("permissions", "allow")),
    ]
    if site.has_mcp:
        entries.append(Entry(("permissions", "allow"), None, "mcp__xw__*"))
    if site.project:
        servers = os.path.join(site.project, ".mcp.json")
    else:
        above = site.own("CLAUDE_CONFIG_DIR", "")
        servers = os.path.join(above, ".claude.json")
    files: dict[str, list[Piece]] = {
        os.path.join(folder, "settings.json"): entries,
        **_server(site, servers, {"command": site.xw[0], "args": [*site.xw[1:], "mcp"]}),
        os.path.join(folder, "skills/xw/SKILL.md"): [Whole("<!--", SKILL + site.skill)],
    }
    return Contents(files, _without_mcp(site))


def codex(site: Site) -> Contents:
    """Codex: hooks, server and rules in the user's folder; a section of AGENTS.md there or in the project."""
    folder = site.own("CODEX_HOME", ".codex")
    section: dict[str, list[Piece]] = {os.path.join(site.project or folder, "AGENTS.md"): [_section(site)]}
    if site.project:
        return Contents(section, ("Codex reads hooks, rules and servers of the user only: add --user",))
    config = f'[shell_environment_policy.set]\n{confined.VARIABLE} = "1"\n'
    if site.has_mcp:
        arguments = ", ".join(f'"{word}"' for word in (*site.xw[1:], "mcp"))
        config = (
            f'[mcp_servers.xw]\ncommand = "{site.xw[0]}"\nargs = [{arguments}]\n'
            'default_tools_approval_mode = "approve"\n'
            f"env_vars = {json.dumps(CODEX_VARIABLES)}\n\n{config}"
        )
    allowed = "".join(f'prefix_rule(pattern=["xw", "{one}"], decision="allow")\n' for one in HARMLESS)
    files: dict[str, list[Piece]] = {
        os.path.join(folder, "hooks.json"): [*_hooks(site, "codex", 3)],
        os.path.join(folder, "config.toml"): [Section("#", config)],
        os.path.join(folder, "rules/xw.rules"): [Whole("#", allowed)],
        **section,
    }
    trust = "Codex asks at its next start whether you trust the new hooks; until then it runs none of them"
    return Contents(files, (trust, *_without_mcp(site)))


def gemini(site: Site) -> Contents:
    """Gemini CLI: hooks and the server in settings.json, a section of GEMINI.md."""
    folder = os.path.join(site.project or site.home, ".gemini")
    entries = _hooks(site, "gemini", 10_000)
    return _settings(site, folder, entries, os.path.join(site.project or folder, "GEMINI.md"))


def qwen(site: Site) -> Contents:
    """Qwen Code: hooks and the server in settings.json, a section of QWEN.md."""
    folder = os.path.join(site.project or site.home, ".qwen")
    entries = _hooks(site, "qwen", 10_000)
    return _settings(site, folder, entries, os.path.join(site.project or folder, "QWEN.md"))


def opencode(site: Site) -> Contents:
    """Opencode: the server in opencode.json, a section of AGENTS.md. It runs no hooks of this kind."""
    folder = site.project or os.path.join(site.own("XDG_CONFIG_HOME", ".config"), "opencode")
    names = [os.path.join(folder, name) for name in ("opencode.jsonc", "opencode.json")]
    path = next((name for name in names if os.path.exists(name)), names[-1])
    server = {"type": "local", "command": [*site.xw, "mcp"], "enabled": True}
    files: dict[str, list[Piece]] = {os.path.join(folder, "AGENTS.md"): [_section(site)]}
    if site.has_mcp:
        files[path] = [Entry(("mcp",), "xw", server)]
    asks = "opencode's own permission settings decide about xw in its shell; nothing is written there"
    return Contents(files, (asks, *_without_mcp(site)))


PROGRAMS: dict[str, Callable[[Site], Contents]] = {
    "claude": claude,
    "codex": codex,
    "gemini": gemini,
    "opencode": opencode,
    "qwen": qwen,
}


def _settings(site: Site, folder: str, entries: Sequence[Entry], guide: str) -> Contents:
    settings = os.path.join(folder, "settings.json")
    pieces: list[Piece] = [*entries]
    if site.has_mcp:
        server = {"command": site.xw[0], "args": [*site.xw[1:], "mcp"], "trust": True}
        pieces.append(Entry(("mcpServers",), "xw", server))
    return Contents({settings: pieces, guide: [_section(site)]}, _without_mcp(site))


def _hooks(site: Site, program: str, timeout: int, waker: Mapping[str, object] | None = None) -> list[Entry]:
    """Return a group of hooks for each event, as Claude Code, Codex, Gemini CLI and Qwen Code have them."""
    entries = []
    for moment, event in hook_events.hooks(program).items():
        hook = {"type": "command", "command": _hook(site, event, program), "timeout": timeout}
        woken = [waker] if waker and moment in ("start", "end") else []
        entries.append(Entry(("hooks", event), None, {"hooks": [hook, *woken]}))
    return entries


def _hook(site: Site, event: str, program: str) -> str:
    return join([*site.xw, "hook", event, "--program", program])


def _server(site: Site, path: str, server: Mapping[str, object]) -> dict[str, list[Piece]]:
    return {path: [Entry(("mcpServers",), "xw", server)]} if site.has_mcp else {}


def _section(site: Site) -> Section:
    return Section("<!--", site.skill)


def _without_mcp(site: Site) -> tuple[str, ...]:
    note = "no MCP entry: install the extra first: in the checkout of xw, pipx install --force '.[mcp]'"
    return () if site.has_mcp else (note,)
