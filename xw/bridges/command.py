"""The command chat: a process per message, for anything that reads stdin and writes an answer.

The text goes to the command's stdin, never into its arguments, where `ps`
shows it to everybody. Each message has its own directory in the bridge's state,
and the mark names it; the command's output goes to files there, so that an
answer survives the bridge that asked for it:

    in         the text
    go         the first to rename it wins: the command to `started`, or a later bridge to `forbidden`,
               so that the command never starts
    out, err   the command's output
    alive      locked while the command runs; its process group, then its exit status

With `lines=yes` the command is started once and speaks JSON lines instead
(`lines.py`). Other options: `timeout` in seconds for an answer, `cwd`, and `remembers=yes` for a command
that keeps its conversation from one process to the next.
"""

import json
import re
import secrets
import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from xw.bridges import offspring, own_files, steady
from xw.bridges.chat import Chat, ChatFailed, ChatGone, Found, NoAnswer, NotPresented, Reply
from xw.bridges.kinds import check_options, yes_or_no
from xw.bridges.lines import LinesChat
from xw.bridges.own_files import DAY_S, OwnFiles
from xw.bridges.program import Program, program_of
from xw.bridges.provider_errors import error_in
from xw.presence import NO_MEMORY
from xw.text import size

OUTPUT_LIMIT = 1024 * 1024
"""An answer must fit into a message: a longer one is cut, with a note."""

# Renaming has one winner: the command starts only if nobody forbade it. The bridge makes all files first,
# so that this shell, which may be root's in a user's folder, makes none. Its stdin is the lock, which ends
# with it and so proves that it lives (a pid alone may be another's); the same file takes its numbers.
_RUN = """
d=$1; shift
[ ! -e "$d/forbidden" ] && mv "$d/go" "$d/started" 2>/dev/null || exit 0
echo $$ >&0
"$@" <"$d/in"
echo $? >&0
"""
_NUMBERS = re.compile(r"(\d+)\n(?:(\d+)\n)?")


class CommandChat:
    """Runs the program once per text. `state` must outlive the process."""

    limit = 0
    """A file takes any text."""

    def __init__(
        self,
        program: Program,
        state: Path,
        clock: Callable[[], float] = steady.seconds,
        remembers: bool = False,
    ) -> None:
        self.memory = "" if remembers else NO_MEMORY
        """A new process knows nothing of the texts before, unless it keeps them itself."""
        self._program = program
        self._own = OwnFiles(state)
        self._clock = clock
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def serves(self, instance: str) -> None:
        """Note the instance; see `Personal`."""
        self._program = self._program._replace(instance=instance)

    def ready(self) -> str | None:
        """Return why the command cannot be found, or None: each message has a process of its own."""
        return self._program.missing()

    def mark(self) -> str:
        """Return the name of a new directory for the next text."""
        run = secrets.token_hex(8)
        self._own.make(run)
        self._sweep()
        return json.dumps({"run": run, "at": round(self._clock(), 3)})

    def present(self, mark: str, text: str) -> None:
        """Start the command with the text; see `Chat.present`."""
        run = _run_of(mark)
        reason = self.ready()
        if reason:
            raise ChatGone(reason)
        try:
            self._own.write(f"{run}/in", text)
            self._own.write(f"{run}/go")
            with ExitStack() as opened:
                names = (f"{run}/{name}" for name in ("alive", "out", "err"))
                lock, out, err = (opened.enter_context(self._own.opened(name)) for name in names)
                self._own.lock(lock)
                self._running[mark] = subprocess.Popen(
                    ["/bin/sh", "-c", _RUN, "xw", self._own.files.path(run), *self._program.argv],
                    stdin=lock,
                    stdout=out,
                    stderr=err,
                    cwd=self._program.cwd,
                    env=offspring.tagged(self._program.environment(), run),
                    process_group=0,  # so that ^C at the bridge does not reach it
                )
        except OSError as error:
            raise NotPresented(
                f"{self._program.name}: cannot be started: {error.strerror or error}"
            ) from error

    def seen(self, mark: str, text: str) -> bool | None:  # noqa: ARG002 (the mark suffices)
        """Return True if the command started; else forbid it by renaming `go`, and return False."""
        run = _run_of(mark)
        try:
            with suppress(FileNotFoundError):
                self._own.files.move(f"{run}/go", f"{run}/forbidden")
            if self._own.has(f"{run}/forbidden"):
                return False
            if self._own.has(f"{run}/started"):
                return True
            # The command has no text yet; or an older xw started it, whose command first makes this file.
            self._own.write(f"{run}/started")
            self._own.write(f"{run}/forbidden")
        except FileExistsError:
            return True
        except OSError:
            return None  # the directory is gone: removed, or lost in a crash of the machine
        return False

    def capture(self, mark: str, text: str) -> Reply | None:  # noqa: ARG002 (the mark suffices)
        """Return the command's output once it has ended; see `Chat.capture`."""
        run = _run_of(mark)
        lives = self._own.locked(f"{run}/alive")
        _, code = self._numbers(run)  # after the lock: the command may end between the two
        if code is not None or not lives:
            self._reap(mark)
            if code is None:
                raise ChatGone(f"{self._program.name}: ended before it answered")
            return self._outcome(run, code)
        if self._clock() - json.loads(mark)["at"] > self._program.timeout_s:
            self._end(run)
            self._reap(mark)
            why = f"ended after {self._program.timeout_s:g} s without an answer"
            raise NoAnswer(f"{self._program.name}: {why}", self._own.read(f"{run}/out", OUTPUT_LIMIT))
        if max(self._own.size(f"{run}/{name}") for name in ("out", "err")) > own_files.FLOOD:
            self._end(run)
            self._reap(mark)
            why = f"ended after {size(own_files.FLOOD)} of output"
            raise ChatFailed(f"{self._program.name}: {why}", self._own.read(f"{run}/out", OUTPUT_LIMIT))
        return None

    def close(self) -> None:
        """End the commands that still run, with their children."""
        for mark in list(self._running):
            self._end(_run_of(mark), self._running[mark].pid)
            self._reap(mark)

    def _outcome(self, run: str, code: int) -> Reply:
        if code:
            said = [self._own.read_end(f"{run}/{name}").strip() for name in ("err", "out")]
            last = next((text.splitlines()[-1] for text in said if text), "no output")
            raise ChatFailed(f"{self._program.name}: failed ({code}): {last}", said[1])
        answer = self._own.read(f"{run}/out", OUTPUT_LIMIT + 1).strip("\n")
        error = error_in(self._program.argv, answer)
        if error:
            raise ChatFailed(f"{self._program.name}: {error}", answer)
        if len(answer.encode()) > OUTPUT_LIMIT:
            cut = answer.encode()[:OUTPUT_LIMIT].decode(errors="ignore")
            rest = self._own.files.path(f"{run}/out")
            return Reply(cut, True, f"the answer was longer than {OUTPUT_LIMIT} bytes; the rest is in {rest}")
        return Reply(answer)

    def _numbers(self, run: str) -> tuple[int | None, int | None]:
        """Return the command's process group and exit status, each None until it is known."""
        said = _NUMBERS.fullmatch(self._own.read(f"{run}/alive"))
        if said:
            return int(said[1]), None if said[2] is None else int(said[2])
        # Older versions wrote a file for each.
        group, code = (self._own.read(f"{run}/{name}").strip() for name in ("pid", "code"))
        return int(group) if group.isdecimal() else None, int(code) if code.isdecimal() else None

    def _reap(self, mark: str) -> None:
        process = self._running.get(mark)
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
                del self._running[mark]

    def _end(self, run: str, group: int | None = None) -> None:
        group = group or self._numbers(run)[0]
        # Only while the lock is held does the number surely belong to the command.
        if group and self._own.locked(f"{run}/alive"):
            offspring.end(group, run)

    def _sweep(self) -> None:
        """Remove runs that ended more than a day ago: the loop has filed their answers."""
        for run in self._own.files.list_folder(""):
            with suppress(OSError):
                if self._own.age(run) > DAY_S and self._numbers(run)[1] is not None:
                    self._own.files.remove_folder(run)


def _run_of(mark: str) -> str:
    return str(json.loads(mark)["run"])


OPTIONS = ("lines", "timeout", "cwd", "remembers")


def open_chat(target: str, options: Mapping[str, str], state: Path) -> Chat:
    """Return a chat with the command line `target`, split as a shell splits words, run without a shell."""
    check_options(options, OPTIONS)
    program, remembers = program_of("command", target, options), yes_or_no(options, "remembers")
    if yes_or_no(options, "lines"):
        return LinesChat(program, state)
    return CommandChat(program, state, remembers=remembers)


def discover(options: Mapping[str, str]) -> list[Found]:  # noqa: ARG001 (nothing to look for)
    """Return nothing: commands are started, not found."""
    return []
