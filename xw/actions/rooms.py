"""Rooms: make one, run it, speak to it, look at it."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from xw import clock, config, layout, post
from xw.errors import Busy, NotFound, Refused, Unreachable, Usage, XwError, explain
from xw.instance import Instance, Options, load_config, open_hub, open_instance
from xw.layout import INBOX
from xw.post import Draft, Sent
from xw.rooms import definition, payload
from xw.rooms.coordinator import Coordinator
from xw.rooms.definition import Definition
from xw.rooms.record import Record
from xw.rooms.scene import ROOM, Limits
from xw.rooms.state import CLOSED, State
from xw.rooms.transcript import Entry, Transcript
from xw.watch import Arrivals

DEFAULTS = Limits()
_AGAIN_S = 5.0  # how long a coordinator waits where the disk or the hub fails it


class Room(NamedTuple):
    """A room as it stands: how it was made, what it has come to, and what waits for it."""

    name: str
    definition: Definition
    state: State
    pending: int


def create(
    options: Options,
    name: str,
    members: Sequence[str],
    policy: str,
    seed: str = "",
    limits: Limits = DEFAULTS,
    moderator: str = "",
) -> Instance:
    """Make a room on the hub. NotFound where a member is not there, Refused where the name is taken."""
    layout.check_name(name)
    hub = open_hub(config.hub_url(options.hub, os.environ, load_config(options)))[1]
    unknown = [member for member in members if not hub.knows(member)]
    if unknown:
        raise NotFound(f"not on {hub.url}: {', '.join(unknown)}; `xw peers` lists who is; no room was made")
    kinds = tuple((member, hub.peer(member).kind or "agent") for member in members)
    made = definition.make(policy, seed, kinds, moderator, _owner(options), limits, clock.now)
    if hub.knows(name):
        _must_be_unmade(options, name, hub.peer(name).kind)
    about = f"room of {', '.join(members) or 'nobody yet'}, {policy}"
    hub.register(name, {"name": name, "kind": ROOM, "description": about})
    room = open_instance(options._replace(name=name))
    definition.write(room.mailbox, made)
    return room


def open_room(options: Options, name: str) -> Instance:
    """The room itself, as an instance to act for or to look into. NotFound where there is none."""
    room = open_instance(options._replace(name=layout.check_name(name)))
    if not definition.is_room(room.mailbox):
        raise NotFound(f"{name!r} on {room.hub.url} is no room; `xw room list` names those there are")
    return room


@contextmanager
def coordinator(room: Instance) -> Iterator[Coordinator]:
    """The room's one coordinator, having begun. Busy where another process runs the room."""
    mailbox = room.mailbox
    made = definition.read(mailbox)
    try:
        lock = mailbox.files.locked(mailbox.at(layout.ROOM_LOCK), patience=0.0)
        lock.__enter__()
    except Busy:
        raise Busy(
            f"the room {room.name} is run by another process already: `xw room show {room.name}`"
        ) from None
    try:
        found = Coordinator(room, State(room.name, made))
        found.begin()
        yield found
    finally:
        lock.__exit__(None, None, None)


def run(room: Instance, trouble: Callable[[XwError], None], woken: Arrivals | None = None) -> State:
    """Run a room until it is closed; the state it ended in. `trouble` is told what made it wait."""
    with coordinator(room) as running, woken or arrivals(room) as arriving:
        while running.state.status != CLOSED:
            try:
                pause = running.step()
            except OSError as error:
                trouble(explain(error))
                pause = _AGAIN_S
            except (Busy, NotFound, Unreachable) as error:
                trouble(error)
                pause = _AGAIN_S
            if running.state.status != CLOSED:
                arriving.wait(pause)
        return running.state


def arrivals(room: Instance) -> Arrivals:
    """Wake-ups for what a room is sent."""
    return Arrivals([f"{room.root}/{room.mailbox.at(INBOX['pending'])}"])


def ask(instance: Instance, room: str, deed: str, name: str | None = None) -> Sent:
    """Ask a room to do something (`payload.DEEDS`); it tells when it has, or why not."""
    _must_be_room(instance, room)
    body = " ".join(word for word in ("please", deed, name) if word)
    protocol = payload.write(payload.CONTROL, {"do": deed, "name": name or instance.name})
    draft = Draft("info", (room,), body, more={"room": room, "protocol": protocol})
    return post.send(instance.mailbox, instance.hub, draft, instance.now)


def say(instance: Instance, room: str, text: str) -> Sent:
    """Say something in a room."""
    _must_be_room(instance, room)
    if not text.strip():
        raise Usage("the text is empty: nothing was said")
    draft = Draft("info", (room,), text, more={"room": room, "author": instance.name})
    return post.send(instance.mailbox, instance.hub, draft, instance.now)


def names(options: Options) -> list[str]:
    """The rooms of the hub."""
    hub = open_hub(config.hub_url(options.hub, os.environ, load_config(options)))[1]
    return [name for name in hub.instances() if definition.is_room(hub.mailbox(name))]


def look(room: Instance) -> Room:
    """A room as it stands."""
    made = definition.read(room.mailbox)
    state = State(room.name, made)
    state.replay(Record(room.mailbox))
    return Room(room.name, made, state, len(room.mailbox.pending()))


def transcript(room: Instance, follow: bool = False) -> Iterator[Entry]:
    """What was said in a room, oldest first; with `follow`, then what comes until it is closed."""
    reader = Transcript(room.mailbox)
    if not follow:
        yield from reader.fresh()
        return
    folders = [f"{room.root}/{room.mailbox.at(folder)}" for folder in (INBOX["done"], layout.SENT)]
    with Arrivals(folders) as woken:
        while True:
            for entry in reader.fresh():
                yield entry
                if entry.event == payload.CLOSED:
                    return
            woken.wait()


def _must_be_unmade(options: Options, name: str, kind: str) -> None:
    """Refused unless a room of this name was left half made."""
    if kind != ROOM:
        raise Refused(f"there is an instance {name!r} already: choose another name for the room")
    if definition.is_room(open_instance(options._replace(name=name)).mailbox):
        raise Refused(f"there is a room {name!r} already (`xw room show {name}`): choose another name")


def _must_be_room(instance: Instance, room: str) -> None:
    if not instance.hub.knows(room) or instance.hub.peer(room).kind != ROOM:
        raise NotFound(f"no room {room!r} on {instance.hub.url}; `xw room list` names those there are")


def _owner(options: Options) -> str:
    """Who makes the room, where that is known: anybody with the files may make one."""
    try:
        return open_instance(options).name
    except (Usage, NotFound):
        return ""
