r"""The long-lived command chat: one process that speaks JSON lines, restarted when it dies.

    to the process     {"id": "4f1c…", "text": "[mail k7f3q2m9] question from …"}
    from the process   {"id": "4f1c…", "text": "the answer"}
                       {"id": "4f1c…", "error": "what went wrong"}

One object per line, UTF-8, `\n` in texts escaped as JSON does. The bridge sends
the next text only after an answer. It ignores other lines from the process
(programs log) and answers to unknown ids.

The output goes to a file in the bridge's state, named in the mark: a process
whose bridge was killed reads on to the end of its stdin and may still answer,
and the next bridge finds the answer in that file.
"""

import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from xw.bridges import offspring, own_files, steady
from xw.bridges.chat import ChatFailed, ChatGone, NoAnswer, NotPresented, Reply, Uncertain
from xw.bridges.own_files import DAY_S, OwnFiles
from xw.bridges.program import Program
from xw.text import size

PIPE_S = 10.0
"""A process that reads nothing from its stdin for this long is stuck."""

GRACE_S = 1.0
"""Time for a process to end by itself once its input is closed."""


class LinesChat:
    """Talks to one process of the program. `state` must outlive the bridge."""

    limit = 0
    """A line may be of any length."""

    def __init__(self, program: Program, state: Path, clock: Callable[[], float] = steady.seconds) -> None:
        self._program = program
        self._own = OwnFiles(state)
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._out = ""

    @property
    def memory(self) -> str:
        """Return the name of the process's output: a new process knows nothing."""
        return self._out

    def serves(self, instance: str) -> None:
        """Note the instance; see `Personal`."""
        self._program = self._program._replace(instance=instance)

    def ready(self) -> str | None:
        """Return why not: an earlier bridge's process may still work, or the program cannot be found."""
        if self._process is None and self._left_over():
            return "busy: an earlier bridge's process has not ended yet"
        return self._program.missing()

    def mark(self) -> str:
        """Return the output's length and an id for the next text; start the process unless it runs."""
        self._start()
        start = self._own.files.stat(self._out).size
        return json.dumps(
            {"out": self._out, "from": start, "id": secrets.token_hex(8), "at": round(self._clock(), 3)}
        )

    def present(self, mark: str, text: str) -> None:
        """Write the line; see `Chat.present`."""
        noted = json.loads(mark)
        process = self._process
        if process is None or process.poll() is not None or noted["out"] != self._out or not process.stdin:
            raise NotPresented(f"{self._program.name}: the process ended before the text was sent")
        line = json.dumps({"id": noted["id"], "text": text}, ensure_ascii=False).encode() + b"\n"
        os.utime(
            self._own.files.path(f"{self._out}.alive"), (noted["at"], noted["at"]), follow_symlinks=False
        )
        sent = 0
        deadline = time.monotonic() + PIPE_S
        while sent < len(line):
            try:
                sent += os.write(process.stdin.fileno(), line[sent : sent + 65536])
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Uncertain(f"{self._program.name}: does not read its input") from None
                time.sleep(0.01)
            except OSError as error:
                raise Uncertain(f"{self._program.name}: ended while the text was sent") from error

    def seen(self, mark: str, text: str) -> bool | None:  # noqa: ARG002 (the mark suffices)
        """Return True for a text with an answer, else None: a pipe cannot be inspected."""
        return True if self._answer(json.loads(mark)) is not None else None

    def capture(self, mark: str, text: str) -> Reply | None:  # noqa: ARG002 (the mark suffices)
        """Return the answer in the line with the text's id; see `Chat.capture`."""
        noted = json.loads(mark)
        if self._own.size(noted["out"]) - noted["from"] > own_files.FLOOD:
            self.close()
            raise ChatFailed(f"{self._program.name}: ended after {size(own_files.FLOOD)} of output")
        alive = self._own.locked(f"{noted['out']}.alive")
        answer = self._answer(noted)
        if answer is not None:
            if answer.get("error") is not None:
                raise ChatFailed(f"{self._program.name}: {answer['error']}")
            if not isinstance(answer.get("text"), str):
                raise ChatFailed(f"{self._program.name}: answered without a text")
            return Reply(answer["text"])
        ended = self._process is not None and noted["out"] == self._out and self._process.poll() is not None
        if ended or not alive:
            raise ChatGone(f"{self._program.name}: ended before it answered")
        if self._clock() - noted["at"] > self._program.timeout_s:
            self.close()
            raise NoAnswer(f"{self._program.name}: no answer within {self._program.timeout_s:g} s")
        return None

    def close(self) -> None:
        """Close the process's input; kill it and its children if it does not end."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin:
            with suppress(OSError):
                process.stdin.close()
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_S)
        finally:  # a signal to the bridge may interrupt the wait
            # Even if it has ended: a child that it left would keep the next process waiting.
            offspring.end(process.pid, self._out)
            process.wait(5)

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        self._own.make()
        self._sweep()
        self._out = f"out-{secrets.token_hex(8)}"
        try:
            with self._own.opened(self._out) as out, self._own.opened(f"{self._out}.alive") as lock:
                # The process and its children inherit the lock, which is held until the last one ends.
                self._own.lock(lock)
                self._process = subprocess.Popen(
                    self._program.argv,
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=subprocess.DEVNULL,
                    cwd=self._program.cwd,
                    env=offspring.tagged(self._program.environment(), self._out),
                    process_group=0,
                    pass_fds=[lock.fileno()],
                )
        except OSError as error:
            raise ChatGone(f"{self._program.name}: cannot be started: {error.strerror or error}") from error
        if self._process.stdin:
            os.set_blocking(self._process.stdin.fileno(), False)

    def _answer(self, noted: dict[str, Any]) -> dict[str, Any] | None:
        # Not to its end: a program in a loop may write faster than this reads.
        said = self._own.read(noted["out"], own_files.FLOOD, noted["from"])
        for line in said.split("\n")[:-1]:  # the last one is not finished
            try:
                answer = json.loads(line)
            except (ValueError, RecursionError):
                continue  # a line of the program's log
            if isinstance(answer, dict) and answer.get("id") == noted["id"]:
                return answer
        return None

    def _left_over(self) -> bool:
        """Return True while an earlier process may answer; past its limit only a daemon holds the lock."""
        since = self._clock() - self._program.timeout_s
        locks = self._locks()
        return any(self._own.files.stat(name).mtime > since and self._own.locked(name) for name in locks)

    def _locks(self) -> list[str]:
        """Return the lock files of all processes of this chat."""
        try:
            names = self._own.files.list_folder("")
        except FileNotFoundError:
            return []
        return [name for name in names if name.startswith("out-") and name.endswith(".alive")]

    def _sweep(self) -> None:
        """Remove outputs of processes that ended more than a day ago: the loop has filed their answers."""
        for alive in self._locks():
            with suppress(OSError):
                if self._own.age(alive) > DAY_S and not self._own.locked(alive):
                    self._own.files.remove(alive.removesuffix(".alive"))
                    self._own.files.remove(alive)
