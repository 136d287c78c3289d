"""Bridges and `xw up` as real processes, with what they report in a file."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.cli.team import PATIENCE, Team, until

XW = (sys.executable, "-P", "-m", "xw")

RUNNING: "list[Running]" = []
"""The processes of the current test, ended with it."""


class Running:
    """A command of `xw` that runs until it is ended; its reports go to a file of its own."""

    def __init__(self, team: Team, by: str, *arguments: str) -> None:
        self._reports = team.folder / f"reports-{os.urandom(4).hex()}"
        with self._reports.open("wb") as reports:
            self.process = subprocess.Popen(
                [*XW, *arguments],
                cwd=team.folder,
                env={**os.environ, "XW_NAME": by},
                stdin=subprocess.DEVNULL,
                stdout=reports,
                stderr=reports,
                start_new_session=True,
            )
        RUNNING.append(self)

    @property
    def said(self) -> str:
        """All that it has reported."""
        return self._reports.read_text("utf-8")

    def says(self, text: str) -> None:
        """Return once it has reported this."""
        until(lambda: text in self.said or self._dead())
        assert text in self.said, self.said

    def kill(self) -> None:
        """kill -9, to the process alone."""
        self.process.kill()
        self.process.wait()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def _dead(self) -> bool:
        return self.process.poll() is not None


def bridge(team: Team, by: str, kind: str, *arguments: str) -> Running:
    """Return a bridge that is ready."""
    running = Running(team, by, "bridge", kind, *arguments)
    running.says("ready")
    return running


def script(folder: Path, text: str) -> str:
    """Write a shell program; return its path."""
    path = folder / f"program-{os.urandom(4).hex()}"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)
