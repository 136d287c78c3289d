"""Panes with real shells, REPLs and wrappers in them, where mail must not be typed."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.bridges.helpers import HERE, until
from tests.idle import tree
from xw.bridges.panes import Tmux

BASH = "bash --norc --noprofile"


def program(folder: Path, name: str) -> Path:
    """Return the test's chat program in a file of this name, as an agent program is installed."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!{sys.executable}\n" + HERE.joinpath("fake_agent.py").read_text("utf-8"), "utf-8")
    path.chmod(0o755)
    return path


class Pane:
    """A pane in which a person works; `keys` types a line and presses Enter."""

    def __init__(self, server: str, command: str, columns: int = 100, rows: int = 30) -> None:
        self.server = server
        self.tmux = Tmux(server)
        size = ["-x", str(columns), "-y", str(rows)]
        form = ["-P", "-F", "#{pane_id}"]
        self.id = self.tmux.run("-f", "/dev/null", "new-session", "-d", *form, *size, command).strip()

    @property
    def rows(self) -> list[str]:
        return [row for row in self.tmux.look(self.id).rows if row.strip()]

    @property
    def program(self) -> str:
        return self.tmux.look(self.id).program

    def keys(self, line: str) -> None:
        self.tmux.run("send-keys", "-t", self.id, "-l", line)
        self.tmux.press(self.id, "Enter")

    def shows(self, end: str) -> None:
        """Wait until the last row that is not blank ends so."""
        until(lambda: (rows := self.rows) and rows[-1].endswith(end))

    def prompts(self, prompt: str) -> None:
        """Give the shell this prompt, and nothing else on the screen."""
        self.keys(f"PS1={shlex.quote(prompt)}; clear")
        until(lambda: self.rows == [prompt.rstrip()])

    def close(self) -> None:
        """Close the pane, if it is there still, and end all that runs in it."""
        shown = self._tmux("display-message", "-p", "-t", self.id, "#{pane_pid}").strip()
        within = tree(int(shown)) if shown.isdigit() else []
        self._tmux("kill-pane", "-t", self.id)
        for process in within:  # a shell with a terminal of its own outlives the pane
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", self.server, *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout


@contextmanager
def pane(server: str, command: str, **size: int) -> Iterator[Pane]:
    """Yield a pane that is closed afterwards."""
    opened = Pane(server, command, **size)
    try:
        yield opened
    finally:
        opened.close()
