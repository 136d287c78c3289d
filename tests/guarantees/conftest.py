"""Fixtures of several suites here: users, teams, worlds, and a place for the trees of fault campaigns."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.team import Team, call
from tests.guarantees.owners import load_all, use_all
from tests.loop.world import World

_MEMORY = "/dev/shm"  # Linux
_ROOM = 32 << 20  # bytes; containers may have little


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All that xw imports is loaded: another user may not be able to read it."""
    load_all()
    use_all(tmp_path_factory.mktemp("loaded"))


@pytest.fixture
def team(tmp_path: Path) -> Team:
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("alice", "bob", "carol"):
        assert call(folder, "init", "--name", name).code == 0
    return Team(folder)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def ground(loaded: None) -> Iterator[Path]:
    """A folder that every user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="xw-owners-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def quick_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in memory, or else the test's own: these tests break the process, not the disk.

    A campaign makes, syncs and removes a tree for each fault, and would wait for the disk half of its time.
    `make torture` runs on the disk.
    """
    if not os.access(_MEMORY, os.W_OK) or _free(_MEMORY) < _ROOM:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="xw-test-", dir=_MEMORY) as folder:
        yield Path(folder)


def _free(folder: str) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
