"""What a policy sees of a room: its members, its lines, its limits. Values, no files."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xw import layout
from xw.clock import SECOND

_MENTION = re.compile(r"(?<![\w@.-])@([a-z0-9][a-z0-9-]{0,31})", re.ASCII)
_DECORATION = " \t\r\n.!()[]*_\"'`"
MINUTE = 60 * SECOND
HUMAN = "human"
ROOM = "room"


class Limits(NamedTuple):
    """What a room may cost; 0 means no limit, but for `answer_s`, which has one.

    `memory` is how many of the last lines one who joins is given.
    """

    turns: int = 100
    per_minute: int = 6
    words: int = 20_000
    quiet_s: float = 600.0
    answer_s: float = 300.0
    memory: int = 20


class File(NamedTuple):
    """A file that came with a line, in the room's mailbox: `attachments/<folder>/<name>`; `size` in bytes."""

    folder: str
    name: str
    size: int
    sha256: str


class Line(NamedTuple):
    """One thing said: by the mailbox `author`, at `at` (microseconds, by the room's clock).

    `rooms` are the rooms that the text has passed, `names` those it mentions.
    One who passes says a line that is `silent`: it counts, and nobody is shown it.
    """

    id: str
    author: str
    text: str
    at: int
    rooms: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    silent: bool = False
    files: tuple[File, ...] = ()


class Member(NamedTuple):
    """One who is in the room.

    `turned` is the number of its last turn, or of the last one given when it
    joined; `heard` the number of lines it has been shown or spared; `open` the id
    of the turn it has not answered, given at `asked`, when it had heard `before`
    lines; `away` that it let one pass; `fresh` that it has to be reminded; `spoke`
    when it spoke last; `limited` when the room last said that it speaks too often.
    `failures` counts the turns in a row that it could not answer; at `rests` it is asked again (0: never).
    """

    name: str
    kind: str = "agent"
    turned: int = 0
    heard: int = 0
    open: str | None = None
    asked: int = 0
    away: bool = False
    fresh: bool = True
    spoke: tuple[int, ...] = ()
    limited: int = 0
    before: int = 0
    failures: int = 0
    rests: int = 0

    def back(self) -> "Member":
        """Return the member as one who can be asked again, and has to be reminded."""
        return self._replace(away=False, fresh=True, failures=0, rests=0)

    def at(self, now: int) -> "Member":
        """Return the member at this time: one whose rest is over is no longer away."""
        return self._replace(away=False) if self.away and 0 < self.rests <= now else self


class Scene(NamedTuple):
    """A room at one moment. `members` in the order they joined, `lines` oldest first."""

    members: tuple[Member, ...]
    lines: Sequence[Line]
    limits: Limits = Limits()
    turns: int = 0
    moderator: str = ""

    @property
    def waits(self) -> bool:
        """Whether somebody has the floor."""
        return any(member.open for member in self.members)

    def present(self) -> Iterator[Member]:
        """Return members that can be given a turn: not away, no turn open, something to hear."""
        return (m for m in self.members if not m.away and not m.open and has_news(m, self.lines))

    def free_at(self, member: Member) -> int:
        """Return when the rate allows a member its next message."""
        most = self.limits.per_minute
        return member.spoke[-most] + MINUTE if 0 < most <= len(member.spoke) else 0


def has_news(member: Member, lines: Sequence[Line]) -> bool:
    """Return whether something was said that the member has not been shown."""
    return any(is_for(member, lines[index]) for index in range(member.heard, len(lines)))


def is_for(member: Member, line: Line) -> bool:
    """Return whether a member is shown a line: others' words that have not passed it already."""
    return line.author != member.name and not line.silent and member.name not in line.rooms


def mentions(text: str) -> tuple[str, ...]:
    """Return the names that follow an `@` in a text, each once, in order; `all` may be among them."""
    found = (match.group(1).rstrip("-") for match in _MENTION.finditer(text.lower()))
    return tuple(dict.fromkeys(found))


def named(line: Line, name: str) -> bool:
    """Return whether a line calls on somebody of this name other than its author."""
    return line.author != name and (name in line.names or layout.EVERYONE in line.names)


def is_pass(text: str) -> bool:
    """Return whether an answer is only the word PASS, however decorated."""
    return text.strip(_DECORATION).lower() == "pass"
