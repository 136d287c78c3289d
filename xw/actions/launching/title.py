"""The title of the terminal in which `xw launch` runs a program: `alice ■ 2`.

In tmux it is the pane's title and its option `@xw`, set through tmux; elsewhere the title of the terminal. A
program that shows its own state in its title keeps it while xw reads it there (`may_replace`).
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from xw import runs
from xw.bridges.panes import Tmux
from xw.errors import NotFound, XwError
from xw.runs import RunNote

SIGNS = {"busy": "▶", "blocked": "!", "waits": "…"}
IDLE = "■"
LOOK_S = 5.0
"""Time between two looks whether the program has replaced the title."""
OPTION = "@xw"
_TITLED = (
    "xterm",
    "screen",
    "tmux",
    "rxvt",
    "alacritty",
    "foot",
    "wezterm",
    "kitty",
    "konsole",
    "st-",
    "vte",
)
"""How the TERM of a terminal with a title begins."""


class Title:
    """The title; restored by `close`."""

    def __init__(
        self,
        note: RunNote,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._note = note
        self._tmux = Tmux(note.server) if note.pane else None
        self._pane = note.pane
        self._plain = not note.pane and sys.stdout.isatty() and environ.get("TERM", "").startswith(_TITLED)
        self._shown = ("", False)
        self._begun = False
        self._clock = clock
        self._due = 0.0

    def show(self, text: str, may_replace: Callable[[], bool] = lambda: True) -> None:
        """Show this title, unless it is shown already; again if the program has put its own there."""
        if not (self._tmux or self._plain):
            return
        wanted = (text, self._plain or may_replace())
        if wanted == self._shown and not self._is_replaced():
            return
        self._shown = wanted
        if self._tmux:
            with suppress(XwError):  # the pane is gone: the terminal's own end is near
                act = ["set-option", "-p", "-t", self._pane, OPTION, text]
                more = [";", "select-pane", "-t", self._pane, "-T", text] if wanted[1] else []
                self._tmux.run(*act, *more)
        elif not self._begun:
            self._begun = True
            self._write(f"\x1b[22;2t\x1b]2;{text}\x07")
        else:
            self._write(f"\x1b]2;{text}\x07")

    def _is_replaced(self) -> bool:
        """Return True if the pane has another title now; looks only from time to time."""
        text, ours = self._shown
        if not (self._tmux and ours) or self._clock() < self._due:
            return False
        self._due = self._clock() + LOOK_S
        return of_pane(self._pane, self._note.server) not in (text, "")

    def close(self) -> None:
        """Restore what was there before."""
        if self._tmux and self._shown[0]:
            _unlabel(self._note)
        elif self._begun:
            self._write("\x1b[23;2t")

    def _write(self, sequence: str) -> None:
        with suppress(OSError):  # nobody sees it any more
            sys.stdout.write(sequence)
            sys.stdout.flush()


def of_pane(pane: str, server: str) -> str:
    """Return the title of a pane; empty for none."""
    if pane:
        with suppress(XwError):
            return Tmux(server).run("display-message", "-p", "-t", pane, "#{pane_title}").rstrip("\n")
    return ""


def unlabel(folder: str) -> None:
    """Restore the title of the pane of a run directory whose `xw launch` was killed."""
    with suppress(NotFound):
        _unlabel(runs.read(folder))


def _unlabel(note: RunNote) -> None:
    """Take a run's name away from its pane, unless the pane is another's by now."""
    if not note.pane:
        return
    tmux = Tmux(note.server)
    with suppress(XwError):  # the pane is gone
        option = tmux.run("display-message", "-p", "-t", note.pane, f"#{{{OPTION}}}").rstrip("\n")
        if option.startswith(f"{note.name} "):
            shown = of_pane(note.pane, note.server)
            tmux.run("set-option", "-p", "-u", "-t", note.pane, OPTION)
            if shown.startswith(f"{note.name} "):
                tmux.run("select-pane", "-t", note.pane, "-T", note.title.replace("#", "##"))
