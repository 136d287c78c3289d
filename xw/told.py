"""What each session of an agent program was told: every message once, whatever crashes.

Hooks, wakers and `xw check --untold` give a session its mail through `Told.telling`. Two of one session take
turns by a lock. A batch of messages is noted, durably, before its text is given; that it was given is noted
in the lock file afterwards. If the second note is missing, the batch is *perhaps told*: it is never given
again, and named once.

    bridge/told/KEY.json    {"number", "last", "told", "turns", "row"}; short ids
    bridge/told/KEY.lock    its lock; in it, the number of the last batch that was given
    bridge/told/KEY.waker   held by the session's waker

A turn that a hook or a waker causes is paid for by somebody, so there is a budget of them.
"""

import json
from contextlib import contextmanager, suppress

from xw import clock, layout
from xw.errors import Damaged, XwError
from xw.journal import key_of, private, sessions
from xw.mailbox import Mailbox
from xw.message import parse_object
from xw.named_tuple import NamedTuple
from xw.sessions import program_process

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from contextlib import AbstractContextManager

    from xw.files.contract import Note

FOLDER = f"{layout.BRIDGE}/told"
PER_TURN = 3
"""Times that a hook continues one turn; Claude Code stops after 8."""
PER_HOUR = 20
"""Turns in an hour that hooks and wakers cause in one session."""
LOCK_S = 1.0
"""How long a hook waits for another one of its session."""

_HOUR = 3600 * clock.SECOND
_ROW = 600 * clock.SECOND  # a turn that is continued after so long is another one
_KEPT = 2000  # ids, from which on those of messages that are no longer pending are removed
_LIMIT = 16 * 1024 * 1024


class Noted(NamedTuple):
    """What is noted of a session.

    `told` are short ids, `last` those of batch `number`. `turns` are the times at which hooks and wakers
    caused a turn within the last hour, `row` how often the last turn was continued.
    """

    number: int = 0
    last: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    turns: tuple[int, ...] = ()
    row: int = 0


class Told:
    """The notes of one session of an instance, known by the program's own id of it."""

    def __init__(self, mailbox: Mailbox, session: str) -> None:
        self._files = private(mailbox)
        self._folder = mailbox.at(FOLDER)
        self._path = f"{self._folder}/{key_of(session)}"

    @contextmanager
    def telling(self) -> "Iterator[Telling]":
        """Be the only one that tells this session something. Raise Busy.

        What was given to `Telling.give` counts as told on leaving without an error, and as perhaps told else.
        """
        self._prepare(".lock")
        with self._files.locked_briefly(f"{self._path}.lock", LOCK_S) as note:
            telling = Telling(self, note)
            yield telling
            telling.confirm()

    def waker(self) -> "AbstractContextManager[object]":
        """Be this session's only waker. Raise Busy at once if it has one."""
        self._prepare(".waker")
        return self._files.locked(f"{self._path}.waker", timeout=0.0)

    def load(self) -> Noted:
        """Return what is noted. A damaged note is none: a message told twice does less harm than one lost."""
        try:
            found = parse_object(self._files.read(f"{self._path}.json", _LIMIT))
            return Noted(
                _whole(found["number"]),
                _texts(found["last"]),
                _texts(found["told"]),
                tuple(_whole(at) for at in _list(found["turns"])),
                _whole(found["row"]),
            )
        except (OSError, Damaged, KeyError, TypeError):
            return Noted()

    def store(self, noted: Noted) -> None:
        """Note it, durably. Raise OSError."""
        data = (json.dumps(noted._asdict()) + "\n").encode()
        self._files.replace(data, self._folder, f"{self._path}.json")

    def _prepare(self, ending: str) -> None:
        """Make the folder if it is missing; to ask first costs less than to make it durable each time."""
        try:
            self._files.stat(self._path + ending)
        except FileNotFoundError:
            self._files.make_folder(self._folder)


class Telling:
    """One turn at telling a session something; made by `Told.telling`."""

    def __init__(self, told: Told, note: "Note") -> None:
        self._told = told
        self._note = note
        self.noted = told.load()
        self._known = frozenset(self.noted.told)
        self._settles = False
        given = note.recall().strip()
        self.perhaps = () if given == str(self.noted.number) else self.noted.last
        """The messages of a batch that was interrupted: nobody knows whether the session saw them."""

    def is_new(self, short: str) -> bool:
        """Return True if a message was not told yet."""
        return short not in self._known

    def name(self) -> None:
        """Note on leaving that the messages of `perhaps` were named to the session."""
        self._settles = True

    def give(
        self, new: "Collection[str]", pending: "Collection[str]", turn: "tuple[int, int] | None" = None
    ) -> None:
        """Note that these messages are told now, and `perhaps` is named, before the text is given.

        Raise OSError. Messages that are not `pending` any more are forgotten in time: they never are again.
        `turn` is for a turn that is caused by this: its time, and which continuation of a turn it is.
        """
        noted, told = self.noted, [*self.noted.told, *new]
        if len(told) > _KEPT:
            told = [one for one in told if one in pending]
        turns, row = noted.turns, noted.row
        if turn:
            at, row = turn
            turns = (*self.lately(at), at)
        self.noted = Noted(noted.number + 1, (*self.perhaps, *new), tuple(told), turns, row)
        self._told.store(self.noted)
        self._settles = True

    def lately(self, now: int) -> tuple[int, ...]:
        """Return the times of the turns caused in the last hour. Those ahead of the clock are from before."""
        return tuple(at for at in self.noted.turns if now - _HOUR < at <= now)

    def next_in_row(self, now: int, goes_on: bool | None) -> int:
        """Return which continuation of the program's turn the next one would be, from 1.

        `goes_on` is the program's word on whether a hook continued this turn; None if it has none.
        """
        last = max(self.lately(now), default=0)
        return 1 if goes_on is False or now - last > _ROW else self.noted.row + 1

    def confirm(self) -> None:
        """Note that everything was given."""
        if self._settles:
            with suppress(OSError):  # it is perhaps told, then
                self._note.keep(f"{self.noted.number:<20}")


def note_read(mailbox: Mailbox, short: str) -> None:
    """Note that the session that runs this process has read a message, by its short id. Never fails."""
    living = sessions(mailbox)
    process = program_process() if living else ""
    for session in living:
        if session.process == process:
            with suppress(OSError, XwError):
                told = Told(mailbox, session.id)
                with told.telling() as telling:
                    if telling.is_new(short):
                        told.store(telling.noted._replace(told=(*telling.noted.told, short)))


def remove_old(mailbox: Mailbox, before: float) -> None:
    """Remove the notes of sessions that were told nothing since a time."""
    files, folder = private(mailbox), mailbox.at(FOLDER)
    with suppress(OSError):
        for name in files.list_folder(folder):
            with suppress(OSError):  # another process removes it too
                if files.stat(f"{folder}/{name}").mtime < before and not files.held(f"{folder}/{name}"):
                    files.remove(f"{folder}/{name}")


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _texts(value: object) -> tuple[str, ...]:
    return tuple(one for one in _list(value) if isinstance(one, str))


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError
    return value
