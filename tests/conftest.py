"""What holds for every test: who may run it."""

import os

import pytest


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked `root` for everybody else."""
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("needs root")
