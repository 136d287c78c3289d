"""An agent program in its terminal interface: a pane of a tmux server of its own, behind bob's bridge."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.agents.model import Model
from tests.agents.programs import PROGRAMS
from tests.agents.stage import Stage
from tests.bridges.helpers import until
from xw.bridges.chat import ChatGone
from xw.bridges.described import changes
from xw.bridges.panes import Tmux, list_panes
from xw.bridges.profiles import GENERIC, PROFILES
from xw.bridges.screen import not_ready

START_S = 400.0
_CLEAN = ("sh", "-c", 'exec env -i TMUX="$TMUX" TMUX_PANE="$TMUX_PANE" "$@"', "sh")
"""Gives a command only the variables that follow and tmux's own: some programs look different inside tmux."""


class Terminal(Stage):
    """The program's name is its profile's too, if it has one."""

    def __init__(self, name: str, home: Path, model: Model, rules: bool = True) -> None:
        super().__init__(home, model, name, rules=rules)
        self.server = str(home / "tmux")
        self.tmux = Tmux(self.server)
        self.pane = ""
        self.options = PROGRAMS[name].options
        described = changes(dict(option.split("=", 1) for option in self.options))
        self.profile = PROFILES.get(name, GENERIC)._replace(**described)

    def open(self, *command: str, **more: str) -> None:
        """Start a command in a pane, with these variables too, and wait until it is idle."""
        self.window(*command, XW_NAME="bob", **more)
        self.waits_for(None)

    def window(self, *command: str, **more: str) -> None:
        """Start a command in a pane of 120 by 40, with these variables too."""
        variables = [f"{key}={value}" for key, value in {**self.environ, **more}.items()]
        size = ["-x", "120", "-y", "40", "-c", str(self.work)]
        new = ["-f", "/dev/null", "new-session", "-d", "-P", "-F", "#{pane_id}", *size]
        self.pane = self.tmux.run(*new, *_CLEAN, *variables, *command).strip()

    def start(self) -> None:
        """Start the program in its pane, and bridge to it."""
        self.open(*PROGRAMS[self.name].terminal)
        target = self.pane if self.options else self.name
        options = [f"--option={option}" for option in (f"server={self.server}", *self.options)]
        self.bridge("tmux", "--target", target, *options)

    def end(self) -> None:
        """End the bridge, the program and its tmux."""
        self.stop()
        with suppress(ChatGone):  # where the program has ended, and tmux with it
            self.tmux.run("kill-server")

    def waits_for(self, reason: str | None) -> None:
        """Wait until the program is idle, or not ready for a reason that begins so."""
        self.until(lambda: (self.reason() or "idle").startswith(reason or "idle"))

    def reason(self) -> str | None:
        """Why the program takes no text now."""
        return not_ready(self.tmux.look(self.pane), self.profile)

    def found(self) -> tuple[str, str]:
        """Return the program and its state, as `xw bridge tmux --list` shows it."""
        return next((one.program, one.state) for one in list_panes(self.server) if one.target == self.pane)

    def press(self, *keys: str) -> None:
        """Press keys, as a person does."""
        self.tmux.run("send-keys", "-t", self.pane, *keys)

    def prompt(self, text: str) -> None:
        """Type a prompt and submit it, as a person does."""
        self.waits_for(None)
        self.press("-l", text)
        self.waits_for("no empty input")
        time.sleep(self.profile.pause_s)
        while (self.reason() or "").startswith("no empty input"):
            self.press("Enter")  # a slow program may take the first one for a part of the text
            with suppress(AssertionError):
                until(lambda: not (self.reason() or "").startswith("no empty input"), 10)

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition; a failure shows the screen."""
        try:
            until(condition, START_S)
        except AssertionError:
            raise AssertionError(f"{self.reason()}:\n" + "\n".join(self.tmux.look(self.pane).rows)) from None
