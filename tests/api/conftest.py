"""The fixtures of the Agent's tests: a hub in a directory here, or behind an sshd, and agents on it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

import xw
from tests.cli.conftest import _model, team  # noqa: F401  # fixtures
from tests.cli.team import Team
from tests.remote.conftest import Join, hub, join  # noqa: F401  # fixtures
from tests.remote.machine import Machine
from tests.ssh.conftest import home, keys, known, server  # noqa: F401  # fixtures

Open = Callable[..., xw.Agent]


@pytest.fixture
def act(team: Team) -> Iterator[Open]:  # noqa: F811  # a fixture
    """`act(name)`: the Agent of an instance on a hub in a directory; closed after the test."""
    config = str(team.folder / "xw.json")
    with ExitStack() as opened:

        def one(name: str, **more: object) -> xw.Agent:
            if not (team.hub / name).exists():
                team.ok("init", "--name", name)
            return opened.enter_context(xw.open(name, config=config, **more))  # type: ignore[arg-type]

        yield one


@pytest.fixture
def reach(join: Join, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:  # noqa: F811  # a fixture
    """`reach(name)`: the Agent of an instance that has joined a hub over SSH from a machine of its own."""
    monkeypatch.setattr("xw.hub.ssh.LOOK_AGAIN_S", (0.1, 0.1))  # instead of 2 to 15 s
    with ExitStack() as opened:

        def one(name: str, **more: object) -> xw.Agent:
            machine: Machine = machines.get(name) or machines.setdefault(name, join(name))
            config = str(machine.folder / "xw.json")
            return opened.enter_context(xw.open(name, config=config, **more))  # type: ignore[arg-type]

        machines: dict[str, Machine] = {}
        yield one


@pytest.fixture(params=["here", "over SSH"])
def either(request: pytest.FixtureRequest) -> Open:
    """`act` or `reach`: what holds on every hub."""
    found: Open = request.getfixturevalue("act" if request.param == "here" else "reach")
    return found
