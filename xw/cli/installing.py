"""`xw install`: show what it writes into a program's settings, and write it with --yes."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from xw.agent import functions
from xw.cli.call import Call
from xw.cli.show import emit, say

if TYPE_CHECKING:
    from xw.agent.functions import Plan


def install(call: Call, program: str, user: bool, project: bool, remove: bool, yes: bool) -> None:
    """Print the change of each file; with `yes`, write them."""
    planned = functions.install(program, user, project, remove, write=yes)
    if call.json:
        emit(planned.to_json(written=yes))
        return
    if planned.to_write and not yes:
        say(_summary(planned))
    for change in planned.changes:
        if change.edited:
            say(
                f"kept     {change.place}: xw's part was written or edited by hand: change or remove it there"
            )
    for change in planned.to_write:
        done = "removed " if change.after is None else "written "
        say(f"{done} {change.place}" if yes else change.diff())
    for note in planned.notes:
        say(f"Note: {note}.")
    if not planned.to_write:
        say(f"nothing to remove for {program}" if remove else f"{program} is up to date")
    elif not yes:
        place = "--user" if user else "--project"
        flag, does = (" --remove", "removes") if remove else ("", "writes")
        say(f"Next: `xw install {program} {place}{flag} --yes` {does} this.")
    elif not remove:
        for sentence in _next(call, planned):
            say(f"Next: {sentence}.")


def _summary(planned: "Plan") -> str:
    """Return how many files would change, where, and their names, one in a line."""
    count = len(planned.to_write)
    files = f"{count} file{'' if count == 1 else 's'}"
    if not planned.project:
        where = "your own settings, for all projects"
    else:
        same = os.path.realpath(os.getcwd()) == os.path.realpath(planned.project)
        where = f"{planned.project}, {'this directory' if same else 'the git repository of this directory'}"
    verb = "would remove xw from" if planned.removes else "would write"
    names = [
        os.path.relpath(one.path, planned.project) if planned.project else one.path
        for one in planned.to_write
    ]
    return "\n".join((f"{verb} {files} in {where}:", *(f"  {name}" for name in names)))


def _next(call: Call, planned: "Plan") -> Iterator[str]:
    """Yield what a person has to do after the files were written."""
    known = functions.known(call.options)
    if not (known.name or known.names):
        yield "`xw init --name NAME` makes a mailbox"
    several = "" if known.name else f"; several agents: `XW_NAME=NAME {planned.program}` for each"
    yield f"restart {planned.program}{' here' if planned.project else ''}{several}"
    if planned.project and os.path.exists(os.path.join(planned.project, ".git")):
        made = [one.path for one in planned.to_write if one.before is None]
        tops = dict.fromkeys(os.path.relpath(path, planned.project).split(os.sep)[0] for path in made)
        if tops:
            yield f"commit {' and '.join(tops)}, or let git ignore them"
