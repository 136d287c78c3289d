"""Fixtures of the tests with real agent programs: the model, and each program behind a bridge."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agents.doors import CASES, DOORS
from tests.agents.home import end_all
from tests.agents.model import Model
from tests.agents.programs import TERMINAL, install
from tests.agents.terminal import Terminal


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table program by way of the exchanges that ran."""
    cells = {}
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            case = re.search(r"test_exchange\.py::.*\[(\w+)-(.+)\]", report.nodeid)
            if case and getattr(report, "when", "") in ("call", "setup"):
                cells[case[1], _row(case[2])] = "yes" if outcome == "passed" else "NO"
    if not cells:
        return
    terminalreporter.write_line("")
    terminalreporter.write_line(" | ".join(["program".ljust(10), *(way.ljust(6) for way in DOORS)]))
    tried = {(way, _row(name)) for way, name in CASES}
    for name in dict.fromkeys(_row(name) for _, name in CASES):
        row = [cells.get((way, name), "" if (way, name) in tried else "-").ljust(6) for way in DOORS]
        terminalreporter.write_line(" | ".join([name.ljust(10), *row]))


def _row(name: str) -> str:
    """Return the program that an adapter for ACP belongs to."""
    return name.removesuffix("-acp")


@pytest.fixture(scope="session")
def model() -> Iterator[Model]:
    """The model that all programs ask."""
    with Model() as one:
        yield one


@pytest.fixture(scope="module", params=TERMINAL)
def terminal(request: pytest.FixtureRequest, model: Model) -> Iterator[Terminal]:
    """Each program in turn, in a tmux pane behind bob's bridge."""
    install([request.param])
    # Short, for tmux and Claude Code put Unix sockets there; and pytest would keep 400 MB of Codex.
    with tempfile.TemporaryDirectory(prefix="xw-", ignore_cleanup_errors=True) as folder:
        home = Path(folder).resolve()
        one = Terminal(request.param, home, model)
        try:
            one.start()
            yield one
        finally:
            one.end()
            end_all(home)
