"""Fixtures of the contract suite."""

import time
from pathlib import Path

import pytest

from tests.files.memory import MemoryFiles
from tests.hub.stages import STAGES, Stage
from xw.mailbox import Mailbox
from xw.mirror.mirror import Mirror


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    made = STAGES[request.param](tmp_path)
    for name in ("alice", "bob", "carol"):
        made.hub.register(name, {"name": name, "kind": "agent", "description": f"I am {name}"})
    return made


@pytest.fixture
def mailbox() -> Mailbox:
    """Alice's mailbox, on her own machine."""
    made = Mailbox(MemoryFiles(time.time), "alice")
    made.make()
    return made


@pytest.fixture
def mirror(stage: Stage, mailbox: Mailbox) -> Mirror:
    """The hub of the stage, as it is reached from alice's machine."""
    return Mirror(mailbox, mailbox.files, stage.hub.url, lambda: stage.hub)
