"""bridge."""

import os
import sys
from collections.abc import Mapping
from functools import partial

from xw.actions import bridging
from xw.actions.bridging import Wanted
from xw.actions.launching import orphaned
from xw.bridges.serve import Stop
from xw.cli.call import Call, warn
from xw.cli.show import emit, say, tell
from xw.errors import Usage
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
    """Run a bridge until it is told to stop, or list the chats that there are."""
    if listing:
        return _list(call, kind, bridging.options_of(options))
    instance = call.instance()
    if target and words:
        raise Usage(f"two targets: --target {target}, and {bridging.command_line(words)}: give one")
    wanted = Wanted(kind, target or bridging.command_line(words), bridging.options_of(options), notify)
    plan = bridging.plan(instance, wanted)
    up = orphaned(os.environ)
    stop = Stop(up)
    stop.on_signals()
    bridging.run(instance, plan, stop, partial(_log, instance.name), patient=up is not None)
    return None


def _list(call: Call, kind: str | None, options: Mapping[str, str]) -> None:
    chats = bridging.chats(kind, options)
    for one, problem in chats.problems:
        warn(f"{one}: {problem}")
    if call.json:
        emit(chats.to_json())
        return
    if not chats.found:
        say("no chat found on this machine; `xw bridge command -- CMD` needs none")
    for one, found in chats.found:
        needs = f"; needs {found.needs}" if found.needs else ""
        tell(f"{one} --target {found.target}; {found.program}; {found.state}{needs}")


def _log(name: str, text: str) -> None:
    print(f"xw bridge {name}: {visible(text.replace(chr(10), ' '), keep='')}", file=sys.stderr, flush=True)
