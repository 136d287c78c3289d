"""The idle cost of each part of xw that stays running, on a hub that is a directory.

A part that writes a note into a folder it watches wakes itself for ever: its wake-ups show it. All parts run
at the same time, as real processes.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.bridges.helpers import HERE, Agent
from tests.bridges.panes import BASH
from tests.bridges.panes import pane as opened
from tests.bridges.wibwob_server import WibWob
from tests.cli.team import Team
from tests.idle import cost, restless, settled, tree
from tests.loop.processes import Running
from tests.loop.test_commands import configure

IDLE_S = 20.0


@contextmanager
def _wibwob(folder: Path) -> Iterator[str]:
    server = WibWob(folder / "chat.sock")
    try:
        yield str(server.path)
    finally:
        server.stop()


def _lines() -> list[str]:
    return [sys.executable, "-c", "import sys\nfor line in sys.stdin: pass"]


def residents(
    team: Team, pane: str, turned: str, shell: str, server: str, socket: str
) -> dict[str, list[str]]:
    """Return the command line of each part that stays running, by name."""
    acp = [sys.executable, f"{HERE}/acp_agent.py", "modes=default"]
    terminal = ["--target", pane, "--option", f"server={server}", "--option", "profile=generic"]
    barred = ["--target", shell, "--option", f"server={server}"]
    team.send("not for a shell", kind="task", to="by-blocked", by="asks-later")
    question = team.send("who is there?", kind="question", to="nobody", by="asks-later")
    return {
        "by-command": ["bridge", "command", "--", "cat"],
        "by-lines": ["bridge", "command", "--option", "lines=yes", "--", *_lines()],
        "by-notify": ["bridge", "command", "--notify", "--", "cat"],
        "by-socket": ["bridge", "socket", "--target", socket],
        "by-tmux": ["bridge", "tmux", *terminal],
        "by-blocked": ["bridge", "tmux", *barred],
        "by-asked": ["bridge", "command", "--", "cat"],
        "by-turn": ["bridge", "tmux", *terminal[:1], turned, *terminal[2:]],
        "by-acp": ["bridge", "acp", "--", *acp],
        "by-nothing": ["bridge", "socket", "--target", f"{socket}-is-not-there"],
        "ups": ["up", "upped"],
        "alice": ["room", "run", "talk"],
        "watches": ["watch"],
        "waits": ["wait", "--timeout", "600"],
        "asks-later": ["wait", "--re", question, "--timeout", "600"],
        "asks": ["ask", "--to", "nobody", "--timeout", "600", "still there?"],
        "follows": ["log", "--follow"],
        "reads-along": ["log", "--room", "talk", "--follow"],
    }


@pytest.mark.long
def test_idle_parts_rest(team: Team, tmux_server: str, agent: Callable[..., Agent], tmp_path: Path) -> None:
    """Each kind of bridge, `up`, a room, `watch`, `wait`, `ask` and `log --follow` sleep until mail comes.

    So does, but for a look now and then, a bridge whose mail waits: because a shell is in its pane, or for
    the moment that its owner chose.
    """
    pane, turned = agent(), agent()
    names = (
        "by-command", "by-lines", "by-notify", "by-socket", "by-tmux", "by-acp", "by-nothing",
        "by-blocked", "by-asked", "by-turn", "ups", "upped",
        "watches", "waits", "asks-later", "asks", "follows", "reads-along", "nobody",
    )  # fmt: skip
    for name in names:
        team.ok("init", "--name", name)
    for name in ("asked", "turn"):
        team.ok("init", "--name", f"by-{name}", "--delivery", name)
    team.ok("room", "create", "talk", "--members", "bob,carol", "--quiet", "0")
    team.ok("room", "create", "upheld", "--members", "bob,carol", "--quiet", "0", by="upped")
    configure(team, upped={"kind": "command", "target": "cat"})
    with ExitStack() as stack:
        socket = stack.enter_context(_wibwob(tmp_path))
        shell = stack.enter_context(opened(tmux_server, BASH)).id
        started = {
            name: Running(team, name, *arguments)
            for name, arguments in residents(team, pane.pane, turned.pane, shell, tmux_server, socket).items()
        }
        for name, running in started.items():
            if name.startswith("by-") or name == "ups":
                running.says("ready")
        started["ups"].says("room upheld runs")
        for name in ("by-asked", "by-turn"):
            team.send("not now", kind="task", to=name, by="asks-later")
            started[name].says("mail waits: delivery is")
        settled(lambda: cost(tree(*(running.process.pid for running in started.values()))).cpu)
        trees = {name: tree(running.process.pid) for name, running in started.items()}
        assert restless(trees, IDLE_S) == {}
        assert {name: one.said for name, one in started.items() if one.process.poll() is not None} == {}
