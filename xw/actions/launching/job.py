"""A program in the foreground of the person's terminal, as a shell runs a job: for `xw launch`.

The program leads a process group that has the terminal, so ^C, ^Z and a new window size reach it alone. If it
stops, this process gives the terminal back and stops too, with the script or pipe that it is part of, and the
person's shell sees one stopped job; `fg` continues all. Without a
terminal, the program gets the signals that this process passes on.
"""

import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from xw import runs
from xw.errors import NotFound

_DEFAULTS = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCHLD)
_AGAIN_S = 0.5
_SOUND = "\x1b[?25h\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l"
"""What a killed program leaves switched on: no cursor, bracketed paste, reports of the mouse."""


class Job:
    """One program, started at once. Raise NotFound if the system cannot run it."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], cwd: str) -> None:
        self.pid = 0
        self._terminal = _terminal()
        self._modes = self._own = self._modes_in_front(os.getpgrp())
        self._late = 0.0
        # Else this process would stop when it takes the terminal back from the background.
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            self._process = subprocess.Popen(
                argv, env=environ, cwd=cwd, preexec_fn=self._lead, close_fds=True
            )
        except OSError as error:
            self._take()
            raise NotFound(f"{argv[0]}: {error.strerror}: it was not started") from None
        self.pid = self._process.pid

    def _lead(self) -> None:
        """Lead an own process group, in front, before the program reads or writes anything."""
        os.setpgid(0, 0)
        if self._terminal is not None and os.tcgetpgrp(self._terminal) == os.getpgid(os.getppid()):
            os.tcsetpgrp(self._terminal, os.getpid())
        for number in _DEFAULTS:
            signal.signal(number, signal.SIG_DFL)

    def ended(self) -> int | None:
        """Return the program's exit code, 128 + n for a signal, None while it runs; follow its stops."""
        if self._late and time.monotonic() > self._late:
            self._late = 0.0
            self._signal(signal.SIGKILL)
        while True:
            try:
                found, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:  # somebody else has reaped it
                return 1
            if not found:
                return None
            if not os.WIFSTOPPED(status):
                break
            self._stop()
        self._process.returncode = 0  # reaped here: Popen must not wait for it
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code

    def signal(self, number: int) -> None:
        """Pass a signal on to the program and its group; one that is to end it ends it after a time."""
        self._signal(number)
        if number in (signal.SIGTERM, signal.SIGHUP) and not self._late:
            self._signal(signal.SIGCONT)
            self._late = time.monotonic() + 2 * runs.GRACE_S

    def close(self, code: int) -> None:
        """Take the terminal back as it was, and end what the program left in its process group."""
        self._take()
        if self._is_in_front(os.getpgrp()):  # else it is another job's now
            self._set_modes(self._modes)
            if code > 128 and sys.stdout.isatty():
                sys.stdout.write(_SOUND)
                sys.stdout.flush()
        runs.end_group(self.pid)
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _stop(self) -> None:
        """Stop with the program; once continued, continue it, in front if this process is."""
        self._own, began = self._modes_in_front(self.pid) or self._own, time.monotonic()
        self._take()
        # As the terminal would: a script or pipe around this process must stop too, or nobody gets a prompt.
        # Where no shell could continue them, the system ignores this, and the program goes on at once.
        os.killpg(os.getpgrp(), signal.SIGTSTP)
        if self._is_in_front(os.getpgrp()):
            with suppress(OSError):
                os.tcsetpgrp(self._terminal or 0, self.pid)
            self._set_modes(self._own)
        elif time.monotonic() - began < _AGAIN_S:
            time.sleep(_AGAIN_S)  # it wants the terminal, which another job has, and would stop again at once
        self._signal(signal.SIGCONT)

    def _take(self) -> None:
        """Take the terminal back, unless another job has it."""
        if self._terminal is not None:
            with suppress(OSError):
                front = os.tcgetpgrp(self._terminal)
                if front == self.pid or not _exists(front):
                    os.tcsetpgrp(self._terminal, os.getpgrp())

    def _is_in_front(self, group: int) -> bool:
        try:
            return self._terminal is not None and os.tcgetpgrp(self._terminal) == group
        except OSError:
            return False

    def _modes_in_front(self, group: int) -> list[Any] | None:
        """Return the terminal's modes while a process group has it; another job's modes are none of ours."""
        if self._terminal is None or not self._is_in_front(group):
            return None
        with suppress(termios.error):
            return termios.tcgetattr(self._terminal)
        return None

    def _set_modes(self, modes: list[Any] | None) -> None:
        if self._terminal is not None and modes is not None:
            with suppress(OSError, termios.error):
                termios.tcsetattr(self._terminal, termios.TCSADRAIN, modes)


def _terminal() -> int | None:
    """Return a handle of this process's terminal, or None."""
    try:
        return os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
