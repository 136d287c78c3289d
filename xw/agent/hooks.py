"""The hooks of agent programs, for the command line: open the instance without the network, and act.

Outside of any project of xw a hook does nothing, because people install it for all their projects.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from xw import config, layout
from xw.errors import Usage
from xw.hook_events import Given, dialect
from xw.instance import Options, open_instance

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from xw.actions.hooking import Reply


def wanted(options: Options) -> bool:
    """Return True if there is something to do here: an instance is named, or this is a project of xw."""
    if options.name or options.config or os.environ.get("XW_NAME") or os.environ.get("XW_CONFIG"):
        return True
    return config.of_project(config.here(needed=False)) is not None


def parse(program: str, event: str, data: str) -> Given:
    """Return a hook's call. Raise Usage if the program's name is invalid, or the input no JSON object."""
    if not layout.is_name(program):
        raise Usage(f"{program!r} is not the name of a program: use a-z, 0-9 and '-'")
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise Usage("standard input has no JSON object: an agent program runs `xw hook`, see docs/hooks.md")
    return Given(program, event, fields)


@contextmanager
def handled(options: Options, given: Given) -> "Iterator[Reply | None]":
    """Note an event of a session, and yield the answer; its mail is told, unless the caller raises.

    Yield None for an event of a subagent. Raise XwError or OSError if nothing could be done.
    """
    moment = dialect(given.program).moment(given.event)
    if moment is None:
        raise Usage(f"`xw hook` does nothing at {given.event}: docs/hooks.md lists the events")
    if given.is_of_subagent:
        yield None
        return
    from xw.actions import hooking

    with hooking.handled(open_instance(options._replace(offline=True)), given, moment) as reply:
        yield reply


@contextmanager
def awaited(options: Options, given: Given) -> Iterator[str]:
    """Wait as the waker of a session; yield the text that wakes it, empty if it ends without any.

    Its mail is told, unless the caller raises.
    """
    from xw.actions import telling, waking

    instance = open_instance(options._replace(offline=True))
    with waking.awaited(instance, given) as found:
        yield telling.text(found, instance.name, instance.now()) if found else ""
