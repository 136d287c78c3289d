"""The title of a launched program's pane, beside the program's own."""

from collections.abc import Iterator

import pytest

from tests.bridges.panes import Pane
from xw.actions.launching.title import LOOK_S, Title
from xw.runs import RunNote


@pytest.fixture
def pane(tmux_server: str) -> Iterator[Pane]:
    """A pane in which something runs."""
    made = Pane(tmux_server, "sleep 600")
    made.tmux.run("select-pane", "-t", made.id, "-T", "before")
    yield made
    made.close()


def test_a_title_that_the_program_replaced(pane: Pane) -> None:
    """It comes back after a time, and what was there at first comes back at the end."""
    now = [0.0]
    note = RunNote("bob", "generic", "sleep", pane=pane.id, server=pane.server, title="before")
    title = Title(note, clock=lambda: now[0])

    def shown() -> str:
        title.show("bob ■")
        return pane.tmux.look(pane.id).title

    assert [shown(), shown()] == ["bob ■"] * 2
    pane.tmux.run("select-pane", "-t", pane.id, "-T", "its own")
    assert shown() == "its own"
    now[0] += LOOK_S
    assert shown() == "bob ■"
    title.close()
    assert pane.tmux.look(pane.id).title == "before"
