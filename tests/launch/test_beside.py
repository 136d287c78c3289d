"""The processes beside a launched program: which of them run, when, and what a person is told of them."""

from pathlib import Path

import pytest

from tests.bridges.helpers import until
from xw.actions.launching.beside import Beside
from xw.actions.planning import Plan
from xw.instance import Options

WORSE = "mail goes in by tmux; not by codex: it has no turn yet"
BETTER = "mail goes in by codex"


def test_a_process_that_is_not_wanted_yet(tmp_path: Path) -> None:
    """It starts once it is: a sync waits for the end of another one, which serves the mailbox until then."""
    here, wanted = tmp_path / "log", False
    one = Beside(str(tmp_path), here.name, ["sh", "-c", "echo began; exec sleep 1000"], lambda: wanted)
    one.tend()
    assert not here.exists()
    wanted = True
    one.tend()
    until(lambda: here.read_text() == "began\n")
    one.close()


def test_one_sync_for_launched_agents(tmp_path: Path) -> None:
    """Each launch syncs its own agent: the small pane does not, and `xw up` does."""
    config = tmp_path / "xw.json"
    config.write_text('{"format": 1, "hub": "ssh://nobody@nowhere.invalid/hub", "instances": {"bob": {}}}')
    options = Options(None, None, str(config))
    plans = [Plan(options, ["bob"], print, launched=launched) for launched in (False, True)]
    assert [[program.name for program in plan.look(())] for plan in plans] == [["sync"], []]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (["routine: ready", WORSE, BETTER, "routine: answered x"], []),
        ([WORSE, BETTER, WORSE, "cannot write"], [WORSE, "cannot write"]),
        ([], []),
    ],
)
def test_the_way_that_held_at_the_end(tmp_path: Path, said: list[str], shown: list[str]) -> None:
    """A person reads why no better way was in use at the end, and nothing of ways that passed."""
    (tmp_path / "log").write_text("".join(f"xw bridge bob: {line}\n" for line in said))
    assert Beside(str(tmp_path), "log", []).important == shown
