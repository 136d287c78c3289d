"""Rooms: create, run, speak and look."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, cast

from xw import clock, config, layout, post
from xw.actions import guarding, keys
from xw.actions.supervising import orphaned
from xw.credentials import equip, onlooker
from xw.errors import (
    Busy,
    Closed,
    Moved,
    NotFound,
    Refused,
    Unreachable,
    Usage,
    XwError,
    explain,
    left_out,
    unforeseen,
)
from xw.hub.contract import Hub, Outgoing
from xw.instance import Instance, Options, hub_at, load_config, open_hub, open_instance, where_now
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.mirror.carrier import Direct
from xw.post import Draft, Sent
from xw.rooms import admission, definition, payload, settings
from xw.rooms.coordinator import Coordinator
from xw.rooms.definition import Definition
from xw.rooms.record import LeftOut, ignore
from xw.rooms.scene import ROOM, Limits, Member, kind_of
from xw.rooms.state import CLOSED, Cost, State
from xw.rooms.transcript import Entry, Transcript
from xw.rooms.view import RoomView
from xw.text import nearest
from xw.watch import Arrivals

if TYPE_CHECKING:
    from xw.relayed import Judge
    from xw.shapes import rooms as shapes
    from xw.shapes.files import RoomLimits

DEFAULTS = Limits()
_AGAIN_S = 5.0  # a coordinator's pause after a failure of the disk or the hub
_LOOK_S = 30.0  # between two looks at whether the hub is still there
_POLL_S = 2.0  # between two reads of a room on another host


class Opened(NamedTuple):
    """A room opened for reading, and its hub."""

    name: str
    hub: Hub
    now: clock.Clock = clock.now


class Room(NamedTuple):
    """A room's definition, its state, the mail that waits for it, and the result of `runs`."""

    name: str
    definition: Definition
    state: State
    pending: int
    running: bool | None

    def to_json(self) -> "shapes.RoomShown":
        """Return the object that `--json` prints."""
        return {"format": 1, **self.about()}

    def about(self) -> "shapes.RoomState":
        """Return the room's part of the object that `room list --json` prints."""
        state, made = self.state, self.state.definition
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
            "personas": dict(made.personas),
            "turns": state.turns,
            "words": state.words,
            "fed": sum(cost.fed for cost in state.costs.values()),
            "lines": len(state.lines),
            "pending": self.pending,
            "running": self.running,
            "members": [
                _member(member, state.costs.get(member.name, Cost())) for member in state.members.values()
            ],
        }

    @property
    def fix(self) -> str:
        """Return the command that continues it if it is closed; else empty."""
        return settings.cure(self.state) if self.state.status == CLOSED and self.state.whole else ""


def _member(member: Member, cost: Cost) -> "shapes.Member":
    return {
        "name": member.name,
        "kind": member.kind,
        "open": member.open,
        "asked": clock.rfc3339(member.asked) if member.open else None,
        "away": member.away,
        "failures": member.failures,
        "rests": clock.rfc3339(member.rests) if member.rests else None,
        "turns": cost.turns,
        "fed": cost.fed,
        "said": cost.said,
    }


def create(
    options: Options,
    name: str,
    members: Sequence[str],
    policy: str,
    seed: str = "",
    limits: Limits = DEFAULTS,
    moderator: str = "",
    personas: Mapping[str, str] = {},  # never changed
) -> Opened:
    """Make a room on the hub. Raise NotFound if a member is missing, Refused if the name is taken."""
    layout.check_name(name, "a room name")
    hub = shared(options)
    if name in members:
        raise Usage(f"{name} cannot be a member of itself; no room was made")
    unknown = [member for member in members if not hub.knows(member)]
    if unknown:
        raise NotFound(
            f"not on {hub.url}: {', '.join(unknown)}; `xw peers` lists the instances; no room was made"
        )
    kinds = tuple((member, kind_of(hub.peer(member).kind)) for member in members)
    owner = _owner(options)
    made = definition.make(policy, seed, kinds, moderator, owner, limits, clock.now, personas)
    fix = f"choose another name, or continue it if it is closed: `xw room resume {name}`"
    taken = Refused(f"the room {name!r} exists already: {fix}")
    if hub.rooms().exists(name):
        raise taken
    if hub.knows(name) and hub.peer(name).kind != ROOM:  # a room without a definition is half made: go on
        raise Refused(f"{name!r} is the name of an instance: choose another name for the room")
    if hub.knows(name):
        guarding.check(hub, name, load_config(options))
    try:
        hub.rooms().make(name, definition.card(name, made), definition.encode(made))
    except FileExistsError:
        raise taken from None  # another process made it at the same moment
    return open_room(options, name)


def open_room(options: Options, name: str) -> Opened:
    """Return a room for reading. Raise NotFound if there is none."""
    hub = shared(options)
    if not hub.rooms().exists(layout.check_name(name, "a room name")):
        if hub.knows(name):
            raise NotFound(f"{name!r} on {hub.url} is not a room: `xw room list` shows the rooms")
        raise _unknown(hub, name)
    return Opened(name, hub)


def open_to_run(options: Options, name: str) -> Instance:
    """Return a room as the instance that runs it. Raise NotFound, or Usage if it cannot run here."""
    room = open_room(options, name)
    elsewhere = room.hub.limits().no_coordinator
    if elsewhere:
        raise Usage(elsewhere)
    files, hub = open_hub(room.hub.url)
    mailbox, found = Mailbox(files, name), load_config(options)
    # Its key is its own: XW_KEY is the one of whoever runs it.
    environ = {key: value for key, value in os.environ.items() if key != "XW_KEY"}
    credentials = equip(mailbox, hub, found, environ)
    instance = Instance(mailbox, hub, Direct(mailbox, hub), found, files.root, given=credentials)
    with suppress(NotFound):  # a closed room has no card, and publishes no key
        keys.ensure(instance, hub)
    return instance


@contextmanager
def coordinator(room: Instance) -> Iterator[Coordinator]:
    """Yield the room's only coordinator, begun. Raise Busy if another process runs the room."""
    mailbox = room.mailbox
    made = definition.read(_view(room))
    with ExitStack() as held:
        try:
            # Wait up to a second: `runs` takes the lock briefly.
            held.enter_context(mailbox.files.locked(mailbox.at(layout.ROOM_LOCK), timeout=1.0))
        except Busy:
            raise Busy(
                f"another process runs the room {room.name} already: `xw room show {room.name}`"
            ) from None
        found = Coordinator(room, State(room.name, made))
        found.begin()
        yield found


def run(room: Instance, trouble: Callable[[XwError], None]) -> State:
    """Run a room until it is closed; return its final state. `trouble` gets each error that makes it wait.

    Raise Moved or Unreachable if the hub was moved or removed meanwhile: no more mail comes to this place.
    Raise XwError if the `xw up` that started this process is gone: the next one runs the room.
    """
    alone = orphaned(os.environ) or (lambda: False)
    pending = f"{room.root}/{room.mailbox.at(INBOX['pending'])}"
    reported: set[str] = set()
    told = ""
    with coordinator(room) as running, Arrivals([pending]) as arriving:
        lock = f"{room.root}/{room.mailbox.at(layout.ROOM_LOCK)}"
        held = os.stat(lock)
        while True:
            _must_hold(room, lock, held)
            if alone():
                raise XwError(f"the `xw up` that ran the room {room.name} is gone: `xw up` runs it again")
            try:
                pause = running.step()
                for name in running.unheard.keys() - reported:
                    trouble(XwError(left_out(name, running.unheard[name])))
                reported.update(running.unheard)
                if running.state.status == CLOSED:
                    return running.state
                told = ""
            except Moved:
                raise
            except Exception as error:  # noqa: BLE001  # report a bug of xw's too, and keep the room running
                known = isinstance(error, (XwError, OSError))
                problem = explain(error) if known else XwError(unforeseen(error))  # type: ignore[arg-type]
                # Compared without the path, which may be a new scratch file's each time.
                state = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(problem)
                if state != told:
                    trouble(problem)
                told = state
                pause = _AGAIN_S
            arriving.wait(_LOOK_S if pause is None else min(pause, _LOOK_S))


def _must_hold(room: Instance, lock: str, held: os.stat_result) -> None:
    """Raise Moved or Unreachable if the coordinator's lock file is no longer in its place."""
    try:
        if os.path.samestat(os.stat(lock), held):
            return
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError:
        return  # unavailable now: the next step reports why
    room.hub.knows(room.name)  # raises Moved, with the new URL, or why there is no hub
    raise Unreachable(f"the hub was moved or removed while {room.name} ran: run the room at its new place")


def ask(
    instance: Instance,
    room: str,
    command: str,
    name: str | None = None,
    changes: Mapping[str, object] = {},  # never changed
) -> Sent:
    """Send a room a command (`payload.COMMANDS`); it answers when done, or why it refused."""
    _must_be_room(instance, room)
    body = " ".join(word for word in ("please", command, name) if word)
    more: dict[str, object] = {"set": dict(changes)} if changes else {}
    protocol = payload.write(payload.CONTROL, {"do": command, "name": name or instance.name, **more})
    draft = Draft("info", (room,), body, more={"room": room, "protocol": protocol})
    return post.send(instance.mailbox, instance.hub, draft, instance.now)


def change(options: Options, instance: Instance, room: str, changes: Mapping[str, object]) -> Sent:
    """Ask a room for other settings. Raise Usage for an invalid one, Refused if the instance may not."""
    if not changes:
        raise Usage(f"nothing to set: name a setting, as in `xw room set {room} --turns +20`")
    found = _reached(options, room)
    if found:
        _check_may(found, instance, "set")
        _changed(found.state, changes)
        if found.state.status == CLOSED:
            raise Refused(f"{settings.closed(found.state, found.state.reason)}; nothing was sent")
    return ask(instance, room, "set", None, changes)


def resume(options: Options, instance: Instance, room: str, changes: Mapping[str, object]) -> Sent:
    """Ask a room to continue, with other settings. A closed room is put back on the hub for that.

    Raise Usage for an invalid setting, Refused if the instance may not, or the room would end at once.
    """
    found = _reached(options, room)
    new = found and _changed(found.state, changes)
    if found and new and found.state.status == CLOSED:
        _check_may(found, instance, "resume")
        problem = settings.why_not_resumed(found.state, new)
        if problem:
            raise Refused(f"{room}: {problem}; nothing was sent")
        # The card first: without it nothing can be sent there. A coordinator that finds no request to resume
        # closes the room again.
        shared(options).rooms().reopen(room, definition.card(room, found.definition))
    return ask(instance, room, "resume", None, changes)


def _reached(options: Options, room: str) -> Room | None:
    """Return a room's state; None if the hub is away: then the room alone decides, as it does in the end."""
    try:
        return look(open_room(options, room))
    except Unreachable:
        return None


def _check_may(room: Room, instance: Instance, command: str) -> None:
    if not admission.may_command(room.state, instance.hub, instance.name):
        may = f"only people and the owner of {room.name} may"
        raise Refused(f"{instance.name} may not {command}: {may}; nothing was sent")


def _changed(state: State, changes: Mapping[str, object]) -> Definition:
    try:
        return definition.changed(state.definition, settings.absolute(state, changes), list(state.members))
    except Usage as error:
        raise Usage(f"{error}; nothing was sent") from None


def say(instance: Instance, room: str, text: str) -> Sent:
    """Send a line to a room."""
    _must_be_room(instance, room)
    if not text.strip():
        raise Usage("the text is empty: give one; nothing was sent")
    draft = Draft("info", (room,), text, more={"room": room, "author": instance.name})
    return post.send(instance.mailbox, instance.hub, draft, instance.now)


def names(options: Options) -> list[str]:
    """Return the names of the hub's rooms, closed ones included."""
    return shared(options).rooms().names()


def runs(hub: Outgoing, name: str) -> bool | None:
    """Return whether a coordinator runs the room; None if this machine cannot know."""
    return None if hub.limits().no_coordinator else hub.rooms().runs(name)


def unheard(hub: Outgoing) -> Iterator[tuple[str, int]]:
    """Yield each open room that nobody runs, as far as this machine knows, and how much mail waits for it."""
    if hub.limits().no_coordinator:
        return
    rooms = hub.rooms()
    for name in rooms.names():
        if rooms.runs(name) is False and rooms.is_open(name):
            waiting = rooms.pending(name)
            if waiting:
                yield name, waiting


def look(room: Opened | Instance) -> Room:
    """Return a room's current state."""
    made = definition.read(_view(room))
    state = State(room.name, made)
    state.replay(_view(room), room.now())
    waiting = room.hub.rooms().pending(room.name)
    return Room(room.name, made, state, waiting, runs(room.hub, room.name))


def transcript(
    room: Opened | Instance,
    follow: bool = False,
    left_out: LeftOut = ignore,
    judge: "Judge | None" = None,
) -> Iterator[Entry]:
    """Yield what was said in a room, oldest first; with `follow`, go on until it is closed.

    `left_out` gets each message that cannot be read. `judge` returns the status of a message's sender.
    """
    reader = Transcript(_view(room), left_out, judge)
    if not follow:
        yield from reader.fresh()
        return
    folders: list[str] = []
    if not room.hub.limits().no_coordinator:  # then the hub is a local directory
        mailbox = f"{room.hub.url}/{room.name}"
        folders = [f"{mailbox}/{folder}" for folder in (INBOX["done"], layout.SENT)]
    with Arrivals(folders) if folders else Arrivals([], _POLL_S) as woken:
        while True:
            over = not room.hub.rooms().is_open(room.name)  # asked first: its last line is read then
            for entry in reader.fresh():
                yield entry
                if entry.event == payload.CLOSED:
                    return
            if over:
                return
            woken.wait()


def judge(options: Options, room: Opened) -> "Judge":
    """Return a function for the status of those who wrote a room's messages."""
    return onlooker(room.hub, load_config(options))


def _view(room: Opened | Instance) -> RoomView:
    return RoomView(room.hub.rooms(), room.name)


def check_author(room: Opened | Instance, name: str) -> None:
    """Raise NotFound if a name is not on the hub and has not spoken in the room."""
    known = room.hub.instances()
    if name not in known and not any(entry.author == name for entry in transcript(room)):
        where = f"no peer {name!r} on {room.hub.url}, and nobody of that name spoke in {room.name}"
        raise NotFound(f"{where}{nearest(name, known)}; `xw peers` lists them", "peers")


def _unknown(hub: Hub | Outgoing, room: str, end: str = "") -> NotFound:
    """Return the error for a name that nobody on the hub has, with the rooms of a like name."""
    rooms = [peer.name for peer in hub.peers() if peer.kind == ROOM]
    listed = f"no room {room!r} on {hub.url}{nearest(room, rooms)}; `xw room list` shows the rooms"
    return NotFound(listed + end)


def _must_be_room(instance: Instance, room: str) -> None:
    try:
        kind = instance.hub.peer(room).kind
    except Closed as error:
        raise Closed(f"{error}; nothing was sent") from None
    except NotFound:
        raise _unknown(instance.hub, room, "; nothing was sent") from None
    if kind != ROOM:
        raise NotFound(f"{room!r} on {instance.hub.url} is not a room: `xw room list` shows the rooms")


def shared(options: Options, name: str = "") -> Hub:
    """Return the hub itself, local or remote, connected; a served one as `name`. Unreachable, Refused."""
    found = load_config(options)
    url = where_now(config.hub_url(options.hub, os.environ, found), found)
    if not config.is_remote(url):
        return open_hub(url)[1]
    if options.offline:
        raise Unreachable(f"{url}: not reached, because of --offline")
    hub = hub_at(url, found, name or options.name or "")
    try:
        with hub.within(found.offline_s):
            hub.connect()
            hub.ping()
    except Moved as moved:
        hub = hub_at(moved.url, found, name or options.name or "")
        with hub.within(found.offline_s):
            hub.connect()
    return hub


def _owner(options: Options) -> str:
    """Return the name of the room's maker, or "": any user of the hub's files may make one."""
    try:
        return open_instance(options).name
    except (Usage, NotFound):
        return ""
