"""Running conversations ("threads") of Codex, as its processes show them; only where there is `/proc`.

The process in which a thread runs holds `CODEX_HOME/thread-writer-locks/THREAD.lock` open, from its start on;
after `/new` it holds the earlier threads' too. Seen with 0.171.0. Several programs share one process if they
were started without `--no-daemon`: its environment is then that of the first of them. Called by `codex`.
"""

import glob
import os
import re
import shutil
from contextlib import suppress
from typing import NamedTuple

from xw import processes
from xw.bridges import agent_process
from xw.bridges.agent_process import AgentProcess

_LOCK = re.compile(r"(/.*)/thread-writer-locks/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.lock")
_PROGRAM = "codex"
_SHARED = "app-server"
_RECORDS: dict[tuple[str, str], str] = {}  # a person's history has a folder for each day


class Thread(NamedTuple):
    """A running thread: its id, its process, and the home of its Codex.

    `program` is the file that runs another command of the same Codex, empty if nobody can tell; `shared` is
    true for the process of several programs.
    """

    id: str
    process: AgentProcess
    home: str
    program: str = ""
    shared: bool = False

    @property
    def lives(self) -> bool:
        """Return True while the same process has the thread."""
        held = (thread for _, thread in _held(self.process.number))
        return self.process.lives and self.id in held

    @property
    def began(self) -> int:
        """Return when its process started, cut to whole seconds as the times in its record are."""
        return int(self.process.began)

    @property
    def record(self) -> str:
        """Return the file in which Codex records the conversation; empty before its first turn."""
        return record(self.home, self.id)

    @property
    def active(self) -> float:
        """Return the time of its last turn, else of its making: the first 48 bits of its id, in ms."""
        made = int(self.id.replace("-", "")[:12], 16) / 1000
        with suppress(OSError):
            return max(made, os.stat(self.record).st_mtime)
        return made


def record(home: str, thread: str) -> str:
    """Return the file in which Codex records a thread; empty if there is none."""
    known = _RECORDS.get((home, thread), "")
    if not (known and os.path.exists(known)):
        pattern = os.path.join(glob.escape(home), "sessions", "*", "*", "*", f"rollout-*-{thread}.jsonl")
        known = _RECORDS[home, thread] = max(glob.glob(pattern), default="")
    return known


def running(number: int = 0) -> list[Thread]:
    """Return the threads that run, or those of one process and its children; the last used first."""
    numbers = processes.family(number) if number else processes.numbers()
    return sorted((thread for one in numbers for thread in _threads(one)), key=_active, reverse=True)


def of_process(number: int) -> list[Thread]:
    """Return the threads of one process, the last used first."""
    return sorted(_threads(number), key=_active, reverse=True)


def _active(thread: Thread) -> float:
    return thread.active


def _held(number: int) -> list[tuple[str, str]]:
    """Return the homes and threads whose locks a process holds open."""
    locks = map(_LOCK.fullmatch, processes.held(number))
    return sorted((lock[1], lock[2]) for lock in locks if lock)


def _threads(number: int) -> list[Thread]:
    held = _held(number)
    process = agent_process.look(number) if held else None
    if process is None:
        return []
    words = processes.words(number)
    program = _program(number, words, process.directory)
    return [Thread(thread, process, home, program, _SHARED in words[1:]) for home, thread in held]


def _program(number: int, words: list[str], directory: str) -> str:
    """Return the file of a process's Codex: its executable, or the script that an interpreter runs."""
    file = processes.link(number, "exe")
    if os.path.basename(file) == _PROGRAM:
        return file
    for word in words[:3]:
        path = os.path.join(directory, word)
        if os.path.basename(path) == _PROGRAM and os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    return shutil.which(_PROGRAM) or ""  # such as after an update, which removed the file
