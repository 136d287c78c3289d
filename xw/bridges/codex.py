"""The codex chat: a running conversation of Codex, by its own queue and its own record.

`codex queue` puts a text into the queue of a thread: it touches neither a half-typed draft nor an open
dialog, and runs as a turn of its own when Codex is idle. The text counts as presented once that command has
ended well: from then on Codex keeps it, across its own crashes too. The command runs as one of the `command`
chat, which can tell after any crash of the bridge whether it ran. The turn and its answer or error are in the
record (`codex_record`); no hook is needed. After a person has interrupted a turn, Codex keeps the queue
closed until the next prompt and says nothing of it: this chat does.

`codex queue` gets the text as an argument, which other users of the machine can see in `ps` for a moment.

The target is `auto` (the instance's own session), a process id or a thread's id (`codex_threads`). Options:
`timeout` in seconds for an answer, counted from the turn's start; `program` (the file of Codex); `run`.
"""

import json
import math
import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from xw import journal
from xw.bridges import codex_threads, steady
from xw.bridges.chat import (
    ChatFailed,
    ChatGone,
    Found,
    Later,
    NoAnswer,
    NotPresented,
    Reply,
    Uncertain,
    Unusable,
)
from xw.bridges.codex_record import CodexTurn, Record, is_helper, last_turn, state_of
from xw.bridges.codex_threads import Thread
from xw.bridges.command import CommandChat
from xw.bridges.kinds import AUTO, check_options, run_of, seconds
from xw.bridges.own_files import mailbox_of
from xw.bridges.program import Program
from xw.bridges.provider_errors import error_in
from xw.errors import NotFound, Usage
from xw.mailbox import Mailbox

PROGRAM = "codex"

QUEUE_S = 60.0
"""Limit for `codex queue`; it takes 0.1 to 0.9 s."""

LOOK_S = 1.0
"""For so long a person's `/new` may go unnoticed."""

SCAN_S = 15.0
"""A look at all processes takes 50 ms of CPU; for so long another session may go unnoticed."""

QUIET_S = 30.0
"""Without the shared server, Codex looks into its queue every 10 s; a text that waits longer is stuck."""

PAUSED = "Codex's queue is paused since somebody interrupted a turn: it continues after the next prompt there"
NEW = Later("waits for the first prompt in Codex: type anything into it")

_QUEUE = 'CODEX_HOME="$1" exec "$0" queue --thread "$2" --message "$(cat)"'
_REFUSED = re.compile(r"thread/queue/add failed: |No active session found")
"""Codex's own words for a text that is not in the queue; after any other failure it may be."""


class CodexChat:
    """One conversation of Codex, which its person uses too. `state` must outlive the process."""

    limit = 120_000
    """Linux takes 128 KiB in one argument."""

    def __init__(
        self,
        mailbox: Mailbox,
        state: Path,
        target: str = AUTO,
        *,
        run: str = "",
        program: str = "",
        timeout_s: float = 1800.0,
        clock: Callable[[], float] = steady.seconds,
    ) -> None:
        self._mailbox = mailbox
        self._state = state
        self._target = target
        self._run = run
        self._program = program
        self._timeout_s = timeout_s
        self._clock = clock
        self._found: Thread | None = None
        self._looked = 0.0
        self._scanned = 0.0
        self._probed: set[str] = set()
        self._queues: dict[str, CommandChat] = {}
        self._records: dict[str, Record] = {}
        self._quiet: dict[str, float] = {}  # since when, by mark
        self._began: dict[str, float] = {}
        self._asked: Thread | None = None  # the last one that a mark named
        self._tell: Callable[[str], None] = lambda text: None

    def tells(self, tell: Callable[[str], None]) -> None:
        """Note the function that reports a line; see `Telling`."""
        self._tell = tell

    @property
    def memory(self) -> str:
        """Return the thread: another one knows nothing of the texts before."""
        return self._found.id if self._found else ""

    def last_turn(self) -> str:
        """Return the id of the last turn in the record; see `Turning`."""
        record = self._find().record
        return last_turn(record) if record else ""

    def unusable(self) -> str | None:
        """Return why mail cannot go in this way now; raise Unusable if it never can. See `Probing`."""
        try:
            thread = self._find()
            self._probe(self._program or thread.program)
        except ChatGone as error:
            return str(error)
        return None if thread.record else NEW

    def ready(self) -> str | None:
        """Return None if the conversation is idle and its queue open; see `Chat.ready`."""
        reason = self.unusable()
        if reason or not self._found:
            return reason
        return {"idle": None, "interrupted": PAUSED, "busy": "busy", "new": NEW}[
            state_of(self._found.record, self._found.began)
        ]

    def mark(self) -> str:
        """Return the thread and the end of its record, and a place for the command's own files."""
        thread = self._find()
        record = thread.record
        if not record:
            raise ChatGone(NEW)
        queue = json.loads(self._queue("", "", "").mark())
        noted = {"thread": thread.id, "home": thread.home, "program": self._program or thread.program}
        return json.dumps({**queue, **noted, "process": thread.process.mark, "from": os.stat(record).st_size})

    def present(self, mark: str, text: str) -> None:
        """Run `codex queue`, and return once it has ended well; see `Chat.present`."""
        noted = json.loads(mark)
        if self._of(noted["thread"]) is None:
            raise ChatGone("Codex ended before the text was queued")
        queue = self._queue_of(mark)
        queue.present(mark, text)
        if self._ended(queue, mark, text) is False:
            raise NotPresented(self._why(queue, mark, text))

    def seen(self, mark: str, text: str) -> bool | None:
        """Return what became of `codex queue`, which no later one can start; see `Chat.seen`."""
        queue = self._queue_of(mark)
        started = queue.seen(mark, text)
        if not started:
            return started
        try:
            return self._ended(queue, mark, text)
        except Uncertain:
            return None

    def capture(self, mark: str, text: str) -> Reply | None:
        """Return the answer that the record has; see `Chat.capture`."""
        noted = json.loads(mark)
        thread = self._of(noted["thread"])  # before the record, whose last line an ending process writes
        turn = self._turn(mark, text)
        if turn and turn.over:
            return _reply(turn)
        name = f"Codex ({noted['thread']})"
        if turn is None:
            if thread is None:
                raise ChatGone(f"{name}: ended before it began the turn; its queue still has the text")
            self._watch(mark, thread)
            return None
        # Only for a later process: its start is told by a clock that may have been set since.
        is_other = thread is not None and thread.process.mark != noted.get("process")
        if thread is None or (is_other and thread.began > turn.began):
            raise ChatGone(f"{name}: ended before it answered")
        if self._lasted(turn) > self._timeout_s:
            raise NoAnswer(f"{name}: no answer within {self._timeout_s:g} s", "\n\n".join(turn.said))
        return None

    def close(self) -> None:
        """End a `codex queue` that still runs."""
        for queue in self._queues.values():
            queue.close()

    def _lasted(self, turn: CodexTurn) -> float:
        """Return the seconds since a turn began: by a clock that may be set only up to the first look."""
        if turn.id not in self._began:
            before = max(0.0, time.time() - turn.began) if turn.began else 0.0
            self._began = {turn.id: self._clock() - before}
        return self._clock() - self._began[turn.id]

    # The thread

    def _find(self) -> Thread:
        """Return the thread that takes mail now. Raise ChatGone if none runs."""
        fixed = self._found is not None and self._target == self._found.id
        if self._found and (fixed or self._clock() < self._looked + LOOK_S) and self._found.lives:
            return self._found
        threads: list[Thread] = []
        if self._found and self._clock() < self._scanned + SCAN_S:
            threads = self._meant(codex_threads.of_process(self._found.process.number))
        if not threads:
            number = int(self._target) if self._target.isdigit() else 0
            threads, self._scanned = self._meant(codex_threads.running(number)), self._clock()
        if not threads:
            raise ChatGone(self._missing())
        self._found, self._looked = threads[0], self._clock()
        return threads[0]

    def _meant(self, threads: list[Thread]) -> list[Thread]:
        """Return those threads that the target means, the best first."""
        threads = [one for one in threads if self._may_be(one)]
        if self._target != AUTO:
            return threads
        noted = {one.id: one.run for one in journal.sessions(self._mailbox, PROGRAM)}
        ours = [one for one in threads if self._is_ours(one, noted)]
        return sorted(ours, key=lambda one: not self._is_of_run(one, noted))

    def _may_be(self, thread: Thread) -> bool:
        if self._target not in (AUTO, thread.id) and not self._target.isdigit():
            return False
        try:
            return not (thread.record and is_helper(thread.record))
        except OSError:
            return False

    def _is_ours(self, thread: Thread, noted: Mapping[str, str]) -> bool:
        """Return True for a session of the instance: by its hooks, or by the environment of its process."""
        if thread.id in noted:
            return True
        # A shared process has the environment of whoever started it.
        return not thread.shared and thread.process.is_own(self._mailbox.owner, self._run)

    def _is_of_run(self, thread: Thread, noted: Mapping[str, str]) -> bool:
        return thread.process.is_of_run(self._run) or (self._run != "" and noted.get(thread.id) == self._run)

    def _missing(self) -> str:
        if self._target == AUTO:
            name = self._mailbox.owner
            return f"no session of Codex of {name} runs: start one with xw launch {name} -- codex"
        return f"no session of Codex runs as {self._target}"

    def _of(self, thread: str) -> Thread | None:
        for known in (self._found, self._asked):
            if known and known.id == thread and known.lives:
                return known
        # Each look at all processes costs CPU, and a turn may take long.
        self._asked = next((one for one in codex_threads.running() if one.id == thread), None)
        return self._asked

    def _probe(self, program: str) -> None:
        """Raise Unusable if the program lacks the command, as old ones do; ChatGone if it cannot run."""
        if program in self._probed:
            return
        if not program:
            raise ChatGone("the file of the running Codex is not known: add --option program=PATH")
        try:
            done = subprocess.run(
                [program, "queue", "--help"], capture_output=True, text=True, timeout=QUEUE_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ChatGone(f"{program}: cannot be run: {error}") from error  # such as during an update
        if done.returncode or not all(word in done.stdout for word in ("--thread", "--message")):
            raise Unusable(f"{program} has no command `queue`: update Codex (seen with 0.171.0)")
        self._probed.add(program)

    # The queue

    def _queue(self, program: str, home: str, thread: str) -> CommandChat:
        argv = ["/bin/sh", "-c", _QUEUE, program, home, thread]
        return CommandChat(Program(argv, QUEUE_S, instance=self._mailbox.owner), self._state)

    def _queue_of(self, mark: str) -> CommandChat:
        if mark not in self._queues:
            noted = json.loads(mark)
            self._queues = {mark: self._queue(noted["program"], noted["home"], noted["thread"])}
        return self._queues[mark]

    def _ended(self, queue: CommandChat, mark: str, text: str) -> bool:
        """Wait for the end of `codex queue`. Return False if Codex refused the text; raise Uncertain."""
        try:
            while queue.capture(mark, text) is None:
                time.sleep(0.01)
        except ChatFailed as error:
            if _REFUSED.search(str(error)):
                return False
            self._unless_in(mark, text, str(error))
        except (ChatGone, NoAnswer) as error:
            self._unless_in(mark, text, str(error))
        return True

    def _unless_in(self, mark: str, text: str, why: str) -> None:
        """Raise Uncertain unless the record shows that the text is in."""
        if self._turn(mark, text) is None:
            raise Uncertain(f"`codex queue` broke off, and may have queued the text: {why}")

    def _why(self, queue: CommandChat, mark: str, text: str) -> str:
        try:
            queue.capture(mark, text)
        except ChatFailed as error:
            return str(error).replace("/bin/sh", "codex queue", 1)
        return ""

    # The record

    def _turn(self, mark: str, text: str) -> CodexTurn | None:
        noted = json.loads(mark)
        path = codex_threads.record(noted["home"], noted["thread"])
        if mark not in self._records:
            self._records = {mark: Record(path, int(noted["from"]))}
        try:
            return self._records[mark].turn_with(text)
        except OSError:
            self._records.clear()  # moved or removed: looked for again next time
            return None

    def _watch(self, mark: str, thread: Thread) -> None:
        """Report once that a text waits in the queue of an idle Codex."""
        state = state_of(thread.record, thread.began) if thread.record else "new"
        if state == "busy" or mark not in self._quiet:
            self._quiet = {mark: self._clock()}
        elif self._quiet[mark] < self._clock() - QUIET_S:
            self._quiet[mark] = math.inf  # once is enough
            idle = f"Codex has not begun the turn within {QUIET_S:g} s: look at its window"
            self._tell(PAUSED if state == "interrupted" else idle)


def _reply(turn: CodexTurn) -> Reply:
    said = "\n\n".join(turn.said)
    if turn.error:
        raise ChatFailed(f"Codex: {turn.error}", said)
    if turn.answer is None:
        raise ChatFailed("Codex: the turn ended without an answer", said)
    error = error_in((PROGRAM,), turn.answer)
    if error:
        raise ChatFailed(f"Codex: {error}", said)
    return Reply(turn.answer)


def discover(options: Mapping[str, str]) -> list[Found]:  # noqa: ARG001 (its processes show all threads)
    """Return the user's running conversations of Codex, with their states."""
    found = []
    for thread in codex_threads.running():
        try:
            if thread.record and is_helper(thread.record):
                continue
            state: str = state_of(thread.record, thread.began) if thread.record else "new"
        except OSError as error:
            state = str(error)
        said = {"new": NEW, "interrupted": PAUSED}.get(state, state)
        name = "" if thread.shared else thread.process.name
        found.append(Found(thread.id, PROGRAM, said, directory=thread.process.directory, agent=name))
    return found


OPTIONS = ("timeout", "program", "run")


def open_chat(target: str, options: Mapping[str, str], state: Path) -> CodexChat:
    """Return a chat with the thread at `target`: `auto`, a process id, or a thread's id."""
    check_options(options, OPTIONS)
    plain = target == AUTO or target.isdigit() or re.fullmatch(r"[0-9a-f-]{36}", target)
    if not plain:
        raise Usage(
            f"invalid target {target!r} for a bridge of kind codex: use auto, a process id or a thread's id"
        )
    program = options.get("program", "")
    if program and not (os.path.isabs(program) and os.access(program, os.X_OK)):
        raise NotFound(f"option program: {program}: give the absolute path of an executable file")
    return CodexChat(
        mailbox_of(state),
        state,
        target,
        run=run_of(options),
        program=program,
        timeout_s=seconds(options, "timeout", 1800.0),
    )
