"""Rooms: create, read, speak in and run them: `agent.rooms`."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from xw import clock
from xw.actions import rooms
from xw.actions.rooms import DEFAULTS, Room
from xw.agent.policy import Policy, explained, function, names, optional, texts
from xw.errors import Usage, XwError, explain
from xw.instance import Options
from xw.post import Sent
from xw.rooms import settings
from xw.rooms.scene import Limits
from xw.rooms.transcript import Entry

if TYPE_CHECKING:
    from xw.agent.policy import Names
    from xw.shapes import rooms as shapes
    from xw.words import Policy as RoomPolicy


Amount = int | float | str
"""A limit: a number, or a text such as `+20`, which raises it."""


class RoomMade(NamedTuple):
    """A new room; `owner` is empty if no instance on the hub was named that could own it."""

    name: str
    hub: str
    policy: "RoomPolicy"
    members: tuple[str, ...]
    owner: str

    def to_json(self) -> "shapes.RoomMade":
        """Return the object that `--json` prints."""
        about = {"name": self.name, "hub": self.hub, "policy": self.policy}
        return {"format": 1, **about, "members": list(self.members)}  # type: ignore[typeddict-item]


class RoomClosed(NamedTuple):
    """A room after its run; its transcript is in `folder`."""

    name: str
    reason: str
    turns: int
    words: int
    folder: str

    def to_json(self) -> "shapes.RoomClosed":
        """Return the object that `--json` prints."""
        return {
            "format": 1, "name": self.name, "closed": self.reason, "turns": self.turns, "words": self.words,
        }  # fmt: skip


class Listed(NamedTuple):
    """The rooms of the hub, and why others cannot be shown."""

    rooms: tuple[Room, ...]
    problems: tuple[XwError, ...]

    def to_json(self) -> "shapes.Rooms":
        """Return the object that `--json` prints."""
        problems = [str(problem) for problem in self.problems]
        return {"format": 1, "rooms": [room.about() for room in self.rooms], "problems": problems}


class Rooms:
    """The verbs of `xw room`. Only speaking in a room needs a mailbox, reading does not.

    A command to a room (join, leave, pause, resume, set, close) is a message to it, and it answers by one.
    """

    def __init__(self, options: Options, tell: Callable[[str], None], speaker: Policy | None = None) -> None:
        self._options = options
        self._tell = tell
        self._speaker = speaker
        self._acting = speaker.acting if speaker else explained

    def create(
        self,
        name: str,
        members: "Names" = (),
        *,
        policy: str = "round-robin",
        seed: str = "",
        moderator: str = "",
        limits: Limits = DEFAULTS,
        personas: Mapping[str, str] | None = None,
    ) -> RoomMade:
        """Make a room. `personas` describe the parts that members play, by their names.

        Raise NotFound if a member is not on the hub, Refused if the name is taken.
        """
        texts(name=name, policy=policy, seed=seed, moderator=moderator)
        parts = _personas(personas)
        if not isinstance(limits, Limits):
            raise TypeError(f"limits must be an xw.Limits, not {type(limits).__name__}")
        named = names("members", members)
        with self._acting():
            room = rooms.create(self._options, name, named, policy, seed, limits, moderator, parts)
            made = rooms.look(room).definition
        return RoomMade(name, room.hub.url, made.policy, named, made.owner)

    def list(self) -> Listed:
        """Return the rooms of the hub; one that cannot be read does not hide others."""
        found, problems = [], []
        with self._acting():
            for name in rooms.names(self._options):
                try:
                    found.append(rooms.look(rooms.open_room(self._options, name)))
                except (XwError, OSError) as error:
                    problems.append(explain(error))
        return Listed(tuple(found), tuple(problems))

    def show(self, name: str) -> Room:
        """Return a room's current state. Raise NotFound."""
        texts(name=name)
        with self._acting():
            return rooms.look(rooms.open_room(self._options, name))

    def say(self, name: str, text: str) -> Sent:
        """Send a line to a room; report if nobody runs it."""
        texts(name=name, text=text)
        policy = self._as_instance()
        with policy.acting():
            sent = policy.travel(rooms.say(policy.instance, name, text))
            self._tell_if_idle(policy, name)
        return sent

    def _tell_if_idle(self, policy: Policy, name: str) -> None:
        idle = False
        with suppress(XwError, OSError):  # what was sent counts
            idle = rooms.runs(policy.instance.hub, name) is False
        if idle:
            self._tell(f"nobody runs the room yet: xw room run {name}")

    def join(self, name: str, member: str | None = None) -> Sent:
        """Ask a room to add a member, by default this instance; joining again repeats the last lines."""
        return self._ask(name, "join", member)

    def leave(self, name: str, member: str | None = None) -> Sent:
        """Ask a room to remove a member, by default this instance."""
        return self._ask(name, "leave", member)

    def pause(self, name: str) -> Sent:
        """Ask a room to give no more turns."""
        return self._ask(name, "pause")

    def resume(
        self,
        name: str,
        *,
        turns: Amount | None = None,
        words: Amount | None = None,
        quiet_s: Amount | None = None,
    ) -> Sent:
        """Ask a paused or closed room to continue, with other limits: `20`, or `"+20"` for 20 more.

        Raise Usage for an invalid limit, Refused if you may not, or if the room would end at once.
        """
        texts(name=name)
        changes = _amounts(turns=turns, words=words, quiet_s=quiet_s)
        policy = self._as_instance()
        with policy.acting():
            sent = policy.travel(rooms.resume(self._options, policy.instance, name, changes))
            if changes:
                self._tell_if_idle(policy, name)
        return sent

    def set(
        self,
        name: str,
        *,
        policy: str | None = None,
        moderator: str | None = None,
        turns: Amount | None = None,
        per_minute: Amount | None = None,
        words: Amount | None = None,
        quiet_s: Amount | None = None,
        answer_s: Amount | None = None,
        memory: Amount | None = None,
        personas: Mapping[str, str] | None = None,
    ) -> Sent:
        """Ask a room for other settings: `20`, or `"+20"` for 20 more. An empty persona removes one.

        Raise Usage for an invalid setting, Refused if you may not.
        """
        texts(name=name)
        optional(policy=policy, moderator=moderator)
        given = {"policy": policy, "moderator": moderator, "personas": _personas(personas) or None}
        changes: dict[str, object] = {key: value for key, value in given.items() if value is not None}
        changes |= _amounts(
            turns=turns, per_minute=per_minute, words=words, quiet_s=quiet_s, answer_s=answer_s, memory=memory
        )
        own = self._as_instance()
        with own.acting():
            sent = own.travel(rooms.change(self._options, own.instance, name, changes))
            self._tell_if_idle(own, name)
        return sent

    def close(self, name: str) -> Sent:
        """Ask a room to close."""
        return self._ask(name, "close")

    def run(self, name: str, *, begun: Callable[[], None] = lambda: None) -> RoomClosed:
        """Run a room until it is closed; return its end. Raise Busy if another process runs it.

        `begun` is called once the room is found. The process may be killed at any moment: nothing needs
        cleaning up.
        """
        texts(name=name)
        function(begun=begun)
        with explained():
            room = rooms.open_to_run(self._options, name)
        begun()
        with explained():
            ended = rooms.run(room, lambda error: self._tell(f"{error}; trying again"))
            waiting = room.mailbox.waiting_for()
        for peer in waiting:
            self._tell(f"mail for {peer} waits in the outbox: `xw room run {name}` tries again")
        return RoomClosed(name, ended.reason, ended.turns, ended.words, f"{room.root}/{name}")

    def log(
        self,
        name: str,
        *,
        author: str | None = None,
        grep: str | None = None,
        since: str | None = None,
        follow: bool = False,
    ) -> Generator[Entry, None, None]:
        """Return the entries of a room, oldest first; with `follow`, continue until it is closed.

        Arguments select an author, texts that contain `grep`, or a time: `2h`, `3d` or a date.
        """
        texts(name=name)
        optional(author=author, grep=grep, since=since)
        with explained():
            room = rooms.open_room(self._options, name)
            earliest = 0 if since is None else clock.when(since, room.now(), future=False)
            if author is not None:
                rooms.check_author(room, author)
            judge = rooms.judge(self._options, room)
        return self._entries(rooms.transcript(room, follow, self._missing, judge), author, grep, earliest)

    def _entries(
        self, found: Iterator[Entry], author: str | None, grep: str | None, earliest: int
    ) -> Generator[Entry, None, None]:
        with explained():
            for entry in found:
                wanted = not grep or grep.lower() in entry.text.lower()
                if wanted and entry.at >= earliest and author in (None, entry.author):
                    yield entry

    def _ask(self, name: str, deed: str, member: str | None = None) -> Sent:
        texts(name=name)
        optional(member=member)
        policy = self._as_instance()
        with policy.acting():
            return policy.travel(rooms.ask(policy.instance, name, deed, member))

    def _as_instance(self) -> Policy:
        if self._speaker is None:
            raise Usage("only an instance can speak in a room: name one")
        return self._speaker

    def _missing(self, name: str, error: XwError) -> None:
        self._tell(f"left out: {name}: {error}")


def _amounts(**given: Amount | None) -> dict[str, object]:
    """Return the limits that are given, as a room's request has them. Raise Usage if one is not a number."""
    found: dict[str, object] = {}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (int, float, str, type(None))):
            raise TypeError(f"{name} must be a number or a text, not {type(value).__name__}")
        if value is not None:
            found[name] = settings.amount(name, value)
    return found


def _personas(given: Mapping[str, str] | None) -> dict[str, str]:
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"personas must be a mapping of names to texts, not {type(given).__name__}")
    found = dict(given or {})
    for name, text in found.items():
        texts(name=name, persona=text)
    return found
