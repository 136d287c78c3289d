"""A room's history, read from its files in the order in which it came to pass.

The files are the record: `sent/` holds the room's own turns and events, in the
order of their ids; `inbox/done/` the lines it has heard. Each thing sent names
the lines heard since the one before (`payload.took`), so the order is exact
whatever the members' clocks say. Lines that nothing names yet come last. What went to several
recipients may be none (`payload.aside`): until it is named, only the coordinator can tell.
Serves the coordinator after a restart and everybody who watches, from other
hosts too: so it reads many files at a time.
"""

from collections.abc import Callable, Iterator, Sequence

from xw import layout
from xw.errors import NoMessage, Unreadable, explain, unforeseen
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.message import Message, decode
from xw.rooms import payload
from xw.rooms.payload import Payload

Step = tuple[Message, Payload | None]
"""Something the room sent, with its payload; or a line it heard, without."""
LeftOut = Callable[[str, NoMessage], None]
"""Is given the name of a file that cannot be read, and why."""
_AT_ONCE = 200  # files to read in one go


def ignore(name: str, problem: NoMessage) -> None:
    """Tell nobody."""


class Record:
    """The history of the room whose mailbox this is; `fresh` may be called again as it grows.

    What cannot be read is left out, and `left_out` hears of it.
    """

    def __init__(self, mailbox: Mailbox, left_out: LeftOut = ignore) -> None:
        self._mailbox = mailbox
        self._left_out = left_out
        self._unnamed: dict[str, Message] = {}
        self._seen: dict[str, set[str]] = {layout.SENT: set(), INBOX["done"]: set()}

    def fresh(self) -> Iterator[Step]:
        """Return what has not been given yet, in order."""
        # What was sent first: a line that it names has been in `done/` for longer.
        sent = self._unseen(layout.SENT)
        heard = {name.partition(".")[0]: name for name in self._unseen(INBOX["done"])}
        for part in _parts(sent):
            own = [(message, found) for message in self._read(layout.SENT, part) if (found := _own(message))]
            taken = [heard.pop(line) for _, found in own for line in found.took if line in heard]
            lines = {message.id: message for message in self._lines(taken)}
            for _, found in own:
                lines |= {line: self._unnamed.pop(line) for line in found.took if line in self._unnamed}
                for line in found.aside:
                    heard.pop(line, None)
                    self._unnamed.pop(line, None)
            for message, found in own:
                yield from ((lines.pop(line), None) for line in found.took if line in lines)
                yield message, found
        for part in _parts([*heard.values()]):
            for message in self._lines(part):
                if len(message.to) > 1:
                    self._unnamed[message.id] = message
                else:
                    yield message, None

    def unnamed(self) -> Iterator[Message]:
        """What may be a line or not, since nothing that the room has sent names it."""
        yield from self._unnamed.values()

    def _unseen(self, folder: str) -> list[str]:
        names = [name for name in self._mailbox.names(folder) if name not in self._seen[folder]]
        self._seen[folder].update(names)
        return names

    def _lines(self, names: Sequence[str]) -> Iterator[Message]:
        return filter(payload.is_line, self._read(INBOX["done"], names))

    def _read(self, folder: str, names: Sequence[str]) -> Iterator[Message]:
        """Return the messages that can be read."""
        paths = [self._mailbox.at(folder, name) for name in names]
        found = self._mailbox.files.read_all(paths, layout.MESSAGE_LIMIT)
        for name, data in zip(names, found, strict=True):
            try:
                if isinstance(data, Exception):
                    raise data
                message = decode(name, data)
            except FileNotFoundError:
                continue  # removed since it was listed
            except NoMessage as problem:
                self._left_out(name, problem)
            except OSError as error:  # another user's file, for example: it hides no other
                self._left_out(name, Unreadable(str(explain(error))))
            except Exception as bug:  # noqa: BLE001
                self._left_out(name, Unreadable(unforeseen(bug)))
            else:
                yield message


def _own(message: Message) -> Payload | None:
    """Return a turn's or event's payload; the room's own words and requests to itself are in `done/`."""
    found = payload.read(message)
    return found if found and found.kind != payload.CONTROL else None


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE))
