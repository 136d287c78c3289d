"""The ways in that the programs are tried by, and how each is set up: data and small functions.

A `Door` is one way in. Its `make` returns a stage for a program and the function that starts it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.agents.dialects import Call
from tests.agents.model import Model
from tests.agents.programs import ACP, PROGRAMS, TERMINAL
from tests.agents.stage import Stage
from tests.agents.terminal import Terminal

Staged = tuple[Stage, Callable[[], object]]
"""A stage, and how the program and its way in are started on it."""


class Door(NamedTuple):
    """One way in, with the programs that have it."""

    names: Sequence[str]
    make: Callable[[Path, str, Model], Staged]
    tells: bool = False
    """True if the program is only told of its mail, and reads and answers it by itself."""
    wakes: Callable[[str], bool] = lambda _: True
    """True if mail starts a turn of this program; else a person's next prompt does."""


def _shell(tool: str, key: str = "command", **more: object) -> Callable[[str], Call]:
    return lambda command: Call(tool, {key: command, **more})


SHELL = {
    "claude": _shell("Bash", description="x"),
    "codex": _shell("exec_command", "cmd"),
    "gemini": _shell("run_shell_command", description="x"),
    "qwen": _shell("run_shell_command", description="x", is_background=False),
    "opencode": _shell("bash", description="x"),
    "pi": _shell("bash"),
    "goose": _shell("shell"),
}
"""Of each program that runs commands: the tool for it."""
SHELL |= {"claude-acp": SHELL["claude"], "codex-acp": SHELL["codex"]}


def _tmux(home: Path, name: str, model: Model) -> Staged:
    one = Terminal(name, home, model)
    return one, one.start


def _acp(home: Path, name: str, model: Model) -> Staged:
    one = Stage(home, model, name)
    return one, lambda: one.bridge("acp", "--option", "permissions=allow", "--", *PROGRAMS[name].acp)


def _codex(home: Path, name: str, model: Model) -> Staged:
    one = Terminal(name, home, model)

    def start() -> None:
        one.open("codex", "--no-daemon")
        one.prompt("hello")  # it has no queue before
        one.bridge("codex", "--target", "auto")

    return one, start


_HOOKED = {
    "claude": ("SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"),
    "codex": ("SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"),
    "gemini": ("SessionStart", "BeforeAgent", "AfterAgent", "SessionEnd"),
    "qwen": ("SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"),
}
_SETTINGS = {
    "claude": ".claude/settings.json",
    "codex": ".codex/hooks.json",
    "gemini": ".gemini/settings.json",
    "qwen": ".qwen/settings.json",
}
_MILLISECONDS = ("gemini", "qwen")


def _hooks(name: str) -> Mapping[str, Any]:
    """Return the hooks of a program, as docs/hooks.md gives them."""
    timeout = 10_000 if name in _MILLISECONDS else 10
    hooks = {}
    for event in _HOOKED[name]:
        command = {"type": "command", "command": f"xw hook {event} --program {name}", "timeout": timeout}
        hooks[event] = [
            {"hooks": [{**command, "timeout": 3} if (name, event) == ("codex", "SessionEnd") else command]}
        ]
    if name == "claude":
        waker = {
            "type": "command",
            "command": "xw hook wake --program claude",
            "asyncRewake": True,
            "timeout": 3600,
        }
        for event in ("SessionStart", "Stop"):
            hooks[event][0]["hooks"].append(waker)
    return hooks


def _hook(home: Path, name: str, model: Model) -> Staged:
    one = Terminal(name, home, model)
    one.xw("init", "--name", "bob", "--delivery", "push")
    settings = home / _SETTINGS[name]
    before = json.loads(settings.read_text("utf-8")) if settings.exists() else {}
    settings.write_text(json.dumps({**before, "hooks": _hooks(name)}), encoding="utf-8")
    # A person would have to trust each hook first.
    trust = ["--dangerously-bypass-hook-trust"] if name == "codex" else []
    return one, lambda: one.open(*PROGRAMS[name].terminal, *trust)


DOORS = {
    "native": Door(["codex"], _codex),
    "hook": Door(list(_HOOKED), _hook, tells=True, wakes=lambda name: name == "claude"),
    "acp": Door(ACP, _acp),
    "tmux": Door(TERMINAL, _tmux),
}
CASES = [(way, name) for way, door in DOORS.items() for name in door.names]
