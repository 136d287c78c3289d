"""A stage for each test."""

from pathlib import Path

import pytest

from tests.rooms.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A hub without anybody on it."""
    return Stage(tmp_path)
