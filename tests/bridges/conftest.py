"""Fixtures of the tests of bridges: a tmux server of their own, and chat programs in it."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bridges.helpers import Agent
from xw.bridges import panes, tmux
from xw.bridges.panes import Tmux


@pytest.fixture(scope="session")
def tmux_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of a tmux server that only the tests use, and that leaves nothing behind."""
    assert shutil.which("tmux"), "these tests need tmux"
    name = str(tmp_path_factory.mktemp("tmux") / "s")
    # A server ends with its last session, and one that just ends refuses the next.
    Tmux(name).run("-f", "/dev/null", "new-session", "-d", "-s", "keeper", "sleep 100000")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(panes, "TIMEOUT_S", 30.0)  # a busy machine breaks what does for people
        patch.setattr(tmux, "LEAVES_S", 10.0)
        yield name
    subprocess.run(["tmux", "-S", name, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def agent(tmux_server: str, tmp_path: Path) -> Iterator[Callable[..., Agent]]:
    """Starts chat programs in panes, and ends them."""
    started: list[Agent] = []

    def start(*options: str, **size: int) -> Agent:
        started.append(Agent(tmux_server, tmp_path, *options, **size))
        return started[-1]

    yield start
    for one in started:
        # The pane may be gone already; what counts is that it is.
        subprocess.run(
            ["tmux", "-S", tmux_server, "kill-pane", "-t", one.pane], check=False, capture_output=True
        )
