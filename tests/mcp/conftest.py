"""The fixtures of the MCP server's tests: a checkout with three instances, and processes that end."""

from collections.abc import Callable, Iterator

import pytest

from tests.cli.conftest import _model, team
from tests.cli.team import Team
from tests.mcp.wire import Wire

__all__ = ["_model", "team"]


@pytest.fixture
def serve(team: Team) -> Iterator[Callable[..., Wire]]:
    """Start `xw mcp` as a process; returns what speaks with it line by line."""
    started: list[Wire] = []

    def one(*arguments: str, **options: str) -> Wire:
        started.append(Wire(team.folder, arguments, **options))
        return started[-1]

    yield one
    for wire in started:
        wire.close()
