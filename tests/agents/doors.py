"""The ways in that the programs are tried by, and how each is set up: data and small functions.

A `Door` is one way in. Its `make` returns a stage for a program and the function that starts it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.agents.home import put
from tests.agents.launched import Launched
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


def _tmux(home: Path, name: str, model: Model) -> Staged:
    one = Terminal(name, home, model)
    return one, one.start


def _acp(home: Path, name: str, model: Model) -> Staged:
    one = Stage(home, model, name)
    return one, lambda: one.bridge("acp", "--option", "permissions=allow", "--", *PROGRAMS[name].acp)


def _claude(home: Path, name: str, model: Model) -> Staged:
    one, start = _installed(home, name, model, "push")

    def bridged() -> None:
        start()
        one.bridge("claude", "--target", "auto")

    return one, bridged


def _launch(home: Path, name: str, model: Model) -> Staged:
    one = Launched(name, home, model)
    return one, one.start


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
    "claude": Door(["claude"], _claude),
    "codex": Door(["codex"], _codex),
    "opencode": Door(["opencode"], _opencode),
    "hook": Door(
        HOOKED,
        _hook,
        tells=True,
        wakes=lambda name: name == "claude",
    ),
    "plugin": Door(["claude", "codex", "gemini"], _plugin, tells=True, wakes=lambda _: False),
    "mcp": Door([*INSTALLED, "pi", "goose"], _mcp, tells=True, wakes=lambda _: False),
    "acp": Door(ACP, _acp),
    "tmux": Door(TERMINAL, _tmux),
    "launch": Door(TERMINAL, _launch),
}
SERVED = ("mcp", "plugin")
"""The ways by which the model acts through the tools of `xw mcp`."""
CASES = [(way, name) for way, door in DOORS.items() for name in door.names]
