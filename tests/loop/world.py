"""A hub in a directory, instances on it, and a chat that does what the test's script says."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from xw import clock, config, post
from xw.bridges.chat import Reply
from xw.bridges.loop import Bridge
from xw.files import Publication
from xw.files.local import LocalFiles
from xw.files.walk import Walk
from xw.hub.directory import DirectoryHub
from xw.hub.making import create_hub
from xw.instance import Instance
from xw.mailbox import Mailbox, Place
from xw.message import Fields, Message
from xw.mirror.carrier import Direct
from xw.post import Draft
from xw.words import Type

NAMES = ("alice", "bob", "carol")
START = clock.from_stamp("20261121T053012000000Z")


class Crash(BaseException):
    """The bridge's process is killed here; nothing in it may catch this."""


class CrashingFiles(LocalFiles):
    """Real files; the process dies before or after the n-th step that changes any of them."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.steps = 0
        self.fatal: tuple[int, str] = (0, "")

    def _step(self, act: Callable[[], None]) -> None:
        self.steps += 1
        if self.fatal == (self.steps, "before"):
            raise Crash
        act()
        if self.fatal == (self.steps, "after"):
            raise Crash

    def _publish(self, item: Publication) -> None:
        if self.fatal == (self.steps + 1, "within"):  # a message that some of its folders have already
            LocalFiles._publish(self, item._replace(targets=item.targets[:1]))
            raise Crash
        self._step(lambda: LocalFiles._publish(self, item))

    def replace(self, data: bytes, scratch: str, path: str) -> None:
        self._step(lambda: LocalFiles.replace(self, data, scratch, path))

    def _rename(self, walk: Walk, source: str, target: str) -> None:
        self._step(lambda: LocalFiles._rename(self, walk, source, target))

    def _remove(self, path: str) -> None:
        self._step(lambda: LocalFiles._remove(self, path))


class Program:
    """A chat program: remembers what it was shown and answers it. Outlives the bridges that talk to it."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.answers = True
        self.answer: Callable[[str], str] = lambda text: f"an answer to: {text}"
        self.busy: str | None = None
        self.limit = 0
        self.raises: list[Exception] = []
        """The errors of the next presentations, which do not take the text."""
        self.then_busy: str | None = None
        """The reason why it is busy after such a presentation."""
        self.fails: Exception | None = None
        """The error of captures."""
        self.tells = True
        """True if it knows after a crash which texts it got."""
        self.dies = ""
        """Kill the bridge `before` or `after` the text goes in."""


class ScriptedChat:
    """The `Chat` of a `Program`; as many as there are bridges over time."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.closed = False

    @property
    def limit(self) -> int:
        return self.program.limit

    def ready(self) -> str | None:
        return self.program.busy

    def mark(self) -> str:
        return json.dumps(len(self.program.shown))

    def present(self, mark: str, text: str) -> None:
        if self.program.raises:
            self.program.busy = self.program.then_busy
            raise self.program.raises.pop(0)
        dies, self.program.dies = self.program.dies, ""
        if dies == "before":
            raise Crash
        self.program.shown.append(text)
        if dies == "after":
            raise Crash

    def seen(self, mark: str, text: str) -> bool | None:
        return text in self.program.shown[json.loads(mark) :] if self.program.tells else None

    def capture(self, mark: str, text: str) -> Reply | None:
        if self.program.fails:
            raise self.program.fails
        return Reply(self.program.answer(text)) if self.program.answers else None

    def close(self) -> None:
        self.closed = True


class Filed(NamedTuple):
    """A message in a mailbox: its state, and the message."""

    state: str
    message: Message


class World:
    """alice, bob and carol on one hub. `bridge` points one for bob at `program`."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.time = START
        self.files = CrashingFiles(self.root)
        create_hub(self.files, "test", "", group=False, links=True)
        self.hub = DirectoryHub(self.files, self.root)
        for name in NAMES:
            self.hub.register(name, {"name": name})
        self.program = Program()
        self.told: list[str] = []
        self.seconds = 0.0

    def instance(self, name: str) -> Instance:
        """One of them, with the test's clock."""
        mailbox = Mailbox(self.files, name)
        carrier = Direct(mailbox, self.hub)
        return Instance(mailbox, self.hub, carrier, config.NONE, self.root, lambda: self.time)

    def send(
        self, body: str, kind: Type = "question", by: str = "alice", to: str = "bob", **more: object
    ) -> str:
        """Send a message; its file name."""
        fields: Fields = {key: value for key, value in more.items() if key != "expires"}
        expires = more.get("expires")
        draft = Draft(kind, (to,), body, expires=expires if isinstance(expires, str) else None, more=fields)
        self.time += clock.SECOND
        return post.send(Mailbox(self.files, by), self.hub, draft, lambda: self.time).name

    def bridge(self, name: str = "bob", **more: Any) -> Bridge:
        """Return a new bridge, as a new process would make it."""
        chat = ScriptedChat(self.program)
        return Bridge(self.instance(name), chat, self.told.append, lambda: self.seconds, **more)

    def run(self, bridge: Bridge, limit: int = 200) -> None:
        """Step until the bridge waits for mail."""
        for _ in range(limit):
            pause = bridge.step()
            if pause is None:
                return
            self.seconds += pause
        raise AssertionError(f"the bridge does not come to rest: {self.told}")

    def inbox(self, name: str) -> list[Filed]:
        """Everything in an inbox, by time."""
        mailbox = Mailbox(LocalFiles(self.root), name)
        places = [
            Place(f"inbox/{state}", file)
            for state in ("pending", "processing", "done", "failed")
            for file in mailbox.names(f"inbox/{state}")
        ]
        return [Filed(place.state, mailbox.read(place)) for place in sorted(places, key=lambda p: p.name)]

    def turns(self, name: str = "bob") -> list[str]:
        """Return the turns that lie beside claims."""
        return [n for n in os.listdir(f"{self.root}/{name}/inbox/processing") if n.endswith(".turn.json")]

    def why(self, file_name: str, name: str = "bob") -> dict[str, str]:
        """Return the note beside a dead letter."""
        return Mailbox(self.files, name).why(file_name)
