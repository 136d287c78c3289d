"""Fixtures of the contract suite, and of the suite that runs every command."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.files.memory import MemoryFiles
from tests.hub.stages import STAGES, Stage
from tests.hub.worlds import WORLDS, World
from tests.remote.conftest import Join, alice, bob  # noqa: F401  # fixtures
from tests.remote.machine import Machine
from xw.mailbox import Mailbox
from xw.mirror.mirror import Mirror


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    made = STAGES[request.param](tmp_path)
    for name in ("alice", "bob", "carol"):
        made.hub.register(name, {"name": name, "kind": "agent", "description": f"I am {name}"})
    yield made
    made.end()


@pytest.fixture
def mailbox() -> Mailbox:
    """Alice's mailbox, on her own machine."""
    made = Mailbox(MemoryFiles(time.time), "alice")
    made.make()
    return made


@pytest.fixture
def mirror(stage: Stage, mailbox: Mailbox) -> Mirror:
    """The hub of the stage, as it is reached from alice's machine."""
    return Mirror(mailbox, stage.hub.url, lambda: stage.hub)


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with WORLDS[request.param](tmp_path) as made:
        yield made


@pytest.fixture
def join(world: World, tmp_path: Path) -> Join:
    """`join(name, place=name)`: an instance that has joined the hub from a machine."""

    def join_one(name: str, place: str = "") -> Machine:
        machine = Machine(tmp_path / (place or name), name, world.url)
        world.let_in(machine)
        machine.join()
        return machine

    return join_one
