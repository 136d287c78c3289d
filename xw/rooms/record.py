"""Read a room's history from its files, in the order of events.

The files are the record: `sent/` holds the room's own turns and events, in the
order of their ids, `inbox/done/` the lines it took (its `heard` part). Each message that the room
sends names the lines taken since the one before (`payload.took`), so the order
is exact, whatever the members' clocks say. Lines that nothing names yet come
last. A message to several recipients may be no line (`payload.aside`): until the
room names it, only the coordinator can tell.
Called by the coordinator after a restart and by every reader, also on other
hosts; so it reads many files at a time.
"""

from collections.abc import Callable, Iterator, Sequence

from xw.errors import NoMessage, Unreadable, explain, unforeseen
from xw.hub.contract import Part
from xw.message import Message, decode
from xw.rooms import payload
from xw.rooms.payload import Payload
from xw.rooms.view import RoomView

Step = tuple[Message, Payload | None]
"""A message that the room sent, with its payload; or a line that it took, without one."""
LeftOut = Callable[[str, NoMessage], None]
"""Takes the name of an unreadable file, and the reason."""
_AT_ONCE = 200  # files to read in one go


def ignore(name: str, problem: NoMessage) -> None:
    """Do nothing about an unreadable file."""


class Record:
    """The history of a room; call `fresh` again as it grows.

    Leave out unreadable files, and report each to `left_out`.
    """

    def __init__(self, room: RoomView, left_out: LeftOut = ignore) -> None:
        self._room = room
        self._left_out = left_out
        self._unnamed: dict[str, Message] = {}
        self._seen: dict[Part, set[str]] = {"sent": set(), "heard": set()}

    def fresh(self) -> Iterator[Step]:
        """Yield the steps since the last call, in order."""
        # `sent/` first: a line that a message there names has been in `done/` for longer.
        sent = self._unseen("sent")
        heard = {name.partition(".")[0]: name for name in self._unseen("heard")}
        for part in _parts(sent):
            own = [(message, found) for message in self._read("sent", part) if (found := _own(message))]
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
        """Yield the messages that may or may not be lines, because no message of the room names them."""
        yield from self._unnamed.values()

    def _unseen(self, part: Part) -> list[str]:
        listed = self._room.rooms.record(self._room.name, part)
        names = [name for name in listed if name not in self._seen[part]]
        self._seen[part].update(names)
        return names

    def _lines(self, names: Sequence[str]) -> Iterator[Message]:
        return filter(payload.is_line, self._read("heard", names))

    def _read(self, part: Part, names: Sequence[str]) -> Iterator[Message]:
        """Yield the readable messages."""
        found = self._room.rooms.read(self._room.name, part, names)
        for name, data in zip(names, found, strict=True):
            try:
                if isinstance(data, Exception):
                    raise data
                message = decode(name, data)
            except FileNotFoundError:
                continue  # removed since the listing
            except NoMessage as problem:
                self._left_out(name, problem)
            except OSError as error:  # such as another user's file: it must not hide others
                self._left_out(name, Unreadable(str(explain(error))))
            except Exception as bug:  # noqa: BLE001
                self._left_out(name, Unreadable(unforeseen(bug)))
            else:
                yield message


def _own(message: Message) -> Payload | None:
    """Return a turn's or event's payload, else None; the room's own lines and commands are in `done/`."""
    found = payload.read(message)
    return found if found and found.kind != payload.CONTROL else None


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE))
