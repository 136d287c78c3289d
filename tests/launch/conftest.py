"""The fixtures of launch's tests: a checkout, a tmux server, a place for run directories."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bridges.conftest import tmux_server
from tests.bridges.helpers import until
from tests.bridges.panes import Pane
from tests.cli.conftest import _model, team
from tests.cli.team import Team
from tests.launch.window import Window

_GONE_S = 2.0  # less than what is left takes to end by itself

__all__ = ["_model", "team", "tmux_server"]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which run directories are made."""
    folder = tmp_path / "runtime"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setenv("XW_TEST_TAG", str(tmp_path))
    return folder


@pytest.fixture
def window(tmux_server: str, team: Team, runs: Path) -> Iterator[Callable[[], Window]]:
    """Opens windows of tmux with a shell in the checkout, in which a person works."""
    opened: list[Pane] = []

    def open_window() -> Window:
        opened.append(Window(tmux_server, team.folder, runs))
        return opened[-1]  # type: ignore[return-value]

    def left() -> list[int]:
        return [pid for pid in _tagged(str(runs.parent)) if pid != os.getpid()]

    yield open_window
    for one in opened:
        one.close()
    try:
        until(lambda: not left(), _GONE_S)  # a process that was killed is gone a moment later
    finally:
        leftovers = left()
        for pid in leftovers:
            subprocess.run(["kill", "-9", str(pid)], check=False)
    assert not leftovers, "each test ends what it started"


def _tagged(value: str) -> list[int]:
    from tests.loop.test_up import processes_with

    return processes_with(f"XW_TEST_TAG={value}")
