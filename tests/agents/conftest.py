"""Fixtures of the tests with real agent programs: the model, and each program behind a bridge."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agents.home import end_all
from tests.agents.model import Model
from tests.agents.programs import TERMINAL, install
from tests.agents.terminal import Terminal


@pytest.fixture(scope="session")
def model() -> Iterator[Model]:
    """The model that all programs ask."""
    with Model() as one:
        yield one


@pytest.fixture(scope="module", params=TERMINAL)
def terminal(request: pytest.FixtureRequest, model: Model) -> Iterator[Terminal]:
    """Each program in turn, in a tmux pane behind bob's bridge."""
    install([request.param])
    # Short, for tmux and Claude Code put Unix sockets there; and pytest would keep 400 MB of Codex.
    with tempfile.TemporaryDirectory(prefix="xw-", ignore_cleanup_errors=True) as folder:
        home = Path(folder).resolve()
        one = Terminal(request.param, home, model)
        try:
            one.start()
            yield one
        finally:
            one.end()
            end_all(home)
