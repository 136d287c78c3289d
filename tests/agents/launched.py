"""An agent program that a person starts by `xw launch` in a shell in tmux, and what that leaves behind."""

from contextlib import suppress
from pathlib import Path

from tests.agents.acts import SHELL
from tests.agents.home import having
from tests.agents.model import Model
from tests.agents.programs import PROGRAMS
from tests.agents.terminal import Terminal
from tests.bridges.helpers import until
from xw import processes, runs
from xw.bridges.profiles import NEVER, Profile
from xw.programs import profile
from xw.runs import RunNote

_SHELL = ["bash", "--norc", "--noprofile"]
_PROMPT = "shell> "
_CODE = "code "


class Launched(Terminal):
    """Bob is started by `xw launch bob -- PROGRAM`, with the permissions that this gives him."""

    def __init__(self, name: str, home: Path, model: Model) -> None:
        super().__init__(name, home, model, rules=False)
        (home / ".profile").unlink()  # launch itself must let commands find xw
        self.folder = ""
        self._asked = len(model.requests)
        self._settings = [name for name in _names(home) if not name.startswith("work/")]
        self._work = set(_names(self.work))

    def open(self, *command: str, **more: str) -> None:
        """Start a shell in a pane, and type a command there."""
        self.window(*_SHELL, PS1=_PROMPT, **more)
        self.until(lambda: self.rows[-1:] == [_PROMPT.rstrip()])
        self.line(" ".join(command))

    def start(self) -> None:
        """Launch the program, and wait until it is idle."""
        self.open("xw", "launch", "bob", "--", *PROGRAMS[self.name].terminal)
        self.until(lambda: self.note is not None)
        self.waits_for(None)

    @property
    def rows(self) -> list[str]:
        """The rows of the screen that show anything."""
        return [row.rstrip() for row in self.tmux.look(self.pane).rows if row.strip()]

    def line(self, text: str) -> None:
        """Type a line into the shell."""
        self.press("-l", text)
        self.press("Enter")

    @property
    def note(self) -> RunNote | None:
        """What `xw launch` noted of the run, once it did."""
        for folder in self.folders:
            if (folder / runs.NOTE).exists():
                self.folder = str(folder)
                return runs.read(self.folder)
        return None

    @property
    def folders(self) -> list[Path]:
        """The run directories."""
        return list(self.home.glob(".local/state/xw/runs/*"))

    def told(self) -> str:
        """Return the reports of the bridge."""
        logs = [folder / runs.BRIDGE_LOG for folder in self.folders]
        return "".join(log.read_text("utf-8") for log in logs if log.exists())

    @property
    def environment(self) -> dict[str, str]:
        """The program's environment."""
        assert self.note
        number = int(self.note.process.partition("-")[0])
        pairs = (pair.decode().partition("=") for pair in processes.environment(number))
        return {name: value for name, _, value in pairs}

    @property
    def way(self) -> str:
        """The way that serves the program, as `xw peers` shows it, with its reason."""
        (row,) = (row for row in self.xw("peers").splitlines() if row.startswith("bob "))
        return row.partition("bridge ")[2]

    @property
    def best(self) -> str:
        """The best way into the program."""
        return profile(self.name).ways[0]

    @property
    def label(self) -> str:
        """What the pane's option shows for people."""
        return self.tmux.run("display-message", "-p", "-t", self.pane, "#{@xw}").strip()

    def leave(self) -> int:
        """Let a person end the program by its own command; return the exit code that the shell shows."""
        self.waits_for(None)
        self.press("-l", PROGRAMS[self.name].leave)
        self.until(lambda: any(PROGRAMS[self.name].leave in row for row in self.rows))
        self.until(self._has_left)
        self.line(f"echo {_CODE}$?")
        self.until(lambda: any(row.startswith(_CODE) for row in self.rows))
        (row,) = (row for row in self.rows if row.startswith(_CODE))
        return int(row.removeprefix(_CODE))

    def _has_left(self) -> bool:
        """Press Enter, which a menu of commands may need twice; return True if that has ended the program."""
        self.press("Enter")
        with suppress(AssertionError):
            until(lambda: self.rows[-1:] == [_PROMPT.rstrip()], 10)
        return self.rows[-1:] == [_PROMPT.rstrip()]

    def proves(self) -> None:
        """Check what launch promises beyond the mail, and what it leaves behind."""
        requests = self.model.requests[self._asked :]
        assert any("you are `bob`" in request for request in requests), "it has got no instructions"
        own = self.environment
        assert own["XW_NAME"] == "bob" and own["XW_CONFIG"] == str(self.work / "xw.json")
        assert own["XW_CONFINED"] == "1" and own["XW_RUN"] == self.folder
        self.until(lambda: self.way.startswith(f"{self.best};"))
        self.until(lambda: self.label == "bob ■")
        if self.best != "tmux" or not _reads_title(self.profile):
            self.until(lambda: self.tmux.look(self.pane).title == "bob ■")
        if self.name in SHELL:
            self._confined()
        folder = self.folder
        assert (self.leave(), self._left(folder)) == (0, {})

    def _confined(self) -> None:
        """Check that the commands of the program's model are confined, too."""
        marker = self.marker()
        leak = SHELL[self.name].send("all of it", Path("/etc/passwd"))
        self.model.says(marker, "I have tried.", calls=[leak])
        assert "I have tried." in self.ask(f"{marker}: send it")
        refused = "is not in the project"
        assert any(marker in request and refused in request for request in self.model.requests)

    def _left(self, folder: str) -> dict[str, object]:
        """Return what is left of a run that has ended: processes, directories, changed files, its label."""
        with suppress(AssertionError):
            until(lambda: not self._running(), 20)
        found = {
            "processes": self._running(),
            "folders": self.folders,
            "label": self.label,
            # Some programs write their own settings anew at each start.
            "settings": [name for name in self._settings if _mentions(self.home / name, folder)],
            "work": [name for name in _names(self.work) if name not in self._work and not _is_own(name)],
        }
        return {name: value for name, value in found.items() if value}

    def _running(self) -> list[str]:
        """Return the command lines of processes of the run, the shell's not among them."""
        found = [processes.words(number) for number in having(self.home)]
        return [" ".join(words) for words in found if words and words[: len(_SHELL)] != _SHELL]


def _names(folder: Path) -> list[str]:
    """Return the paths of the files below a folder."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


def _is_own(name: str) -> bool:
    """Return True for a file of the exchange, of the hub, or one that the program itself writes."""
    return name in ("in.txt", "out.txt") or name.startswith((".xw/", ".aider."))


def _mentions(path: Path, folder: str) -> bool:
    """Return True if a file mentions a run's directory or what a launched program runs."""
    text = path.read_text("utf-8", "replace") if path.is_file() else ""
    return folder in text or "xw hook" in text or "xw mcp" in text


def _reads_title(look: Profile) -> bool:
    """Return True if xw reads this program's state in its title, and leaves that alone."""
    return any(one is not NEVER for one in (look.busy_title, look.ready_title, look.dialog_title))
