"""The process beside a launched program: its bridge, or where no way leads in, only its sign of life.

`Beside` is the side of `xw launch`, which starts it and reads its log. `attend` is the process itself. The
pipe between them has no content: `launch` holds its other end, so its death, by whatever signal, ends the
pipe at once, and this process ends the program, removes the run directory and the presence, and goes too.
"""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from xw import presence, processes, runs
from xw.actions import bridging
from xw.actions.launching.title import unlabel
from xw.actions.supervising import PARENT
from xw.backoff import Pause
from xw.bridges.best import WAY, WORSE
from xw.bridges.chat import Routine, Unusable
from xw.bridges.loop import Tell
from xw.bridges.serve import BEAT_S, Plan, Stop
from xw.errors import Usage, XwError
from xw.instance import Instance
from xw.presence import Doing
from xw.runs import RunNote

_ROUTINE = "routine: "  # before such a line in the log
_SHOWN = 5  # important lines at the end
_FIRST_S, _LAST_S, _STEADY_S = 0.5, 30.0, 60.0


class Beside:
    """A process beside a program, started again if it dies; its output goes to a log in the run directory."""

    def __init__(
        self, folder: str, log: str, argv: Sequence[str], wanted: Callable[[], bool] = lambda: True
    ) -> None:
        self._log = f"{folder}/{log}"
        self._argv = argv
        self._wanted = wanted
        self._process: subprocess.Popen[bytes] | None = None
        self._pause = Pause(_FIRST_S, _LAST_S, 2.0)
        self._due = self._started = 0.0
        self._hopeless = False

    def tend(self) -> None:
        """Start it if it does not run and is `wanted`."""
        now = time.monotonic()
        if self._process is not None and self._process.poll() is not None:
            self._hopeless = self._process.returncode == Usage.code
            if now - self._started >= _STEADY_S:
                self._pause.reset()
            self._due = now + self._pause.longer()
            self._drop()
        if self._process is None and not self._hopeless and now >= self._due and self._wanted():
            self._start(now)

    def _start(self, now: float) -> None:
        # A sync ends with the process that this names; a bridge with its pipe, the sooner of both.
        environ = {**os.environ, PARENT: str(os.getpid())}
        with open(self._log, "ab", opener=_private) as log:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environ,
                start_new_session=True,
            )
        self._started = now

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(2 * runs.GRACE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._drop()

    @property
    def important(self) -> list[str]:
        """The last lines of its log that a person should read, each once."""
        said = ""
        with suppress(OSError):
            said = Path(self._log).read_text("utf-8", "replace")
        lines = [_text(line) for line in said.splitlines()]
        ways = [line for line in lines if line.startswith(WAY)]
        passed = {*ways} - {line for line in ways[-1:] if WORSE in line}  # only the last way matters now
        shown = [line for line in lines if line and not line.startswith(_ROUTINE) and line not in passed]
        return list(dict.fromkeys(shown))[-_SHOWN:]

    def _drop(self) -> None:
        if self._process is not None and self._process.stdin:
            self._process.stdin.close()
        self._process = None


def _text(line: str) -> str:
    """Return a line of the log without its beginning: `xw bridge alice: ready`."""
    return line.partition(": ")[2].strip() or line.strip()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def attend(instance: Instance, plan: Plan, folder: str, tell: Tell) -> None:
    """Serve a launched program until its `xw launch` ends. Raise NotFound if none runs it."""
    note = runs.read(folder)
    launcher = runs.launcher(folder)
    log = _marking(tell)

    def orphaned() -> bool:
        if processes.lives(launcher):
            return False
        runs.hang_up(note.process)  # before the bridge settles what it has shown
        return True

    stop = Stop(orphaned)
    stop.on_signals()
    Thread(target=_follow, args=(stop, note), daemon=True).start()
    try:
        if note.ways:
            with suppress(Unusable):  # `BestChat` has told why
                bridging.run(instance, plan, stop, log, patient=True)
        if not stop.asked():
            _show_alive(instance, note, stop, tell)
    finally:
        if not processes.lives(launcher):
            tell("xw launch was killed: its program is ended, too")
            unlabel(folder)
            runs.clear(folder)
            with suppress(XwError, OSError):
                runs.unpoint(instance.mailbox)
                presence.end(instance.mailbox)
                instance.carrier.refresh(runs.GRACE_S, even_watched=True, mail=False)


def _marking(tell: Tell) -> Tell:
    """Return a function that marks routine lines for `Beside.important`."""
    return lambda line: tell(f"{_ROUTINE}{line}" if isinstance(line, Routine) else line)


def _follow(stop: Stop, note: RunNote) -> None:
    """End the program, unless it has ended, and stop once the pipe on standard input ends."""
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    runs.hang_up(note.process)
    stop.ask()


def _show_alive(instance: Instance, note: RunNote, stop: Stop, tell: Tell) -> None:
    """Show that the program runs, and when it sees mail, where no bridge can."""
    kind, when = ("launch", "when it runs `xw check`")
    if note.hooks:
        kind, when = ("hooks", "when a turn starts or ends")
    doing, woken, told = Doing("alive", note=f"sees mail {when}"), Event(), ""
    stop.wakes(woken.set)
    while not stop.asked():
        try:
            presence.beat(instance.mailbox, kind, doing)
        except (XwError, OSError) as error:
            if str(error) != told:
                tell(f"cannot write the heartbeat: {error}")
            told = str(error)
        woken.wait(BEAT_S)
