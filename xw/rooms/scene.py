"""A policy's view of a room: its members, its lines, its limits. Values, no files."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, get_args

from xw import layout
from xw.clock import SECOND
from xw.words import InstanceKind

_MENTION = re.compile(r"(?<![\w@.-])@([a-z0-9][a-z0-9-]{0,31})", re.ASCII)
_DECORATION = " \t\r\n.!()[]*_\"'`"
MINUTE = 60 * SECOND
HUMAN: InstanceKind = "human"
ROOM: InstanceKind = "room"
_KINDS: tuple[InstanceKind, ...] = get_args(InstanceKind)


def kind_of(text: str) -> InstanceKind:
    """Return the kind of a member that a card or a record names; an unknown one is treated as an agent."""
    return next((one for one in _KINDS if one == text), "agent")


class Limits(NamedTuple):
    """The limits of a room; 0 means none, except for `answer_s`, which must be more than 0.

    `memory` is the number of last lines that a new member gets.
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
    """One line by the mailbox `author`, at `at` (microseconds, by the room's clock).

    `rooms` are the rooms that the text has passed through, `names` the names it mentions.
    A PASS is a line that is `silent`: it counts, and nobody sees it. `person` is True for a person's words,
    and for those of the room's host. `original` is the file name of its message, if that can show others who
    said it.
    """

    id: str
    author: str
    text: str
    at: int
    rooms: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    silent: bool = False
    files: tuple[File, ...] = ()
    person: bool = False
    original: str = ""


class Member(NamedTuple):
    """A member of the room.

    `turned` is the number of its last turn, or of the room's last turn when it
    joined; `heard` the number of lines it has seen or need not see; `open` the id of
    the turn it has not answered, given at `asked`, when it had heard `before` lines;
    `away` is True if it let a turn pass, `fresh` if it needs a reminder; `spoke` has
    the times of its last lines; `limited` is when the room last reported its rate.
    `failures` counts the turns in a row that it could not answer; at `rests` it gets
    the turn again (0: never). `last` is the id of its last turn; `nudged` is True if
    it was asked once more to name somebody, and nobody else has spoken since;
    `memory` names what its program remembered at its last turn (`presence.judge`).
    """

    name: str
    kind: InstanceKind = "agent"
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
    last: str = ""
    nudged: bool = False
    memory: str = ""

    def back(self) -> "Member":
        """Return the member as one that may get turns again, with a reminder."""
        return self._replace(away=False, fresh=True, failures=0, rests=0)

    def at(self, now: int) -> "Member":
        """Return the member at this time: once its rest is over, it is no longer away."""
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
        """Return True while somebody has the floor."""
        return any(member.open for member in self.members)

    def present(self) -> Iterator[Member]:
        """Yield the members that may get a turn: not away, no turn open, with news."""
        return (m for m in self.members if not m.away and not m.open and has_news(m, self.lines))

    def nameable(self, member: Member) -> Iterator[Member]:
        """Yield the members that this one can name, and that can speak then."""
        return (other for other in self.members if other.name != member.name and not other.away)

    def free_at(self, member: Member) -> int:
        """Return the time at which the rate allows a member its next message; 0 for now."""
        most = self.limits.per_minute
        return member.spoke[-most] + MINUTE if 0 < most <= len(member.spoke) else 0


def has_news(member: Member, lines: Sequence[Line]) -> bool:
    """Return True if there is a line for the member that it has not seen."""
    return any(is_for(member, lines[index]) for index in range(member.heard, len(lines)))


def is_for(member: Member, line: Line) -> bool:
    """Return True for a line to show to a member: others' words that have not passed through it before."""
    return line.author != member.name and not line.silent and member.name not in line.rooms


def mentions(text: str) -> tuple[str, ...]:
    """Return the names behind an `@` in a text, each once, in order; `all` may be among them."""
    found = (match.group(1).rstrip("-") for match in _MENTION.finditer(text.lower()))
    return tuple(dict.fromkeys(found))


def names_member(line: Line, name: str) -> bool:
    """Return True if a line calls on this name, which is not its author's."""
    return line.author != name and (name in line.names or layout.EVERYONE in line.names)


def is_pass(text: str) -> bool:
    """Return True if an answer is only the word PASS, in any decoration."""
    return text.strip(_DECORATION).lower() == "pass"
