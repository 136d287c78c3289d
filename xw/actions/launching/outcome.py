"""Watch programs that were started in the background: they run, or ended at once, and why.

For `panes`, whose caller sees none of them. Each pane leaves a note when its program ends; the last line of
the program's output is taken from the pane, which stays until somebody has read it.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from xw import processes, runs
from xw.actions.launching.foreground import SOON_S
from xw.actions.launching.window import Window
from xw.errors import Damaged, XwError
from xw.files.local import LocalFiles
from xw.instance import Instance
from xw.message import parse_object
from xw.text import first_line

WAIT_S = 10.0
"""How long to wait for programs that neither run nor have ended: their machine is busy."""

_POLL_S = 0.1
_LIMIT = 4096
_WIDTH = 200
_OURS, _SILENT = "xw: ", "ended at once, with exit code"


class Ended(NamedTuple):
    """A program that ended at once: its exit code, None if its pane is closed, and its last line."""

    code: int | None
    line: str


def note_end(folder: str, code: int, environ: Mapping[str, str] = os.environ) -> None:
    """Leave the exit code of this pane's program for `ended_soon`, if that still waits."""
    name = _note(environ.get("TMUX_PANE", ""))
    with suppress(OSError):  # it has gone on: nobody asks any more
        LocalFiles(folder).rewrite(json.dumps({"code": code}).encode(), "", name)


def ended_soon(opened: Window, instances: Sequence[Instance], folder: str) -> dict[str, Ended]:
    """Wait until each program has run for SOON_S or has ended; return those that ended, by pane."""
    ended: dict[str, Ended] = {}
    since: dict[str, float] = {}
    waiting, late = dict(zip(opened.panes, instances, strict=True)), time.monotonic() + WAIT_S
    while waiting and time.monotonic() < late:
        time.sleep(_POLL_S)
        try:
            listed = {pane.pane for pane in opened.tmux.panes()}
        except XwError:
            listed = set()  # the server ends with its last pane
        for pane, instance in list(waiting.items()):
            found = runs.of_mailbox(instance.mailbox)
            if pane not in listed:
                ended[pane] = Ended(None, "")
            elif (code := _code(folder, pane)) is not None:
                ended[pane] = Ended(code, _last_line(opened, pane, code))
            elif found and processes.lives(found[1].process):
                if time.monotonic() - since.setdefault(pane, time.monotonic()) < SOON_S:
                    continue
            else:
                continue
            del waiting[pane]
    return ended


def _note(pane: str) -> str:
    return f"{pane}.ended"


def _code(folder: str, pane: str) -> int | None:
    try:
        return int(str(parse_object(LocalFiles(folder).read(_note(pane), _LIMIT))["code"]))
    except (OSError, Damaged):
        return None


def _last_line(opened: Window, pane: str, code: int) -> str:
    """Return the last line that the program wrote; the error of `xw launch` if that started none."""
    try:
        shown = opened.tmux.run("capture-pane", "-p", "-J", "-t", pane)
    except XwError:
        return ""
    lines = [line.strip() for line in shown.splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith(_OURS)]
    ours = [line.removeprefix(_OURS) for line in lines if line.startswith(_OURS)]
    if not said and code and not any(_SILENT in line for line in ours):
        said = [line for line in ours if "Press Enter to close" not in line]
    return first_line(said[-1], _WIDTH) if said else ""
