"""A window of tmux with a shell in it, in which a person starts agents by `xw launch`."""

import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path

from tests.bridges.helpers import until
from tests.bridges.panes import Pane
from tests.loop.test_up import processes_with

HERE = Path(__file__).parent
LINES = str(HERE / "line_program")
XW = (sys.executable, "-P", "-m", "xw")


class Window(Pane):
    """A pane with a shell; `keys` types a line and presses Enter."""

    def __init__(self, server: str, folder: Path, runtime: Path) -> None:
        names = ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XW_TEST_TAG")
        environ = [f"{name}={os.environ[name]}" for name in names]
        shell = shlex.join(["env", "-C", str(folder), *environ, "PS1=$ ", "bash", "--norc", "--noprofile"])
        super().__init__(server, shell, columns=150)
        self.runtime = runtime
        self.shows("$")

    def launch(self, *words: str, until_shown: str = ">") -> None:
        """Type a call of `xw launch`, and wait until the program shows this."""
        self.keys(shlex.join([*XW, "launch", *words]))
        self.shows(until_shown)

    def has(self, text: str) -> None:
        """Wait until the screen has this text."""
        until(lambda: any(text in row for row in self.rows))

    @property
    def folders(self) -> list[Path]:
        """The run directories."""
        return sorted(self.runtime.glob("xw/runs/*"))

    @property
    def processes(self) -> dict[int, str]:
        """The command lines of all processes that the test started, without the window's own shell."""
        found = {}
        for pid in processes_with(f"XW_TEST_TAG={self.runtime.parent}"):
            words = [""]
            with suppress(OSError):  # it has ended meanwhile
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            if words[0] and pid != os.getpid() and words[0] not in ("bash", "tmux"):
                found[pid] = " ".join(words)
        return found

    def number(self, part: str) -> int:
        """Return the only process whose command line has this part."""
        (pid,) = (pid for pid, line in self.processes.items() if part in line)
        return pid

    @property
    def title(self) -> str:
        return self.tmux.look(self.id).title
