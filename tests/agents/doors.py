"""The ways in that the programs are tried by, and how each is set up: data and small functions.

A `Door` is one way in. Its `make` returns a stage for a program and the function that starts it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.agents.dialects import Call
from tests.agents.home import put
from tests.agents.model import Model
from tests.agents.programs import ACP, PROGRAMS, TERMINAL
from tests.agents.stage import Stage
from tests.agents.terminal import Terminal
from tests.installing import make

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
        lambda text, file: run(f"xw send --to alice task '{text}' --attach {file.name}"),
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


def _opencode(home: Path, name: str, model: Model) -> Staged:
    one = Terminal(name, home, model)

    def start() -> None:
        one.open("opencode", "--port", "4097")
        one.bridge("opencode", "--target", "auto")

    return one, start


def _installed(home: Path, name: str, model: Model, delivery: str) -> Staged:
    """Return a program that `xw install` has set up; it has rules only for those that take them."""
    one = Terminal(name, home, model, rules=name in ("gemini", "qwen", "opencode"))
    one.xw("init", "--name", "bob", "--delivery", delivery)
    one.xw("install", name, "--user", "--yes")
    # A person would have to trust each hook first.
    trust = ["--dangerously-bypass-hook-trust"] if name == "codex" else []
    return one, lambda: one.open(*PROGRAMS[name].terminal, *trust, ENABLE_TOOL_SEARCH="false")


def _hook(home: Path, name: str, model: Model) -> Staged:
    return _installed(home, name, model, "push")


def _mcp(home: Path, name: str, model: Model) -> Staged:
    if name in INSTALLED:
        return _installed(home, name, model, "asked")
    one = Terminal(name, home, model)
    if name == "goose":
        return one, lambda: one.open(*PROGRAMS[name].terminal, "--with-extension", "xw:xw mcp")
    server = {"command": "xw", "args": ["mcp"], "exposure": "direct"}
    put(home / ".pi/agent/mcp.json", {"mcpServers": {"xw": server}})
    return one, lambda: one.open(*PROGRAMS[name].terminal)


_ALLOWED = """
[plugins."xw@xw".mcp_servers.xw]
default_tools_approval_mode = "approve"
"""


def _plugin(home: Path, name: str, model: Model) -> Staged:
    """Return a program that loads xw's plugin from `integrations/`; a person has allowed its tools."""
    one = Terminal(name, home, model, rules=False)
    one.xw("init", "--name", "bob", "--delivery", "turn")
    place = str(make.ROOT / name)
    words, more = PROGRAMS[name].terminal, list[str]()
    if name == "claude":
        more = ["--plugin-dir", place, "--allowedTools", "mcp__plugin_xw_xw__*"]
    elif name == "codex":
        one.run("codex", "plugin", "marketplace", "add", place)
        one.run("codex", "plugin", "add", "xw@xw")
        with (home / ".codex/config.toml").open("a", encoding="utf-8") as config:
            config.write(_ALLOWED)
        more = ["--dangerously-bypass-hook-trust"]
    else:
        one.run("gemini", "extensions", "link", place, "--consent")
        more = ["--allowed-tools", "mcp_xw_*"]
    return one, lambda: one.open(*words, *more, ENABLE_TOOL_SEARCH="false")


INSTALLED = ["claude", "codex", "gemini", "opencode", "qwen"]
"""The programs that `xw install` knows."""
HOOKED = [name for name in INSTALLED if name != "opencode"]
"""Those of them with hooks."""
DOORS = {
    "codex": Door(["codex"], _codex),
    "opencode": Door(["opencode"], _opencode),
    "hook": Door(
        [name for name in INSTALLED if name != "opencode"],
        _hook,
        tells=True,
        wakes=lambda name: name == "claude",
    ),
    "plugin": Door(["claude", "codex", "gemini"], _plugin, tells=True, wakes=lambda _: False),
    "mcp": Door([*INSTALLED, "pi", "goose"], _mcp, tells=True, wakes=lambda _: False),
    "acp": Door(ACP, _acp),
    "tmux": Door(TERMINAL, _tmux),
}
SERVED = ("mcp", "plugin")
"""The ways by which the model acts through the tools of `xw mcp`."""
CASES = [(way, name) for way, door in DOORS.items() for name in door.names]
