"""The handler of bridge."""

import sys
from functools import partial

from xw.agent import functions
from xw.cli.call import Call, warn
from xw.cli.show import emit, say, tell
from xw.text import visible


def bridge(
    call: Call,
    kind: str | None,
    words: list[str],
    target: str | None,
    notify: bool,
    options: list[str],
    listing: bool,
) -> None:
    """Run a bridge until it is stopped, or list the available chats."""
    if listing:
        return _list(call, kind, options)
    agent = call.agent()
    functions.bridge(agent, kind, target, words, options, notify, partial(_log, agent.name))
    return None


def _list(call: Call, kind: str | None, options: list[str]) -> None:
    chats = functions.chats(kind, options)
    for one, problem in chats.problems:
        warn(f"{one}: {problem}")
    if call.json:
        emit(chats.to_json())
        return
    if not chats.found:
        say("no chat found on this machine; `xw bridge command -- CMD` needs none")
    for one, found in chats.found:
        agent = f"XW_NAME={found.agent}" if found.agent else ""
        needs = f"needs {found.needs}" if found.needs else ""
        about = (found.program, found.state, found.place, found.directory, agent, needs)
        tell("; ".join([f"{one} --target {found.target}", *filter(None, about)]))


def _log(name: str, text: str) -> None:
    print(f"xw bridge {name}: {visible(text.replace(chr(10), ' '), keep='')}", file=sys.stderr, flush=True)
