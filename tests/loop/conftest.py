"""The fixtures of the loop's tests: a hub with three mailboxes, as values and as a checkout."""

from pathlib import Path

import pytest

from tests.cli.conftest import _model, team
from tests.loop.world import World

__all__ = ["_model", "team", "world"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A hub with alice, bob and carol, and a clock of its own."""
    return World(tmp_path / "hub")
