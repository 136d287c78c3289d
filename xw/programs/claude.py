"""Claude Code: hooks, permissions, MCP and instructions by its options, none of them in the project's files.

Seen with 2.1.332: of several `--settings` only the last counts, so a person's own are merged into ours.
`--append-system-prompt` and its `-file` both count, and of several each only the last. `--mcp-config` may be
repeated; each of these options takes all words up to the next one, unless its value follows `=`.
"""

import json
import os
from pathlib import Path
from typing import Any

from xw import hook_events
from xw.programs import Arrangement, ProgramProfile, Run, parts

HOOK_S = 10
"""Limit for a hook; it takes 0.2 s, and 2 s where a disk hangs."""

_NAME = "claude"
_SETTINGS, _MCP, _PROMPT = "claude/settings.json", "claude/mcp.json", "claude/instructions.md"
_SETTINGS_OPTION, _PROMPT_OPTION = "--settings", "--append-system-prompt-file"
_ONCE = ("-p", "--print", "-v", "--version", "-h", "--help")
_NO_HOOKS = ("--bare", "--safe-mode")
_NO_SESSION = (
    "agents", "auth", "auto-mode", "config", "doctor", "gateway", "install", "mcp", "plugin", "project",
    "remote-control", "setup-token", "ultrareview", "update", "upgrade",
)  # fmt: skip


def arrange(run: Run) -> Arrangement:
    """Give it its hooks, the rules for xw, the MCP server and the instructions, beside a person's options."""
    if parts.has_subcommand(run.argv, *_NO_SESSION):
        return Arrangement(run.argv, ways=())
    argv, notes = list(run.argv), []
    settings, files = _settings(run), {}
    if given := _take(argv, _SETTINGS_OPTION):
        try:
            settings = _merged(_read(given[-1], run.cwd), settings)
        except (OSError, ValueError) as error:
            notes.append(f"--settings {given[-1]} was not read, and is left out: {error}")
    files[_SETTINGS] = json.dumps(settings, indent=2) + "\n"
    prompt = parts.instructions(run)
    if given := _take(argv, _PROMPT_OPTION):
        try:
            files[_PROMPT] = f"{Path(run.cwd, given[-1]).read_text()}\n\n{run.instructions}"
            prompt = parts.path(run, _PROMPT)
        except (OSError, ValueError) as error:
            notes.append(f"{_PROMPT_OPTION} {given[-1]} was not read, and is left out: {error}")
    own = [f"{_SETTINGS_OPTION}={parts.path(run, _SETTINGS)}", f"{_PROMPT_OPTION}={prompt}"]
    if run.has_mcp:
        files[_MCP] = json.dumps({"mcpServers": {"xw": parts.mcp_server(run)}}, indent=2) + "\n"
        own.append(f"--mcp-config={parts.path(run, _MCP)}")
    ways: tuple[str, ...] | None = None
    hooks = not parts.has_option(run.argv, *_NO_HOOKS)
    if parts.has_option(run.argv, *_ONCE):
        ways = ()
    elif not hooks:
        ways = ("tmux",)
        notes.append("with --bare or --safe-mode it runs no hooks: mail goes in only through its terminal")
    return Arrangement((argv[0], *own, *argv[1:]), files=files, notes=tuple(notes), ways=ways, hooks=hooks)


def _settings(run: Run) -> dict[str, Any]:
    hooks = {}
    for event in hook_events.hooks(_NAME).values():
        command = {"type": "command", "command": parts.hook(run, event, _NAME), "timeout": HOOK_S}
        hooks[event] = [{"hooks": [command]}]
    rules = [*parts.rules("Bash(xw %s:*)"), *(["mcp__xw__*"] if run.has_mcp else [])]
    return {"hooks": hooks, "permissions": {"allow": rules}}


def _read(given: str, cwd: str) -> dict[str, Any]:
    """Return the settings in an option's value, a file's name or JSON. Raise OSError or ValueError."""
    text = given if given.lstrip().startswith("{") else Path(cwd, os.path.expanduser(given)).read_text()
    settings = json.loads(text)
    if not isinstance(settings, dict):
        raise ValueError("it is not an object")
    return settings


def _merged(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Return a person's settings, our hooks and rules behind their own. Raise ValueError if they misfit."""
    hooks, permissions = theirs.get("hooks") or {}, theirs.get("permissions") or {}
    try:
        more = {event: [*(hooks.get(event) or []), *groups] for event, groups in ours["hooks"].items()}
        allow = [*(permissions.get("allow") or []), *ours["permissions"]["allow"]]
        return {**theirs, "hooks": {**hooks, **more}, "permissions": {**permissions, "allow": allow}}
    except (TypeError, AttributeError) as error:
        raise ValueError(f"its hooks or permissions have another form ({error})") from error


def _take(argv: list[str], option: str) -> list[str]:
    """Remove an option from a command line, and return its values in order."""
    values, kept, words = [], [], iter(argv)
    for word in words:
        if word == "--":
            kept += [word, *words]
        elif word == option:
            values.append(next(words, ""))
        elif word.startswith(f"{option}="):
            values.append(word.partition("=")[2])
        else:
            kept.append(word)
    argv[:] = kept
    return values


PROFILE = ProgramProfile(
    _NAME,
    "Claude Code",
    ("claude", "claude-code"),
    "2.1.332",
    ("claude", "tmux"),
    arrange,
)
