"""The tmux window of launched agents: opened, shown, closed.

`xw.cli.in_pane` runs in each of its panes, and waits there for its order; see `panes`.
"""

import os
import re
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from xw.actions.launching.found import pane_here
from xw.bridges.panes import Tmux
from xw.errors import Refused, TimedOut, XwError

RUNNER = (sys.executable, "-P", "-m", "xw.cli.in_pane")
_KEEPER = "xw up"
_KEEPER_ROWS = "5"
_SIZE = (200, 50)  # of a session that nobody looks at yet
_DEFAULT = "default"  # the user's own server, whatever TMUX says


class Window(NamedTuple):
    """The window with the agents' panes and the keeper's, and the session if it is a new one."""

    tmux: Tmux
    session: str
    window: str
    panes: tuple[str, ...]
    keeper: str

    def close(self) -> None:
        """End every pane, and what runs in it."""
        with suppress(XwError):  # it has ended by itself
            self.tmux.run("kill-window", "-t", self.window)


def open_window(
    names: Sequence[str], folder: str, shown: bool, environ: Mapping[str, str], project: str
) -> Window:
    """Open the window, in a session named after the `project`; each pane in it waits for its order."""
    pane, server, _ = pane_here(environ)
    tmux, title = Tmux(server or _DEFAULT), "-".join(names)[:40]
    form = ["-P", "-F", "#{session_name} #{window_id} #{pane_id}"]
    runner = [*RUNNER, folder]
    if pane:
        session = tmux.run("display-message", "-p", "-t", pane, "#{session_id}").strip()
        quiet = [] if shown else ["-d"]
        made = tmux.run("new-window", *quiet, *form, "-t", f"{session}:", "-n", title, *runner)
    else:
        made = _new_session(tmux, project, [*form, "-n", title, *_size(shown), *runner])
    session, window, first = made.split()
    opened = Window(tmux, "" if pane else session, window, (first,), "")
    try:
        # A person's own settings must not keep a pane whose program has ended.
        tmux.run("set-window-option", "-t", window, "remain-on-exit", "off")
        tmux.run("set-window-option", "-t", window, "pane-border-status", "top")
        tmux.run("set-window-option", "-t", window, "pane-border-format", " #{?@xw,#{@xw},#{pane_title}} ")
        for _ in names[1:]:
            more = tmux.run("split-window", "-h", "-P", "-F", "#{pane_id}", "-t", window, *runner).strip()
            opened = opened._replace(panes=(*opened.panes, more))
            tmux.run("select-layout", "-t", window, "even-horizontal")  # room for the next one
        below = ["split-window", "-d", "-f", "-v", "-l", _KEEPER_ROWS, "-P", "-F", "#{pane_id}"]
        keeper = tmux.run(*below, "-t", window, *runner).strip()
        tmux.run("set-option", "-p", "-t", keeper, "@xw", _KEEPER, ";", "select-pane", "-t", first)
        return opened._replace(keeper=keeper)
    except XwError as error:
        opened.close()
        raise type(error)(f"{error}; nothing was started") from None


def _new_session(tmux: Tmux, project: str, words: Sequence[str]) -> str:
    """Make a session named after the project; with a number if others have the name."""
    base = re.sub(r"[^\w-]+", "-", os.path.basename(project)).strip("-") or "xw"
    for number in range(1, 1000):
        name = base if number == 1 else f"{base}-{number}"
        try:
            return tmux.run("new-session", "-d", "-s", name, *words)
        except XwError:
            if name not in tmux.run("list-sessions", "-F", "#{session_name}").splitlines():
                raise
    raise Refused(f"tmux has too many sessions named {base}: end some")


def _size(shown: bool) -> list[str]:
    columns, rows = _SIZE
    if shown and sys.stdout.isatty():
        with suppress(OSError):
            columns, rows = os.get_terminal_size(sys.stdout.fileno())
    return ["-x", str(columns), "-y", str(rows)]


def attach(session: str, panes: Collection[str], environ: Mapping[str, str] = os.environ) -> bool:
    """Show a session in this terminal until the person leaves it; return True if one of the panes is left."""
    kept = {name: value for name, value in environ.items() if name not in ("TMUX", "TMUX_PANE")}
    subprocess.run(
        ["tmux", "-u", "-L", _DEFAULT, "attach-session", "-t", f"={session}"], env=kept, check=False
    )
    return any(pane.pane in panes for pane in Tmux(_DEFAULT).panes())


def any_open(panes: Collection[str]) -> bool:
    """Return True if one of these panes is open, on the server of this process's terminal."""
    try:
        return any(pane.pane in panes for pane in Tmux().panes())
    except TimedOut:
        return True  # a busy machine
