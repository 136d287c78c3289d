"""The handler of hook: exit code 0 whatever happens, because programs take others for "stop the turn"."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from xw.cli.call import Call, warn
from xw.cli.show import flush, put
from xw.errors import Usage, XwError, explain, unforeseen
from xw.hook_events import WAKE, dialect
from xw.text import visible

DEADLINE_S = 2.0
"""How long a hook may keep a program from its turn: the disk of a hub may hang."""
WOKEN = 92
"""Returned by the waker with news; the process then ends with 2, which no error of xw's may cause."""
_INPUT = 16 * 1024 * 1024  # characters: a turn's answer is among them


class _Late(BaseException):
    """The deadline has passed. Not an Exception: no step on the way may take it for its own failure."""


def hook(call: Call, event: str, program: str) -> int:
    """Answer an event of an agent program, or be its waker."""
    printed: list[object] = []
    try:
        if event == WAKE:
            return _wake(call, program)
        with _deadline():
            _answer(call, event, program, printed)
        return 0
    except _Late:
        problem = f"the hook took longer than {DEADLINE_S:g} s and was ended"
    except (XwError, OSError) as error:
        problem = str(explain(error))
    except Exception as bug:
        if os.environ.get("XW_DEBUG"):
            raise
        problem = unforeseen(bug)
    _complain(problem, "" if printed else event, program)
    return 0


def _answer(call: Call, event: str, program: str, printed: list[object]) -> None:
    """Print the answer, and add it to `printed`: a second object would make both invalid."""
    from xw.agent import hooks

    data = _input()
    if not hooks.wanted(call.options):
        return
    with hooks.handled(call.options, hooks.parse(program, event, data)) as reply:
        if reply and reply.output:
            printed.append(reply.output)
            put(json.dumps(reply.output))
        flush()
        if reply and "systemMessage" not in reply.output:
            for problem in reply.problems:
                warn(problem)


def _wake(call: Call, program: str) -> int:
    from xw.agent import hooks

    with _deadline():
        data = _input()
    if not hooks.wanted(call.options):
        return 0
    with hooks.awaited(call.options, hooks.parse(program, WAKE, data)) as text:
        if text:
            print(visible(text), file=sys.stderr, flush=True)
    return WOKEN if text else 0


def _input() -> str:
    """Return the program's JSON. Raise Usage if a person runs the hook."""
    if sys.stdin.isatty():
        raise Usage("an agent program runs `xw hook`, with JSON on its standard input: see docs/hooks.md")
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    return sys.stdin.read(_INPUT)


def _complain(problem: str, event: str, program: str) -> None:
    """Report a problem in one line: to the user when a session starts, else on stderr."""
    words = dialect(program)
    moment = words.moment(event)
    shown = words.output(moment, "", f"xw: {visible(problem, keep='')}") if moment == "start" else {}
    try:
        if shown:
            put(json.dumps(shown))
            flush()
            return
    except (XwError, OSError):  # nobody reads the output
        pass
    warn(problem)


@contextmanager
def _deadline() -> Iterator[None]:
    """Raise _Late in the block after `DEADLINE_S`; end the process if that does not end the block soon."""
    times: list[None] = []

    def late(*_: object) -> None:
        times.append(None)
        if len(times) > 1:
            os._exit(0)
        raise _Late

    before = signal.signal(signal.SIGALRM, late)
    timer = signal.setitimer(signal.ITIMER_REAL, DEADLINE_S, DEADLINE_S / 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *timer)  # a test's own, which it has for itself
