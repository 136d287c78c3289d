"""The handler of launch."""

import re
import sys
from typing import TYPE_CHECKING

from xw.agent import functions
from xw.cli.call import Call, warn
from xw.cli.commands import PROGRAMS
from xw.cli.show import emit, flush, tell
from xw.errors import Usage, XwError
from xw.text import first_line

if TYPE_CHECKING:
    from xw.agent.functions import Listed, Started


def launch(call: Call, words: list[str], room: str | None, detach: bool, listing: bool) -> int:
    """Start agent programs as instances, or list the programs of this machine."""
    if listing:
        return _list(call, words)
    if call.options.name:
        raise Usage("the name comes first")
    _check_words(words)
    if words and "=" in words[0]:
        return _several(call, words, room or "", detach)
    if room or detach:
        what = "--room" if room else "--detach"
        raise Usage(f"{what} needs agents in tmux panes, written NAME=PROGRAM")
    name, *program = words or [""]
    return functions.launch(call.options._replace(name=name), program, warn)


def _check_words(words: list[str]) -> None:
    """Raise Usage for words that cannot be meant as they stand; `cli.corrections` writes what is meant."""
    first, second = [*words[:2], "", ""][:2]
    if second == "-":
        raise Usage("`-` is not `--`; nothing was started")
    if second and (first.endswith("=") or second.startswith("=")):
        raise Usage("write NAME=PROGRAM without blanks; nothing was started")
    if re.fullmatch("[a-z0-9-]+:.+", first):
        raise Usage(f"{first_line(first, 40)!r} is not NAME=PROGRAM; nothing was started")
    if first in PROGRAMS and len(words) == 1:
        raise Usage(f"{first} is a program: give it a name; nothing was started")


def _several(call: Call, words: list[str], room: str, detach: bool) -> int:
    """Start agents in tmux, and show them in this terminal."""
    shown = not (detach or call.json)
    started = functions.launch_several(call.options, words, room, shown, warn)
    errors = _errors(started)
    if call.json:
        return emit(started.to_json(), errors)
    running = [one.name for one, pane in started.placed if pane not in started.ended]
    if running:
        _tell_running(started, running, shown)
    for error in errors:
        warn(str(error))
    return max((error.code for error in errors), default=0)


def _errors(started: "Started") -> list[XwError]:
    """Return an error for each program that ended at once, with its last line and the way to its pane."""
    return [
        XwError(
            f"{one.name}: {one.argv[0]} ended at once"
            + (f", with exit code {ended.code}" if ended.code is not None else ", and its pane is closed")
            + (f": {ended.line}" if ended.line else "")
            + (f" (`{started.attach}` shows its pane)" if ended.code is not None else "")
        )
        for one, pane in started.placed
        if (ended := started.ended.get(pane))
    ]


def _tell_running(started: "Started", running: list[str], shown: bool) -> None:
    names = " and ".join(", ".join(running).rsplit(", ", 1))
    verb, them = ("runs", "it") if len(running) == 1 else ("run", "them")
    if started.session and shown and sys.stdin.isatty() and sys.stdout.isatty():
        if functions.attach(started):
            tell(f"{names} {verb} on: `{started.attach}` shows {them}")
        return
    where = f"session {started.session}" if started.session else f"window {started.window}"
    tell(f"{names} {verb} in the tmux {where}: `{started.attach}` shows {them}")


def _list(call: Call, words: list[str]) -> int:
    if words:
        raise Usage("--list takes no names: it lists the programs of this machine")
    if call.json:
        return emit(functions.programs().to_json())
    for one in functions.each_program():
        _show(one)
        flush()  # the next program may take seconds to print its version
    return 0


def _show(one: "Listed") -> None:
    if not one.path:
        tell(f"{one.name:10} not installed (`{one.program}`)")
        return
    tell(f"{one.name:10} {one.version or 'did not tell its version in time'}; {one.how}")
    for note in one.notes:
        tell(f"{'':10} {note}")
