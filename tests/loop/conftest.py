"""The fixtures of the loop's tests: a hub with three mailboxes, as values and as a checkout."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bridges.conftest import agent, tmux_server
from tests.cli.conftest import _model, empty, team
from tests.loop.processes import RUNNING
from tests.loop.world import World

__all__ = ["_model", "agent", "empty", "team", "tmux_server", "world"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A hub with alice, bob and carol, and a clock of its own."""
    return World(tmp_path / "hub")


@pytest.fixture(autouse=True)
def _end_processes() -> Iterator[None]:
    """No test leaves a process to the next."""
    yield
    while RUNNING:
        RUNNING.pop().end()
