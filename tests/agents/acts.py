"""What bob's model does with mail, by the tools that each program has for it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.agents.dialects import Call


class Acts(NamedTuple):
    """What bob's model does with mail, as calls of tools that the program has."""

    check: Callable[[], Call]
    read: Callable[[str], Call]
    reply: Callable[[str, str], Call]
    done: Callable[[str], Call]
    send: Callable[[str, Path], Call]
    """Sends alice a task with a file."""


def _shell(tool: str, key: str = "command", **more: object) -> Acts:
    def run(command: str) -> Call:
        return Call(tool, {key: command, **more})

    return Acts(
        lambda: run("xw check"),
        lambda short: run(f"xw read {short}"),
        lambda short, text: run(f"xw reply {short} '{text}'"),
        lambda short: run(f"xw done {short}"),
        lambda text, file: run(f"xw send --to alice task '{text}' --attach {file}"),
    )


SHELL = {
    "claude": _shell("Bash", description="x"),
    "codex": _shell("exec_command", "cmd"),
    "gemini": _shell("run_shell_command", description="x"),
    "qwen": _shell("run_shell_command", description="x", is_background=False),
    "opencode": _shell("bash", description="x"),
    "pi": _shell("bash"),
    "goose": _shell("shell"),
}
"""Of each program that runs commands: `xw` by its tool for that."""
SHELL |= {"claude-acp": SHELL["claude"], "codex-acp": SHELL["codex"]}


_TASK = {"to": ["alice"], "type": "task"}


def _served(call: Callable[[str, Mapping[str, Any]], Call]) -> Acts:
    return Acts(
        lambda: call("check", {}),
        lambda short: call("read", {"ids": [short]}),
        lambda short, text: call("reply", {"id": short, "body": text}),
        lambda short: call("done", {"ids": [short]}),
        lambda text, file: call(
            "send", {"to": ["alice"], "type": "task", "body": text, "attach": [str(file)]}
        ),
    )


MCP = _served(lambda name, given: Call(f"xw[_/]+{name}", dict(given)))
"""The tools of `xw mcp`, by whatever prefix a program gives them."""
HIDDEN = _served(
    lambda name, given: Call("tool_call", {"name": f"mcp__xw__{name}", "arguments": dict(given)})
)
"""The same where a program offers them by one tool."""
