"""A hub in a directory with a room on it, driven step by step on a clock of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from xw import config, post
from xw.files.local import LocalFiles
from xw.hub.directory import DirectoryHub
from xw.hub.making import create_hub
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import Mailbox, Place
from xw.message import Fields, Message
from xw.mirror.carrier import Direct
from xw.rooms import definition, payload
from xw.rooms.coordinator import Coordinator
from xw.rooms.definition import Definition
from xw.rooms.scene import Limits, kind_of
from xw.rooms.state import State
from xw.rooms.transcript import Entry, Transcript
from xw.rooms.view import RoomView
from xw.words import Policy, Type

START = 1_790_000_000_000_000
Make = Callable[[str], LocalFiles]


class Turn(NamedTuple):
    """A turn that a member was given."""

    id: str
    body: str
    message: Message


class Stage:
    """A hub with instances, whose clock moves a millisecond each time it is asked."""

    def __init__(self, folder: Path, make: Make = LocalFiles) -> None:
        self.root = str(folder / "hub")
        self.files = make(self.root)
        create_hub(self.files, "test", "", group=False, links=True)
        self.hub = DirectoryHub(self.files, self.root)
        self.time = START

    def now(self) -> int:
        """Return the time of everybody's clock."""
        self.time += 1000
        return self.time

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.time += round(seconds * 1_000_000)

    def add(self, name: str, kind: str = "agent") -> Instance:
        """Add an instance to the hub, and return it."""
        self.hub.register(name, {"name": name, "kind": kind})
        return self.instance(name)

    def instance(self, name: str) -> Instance:
        """Return an instance of the hub."""
        mailbox = Mailbox(self.files, name)
        return Instance(mailbox, self.hub, Direct(mailbox, self.hub), config.NONE, self.root, self.now)

    def room(
        self, name: str, members: str, policy: Policy = "round-robin", seed: str = "", **limits: float
    ) -> str:
        """Make a room, and its missing members; `x:human` gives a member's kind. Return its name."""
        kinds = [(word.partition(":")[0], kind_of(word.partition(":")[2])) for word in members.split()]
        for member, kind in kinds:
            if not self.hub.knows(member):
                self.add(member, kind)
        self.add(name, "room")
        most = Limits(**limits)  # type: ignore[arg-type]  # a test's own
        moderator = kinds[0][0] if policy == "moderator" else ""
        made = Definition(policy, seed, tuple(kinds), moderator, "owner", most, "2026-11-21T05:30:12.000000Z")
        self.hub.rooms().make(name, {"name": name, "kind": "room"}, definition.encode(made))
        return name

    def view(self, name: str) -> RoomView:
        """Return a room, to read its record."""
        return RoomView(self.hub.rooms(), name)

    def run(self, name: str) -> Coordinator:
        """Return a coordinator of the room after `begin`."""
        room = self.instance(name)
        found = Coordinator(room, State(name, definition.read(self.view(name))))
        found.begin()
        return found

    def send(
        self,
        sender: str,
        to: str,
        body: str,
        kind: Type = "info",
        re: str | None = None,
        files: tuple[str, ...] = (),
        **more: object,
    ) -> str:
        """Send a message as any `xw send` would; its id."""
        me = self.instance(sender)
        draft = post.Draft(kind, (to,), body, re, attachments=files, more=dict(more))
        return post.send(me.mailbox, me.hub, draft, self.now).id

    def ask(self, sender: str, room: str, deed: str, name: str | None = None) -> str:
        """Ask a room to do something."""
        fields: Fields = {"do": deed, "name": name or sender}
        return self.send(sender, room, deed, protocol=payload.write(payload.CONTROL, fields))

    def mail(self, name: str, kind: str | None = None) -> list[Message]:
        """Return the pending mail of an instance."""
        mailbox = Mailbox(self.files, name)
        found = [mailbox.read(Place(INBOX["pending"], file)) for file in mailbox.names(INBOX["pending"])]
        return [message for message in found if kind in (None, message.type)]

    def turn(self, name: str) -> Turn | None:
        """Return the oldest turn that waits for a member."""
        return next((Turn(one.id, one.body, one) for one in self.mail(name, "question")), None)

    def answer(self, name: str, text: str) -> Turn:
        """Answer the turn that waits for a member."""
        turn = self.turn(name)
        assert turn, f"{name} has no turn"
        self.send(name, turn.message.sender, text, "reply", turn.id)
        Mailbox(self.files, name).settle(turn.message.file_name)
        return turn

    def floor(self, *names: str) -> list[str]:
        """Those of the names who have a turn waiting."""
        return [name for name in names if self.turn(name)]

    def events(self, name: str) -> list[str]:
        """Return the texts of the infos that wait for an instance."""
        return [message.body for message in self.mail(name, "info")]

    def said(self, room: str) -> list[tuple[str, str]]:
        """Return the conversation: author and text of each line, and of each event."""
        entries: list[Entry] = list(Transcript(self.view(room)).fresh())
        return [(entry.author, entry.text) for entry in entries]
