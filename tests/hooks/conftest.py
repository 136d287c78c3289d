"""The fixtures of the hooks' tests."""

import json
from collections.abc import Callable

import pytest

from tests.cli.conftest import _model, empty, team  # noqa: F401  # fixtures
from tests.cli.team import Result, Team
from tests.programs.hooked import Program
from xw.cli import hook

Make = Callable[..., Program]


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a hook in this process take as long as a loaded machine needs."""
    monkeypatch.setattr(hook, "DEADLINE_S", 250.0)


@pytest.fixture
def session(team: Team) -> Make:  # noqa: F811
    """Make a session of a program in which bob works."""

    def xw(*arguments: str, stdin: bytes = b"") -> Result:
        return team.run(*arguments, by="bob", stdin=stdin)

    return lambda program="claude", name="s1": Program(xw, program, name)


def choose(team: Team, value: str | None, name: str = "bob") -> None:  # noqa: F811
    """Set an instance's `delivery` in xw.json, or remove it."""
    path = team.folder / "xw.json"
    data = json.loads(path.read_text())
    data["instances"][name].pop("delivery", None)
    if value:
        data["instances"][name]["delivery"] = value
    path.write_text(json.dumps(data))
