"""Fixtures: a hub with alice and bob, and machines that reach it over SFTP."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sync.machines import Machine, found_hub
from xw.hub.directory import DirectoryHub

Join = Callable[[str, str], Machine]


@pytest.fixture
def hub(tmp_path: Path) -> DirectoryHub:
    """The hub, as its own machine sees it."""
    return found_hub(tmp_path / "hub", "alice", "bob")


@pytest.fixture
def join(hub: DirectoryHub, tmp_path: Path) -> Iterator[Join]:
    """`join(name, machine)`: an instance's mirror on a machine, synced once."""
    made: list[Machine] = []

    def join_one(name: str, machine: str) -> Machine:
        made.append(Machine(tmp_path / "hub", tmp_path / machine, name))
        made[-1].sync()
        return made[-1]

    yield join_one
    for one in made:
        one.close()


@pytest.fixture
def alice(join: Join) -> Machine:
    return join("alice", "east")


@pytest.fixture
def bob(join: Join) -> Machine:
    return join("bob", "west")
