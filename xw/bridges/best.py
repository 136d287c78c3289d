"""The best way into a program that `xw launch` started: its own if that works, else the terminal.

The target is the run directory. Its note lists the ways, each a kind of bridge, the best first. Before a text
goes in, the first way that is usable is chosen; one that cannot work here is reported once, with its reason.
The mark names the way, so that a later process asks the same way for the answer: ways change only between
texts.

A way that may still come up by itself, while its program starts, is waited for; one that raised `Unusable` is
not tried again by this process.
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from xw import processes, runs
from xw.backoff import Pause
from xw.bridges import kinds
from xw.bridges.chat import (
    DIALOG,
    Chat,
    ChatGone,
    Found,
    Hearing,
    Later,
    Overheard,
    Personal,
    Probing,
    Remembering,
    Reply,
    Telling,
    Turning,
    Unusable,
    Way,
    why_not_ready,
)
from xw.bridges.kinds import check_options
from xw.bridges.own_files import OwnFiles
from xw.errors import NotFound, Usage, XwError, explain, unforeseen
from xw.runs import RunNote

OPTIONS: tuple[str, ...] = ()

SETTLES_S = 20.0
"""Time for a program to start: a better way that is not there yet is waited for."""

TERMINAL = "tmux"
ASKS = "waits at a question in its terminal"
"""How the reason goes on while the program's own way is not there and its terminal shows a question."""
WAY = "mail goes in by "
"""How `BestChat` begins to tell its way."""
WORSE = "; not by "
"""How it goes on where a better way is not in use."""
_LOOKS_S = 1.0
_ASKS_S = 2.0  # time between two looks while the terminal shows a question


class _Open(NamedTuple):
    """A way: its chat, or why there is none; `passes` is True if it may be opened later."""

    chat: Chat | None
    why: str = ""
    passes: bool = False


class BestChat:
    """The ways into one program; each is opened at its first use."""

    def __init__(
        self, folder: str, note: RunNote, state: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._note = note
        self._state = state
        self._clock = clock
        self._began = clock()
        self._ways: dict[str, _Open] = {}
        self._current = ""
        self._used: set[str] = set()
        self._waits = ""  # why no way was usable at the last look
        self._why: dict[str, str] = {}  # by the way that cannot be used now
        self._said: dict[str, str] = {}
        self._tell: Callable[[str], None] = lambda text: None
        self._name = note.name
        self._next = 0.0
        self._rest = Pause(_LOOKS_S, 60.0)

    def tells(self, tell: Callable[[str], None]) -> None:
        """Note the function that reports a line; see `Telling`."""
        self._tell = tell

    def serves(self, instance: str) -> None:
        """Note the instance; see `Personal`."""
        self._name = instance

    @property
    def way(self) -> Way:
        """Return the way in use, and why no better one is; see `Choosing`."""
        if not self._current:
            return Way("", self._waits)
        better = []
        for kind in self._note.ways:
            if kind == self._current:
                break
            if kind in self._why:
                better.append(f"not by {kind}: {self._why[kind]}")
        return Way(self._current, "; ".join(better))

    def look(self) -> None:
        """Look whether the best way is there now, ever less often; see `Choosing`."""
        if self._clock() >= self._next and (not self._current or self._why):
            try:
                self._choose()
            except Unusable:
                raise
            except (XwError, OSError):
                pass  # `ready` tells it when there is mail
            self._next = self._clock() + (_ASKS_S if ASKS in self._waits else self._rest.longer())

    @property
    def over(self) -> bool:
        """Return True once the program has ended; see `Ending`."""
        return not processes.lives(self._note.process)

    @property
    def memory(self) -> str:
        """Return the memory of the program by the way in use, if that can tell; see `Remembering`."""
        chat = self._in_use
        return chat.memory if isinstance(chat, Remembering) else ""

    @property
    def limit(self) -> int:
        """Return the limit of the way in use."""
        way = self._ways.get(self._current)
        return way.chat.limit if way and way.chat else 0

    def ready(self) -> str | None:
        """Choose a way, and return why it cannot take a text now, or None; see `Chat.ready`."""
        try:
            chat = self._choose()
        except ChatGone as error:
            return str(error)
        return why_not_ready(chat)

    def mark(self) -> str:
        """Return the mark of the way in use, with its kind."""
        chat = self._choose()
        try:
            return json.dumps({"way": self._current, "mark": chat.mark()})
        except Unusable as error:
            self._give_up(self._current, str(error))
            raise ChatGone(f"{self._current}: {error}") from error

    def present(self, mark: str, text: str) -> None:
        """Put the text in by the way of the mark."""
        chat, inner = self._of(mark)
        chat.present(inner, text)

    def seen(self, mark: str, text: str) -> bool | None:
        """Ask the way of the mark; see `Chat.seen`."""
        try:
            chat, inner = self._of(mark)
            return chat.seen(inner, text)
        except (ChatGone, Unusable):
            return None

    def capture(self, mark: str, text: str) -> Reply | None:
        """Return the answer by the way of the mark; see `Chat.capture`."""
        chat, inner = self._of(mark)
        return chat.capture(inner, text)

    def last_turn(self) -> str | None:
        """Return the last turn, by the way in use, if that can tell; see `Turning`."""
        chat = self._in_use
        turn = chat.last_turn() if isinstance(chat, Turning) else None
        return turn and f"{self._current}: {turn}"

    @property
    def hears(self) -> bool:
        """Return True if a way may hear what people type into the program; see `Hearing`."""
        return any(kind != TERMINAL for kind in self._note.ways)

    def here(self) -> str:
        """Return the end of the conversation, by the way in use. Raise ChatGone if that hears nothing."""
        return json.dumps({"way": self._current, "place": self._ears().here()})

    def overhear(self, place: str) -> Overheard | None:
        """Return the next exchange by the way in use; after a change of ways only the new place."""
        noted = json.loads(place)
        if noted["way"] != self._current:
            return Overheard("", "", self.here())
        found = self._ears().overhear(noted["place"])
        if found is None:
            return None
        return found._replace(place=json.dumps({"way": self._current, "place": found.place}))

    def _ears(self) -> Hearing:
        chat = self._in_use
        if isinstance(chat, Hearing) and chat.hears:
            return chat
        raise ChatGone(f"{self._current or 'no way yet'}: what is typed there cannot be heard")

    def close(self) -> None:
        """Close every way that was opened."""
        opened, self._ways = self._ways, {}
        for way in opened.values():
            if way.chat:
                way.chat.close()

    @property
    def _in_use(self) -> object:
        """Return the chat of the way in use, as one that may have any protocol; None before the first."""
        way = self._ways.get(self._current)
        return way.chat if way else None

    def _of(self, mark: str) -> tuple[Chat, str]:
        """Return the chat that a mark names, and its own mark. Raise ChatGone if it cannot be opened."""
        noted = json.loads(mark)
        way = self._opened(noted["way"])
        if way.chat is None:
            raise ChatGone(f"{noted['way']}: {way.why}")
        return way.chat, noted["mark"]

    def _choose(self) -> Chat:
        """Return the chat of the best usable way. Raise ChatGone if none is, Unusable if none can be."""
        try:
            chat = self._first_usable()
        except ChatGone as error:
            self._waits = str(error)
            raise
        self._waits = ""
        return chat

    def _first_usable(self) -> Chat:
        if self.over:
            raise ChatGone(f"{self._note.command} has ended")
        hopeless = True
        for kind in self._note.ways:
            if kind == TERMINAL and not hopeless and self._asks():
                raise ChatGone(f"{self._note.command} {ASKS} (first start here?): answer it there")
            way = self._opened(kind)
            why = way.why or self._probe(kind, way)
            way = self._ways[kind]
            if not why:
                self._why.pop(kind, None)
                self._use(kind)
                assert way.chat is not None
                return way.chat
            self._why[kind] = why
            passing = self._ways[kind].chat is not None or self._ways[kind].passes
            hopeless = hopeless and not passing
            comes_up = passing and not isinstance(why, Later)
            settles = self._clock() - self._began < SETTLES_S
            if comes_up and kind != self._note.ways[-1] and settles and not self._asks():
                raise ChatGone(_with_kind(kind, why))
        if len(self._note.ways) == 1 and not hopeless:
            raise ChatGone(self._why[self._note.ways[0]])
        reasons = "; ".join(_with_kind(kind, self._why[kind]) for kind in self._note.ways) or "it has none"
        failed = Unusable if hopeless else ChatGone
        raise failed(f"no way into {self._note.command}: {reasons}")

    def _asks(self) -> bool:
        """Return True if the terminal is a way in, and shows a question that a person must answer."""
        if TERMINAL not in self._note.ways:
            return False
        chat = self._opened(TERMINAL).chat
        return chat is not None and (why_not_ready(chat) or "").startswith(DIALOG)

    def _probe(self, kind: str, way: _Open) -> str:
        """Return why a way cannot be used now; empty if it can."""
        try:
            chat: object = way.chat  # as in `_in_use`
            return (chat.unusable() if isinstance(chat, Probing) else None) or ""
        except Unusable as error:
            self._give_up(kind, str(error))
            return str(error)
        except (XwError, OSError) as error:
            return str(explain(error))
        except Exception as bug:  # noqa: BLE001  # it must not keep mail from the other ways
            return unforeseen(bug)

    def _give_up(self, kind: str, why: str) -> None:
        """Close a way that cannot work, and do not try it again."""
        chat = self._ways[kind].chat
        self._ways[kind] = _Open(None, why)
        if chat:
            chat.close()

    def _use(self, kind: str) -> None:
        said = {better: self._why[better] for better in self._note.ways if better in self._why}
        if kind == self._current and said == self._said:
            return
        if said and kind != self._current:
            self._tell(f"{WAY}{kind}" + "".join(f"{WORSE}{one}: {said[one]}" for one in said))
        elif self._current and kind != self._current:
            self._tell(f"{WAY}{kind}{' again' if kind in self._used else ''}")
        self._current, self._said = kind, said
        self._used.add(kind)

    def _opened(self, kind: str) -> _Open:
        if kind not in self._ways or self._ways[kind].passes:
            self._ways[kind] = self._open(kind)
        return self._ways[kind]

    def _open(self, kind: str) -> _Open:
        try:
            target = self._target(kind)
            options = {
                name: value for name, value in self._options(kind).items() if kinds.has_option(kind, name)
            }
            state = self._state.parent / kind
            OwnFiles(state).make()
            chat = kinds.open_chat(kind, target, options, state)
        except (Usage, NotFound, Unusable) as error:
            return _Open(None, str(error))
        except (XwError, OSError) as error:
            return _Open(None, str(explain(error)), passes=True)
        if isinstance(chat, Telling):
            chat.tells(self._tell)
        if isinstance(chat, Personal):
            chat.serves(self._name)
        return _Open(chat)

    def _target(self, kind: str) -> str:
        """Return the target of a way. Raise Usage if it has none here."""
        if kind == TERMINAL and not self._note.pane:
            raise Usage("the program does not run in a tmux pane")
        own = self._note.pane if kind == TERMINAL else self._note.process.partition("-")[0]
        return self._note.targets.get(kind) or own

    def _options(self, kind: str) -> dict[str, str]:
        options = {**self._note.options, "run": self._folder}
        if kind == TERMINAL:
            options["server"] = self._note.server
        return options


def _with_kind(kind: str, why: str) -> str:
    """Return a reason with the kind of its way, unless it begins with that."""
    return why if why.startswith(f"{kind} ") else f"{kind}: {why}"


def open_chat(target: str, options: Mapping[str, str], state: Path) -> BestChat:
    """Return the chat of a run directory. Raise Usage for an option, NotFound without a run there."""
    check_options(options, OPTIONS)
    return BestChat(target, runs.read(target), state)


def discover(options: Mapping[str, str]) -> list[Found]:  # noqa: ARG001  # the signature of its kind
    """Return nothing: `xw launch` starts these."""
    return []
