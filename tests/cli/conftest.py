"""The fixtures of the command line's tests."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.team import NAMES, PATIENCE, Team, call


@pytest.fixture(scope="session")
def _model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout made once by `xw init`, to be copied."""
    folder = tmp_path_factory.mktemp("model") / "checkout"
    folder.mkdir()
    for name in NAMES:
        made = call(folder, "init", "--name", name, "--describe", f"{name}'s description")
        assert made.code == 0, made
    return folder


@pytest.fixture
def team(_model: Path, tmp_path: Path) -> Team:
    """A checkout with instances alice, bob and carol, nothing sent yet."""
    shutil.copytree(_model, tmp_path / "checkout")
    return Team(tmp_path / "checkout")


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """An empty directory whose name makes an instance's name."""
    folder = tmp_path / "My Project"
    folder.mkdir()
    return folder


@pytest.fixture
def started() -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes that must not outlive the test."""
    running: list[subprocess.Popen[str]] = []
    yield running
    for process in running:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
