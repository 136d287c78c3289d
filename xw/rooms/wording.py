"""A room's words to its members: turns and events.

    [room science] your turn, bob
    alice: Is the moon made of cheese?
      I ask for a friend.
    carol: It is not.
    [room science] reply with your line only; reply PASS to stay silent

Each line begins with its author's name at the margin, and its other rows are
indented: no member's words can pass for another's, or for the room's. The files
that came with a line follow it in rows of their own, with the names that they
have in this turn; a member's own row that looks like such a row gets `| ` before it.
"""

import json
from collections.abc import Mapping, Sequence

from xw.quote import GUARD, is_look_alike
from xw.rooms.scene import ROOM, File, Line, Member
from xw.text import first_line

_INDENT = "  "
_LIMIT = 600_000  # bytes of lines in one turn, as JSON: a message has 1 MiB
_LONGEST = 100_000  # characters to keep of a line that is too long alone: at most six bytes each in JSON
_TOPIC = 400


def spoken(line: Line, files: Mapping[File, str]) -> str:
    """Return a line with its author, safe to stand among others; `files` has the words for each file."""
    text = line.text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    # `splitlines` knows every character that some program shows as a line break.
    said = [GUARD + row if is_look_alike(row) else row for row in text.splitlines()]
    words = [*(said or [""]), *(f"(file: {files[file]})" for file in line.files)]
    return f"{line.author}: " + f"\n{_INDENT}".join(words)


def event(room: str, text: str) -> str:
    """Return the body of a room's event: its own statement about its state."""
    return f"{_mark(room)}{text}"


def event_in(room: str, body: str) -> str:
    """Return the text of `event` in a body."""
    return body.removeprefix(_mark(room))


def _mark(room: str) -> str:
    return f"[room {room}] "


def turn(
    room: str,
    member: Member,
    members: Sequence[str],
    lines: Sequence[Line],
    files: Mapping[File, str],
    topic: str,
    hint: str,
) -> str:
    """Return the body of a turn; for a room only the lines, because it instructs its own members."""
    shown, left_out = _fitting(lines, files)
    if member.kind == ROOM:
        return "\n".join(shown)
    first = [f"[room {room}] your turn, {member.name}"]
    if member.fresh:
        others = ", ".join(name for name in members if name != member.name) or "nobody else yet"
        first = [f"[room {room}] you are {member.name}; with you: {others}. {hint}"]
        if topic:
            first.append(f"[room {room}] about: {first_line(topic, _TOPIC)}")
    if left_out:
        first.append(f"[room {room}] {left_out} earlier lines omitted; `xw log --room {room}` shows them")
    last = f"[room {room}] reply with your line only; reply PASS to stay silent"
    return "\n".join([*first, *shown, last])


def _fitting(lines: Sequence[Line], files: Mapping[File, str]) -> tuple[list[str], int]:
    """Return the newest lines that fit, and the number of older lines left out."""
    shown: list[str] = []
    left = _LIMIT
    for line in reversed(lines):
        text = spoken(line, files)
        left -= len(json.dumps(text, ensure_ascii=False).encode())
        if left < 0 and shown:
            break
        shown.append(text if left >= 0 else text[:_LONGEST] + " …")
    return shown[::-1], len(lines) - len(shown)
