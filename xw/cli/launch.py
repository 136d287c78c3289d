"""The handler of launch."""

import re
import sys
from typing import TYPE_CHECKING

from xw.agent import functions
from xw.cli.call import Call, warn
from xw.cli.commands import PROGRAMS
from xw.cli.show import emit, flush, tell
from xw.errors import Usage
from xw.text import first_line

if TYPE_CHECKING:
    from xw.agent.functions import Listed


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
    if call.json:
        return emit(started.to_json())
    names = " and ".join(", ".join(one.name for one in started.agents).rsplit(", ", 1))
    verb, them = ("runs", "it") if len(started.agents) == 1 else ("run", "them")
    if started.session and shown and sys.stdin.isatty() and sys.stdout.isatty():
        if functions.attach(started):
            tell(f"{names} {verb} on: `{started.attach}` shows {them}")
        return 0
    where = f"session {started.session}" if started.session else f"window {started.window}"
    tell(f"{names} {verb} in the tmux {where}: `{started.attach}` shows {them}")
    return 0


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
