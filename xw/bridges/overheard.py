"""Pass on what people type into a room member's own program, and its answers, as lines of the room.

A person at a member's window takes part in the conversation, and the program remembers the exchange, but the
other members would not know of it. The chat finds the exchanges (`chat.Hearing`); while the bridge runs, this
module sends them to the room of the member's last turn. `serve` calls `step` between the loop's steps.

The note `overheard.json` in the chat's directory has the place up to which exchanges were sent, the texts of
the present one that are still to send, and the bytes of the message that is being sent, so that the bridge
that follows a killed one neither loses nor repeats it. A bridge that ends normally removes the note: nobody
hears what is typed while no bridge runs.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from xw import layout, post
from xw.bridges import answer
from xw.bridges.chat import Hearing
from xw.bridges.own_files import OwnFiles
from xw.errors import NoMessage, NotFound, Refused, Usage, XwError
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import Place
from xw.message import Fields
from xw.post import Draft
from xw.rooms import payload

_FILE = "overheard.json"
_LIMIT = 16 * layout.MESSAGE_LIMIT  # two texts and a letter, each escaped at its worst

POLL_S = 2.0
"""Seconds between two looks at the program's history."""


class _Note(NamedTuple):
    """The place in the history; the lines to send, and whether each is a person's; the letter being sent."""

    place: str = ""
    left: tuple[tuple[str, bool], ...] = ()
    letter: str = ""
    data: str = ""


class Ears:
    """Hears what people type into an instance's own program. Not thread-safe."""

    def __init__(self, instance: Instance, chat: Hearing, state: Path, tell: Callable[[str], None]) -> None:
        self._instance = instance
        self._mailbox, self._hub = instance.mailbox, instance.hub
        self._chat = chat
        self._own = OwnFiles(state)
        self._tell = tell
        self._note: _Note | None = None
        self._room = ""
        self._turn = ""  # the file name of the last turn from a room
        self._sent: set[str] = set()  # ids of its lines
        self._read: set[str] = set()  # names of the room's infos that were read
        self._searched = False  # True once the mail of earlier bridges was searched for a turn

    def step(self) -> float | None:
        """Send the next exchange. Return the seconds until the next look; None while in no room."""
        note = self._note = self._load() if self._note is None else self._note
        if note.letter:  # an earlier bridge was killed while it sent this
            with suppress(NotFound, Refused):
                post.complete(self._mailbox, self._hub, note.letter, note.data.encode())
            note = self._keep(note._replace(letter="", data=""))
        self._find_room()
        if not self._room:
            self._keep(_Note())
            return None
        try:
            if not note.place:
                note = self._keep(_Note(self._chat.here()))
            found = None if note.left else self._chat.overhear(note.place)
        except XwError:
            return POLL_S  # the program is away or busy: the loop reports it if mail waits
        if found:
            words = f"(typed in {self._instance.name}'s own window) {found.words}"
            lines = [(words, True)] if found.words else []
            lines += [(found.answer, False)] if found.answer else []
            note = self._keep(_Note(found.place, tuple(lines)))
        elif not note.left:
            return POLL_S
        while note.left:
            note = self._send(note)
        return 0.0

    def close(self) -> None:
        """Forget the place: what is typed while no bridge runs is not for the room."""
        with suppress(OSError):
            self._own.files.remove(_FILE)

    def _send(self, note: _Note) -> _Note:
        """Send the next line to the room; its bytes are noted before anybody sees them."""
        text, is_person = note.left[0]
        more: Fields = {"room": self._room, "author": self._instance.name}
        more |= {"typed": True} if is_person else {}

        def before(name: str, data: bytes) -> None:
            self._sent.add(name.partition(".")[0])
            self._keep(note._replace(left=note.left[1:], letter=name, data=data.decode()))

        draft = Draft("info", (self._room,), answer.writable(text), more=more)
        try:
            post.send(self._mailbox, self._hub, draft, self._instance.now, before)
        except (NotFound, Refused, Usage) as error:
            self._tell(f"not passed on to {self._room}, though typed in the window: {error}")
            return self._keep(_Note(note.place))
        return self._keep(note._replace(left=note.left[1:]))

    # The room

    def _find_room(self) -> None:
        """Find the room of the last turn; none if the instance has left it since, or it was closed."""
        folders = [INBOX["processing"]] if self._searched else [INBOX["done"], INBOX["processing"]]
        self._searched = True
        names = [name for folder in folders for name in self._mailbox.names(folder) if name > self._turn]
        kinds: dict[str, bool] = {}
        for name in sorted(names, reverse=True):
            parts = layout.file_name(name)
            if parts and parts.type == "question" and self._is_room(parts.sender, kinds):
                self._turn, self._room = name, parts.sender
                break
        if self._room and any(map(self._ends, self._mailbox.names(INBOX["pending"]))):
            self._room = ""

    def _is_room(self, name: str, kinds: dict[str, bool]) -> bool:
        if name not in kinds:
            try:
                kinds[name] = self._hub.peer(name).kind == "room"
            except (XwError, OSError):
                kinds[name] = False  # such as a room that was closed
        return kinds[name]

    def _ends(self, name: str) -> bool:
        """Return True for a message by which the room no longer takes this member's lines."""
        parts = layout.file_name(name)
        if not parts or parts.sender != self._room or name < self._turn or name in self._read:
            return False
        self._read.add(name)
        try:
            message = self._mailbox.read(Place(INBOX["pending"], name))
        except (NoMessage, OSError):
            return False  # settled meanwhile, or left to the loop
        own = payload.read(message)
        event = own.event if own else None
        left = event == payload.LEFT and own and own.text("member") == self._instance.name
        return (
            bool(left) or event == payload.CLOSED or (event == payload.REFUSED and message.re in self._sent)
        )

    # The note

    def _load(self) -> _Note:
        try:
            fields = json.loads(self._own.read(_FILE, _LIMIT) or "{}")
            note = _Note(
                **fields
                | {"left": tuple((str(text), bool(person)) for text, person in fields.get("left", ()))}
            )
        except (ValueError, TypeError, AttributeError, RecursionError):
            return _Note()
        sound = all(isinstance(text, str) for text in (note.place, note.letter, note.data))
        return note if sound and (not note.letter or layout.is_message(note.letter)) else _Note()

    def _keep(self, note: _Note) -> _Note:
        """Write the note durably, unless it is there already."""
        if note != self._note:
            self._own.files.replace((json.dumps(note._asdict()) + "\n").encode(), "", _FILE)
            self._note = note
        return note
