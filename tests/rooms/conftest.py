"""A stage for each test, and the command line's checkout of three."""

from pathlib import Path

import pytest

from tests.cli.conftest import _model, team
from tests.loop.conftest import _end_processes
from tests.rooms.stage import Stage

__all__ = ["_end_processes", "_model", "stage", "team"]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A hub without anybody on it."""
    return Stage(tmp_path)
