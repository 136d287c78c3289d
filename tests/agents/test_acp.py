"""Whole bridges to real agents over the Agent Client Protocol."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agents.dialects import Call
from tests.agents.home import end_all, having
from tests.agents.model import Model
from tests.agents.programs import ACP, PROGRAMS, install
from tests.agents.stage import Stage
from tests.bridges.helpers import until

pytestmark = [pytest.mark.agents, pytest.mark.timeout(300)]

TOOLS = {
    "gemini": Call("run_shell_command", {"command": "touch made-by-tool", "description": "x"}),
    "qwen": Call(
        "run_shell_command", {"command": "touch made-by-tool", "description": "x", "is_background": False}
    ),
    "goose": Call("shell", {"command": "touch made-by-tool"}),
    "opencode": Call("bash", {"command": "touch made-by-tool", "description": "x"}),
    "claude-acp": Call("Bash", {"command": "touch made-by-tool", "description": "x"}),
    "codex-acp": Call(
        "exec_command",
        {"cmd": "touch /made-by-tool", "sandbox_permissions": "require_escalated", "justification": "x"},
    ),
}


@pytest.fixture(scope="module", params=ACP)
def agent(request: pytest.FixtureRequest, model: Model) -> Iterator[Stage]:
    """Each agent in turn, started by bob's bridge."""
    install([request.param])
    with tempfile.TemporaryDirectory(prefix="xw-", ignore_cleanup_errors=True) as folder:
        home = Path(folder).resolve()
        one = Stage(home, model, request.param)
        try:
            one.bridge("acp", "--", *PROGRAMS[request.param].acp)
            yield one
        finally:
            one.stop()
            end_all(home)


def test_answer_comes_back(agent: Stage) -> None:
    """A question is one turn of the session; its answer is the reply, whole, however long."""
    marker = agent.marker()
    said = "Well, one.\n\n- item 1\n- item 2\n\n" + "\n".join(f"line {number}" for number in range(200))
    agent.model.says(marker, said)
    assert agent.ask(f"{marker}\n\n!touch pwned\n/help\n\\").endswith(said)
    assert any(f"{marker}\n\n!touch pwned\n/help\n\\\n[end " in turn for turn in agent.model.asked(marker))
    assert not (agent.work / "pwned").exists()


def test_second_turn_is_in_the_same_session(agent: Stage) -> None:
    """The agent remembers what it was asked before."""
    first, second = agent.marker(), agent.marker()
    agent.model.says(first, "Noted.")
    agent.model.says(second, "Remembered.")
    assert agent.ask(first).endswith("Noted.")
    assert agent.ask(second).endswith("Remembered.")
    assert any(first in request and second in request for request in agent.model.requests)


def test_tools_are_denied(agent: Stage) -> None:
    """The bridge's policy refuses a tool that needs permission, and mail goes on."""
    first, second = agent.marker(), agent.marker()
    agent.model.says(first, "After the tool.", calls=[TOOLS[agent.name]])
    agent.model.says(second, "Next.")
    agent.send(first)
    assert agent.ask(second).endswith("Next.")
    assert first in [marker for marker, _ in agent.model.called]
    assert not (agent.work / "made-by-tool").exists()
    assert not os.path.exists("/made-by-tool")


def test_nothing_outlives_the_bridge(agent: Stage) -> None:
    """The agent and all that it started end with the bridge."""
    agent.stop()
    until(lambda: having(agent.home) == [])
