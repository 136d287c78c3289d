"""What tests with several Unix users share."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guarantees.owners import load_all, use_all


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All that xw imports is loaded: another user may not be able to read it."""
    load_all()
    use_all(tmp_path_factory.mktemp("loaded"))


@pytest.fixture
def ground(loaded: None) -> Iterator[Path]:
    """A folder that every user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="xw-owners-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
