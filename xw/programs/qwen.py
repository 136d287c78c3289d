"""Qwen Code: a file of defaults for one run, which the user's own settings override."""

import json

from xw import hook_events
from xw.programs import Arrangement, ProgramProfile, Run, parts

_DEFAULTS = "QWEN_CODE_SYSTEM_DEFAULTS_PATH"
_TIMEOUT_MS = 10_000
_ONCE = ("-p", "--prompt")


def arrange(run: Run) -> Arrangement:
    """Give it instructions by an option, and hooks, rules and the MCP server by a file of defaults."""
    hooks = {
        event: [
            {
                "hooks": [
                    {"type": "command", "command": parts.hook(run, event, "qwen"), "timeout": _TIMEOUT_MS}
                ]
            }
        ]
        for event in hook_events.hooks("qwen").values()
    }
    settings: dict[str, object] = {"hooks": hooks, "permissions": {"allow": parts.rules("Bash(xw %s *)")}}
    if run.has_mcp:
        settings["mcpServers"] = {"xw": {**parts.mcp_server(run), "trust": True}}
    argv = run.argv
    if not parts.has_option(argv, "--append-system-prompt"):
        argv = (argv[0], "--append-system-prompt", run.instructions, *argv[1:])
    once = parts.has_option(run.argv, *_ONCE)
    return Arrangement(
        argv,
        {_DEFAULTS: parts.path(run, "qwen.json")},
        {"qwen.json": json.dumps(settings, indent=2) + "\n"},
        ways=() if once else None,
        hooks=True,
    )


PROFILE = ProgramProfile("qwen", "Qwen Code", ("qwen",), "0.24.4", ("tmux",), arrange)
