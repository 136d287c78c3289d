"""What `doctor` says of a program that `xw launch` runs, and of what killed launches left."""

from collections.abc import Iterator

from xw import presence, runs
from xw.actions.launching.ways import through
from xw.finding import Finding
from xw.instance import Instance
from xw.runs import RunNote
from xw.text import first_line

_WHY = 200  # characters of the reason why no better way is used


def findings(instance: Instance) -> Iterator[Finding]:
    """Yield the program of an instance and the way that its mail takes, and stale run directories."""
    for left in runs.stale():
        what = f"a launch that was killed left {left}"
        yield Finding("note", "launch-left", what, "the next xw launch removes it, and ends its program")
    found = runs.of_mailbox(instance.mailbox)
    if found is None:
        return
    _, note = found
    seen = presence.read(instance.mailbox)
    program = " ".join(filter(None, (note.command, note.version)))
    where = f" on {note.terminal}" if note.terminal else ""
    worse = not note.ways or seen.bridge in note.ways[1:]
    yield Finding(
        "note" if worse else "ok",
        "launched",
        f"{program} was launched{where}; {_way(note, seen)}",
        "docs/launch.md has the ways into each program" if worse else "",
    )


def _way(note: RunNote, seen: presence.Presence) -> str:
    if seen.bridge in note.ways:
        why = f" ({first_line(seen.bridge_note, _WHY)})" if seen.bridge_note else ""
        return f"mail goes in {through(seen.bridge)}{why}"
    if note.ways:
        return seen.bridge_note or "its bridge looks for a way in"
    return f"it sees mail {'when a turn starts or ends' if note.hooks else 'when it runs `xw check`'}"
