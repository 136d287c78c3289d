"""A task with a file and a reply, both ways, by each program and each way in: the proof of the front doors.

Alice gives bob a task with a file. Bob's model, which the test plays, sends alice a
task with a file by running `xw` itself, and answers hers. Alice answers his.
"""

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.agents.dialects import Call
from tests.agents.home import end_all
from tests.agents.model import Model
from tests.agents.programs import ACP, PROGRAMS, TERMINAL, install
from tests.agents.stage import Stage
from tests.agents.terminal import Terminal
from tests.bridges.helpers import until

pytestmark = [pytest.mark.agents, pytest.mark.timeout(600)]

IN, OUT = b"numbers: 1 2 3\n", b"sum: 6\n"


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


Staged = tuple[Stage, Callable[[], None]]
"""A stage, and how the program and its way in are started on it."""


def _tmux(home: Path, name: str, model: Model) -> Staged:
    one = Terminal(name, home, model)
    return one, one.start


def _acp(home: Path, name: str, model: Model) -> Staged:
    one = Stage(home, model, name)
    return one, lambda: one.bridge("acp", "--option", "permissions=allow", "--", *PROGRAMS[name].acp)


WAYS = {"tmux": (_tmux, TERMINAL), "acp": (_acp, ACP)}


@pytest.fixture(params=[(way, name) for way, (_, names) in WAYS.items() for name in names], ids="-".join)
def agent(request: pytest.FixtureRequest, model: Model) -> Iterator[Stage]:
    """Bob: a program that one of the ways serves."""
    way, name = request.param
    install([name])
    with tempfile.TemporaryDirectory(prefix="xw-", ignore_cleanup_errors=True) as folder:
        home = Path(folder).resolve()
        one, start = WAYS[way][0](home, name, model)
        try:
            start()
            yield one
        finally:
            one.end()
            end_all(home)


def test_task_with_a_file_and_a_reply_both_ways(agent: Stage) -> None:
    """Each side's task arrives with its file, and each side's reply reaches the other."""
    question, back, thanks = (agent.marker() for _ in range(3))
    (agent.work / "in.txt").write_bytes(IN)
    (agent.work / "out.txt").write_bytes(OUT)
    send = f"xw send --to alice task 'please check {back}' --attach out.txt"
    calls = [SHELL[agent.name](send)] if agent.name in SHELL else []
    agent.model.says(question, "All of it is done.", calls=calls)
    short = agent.xw("send", "--to", "bob", "task", f"{question}: add them", "--attach", "in.txt").split()[0]
    assert agent.answer(short).endswith("All of it is done.")
    paths = [path for turn in agent.model.asked(question) for path in re.findall(r"(/\S+/in\.txt)", turn)]
    assert paths and Path(paths[-1]).read_bytes() == IN
    if not calls:
        return
    task = json.loads(agent.xw("wait", "--json", "--type", "task", "--timeout", "60"))
    assert back in task["body"]
    assert agent.attached(task) == [OUT]
    agent.xw("reply", task["id"], f"{thanks}: right", "--attach", "in.txt")
    until(lambda: agent.model.asked(thanks), 120)
