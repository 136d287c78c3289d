"""The process of an agent program, as far as it tells whose it is. For the native chats; it needs `/proc`.

Only processes of the same user count: another one may give a process any name and any open file, and root
would run that user's program.
"""

import os
from pathlib import Path
from typing import NamedTuple

from xw import layout, processes


class AgentProcess(NamedTuple):
    """A process: its number, its start in ticks, its directory, and the `XW_…` of its start."""

    number: int
    started: str
    directory: str = ""
    name: str = ""
    run: str = ""
    config: str = ""

    @property
    def began(self) -> float:
        """Return when it started, by the clock of now."""
        return processes.began(self.started)

    @property
    def mark(self) -> str:
        """Return it as `PID-START`."""
        return f"{self.number}-{self.started}"

    @property
    def lives(self) -> bool:
        """Return True while it runs."""
        return processes.lives(self.mark)

    def is_of_run(self, run: str) -> bool:
        """Return True if the `xw launch` with this run directory started it."""
        return bool(run) and self.run == run

    def is_own(self, instance: str, run: str) -> bool:
        """Return True if it is this instance's, and here: other projects may use the same name."""
        if self.name != instance:
            return False
        if self.is_of_run(run) or (self.config and self.config == os.environ.get("XW_CONFIG")):
            return True
        return Path(self.directory).is_relative_to(os.getcwd())


def name_of(number: int) -> str:
    """Return the `XW_NAME` that a process was started with; empty if it is no name, or nobody tells."""
    found = processes.variables(number).get("XW_NAME", "")
    return found if layout.is_name(found) else ""


def look(number: int) -> AgentProcess | None:
    """Return a process; None if it has ended, or is another user's."""
    about = processes.status(number)
    if about is None or processes.owner(number) != os.geteuid():
        return None
    environ = processes.variables(number)
    values = [environ.get(name, "") for name in ("XW_NAME", "XW_RUN", "XW_CONFIG")]
    return AgentProcess(number, about.started, processes.link(number, "cwd"), *values)
