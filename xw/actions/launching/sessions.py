"""The tmux session in which a launched program runs, for a person who has lost sight of it."""

import os
import re
from contextlib import suppress
from shlex import join, quote
from typing import NamedTuple

from xw.bridges.panes import Tmux
from xw.errors import XwError
from xw.runs import RunNote


class Session(NamedTuple):
    """A session of tmux, and its server's socket; `whole` is True if xw started all of its panes."""

    name: str
    server: str
    whole: bool

    def call(self, command: str) -> str:
        """Return a command line of tmux for this session."""
        server = [] if os.path.basename(self.server) == "default" else ["-S", self.server]
        # `quote` would also quote letters outside ASCII.
        name = self.name if re.fullmatch(r"[\w-]+", self.name) else quote(self.name)
        return f"{join(['tmux', *server, command, '-t'])} {name}"


def session_of(note: RunNote) -> Session | None:
    """Return the session of a run's pane; None if it runs in none."""
    if note.pane:
        with suppress(XwError):  # the pane closes just now
            tmux = Tmux(note.server)
            name = tmux.run("display-message", "-p", "-t", note.pane, "#{session_name}").strip()
            labels = tmux.run("list-panes", "-s", "-t", f"={name}:", "-F", "#{@xw}").split("\n")[:-1]
            return Session(name, note.server, all(labels))
    return None
