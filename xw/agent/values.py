"""What the methods of an Agent return and raise where `actions` has no value of that shape."""

from xw import layout
from xw.errors import NotFound, Refused, Unreadable, XwError
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xw.actions.inbox import DeadLetter, Finished
    from xw.actions.transcript import Traced
    from xw.message import Message
    from xw.post import Sent

_Files = tuple[tuple[str, str], ...]


class Inbox:
    """Pending messages, oldest first; iterate it. Frozen.

    `total` counts all that fit the question. `set_aside` and `newer` name files that cannot be read, each
    with the reason: the first were moved to `failed/`, the others stay until this xw may and can read them.
    """

    __slots__ = ("messages", "newer", "set_aside", "total")
    messages: "tuple[Message, ...]"
    total: int
    set_aside: _Files
    newer: _Files

    def __init__(
        self,
        messages: "Sequence[Message]",
        total: int,
        set_aside: "Sequence[tuple[str, str]]" = (),
        newer: "Sequence[tuple[str, str]]" = (),
    ) -> None:
        for name, value in (
            ("messages", tuple(messages)),
            ("total", total),
            ("set_aside", tuple(set_aside)),
            ("newer", tuple(newer)),
        ):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an Inbox is frozen: {name} cannot be set")

    def __iter__(self) -> "Iterator[Message]":
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)

    def __repr__(self) -> str:
        return f"Inbox({len(self.messages)} of {self.total} messages)"


class DeadLetters(NamedTuple):
    """The dead letters that are listed, oldest first, and how many there are in all."""

    letters: "tuple[DeadLetter, ...]"
    total: int


class Trace(NamedTuple):
    """A message that was sent, and where each recipient's copy of it is."""

    message: "Message"
    recipients: "tuple[Traced, ...]"


class Unfinished(XwError):
    """Not every message could be marked as done; `finished` tells of each, in order."""

    def __init__(self, finished: "tuple[Finished, ...]") -> None:
        errors = [one.error for one in finished if one.error]
        super().__init__("; ".join(map(str, errors)))
        worst = max(errors, key=lambda error: error.code)
        self.code, self.word = worst.code, worst.word
        self.finished = finished


class Returned(XwError):
    """A hub elsewhere would not take a message for some of its recipients; `sent` tells for whom."""

    def __init__(self, text: str, sent: "Sent") -> None:
        super().__init__(text)
        self.sent = sent


class ReturnedUnknown(Returned, NotFound):
    """… because they are not registered there."""


class ReturnedRefused(Returned, Refused):
    """… because of its size, or a policy."""


def returned(known: "Sequence[str]", sent: "Sent") -> Returned:
    """Return the error that a message is which the hub refused for some; `known` are the instances there."""
    kind = ReturnedRefused if set(sent.returned) <= set(known) else ReturnedUnknown
    came_back = f"{layout.short_id(sent.name)} came back from {', '.join(sent.returned)}"
    return kind(f"{came_back}: `xw check` shows the reason", sent)


def left_out(name: str, error: XwError) -> str:
    """Return what became of a pending file that cannot be shown."""
    where = "left in pending/" if isinstance(error, Unreadable) else "set aside in failed/"
    return f"{where}: {name}: {error}"
