"""Tools for the tests of bridges: a chat program in a tmux of their own, and waiting for conditions."""

import json
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xw.bridges.panes import Tmux
from xw.bridges.profiles import CLAUDE, Profile
from xw.bridges.screen import empty_input
from xw.bridges.tmux import TmuxChat

HERE = Path(__file__).parent

FAKE = CLAUDE._replace(name="fake", pause_s=0.02, settle_s=0.2)
"""The test's chat program has Claude Code's look, and needs no pause."""


def until(condition: Callable[[], Any], limit_s: float = 60.0) -> Any:
    """Return the condition's first true value; fail the test if there is none in time."""
    deadline = time.monotonic() + limit_s
    while not (value := condition()):
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.01)
    return value


class Agent:
    """The test's chat program in a pane of a tmux server of the test's own."""

    def __init__(
        self, server: str, directory: Path, *options: str, columns: int = 100, rows: int = 30
    ) -> None:
        self.server = server
        self.log = directory / f"{uuid.uuid4().hex}.jsonl"
        self.tmux = Tmux(server)
        command = [sys.executable, str(HERE / "fake_agent.py"), "--log", str(self.log), *options]
        size = ["-x", str(columns), "-y", str(rows)]
        shown = self.tmux.run(
            "-f", "/dev/null", "new-session", "-d", "-P", "-F", "#{pane_id}", *size, *command
        )
        self.pane = shown.strip()

    def chat(self, profile: Profile | None = FAKE, **options: Any) -> TmuxChat:
        """Return a chat with this program, once it is ready."""
        if profile:
            until(lambda: empty_input(self.tmux.look(self.pane), profile))
        return TmuxChat(self.pane, profile=profile, server=self.server, **options)

    def records(self, kind: str) -> list[str]:
        """Return the program's records of one kind: submitted, executed, command, approved, key."""
        text = self.log.read_text("utf-8") if self.log.exists() else ""
        return [record[kind] for record in map(json.loads, text.splitlines()) if kind in record]
