"""What a room says to its members: turns and events, in words.

    [room science] your turn, bob
    alice: Is the moon made of cheese?
      I ask for a friend.
    carol: It is not.
    [room science] your whole answer is your line, PASS says nothing

Each line begins with its author's name at the margin, its further lines are
indented, and so are theirs that had no text: nothing that a member says can
pass for the words of another, or of the room.
"""

from collections.abc import Sequence

from xw.rooms.scene import ROOM, Line, Member
from xw.text import first_line

_INDENT = "  "
_LIMIT = 200_000  # characters of lines in one turn: a message has 1 MiB, a character up to four bytes
_TOPIC = 400


def spoken(line: Line) -> str:
    """A line with its author, safe to stand among others."""
    text = line.text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    # Every break that some program shows as one: `splitlines` knows them all.
    return f"{line.author}: " + f"\n{_INDENT}".join(text.splitlines() or [""])


def turn(
    room: str, member: Member, members: Sequence[str], lines: Sequence[Line], topic: str, hint: str
) -> str:
    """The body of a turn. To a room only the lines: its own members are told by itself what to do."""
    shown, left_out = _fitting(lines)
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
    last = f"[room {room}] your whole answer is your line, PASS says nothing"
    return "\n".join([*first, *shown, last])


def _fitting(lines: Sequence[Line]) -> tuple[list[str], int]:
    """The newest lines that fit, and how many older ones do not."""
    shown: list[str] = []
    left = _LIMIT
    for line in reversed(lines):
        text = spoken(line)
        left -= len(text)
        if left < 0 and shown:
            break
        shown.append(text if left >= 0 else text[:_LIMIT] + " …")
    return shown[::-1], len(lines) - len(shown)
