"""The command chat: a process per message, for anything that reads stdin and writes an answer.

The text goes to the command's stdin, never into its arguments, where `ps`
shows it to everybody. Each message has a directory of its own under the
bridge's state, which is the mark; the command's output goes to files there, so
that an answer survives the bridge that asked for it:

    in         the text
    started    made by whoever comes first: the command, or a later bridge that forbids it to start
    out, err   the command's output
    pid        its process group
    code       its exit status, once it has ended

With `lines=yes` the command is started once and speaks JSON lines instead
(`lines.py`). Other options: `timeout` in seconds for an answer, `cwd`.
"""

import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from xw.bridges.chat import Chat, ChatFailed, ChatGone, Found, NotPresented, Reply
from xw.bridges.kinds import check_options, yes_or_no
from xw.bridges.lines import LinesChat
from xw.bridges.program import Program, locked, own_state, program_of
from xw.bridges.provider_errors import error_in
from xw.errors import TimedOut

OUTPUT_LIMIT = 1024 * 1024
"""An answer must fit into a message; what is longer is cut, and said to be."""

# `set -C` makes `>` fail where the file exists: the command starts only if nobody forbade it.
# The lock that is this shell's stdin ends with it, and says that it lives: a pid alone may be another's.
_RUN = """
d=$1; shift
set -C; : 2>/dev/null >"$d/started" || exit 0; set +C
echo $$ >"$d/pid"
"$@" <"$d/in" >"$d/out" 2>"$d/err"
echo $? >"$d/code.new"; mv "$d/code.new" "$d/code"
"""


class CommandChat:
    """Runs the program once per text. `state` must outlive the process."""

    limit = 0
    """None: a file takes any text."""

    def __init__(self, program: Program, state: Path, clock: Callable[[], float] = time.time) -> None:
        self._program = program
        self._state = state
        self._clock = clock
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def ready(self) -> str | None:
        """Ready when the command can be found: each message has a process of its own."""
        return self._program.missing()

    def mark(self) -> str:
        """A directory of its own for the next text."""
        directory = own_state(self._state) / secrets.token_hex(8)
        directory.mkdir(parents=True, mode=0o700)
        self._sweep()
        return json.dumps({"run": directory.name, "at": round(self._clock(), 3)})

    def present(self, mark: str, text: str) -> None:
        """Start the command with the text; see `Chat.present`."""
        directory = self._directory(mark)
        reason = self.ready()
        if reason:
            raise ChatGone(reason)
        try:
            (directory / "in").write_text(text, encoding="utf-8", newline="")
            with (directory / "alive").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._running[mark] = subprocess.Popen(
                    ["/bin/sh", "-c", _RUN, "xw", str(directory.absolute()), *self._program.argv],
                    stdin=lock,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd=self._program.cwd,
                    # A group of its own: ^C at the bridge is not for it, and its children end with it.
                    process_group=0,
                )
        except OSError as error:
            raise NotPresented(
                f"{self._program.name}: cannot be started: {error.strerror or error}"
            ) from error

    def seen(self, mark: str, text: str) -> bool | None:  # noqa: ARG002 (the mark says it all)
        """Whoever makes `started` first decides: asking makes it, so a command not begun never begins."""
        directory = self._directory(mark)
        try:
            (directory / "started").touch(exist_ok=False)
        except FileExistsError:
            return not (directory / "forbidden").exists()
        except OSError:
            return None  # the directory is gone: cleared, or lost with the machine
        (directory / "forbidden").touch()
        return False

    def capture(self, mark: str, text: str) -> Reply | None:  # noqa: ARG002 (the mark says it all)
        """The command's output once it has ended; see `Chat.capture`."""
        directory = self._directory(mark)
        code = _read(directory / "code").strip()
        if code:
            self._reap(mark)
            return self._outcome(directory, int(code))
        if not locked(directory / "alive"):
            self._reap(mark)
            # It may have ended between the two looks.
            code = _read(directory / "code").strip()
            if not code:
                raise ChatGone(f"{self._program.name}: ended before it answered")
            return self._outcome(directory, int(code))
        if self._clock() - json.loads(mark)["at"] > self._program.timeout_s:
            self._end(directory)
            self._reap(mark)
            raise TimedOut(
                f"{self._program.name}: no answer within {self._program.timeout_s:g} s; it was ended"
            )
        return None

    def close(self) -> None:
        """End the commands that still run, with their children."""
        for mark in list(self._running):
            self._end(self._directory(mark))
            self._reap(mark)

    def _outcome(self, directory: Path, code: int) -> Reply:
        if code:
            lines = _read(directory / "err").strip().splitlines() or [
                f"exit status {code} and nothing on stderr"
            ]
            raise ChatFailed(f"{self._program.name}: failed ({code}): {lines[-1]}")
        answer = _read(directory / "out", OUTPUT_LIMIT + 1).strip("\n")
        error = error_in(self._program.argv, answer)
        if error:
            raise ChatFailed(f"{self._program.name}: {error}")
        if len(answer.encode()) > OUTPUT_LIMIT:
            cut = answer.encode()[:OUTPUT_LIMIT].decode(errors="ignore")
            return Reply(
                cut, True, f"the answer was longer than {OUTPUT_LIMIT} bytes; the rest is in {directory}/out"
            )
        return Reply(answer)

    def _directory(self, mark: str) -> Path:
        return self._state / str(json.loads(mark)["run"])

    def _reap(self, mark: str) -> None:
        process = self._running.get(mark)
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
                del self._running[mark]

    def _end(self, directory: Path) -> None:
        pid = _read(directory / "pid").strip()
        # Only while the lock is held is the number surely the command's.
        if pid and locked(directory / "alive"):
            with suppress(ProcessLookupError):
                os.killpg(int(pid), signal.SIGKILL)

    def _sweep(self) -> None:
        """Forget runs that ended a day ago; the loop has filed their answers long since."""
        for directory in self._state.iterdir():
            code = directory / "code"
            with suppress(OSError):
                if code.stat().st_mtime < time.time() - 86400:
                    shutil.rmtree(directory)


def _read(path: Path, size: int = -1) -> str:
    try:
        with path.open("rb") as file:
            return file.read(size).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""  # not written yet


def open_chat(target: str, options: Mapping[str, str], state: Path) -> Chat:
    """A chat with the command line `target`, split as a shell splits words, run without a shell."""
    check_options(options, ("lines", "timeout", "cwd"))
    kind = LinesChat if yes_or_no(options, "lines") else CommandChat
    return kind(program_of("command", target, options), state)


def discover() -> list[Found]:
    """None: commands are started, not found."""
    return []
