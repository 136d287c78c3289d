"""A signal during a long step ends the bridge at once, and the next bridge continues.

Each of the three signals ends one of the three steps; for the interrupted code they are the same.
"""

import signal
import sys
import time
from pathlib import Path

import pytest

from tests.bridges.helpers import HERE
from tests.bridges.wibwob_server import WibWob
from tests.cli.team import Team, until
from tests.loop.processes import Running, bridge
from tests.loop.test_up import others, tagged
from xw.bridges import acp_agent, lines, socket
from xw.layout import WHY

__all__ = ["tagged"]


def ends_at_once(running: Running, uncut_s: float, number: int) -> None:
    """Send the signal, and see that it is obeyed long before `uncut_s`: in two seconds, on a fast machine."""
    began = time.monotonic()
    assert running.end(number) == 0, running.said
    assert time.monotonic() - began < 0.8 * uncut_s, running.said


@pytest.mark.long
def test_while_an_agent_starts(team: Team, tagged: str) -> None:
    """An ACP agent that never says a word is ended with its bridge; the mail goes to the next one."""
    running = bridge(team, "bob", "acp", "--", "sleep", "1000")
    sent = team.send("what is up?", kind="question")
    until(lambda: len(others(tagged)) == 2)
    ends_at_once(running, acp_agent.START_S, signal.SIGINT)
    assert not others(tagged)
    bridge(team, "bob", "acp", "--", sys.executable, str(HERE / "acp_agent.py"))
    until(lambda: any(sent in name for name in team.names("bob", "inbox/done")))
    assert len(team.names("alice", "inbox/pending")) == 1


def _dead_letters(team: Team) -> list[str]:
    """Return the failed messages; each has its note before it appears."""
    return [name for name in team.names("bob", "inbox/failed") if not name.endswith(WHY)]


def test_while_a_long_text_goes_in(team: Team, tmp_path: Path) -> None:
    """Between two parts of a text that a silent chat does not take: the message fails as uncertain."""
    server = WibWob(tmp_path / "chat.sock")
    server.auto = False
    try:
        running = bridge(team, "bob", "socket", "--target", str(server.path))
        team.send("long " * 1000, kind="question")
        until(lambda: server.messages)
        ends_at_once(running, socket.PART_S, signal.SIGHUP)
        server.say("go on")
        server.finish()
        bridge(team, "bob", "socket", "--target", str(server.path))
        until(lambda: _dead_letters(team))
    finally:
        server.stop()
    assert [one["kind"] for one in team.json("check", "--failed", by="bob")["dead_letters"]] == ["uncertain"]
    assert len(server.messages) == 2, "the text was not shown again"


def test_while_a_program_does_not_read(team: Team, tagged: str) -> None:
    """A text stuck in a pipe is uncertain, and the program that did not read it is ended."""
    running = bridge(team, "bob", "command", "--option", "lines=yes", "--", "sleep", "1000")
    team.send("x" * 200_000, kind="question")
    until(lambda: len(others(tagged)) == 2)
    until(lambda: "presenting" in "".join(map(Path.read_text, _turns(team))))
    ends_at_once(running, lines.PIPE_S, signal.SIGTERM)
    assert not others(tagged)
    bridge(team, "bob", "command", "--", "cat")
    until(lambda: _dead_letters(team))
    assert [one["kind"] for one in team.json("check", "--failed", by="bob")["dead_letters"]] == ["uncertain"]


def _turns(team: Team) -> list[Path]:
    return list((team.box("bob") / "inbox/processing").glob("*.turn.json"))
