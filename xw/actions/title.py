"""The title of the terminal in which `xw launch` runs a program: `alice ■ 2`.

In tmux it is the pane's title and its option `@xw`, set through tmux; elsewhere the title of the terminal. A
program that shows its own state in its title keeps it while xw reads it there (`may_replace`).
"""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

from xw.bridges.panes import Tmux
from xw.errors import XwError

SIGNS = {"busy": "▶", "blocked": "!", "waits": "…"}
IDLE = "■"
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

    def __init__(self, pane: str, server: str, environ: Mapping[str, str] = os.environ) -> None:
        self._tmux = Tmux(server) if pane else None
        self._pane = pane
        self._plain = not pane and sys.stdout.isatty() and environ.get("TERM", "").startswith(_TITLED)
        self._shown = ("", False)
        self._before: str | None = None

    def show(self, text: str, may_replace: Callable[[], bool] = lambda: True) -> None:
        """Show this title, unless it is shown already."""
        if not (self._tmux or self._plain):
            return
        wanted = (text, self._plain or may_replace())
        if wanted == self._shown:
            return
        self._shown = wanted
        if self._tmux:
            with suppress(XwError):  # the pane is gone: the terminal's own end is near
                if wanted[1] and self._before is None:
                    self._before = self._tmux.run(
                        "display-message", "-p", "-t", self._pane, "#{pane_title}"
                    ).rstrip("\n")
                act = ["set-option", "-p", "-t", self._pane, OPTION, text]
                more = [";", "select-pane", "-t", self._pane, "-T", text] if wanted[1] else []
                self._tmux.run(*act, *more)
        elif self._before is None:
            self._before = ""
            self._write(f"\x1b[22;2t\x1b]2;{text}\x07")
        else:
            self._write(f"\x1b]2;{text}\x07")

    def close(self) -> None:
        """Restore what was there before."""
        if self._tmux and self._shown[0]:
            with suppress(XwError):
                self._tmux.run("set-option", "-p", "-u", "-t", self._pane, OPTION)
                if self._before is not None:
                    before = self._before.replace("#", "##")
                    self._tmux.run("select-pane", "-t", self._pane, "-T", before)
        elif self._plain and self._before is not None:
            self._write("\x1b[23;2t")

    def _write(self, sequence: str) -> None:
        with suppress(OSError):  # nobody sees it any more
            sys.stdout.write(sequence)
            sys.stdout.flush()
