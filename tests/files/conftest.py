"""Fixtures of the contract suite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.files.places import FOLDERS, PLACES, Place


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    made = PLACES[request.param](tmp_path)
    made.files.make_folder("")
    made.files.make_folders(FOLDERS)
    yield made
    made.close()
