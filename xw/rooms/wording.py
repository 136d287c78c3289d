"""What a room says to its members: turns and events, in words.

    [room science] your turn, bob
    alice: Is the moon made of cheese?
      I ask for a friend.
    carol: It is not.
    [room science] reply with your line only; reply PASS to stay silent

Each line begins with its author's name at the margin, its further lines are
indented, and so are theirs that had no text: nothing that a member says can
pass for the words of another, or of the room. So are the files that came with
it, under the names that they have in this turn; a member's own line that looks
like one of those gets `| ` before it.
"""

import json
from collections.abc import Mapping, Sequence

from xw.quote import GUARD, is_look_alike
from xw.rooms.scene import ROOM, File, Line, Member
from xw.text import first_line

_INDENT = "  "
_LIMIT = 600_000  # bytes of lines in one turn, as JSON: a message has 1 MiB
_LONGEST = 100_000  # characters of a line that is too long alone: JSON makes at most six bytes of one
_TOPIC = 400


def spoken(line: Line, files: Mapping[File, str]) -> str:
    """Return a line with its author, safe to stand among others; `files` has the words for each file."""
    text = line.text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    # Every break that some program shows as one: `splitlines` knows them all.
    said = [GUARD + line if is_look_alike(line) else line for line in text.splitlines()]
    words = [*(said or [""]), *(f"(file: {files[file]})" for file in line.files)]
    return f"{line.author}: " + f"\n{_INDENT}".join(words)


def turn(
    room: str,
    member: Member,
    members: Sequence[str],
    lines: Sequence[Line],
    files: Mapping[File, str],
    topic: str,
    hint: str,
) -> str:
    """Return the body of a turn. To a room only the lines: it tells its own members what to do."""
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
        first.append(f"[room {room}] {left_out} earlier lines left out: `xw log --room {room}` has them")
    last = f"[room {room}] reply with your line only; reply PASS to stay silent"
    return "\n".join([*first, *shown, last])


def _fitting(lines: Sequence[Line], files: Mapping[File, str]) -> tuple[list[str], int]:
    """Return the newest lines that fit, and the number of older ones that do not."""
    shown: list[str] = []
    left = _LIMIT
    for line in reversed(lines):
        text = spoken(line, files)
        left -= len(json.dumps(text, ensure_ascii=False).encode())
        if left < 0 and shown:
            break
        shown.append(text if left >= 0 else text[:_LONGEST] + " …")
    return shown[::-1], len(lines) - len(shown)
