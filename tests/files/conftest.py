"""Fixtures of the contract suite."""

from pathlib import Path

import pytest

from tests.files.places import FOLDERS, PLACES, Place


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    made = PLACES[request.param](tmp_path)
    made.files.make_folder("")
    for folder in FOLDERS:
        made.files.make_folder(folder)
    return made
