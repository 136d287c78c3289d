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
from typing import NamedTuple

from xw.quote import GUARD, is_look_alike
from xw.relayed import spoken
from xw.rooms.scene import ROOM, File, Line, Member

_INDENT = "  "
_LIMIT = 600_000  # bytes of lines in one turn, as JSON: a message has 1 MiB
_LONGEST = 100_000  # characters to keep of a line that is too long alone: at most six bytes each in JSON
_TOPIC = 4000  # characters of the topic, and of a persona


def line(said: Line, files: Mapping[File, str]) -> str:
    """Return a line as a turn shows it; `files` has the words for each file."""
    return spoken(said.author, said.text, [files[file] for file in said.files])


def event(room: str, text: str) -> str:
    """Return the body of a room's event: its own statement about its state."""
    return f"{_mark(room)}{text}"


def event_in(room: str, body: str) -> str:
    """Return the text of `event` in a body."""
    return body.removeprefix(_mark(room))


def _mark(room: str) -> str:
    return f"[room {room}] "


class Brief(NamedTuple):
    """The words of a turn around its lines; only a `reminder` has the others, the policy and the topic.

    `persona` is the part that the member plays. `names` are those whom the member may name, because it
    moderates, or is asked `again` to name somebody.
    """

    reminder: bool = False
    others: tuple[str, ...] = ()
    hint: str = ""
    persona: str = ""
    topic: str = ""
    names: tuple[str, ...] = ()
    again: bool = False


def turn(room: str, member: Member, brief: Brief, shown: Sequence[str], left_out: int = 0) -> str:
    """Return the body of a turn with the lines `shown`; for a room nothing else: it instructs its members."""
    if member.kind == ROOM:
        return "\n".join(shown)
    first = [_first(member, brief)]
    if brief.names:
        now = "nobody has the turn now; " if brief.again else ""
        first.append(f"{now}name the next speaker with @: {', '.join(f'@{name}' for name in brief.names)}")
    if brief.persona:
        first.append(_block("your part", brief.persona))
    if brief.topic:
        first.append(_block("about", brief.topic))
    if left_out:
        first.append(f"{left_out} earlier lines omitted; `xw log --room {room}` shows them")
    last = "reply with your line only; reply PASS to stay silent"
    return "\n".join([*(_mark(room) + row for row in first), *shown, _mark(room) + last])


def _first(member: Member, brief: Brief) -> str:
    if not brief.reminder:
        return f"your turn, {member.name}"
    return f"you are {member.name}; with you: {', '.join(brief.others) or 'nobody else yet'}. {brief.hint}"


def _block(label: str, text: str) -> str:
    """Return a text behind a label, cut if it is too long, with its other rows indented like a line's."""
    cut = text.strip() if len(text) <= _TOPIC else text[:_TOPIC].strip() + " …"
    first, *rest = cut.splitlines() or [""]
    return f"\n{_INDENT}".join(
        [f"{label}: {first}", *(GUARD + row if is_look_alike(row) else row for row in rest)]
    )


def fitting(lines: Sequence[Line], files: Mapping[File, str]) -> tuple[list[str], int]:
    """Return the texts of the newest lines that fit into a turn, and the number of older lines left out."""
    shown: list[str] = []
    left = _LIMIT
    for one in reversed(lines):
        text = line(one, files)
        left -= len(json.dumps(text, ensure_ascii=False).encode())
        if left < 0 and shown:
            break
        shown.append(text if left >= 0 else text[:_LONGEST] + " …")
    return shown[::-1], len(lines) - len(shown)
