"""The results and errors of an Agent's methods that `actions` does not define."""

from xw import layout
from xw.errors import NotFound, Refused, Unreadable, XwError
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true: the imports are for them only
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xw.actions.inbox import DeadLetter, Done, Opened
    from xw.actions.transcript import Traced
    from xw.finding import Finding
    from xw.hub.sighting import Peer
    from xw.message import Message
    from xw.post import Sent
    from xw.shapes import mail, upkeep


class DeadLetters(NamedTuple):
    """The listed dead letters, oldest first, and the number of all."""

    letters: "tuple[DeadLetter, ...]"
    total: int

    def to_json(self) -> "mail.DeadLetters":
        """Return the object that `--json` prints."""
        letters = [one.to_json() for one in self.letters]
        return {"format": 1, "dead_letters": letters, "total": self.total}


class Thread(tuple["Opened", ...]):
    """The messages of a thread, oldest first."""

    __slots__ = ()

    def to_json(self) -> "mail.Thread":
        """Return the object that `--json` prints."""
        return {"format": 1, "messages": [one.to_json() for one in self]}


class Trace(NamedTuple):
    """A sent message, and the state of each recipient's copy."""

    message: "Message"
    recipients: "tuple[Traced, ...]"

    def to_json(self) -> "mail.Trace":
        """Return the object that `--json` prints."""
        recipients = [one.to_json() for one in self.recipients]
        return {"format": 1, "id": self.message.id, "recipients": recipients}


class Peers(tuple["Peer", ...]):
    """Other instances on the hub; `total` is the number of all, listed or not."""

    total: int

    @classmethod
    def of(cls, listed: "Sequence[Peer]", total: int) -> "Peers":
        """Return the listed peers, out of `total`."""
        found = cls(listed)
        found.total = total
        return found

    def to_json(self) -> "upkeep.Peers":
        """Return the object that `--json` prints."""
        return {"format": 1, "peers": [one.to_json() for one in self], "total": self.total}


class Findings(tuple["Finding", ...]):
    """All findings of `doctor`."""

    __slots__ = ()

    def to_json(self) -> "upkeep.Findings":
        """Return the object that `--json` prints."""
        return {"format": 1, "findings": [one.to_json() for one in self]}


class Prompt(str):
    """The instructions for an instance's system prompt."""

    __slots__ = ()

    def to_json(self) -> "upkeep.Prompt":
        """Return the object that `--json` prints."""
        return {"format": 1, "prompt": str(self)}


class Unfinished(XwError):
    """Some messages could not be marked as done; `finished` has the result for each, in order."""

    def __init__(self, finished: "Done") -> None:
        errors = [one.error for one in finished if one.error]
        super().__init__("; ".join(map(str, errors)))
        worst = max(errors, key=lambda error: error.code)
        self.code, self.word = worst.code, worst.word
        self.finished = finished


class Returned(XwError):
    """A remote hub refused a message for some of its recipients; `sent` has them."""

    def __init__(self, text: str, sent: "Sent") -> None:
        super().__init__(text)
        self.sent = sent
        self.told = sent.to_json()


class ReturnedUnknown(Returned, NotFound):
    """A remote hub does not know some of a message's recipients."""


class ReturnedRefused(Returned, Refused):
    """A remote hub refused a message because of its size or a policy."""


def returned(known: "Sequence[str]", sent: "Sent") -> Returned:
    """Return the error for a message that the hub refused for some recipients; `known` are its instances."""
    kind = ReturnedRefused if set(sent.returned) <= set(known) else ReturnedUnknown
    came_back = f"{layout.short_id(sent.name)} came back from {', '.join(sent.returned)}"
    return kind(f"{came_back}: `xw check` shows the reason", sent)


def left_out(name: str, error: XwError) -> str:
    """Return a sentence about a pending file that cannot be shown."""
    where = "left in pending/" if isinstance(error, Unreadable) else "set aside in failed/"
    return f"{where}: {name}: {error}"
