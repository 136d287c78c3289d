"""Where the run directories of `xw launch` lie."""

import errno
from pathlib import Path

import pytest

from xw import config, runs
from xw.errors import Refused


def test_a_runtime_directory_of_others(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that others can write, or that is missing, is not used: the state directory is."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert config.runs_folder({"XDG_RUNTIME_DIR": str(runs)}) == f"{runs}/xw/runs"
    runs.chmod(0o770)
    for given in (str(runs), str(tmp_path / "missing"), "runtime", ""):
        assert config.runs_folder({"XDG_RUNTIME_DIR": given}) == f"{tmp_path}/state/xw/runs"


def test_a_home_that_nobody_can_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error tells what to set."""
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    with pytest.raises(Refused, match=r"cannot make /dev/null/xw/runs .*: set XDG_RUNTIME_DIR to a private"):
        runs.make("bob", {})


def test_a_full_disk() -> None:
    """The error names the run directory, not the hub."""
    with pytest.raises(OSError, match="No space left on device: '/run/me'"), runs.naming("/run/me"):
        raise OSError(errno.ENOSPC, "No space left on device")
