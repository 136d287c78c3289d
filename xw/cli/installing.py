"""`xw install`: show what it writes into a program's settings, and write it with --yes."""

from xw.agent import functions
from xw.cli.call import Call
from xw.cli.show import emit, say


def install(call: Call, program: str, user: bool, project: bool, remove: bool, yes: bool) -> None:
    """Print the change of each file; with `yes`, write them."""
    planned = functions.install(program, user, project, remove, write=yes)
    if call.json:
        emit(planned.to_json(written=yes))
        return
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
        say(f"Next: `xw install {program} {place}{' --remove' if remove else ''} --yes` writes this.")
