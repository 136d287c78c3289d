"""ask on a hub on another host: answers, failures, and questions that nobody will answer."""

import os
from pathlib import Path

import pytest

from tests.cli.team import XW, ended, until
from tests.loop.processes import script
from tests.remote.conftest import Join
from xw.hub.contract import Located
from xw.mirror.mirror import Mirror


@pytest.mark.long
def test_a_question_that_is_done_there(join: Join, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that is done without an answer ends its ask; looking there costs few round trips."""
    alice, bob = join("alice"), join("bob")
    looks: list[str] = []
    locate = Mirror.locate

    def counted(hub: Mirror, to: str, name: str) -> Located | None:
        looks.append(to)
        return locate(hub, to, name)

    monkeypatch.setattr(Mirror, "locate", counted)
    bob.start("watch", "--exec", f'{XW} done "$XW_ID" && {XW} sync')
    result = alice.run("ask", "--to", "bob", "--timeout", "120", "well?")
    assert (result.code, result.out) == (1, "")
    assert "bob finished it without one" in result.err
    assert len(looks) <= 10  # each next one after half the time so far


def test_a_failure_from_another_host(join: Join, hub: Path, tmp_path: Path) -> None:
    """A bridge's failure on one machine ends an ask on another with exit 1."""
    alice, bob = join("alice"), join("bob")
    bob.start("bridge", "command", "--", script(tmp_path, "echo no credit >&2; exit 3"))
    bob.start("sync", "--watch")
    ask = alice.start("ask", "--to", "bob", "--timeout", "120", "well?")
    result = ended(ask)
    assert (result.code, result.out) == (1, "") and "no credit" in result.err


def test_no_look_while_the_question_waits(join: Join, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that is still in the outbox is not looked for on the hub."""
    alice = join("alice")
    join("bob")
    looks: list[object] = []
    monkeypatch.setattr(Mirror, "locate", lambda self, *args: looks.append(args))
    result = alice.run("ask", "--to", "bob", "--offline", "--timeout", "3", "well?")
    assert (result.code, result.out) == (4, "") and looks == []
    until(lambda: os.listdir(alice.mirror / "outbox/bob"))
