"""Rooms: make one, run it, speak to it, look at it."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple, cast

from xw import clock, config, layout, post, presence
from xw.errors import Busy, NotFound, Refused, Unreachable, Usage, XwError, explain, unforeseen
from xw.hub import opening
from xw.hub.contract import Outgoing
from xw.hub.directory import DirectoryHub
from xw.instance import Instance, Options, load_config, open_hub, open_instance
from xw.layout import INBOX
from xw.mirror.carrier import Direct
from xw.post import Draft, Sent
from xw.rooms import definition, payload
from xw.rooms.coordinator import Coordinator
from xw.rooms.definition import Definition
from xw.rooms.record import LeftOut, ignore
from xw.rooms.scene import ROOM, Limits, Member, kind_of
from xw.rooms.state import CLOSED, State
from xw.rooms.transcript import Entry, Transcript
from xw.text import nearest
from xw.watch import Arrivals

if TYPE_CHECKING:
    from xw.shapes import rooms as shapes
    from xw.shapes.files import RoomLimits

DEFAULTS = Limits()
_AGAIN_S = 5.0  # how long a coordinator waits where the disk or the hub fails it
_POLL_S = 2.0  # between two looks at a room on another host


class Room(NamedTuple):
    """A room as it stands: how it was made, what it has come to, what waits for it, and what `runs` says."""

    name: str
    definition: Definition
    state: State
    pending: int
    running: bool | None

    def to_json(self) -> "shapes.RoomState":
        """Return it for programs."""
        state, made = self.state, self.definition
        return {
            "name": self.name,
            "status": state.status,
            "reason": state.reason,
            "policy": made.policy,
            "seed": made.seed,
            "moderator": made.moderator,
            "owner": made.owner,
            "created": made.created,
            "limits": cast("RoomLimits", made.limits._asdict()),
            "turns": state.turns,
            "words": state.words,
            "lines": len(state.lines),
            "pending": self.pending,
            "running": self.running,
            "members": [_member(member) for member in state.members.values()],
        }


def _member(member: Member) -> "shapes.Member":
    return {
        "name": member.name,
        "kind": member.kind,
        "open": member.open,
        "asked": clock.rfc3339(member.asked) if member.open else None,
        "away": member.away,
        "failures": member.failures,
        "rests": clock.rfc3339(member.rests) if member.rests else None,
    }


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
    hub = _shared(options)
    if name in members:
        raise Usage(f"{name} cannot be a member of itself; no room was made")
    unknown = [member for member in members if not hub.knows(member)]
    if unknown:
        raise NotFound(f"not on {hub.url}: {', '.join(unknown)}; `xw peers` lists who is; no room was made")
    kinds = tuple((member, kind_of(hub.peer(member).kind)) for member in members)
    made = definition.make(policy, seed, kinds, moderator, _owner(options), limits, clock.now)
    taken = Refused(f"there is a room {name!r} already (`xw room show {name}`): choose another name")
    if definition.is_room(hub.mailbox(name)):
        raise taken
    if hub.knows(name) and hub.peer(name).kind != ROOM:  # a room without a definition was left half made
        raise Refused(f"there is an instance {name!r} already: choose another name for the room")
    about = f"room of {', '.join(members) or 'nobody yet'}, {policy}"
    hub.register(name, {"name": name, "kind": ROOM, "description": about})
    try:
        definition.write(hub.mailbox(name), made)
    except FileExistsError:
        raise taken from None  # by somebody who made it at the same moment
    return open_room(options, name)


def open_room(options: Options, name: str) -> Instance:
    """The room itself, as an instance to act for or to look into. NotFound where there is none."""
    hub = _shared(options)
    mailbox = hub.mailbox(layout.check_name(name))
    if not definition.is_room(mailbox):
        raise NotFound(f"{name!r} on {hub.url} is not a room: `xw room list` shows the rooms")
    return Instance(mailbox, hub, Direct(mailbox, hub), load_config(options), hub.url)


@contextmanager
def coordinator(room: Instance) -> Iterator[Coordinator]:
    """The room's one coordinator, having begun. Busy where another process runs the room."""
    mailbox = room.mailbox
    if config.is_remote(room.hub.url):
        raise Usage(f"a room is run where its hub's files are: run this on the host of {room.hub.url}")
    made = definition.read(mailbox)
    with ExitStack() as held:
        try:
            # A second of patience: `runs` holds the lock for a moment.
            held.enter_context(mailbox.files.locked(mailbox.at(layout.ROOM_LOCK), patience=1.0))
        except Busy:
            raise Busy(
                f"the room {room.name} is run by another process already: `xw room show {room.name}`"
            ) from None
        found = Coordinator(room, State(room.name, made))
        found.begin()
        yield found


def run(room: Instance, trouble: Callable[[XwError], None]) -> State:
    """Run a room until it is closed; the state it ended in. `trouble` is told what made it wait."""
    pending = f"{room.root}/{room.mailbox.at(INBOX['pending'])}"
    with coordinator(room) as running, Arrivals([pending]) as arriving:
        while True:
            try:
                pause = running.step()
                if running.state.status == CLOSED:
                    return running.state
            except OSError as error:
                trouble(explain(error))
                pause = _AGAIN_S
            except XwError as error:
                trouble(error)
                pause = _AGAIN_S
            except Exception as bug:  # noqa: BLE001  # a fault of xw's: seen, and not the end of the room
                trouble(XwError(unforeseen(bug)))
                pause = _AGAIN_S
            arriving.wait(pause)


def ask(instance: Instance, room: str, deed: str, name: str | None = None) -> Sent:
    """Ask a room to do something (`payload.COMMANDS`); it tells when it has, or why not."""
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
    """The rooms of the hub, closed ones too."""
    return _names(_shared(options))


def _names(hub: DirectoryHub) -> list[str]:
    found = sorted(filter(layout.is_name, hub.files.names("")))
    looks = hub.files.look_all([f"{name}/{layout.ROOM}" for name in found])
    return [
        name
        for name, look in zip(found, looks, strict=True)
        if not isinstance(look, OSError) and look.kind == "file"
    ]


def runs(hub: Outgoing, name: str) -> bool | None:
    """Whether a coordinator runs the room; None where that cannot be told from here."""
    here = _here(hub)
    try:
        return presence.runs(here.mailbox(name), layout.ROOM_LOCK) if here else None
    except OSError:
        return None  # another user's room, or no lock at all


def unheard(hub: Outgoing) -> Iterator[tuple[str, int]]:
    """The open rooms that nobody runs, as far as can be told from here, and how much mail waits for each."""
    here = _here(hub)
    if here is None:
        return
    for name in _names(here):
        mailbox = here.mailbox(name)
        if runs(here, name) is False and not definition.retired(mailbox):
            waiting = len(mailbox.names(INBOX["pending"]))
            if waiting:
                yield name, waiting


def _here(hub: Outgoing) -> DirectoryHub | None:
    """The hub, if its files are on this machine."""
    return hub if isinstance(hub, DirectoryHub) and not config.is_remote(hub.url) else None


def look(room: Instance) -> Room:
    """A room as it stands."""
    made = definition.read(room.mailbox)
    state = State(room.name, made)
    state.replay(room.mailbox, room.now())
    waiting = room.mailbox.names(INBOX["pending"])  # not `pending()`, which sets aside what is no mail
    return Room(room.name, made, state, len(waiting), runs(room.hub, room.name))


def transcript(room: Instance, follow: bool = False, left_out: LeftOut = ignore) -> Iterator[Entry]:
    """What was said in a room, oldest first; with `follow`, then what comes until it is closed.

    `left_out` hears of what cannot be read.
    """
    reader = Transcript(room.mailbox, left_out)
    if not follow:
        yield from reader.fresh()
        return
    folders = [f"{room.root}/{room.mailbox.at(folder)}" for folder in (INBOX["done"], layout.SENT)]
    remote = config.is_remote(room.hub.url)
    with Arrivals([], _POLL_S) if remote else Arrivals(folders) as woken:
        while True:
            over = definition.retired(room.mailbox)  # asked first: what closed it is then there to be read
            for entry in reader.fresh():
                yield entry
                if entry.event == payload.CLOSED:
                    return
            if over:
                return
            woken.wait()


def check_author(room: Instance, name: str) -> None:
    """NotFound for a name that is neither on the hub nor has spoken in the room."""
    known = room.hub.instances()
    if name not in known and not any(entry.author == name for entry in transcript(room)):
        where = f"no peer {name!r} on {room.hub.url}, and nobody of that name spoke in {room.name}"
        raise NotFound(f"{where}{nearest(name, known)}; `xw peers` lists them")


def _must_be_room(instance: Instance, room: str) -> None:
    try:
        kind = instance.hub.peer(room).kind
    except NotFound as error:
        raise NotFound(f"{error}; `xw room list` names the rooms that there are; nothing was sent") from None
    if kind != ROOM:
        raise NotFound(f"{room!r} on {instance.hub.url} is not a room: `xw room list` shows the rooms")


def _shared(options: Options) -> DirectoryHub:
    """The hub itself, with the files of all: here, or on its host. Unreachable, Refused."""
    found = load_config(options)
    url = config.hub_url(options.hub, os.environ, found)
    if not config.is_remote(url):
        return open_hub(url)[1]
    if options.offline:
        raise Unreachable(f"{url}: not reached, because of --offline")
    hub = opening.open_hub(url)
    if not isinstance(hub, DirectoryHub):
        raise Usage(f"{url} has no rooms")
    with hub.within(found.offline_s):
        hub.connect()
    return hub


def _owner(options: Options) -> str:
    """Who makes the room, where that is known: anybody with the files may make one."""
    try:
        return open_instance(options).name
    except (Usage, NotFound):
        return ""
