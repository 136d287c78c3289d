"""What `xw up` runs now: the bridges and the sync that `xw.json` names, and the rooms of its instances.

`Plan.look` is called every few seconds. It reads `xw.json` again if the file's times or size have changed,
and lists the rooms again if the hub's folder has changed; else it only looks at a few files' times.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Collection, Sequence

from xw import config
from xw.actions.supervising import Program
from xw.bridges.loop import Tell
from xw.config import Config
from xw.errors import Usage, XwError, explain
from xw.hub.contract import Rooms
from xw.instance import Options, open_hub, where_now
from xw.rooms import definition
from xw.rooms.view import RoomView

_XW = (sys.executable, "-P", "-m", "xw")  # -P: never import `xw` from the current directory

_SETTLES_S = 10.0
"""How long to list the rooms at each look after a change: a room's folder appears before its definition."""

_RELIST_S = 60.0
"""Longest time between two lists of the rooms."""


class Plan:
    """The programs to run for some instances of an `xw.json` (default: all), as the file says now.

    Raise Usage if there is nothing to start. If they are `launched`, `xw launch` carries and shows their
    mail: run no bridges and no sync, and perhaps nothing yet. `room` is run whoever owns it.
    """

    def __init__(
        self,
        options: Options,
        names: Sequence[str],
        tell: Tell,
        as_json: bool = False,
        with_rooms: bool = True,
        launched: bool = False,
        room: str = "",
    ) -> None:
        self.edited = False
        """True once an edit of `xw.json` was followed."""
        self._names = names
        self._tell = tell
        self._form = ("--json",) if as_json else ()  # bridges print nothing on stdout
        self._with_rooms = with_rooms
        self._launched = launched
        self._room = room
        path = config.in_force(options.config, os.environ)
        self._options = options._replace(config=path)
        self._stamp: tuple[int, ...] | None = _stamp(path)
        self._trouble: dict[str, str] = {}  # by what cannot be read: the text of its report
        self._programs: list[Program] = []
        self._run: list[Program] = []  # the rooms
        self._follow(config.load(path))
        if not launched:
            self._check()

    def look(self, running: Collection[str]) -> list[Program]:
        """Return the programs to run; `running` has the names of those that run."""
        path = self._options.config
        stamp = _stamp(path)  # before the file is read: a later change is seen at the next look
        if stamp != self._stamp:
            self._stamp, before = stamp, self._programs
            try:
                self._follow(config.load(path))
            except (XwError, OSError) as error:
                self._say("config", f"{explain(error)}; what runs stays as it is")
            else:
                self.edited = self.edited or self._programs != before
                if self._trouble.pop("config", ""):
                    self._tell(f"{path}: can be read again")
        return self._programs + self._rooms(running)

    def _follow(self, found: Config) -> None:
        """Make the programs that a configuration names."""
        url = config.hub_url(self._options.hub, os.environ, found)
        now = where_now(url, found)
        asked = [name for name in dict.fromkeys(self._names or found.instances) if name in found.instances]
        mirrored = bool(found.instances) and config.is_remote(now)
        more = [
            word
            for flag, value in (("--config", found.path), ("--hub", self._options.hub))
            if value
            for word in (flag, value)
        ]
        programs = [
            Program(
                f"bridge {name}",
                (*_XW, "bridge", "--as", name, *more),
                json.dumps([url, found.instances[name]["bridge"]], sort_keys=True),
            )
            for name in asked
            if found.instances[name].get("bridge") and not self._launched
        ]
        if mirrored and not self._launched:
            # One sync for all: the mirrors of one xw.json share a connection.
            settings = json.dumps([url, found.offline_s, sorted(found.instances)])
            programs.insert(0, Program("sync", (*_XW, "sync", "--watch", *self._form, *more), settings))
        self._config, self._asked, self._more, self._programs = found, asked, more, programs
        # A room runs only on the host of its hub's files.
        self._owned = None if mirrored or not self._with_rooms else _Owned(now, asked, self._room)

    def _rooms(self, running: Collection[str]) -> list[Program]:
        """Return the rooms to run; those that run are kept while the hub cannot be read."""
        if self._owned is None:
            return []
        try:
            names = self._owned.names(lambda name: f"room {name}" in running)
        except (XwError, OSError) as error:
            self._say("rooms", f"cannot look for rooms: {explain(error)}")
            self._stamp = None  # the hub may have moved
            self._run = [room for room in self._run if room.name in running]
            return self._run
        self._trouble.pop("rooms", None)
        url = self._owned.url
        self._run = [
            Program(f"room {name}", (*_XW, "room", "run", name, *self._more), url, ends=True)
            for name in names
        ]
        return self._run

    def _check(self) -> None:
        """Raise Usage if a name is unknown, or there is nothing to start."""
        found, path = self._config.instances, self._config.path or "xw.json"
        for name in self._names:
            if name not in found:
                raise Usage(f"{path} has no instance {name!r}: it has {', '.join(found)}")
        rooms = [room.name.partition(" ")[2] for room in self._rooms(())]
        if self._programs and self._programs[0].name == "sync":
            return
        hosts = [self._owned.hosts[name] for name in rooms] if self._owned else []
        idle = [name for name in self._asked if not found[name].get("bridge") and name not in hosts]
        if idle == self._asked or (self._names and idle):
            whom = idle[0] if self._names else "an instance"
            example = '"bridge": {"kind": "command", "target": "claude -p"}'
            raise Usage(f"nothing to start: give {whom} in {path} a bridge, such as {example}")

    def _say(self, what: str, text: str) -> None:
        """Report a trouble once for as long as it lasts."""
        if self._trouble.get(what) != text:
            self._tell(text)
        self._trouble[what] = text


class _Owned:
    """The rooms of some instances on a hub in a directory here.

    A room is its owner's; one without an owner is that of its first member among the instances. `also` is run
    whoever owns it.
    """

    def __init__(self, url: str, instances: Sequence[str], also: str) -> None:
        self.url = url
        self.hosts: dict[str, str | None] = {}
        """The instance of each room on the hub; empty for a room of others, None if it cannot be read."""
        self._instances = instances
        self._also = also
        self._folder = -1
        self._settled = self._next = 0.0

    def names(self, running: Callable[[str], bool]) -> list[str]:
        """Return the rooms that run, and those that are open and that nobody runs."""
        rooms = open_hub(self.url)[1].rooms()
        self._list(rooms)
        own = [name for name, host in self.hosts.items() if host]
        return [name for name in own if running(name) or (rooms.is_open(name) and rooms.runs(name) is False)]

    def _list(self, rooms: Rooms) -> None:
        """List the hub's rooms if there may be another one."""
        now, folder = time.monotonic(), os.stat(self.url).st_mtime_ns
        if folder != self._folder:
            self._folder, self._settled = folder, now + _SETTLES_S
        elif self._settled < now < self._next:
            return
        self._next = now + _RELIST_S
        hosts = {name: self.hosts.get(name) for name in rooms.names()}
        self.hosts = {
            name: self._host(RoomView(rooms, name)) if host is None else host for name, host in hosts.items()
        }

    def _host(self, room: RoomView) -> str | None:
        try:
            made = definition.read(room)
        except (XwError, OSError):
            return None  # `xw room list` reports it
        if room.name == self._also:
            return self._also
        named = [made.owner] if made.owner else [name for name, _ in made.members]
        return next((name for name in named if name in self._instances), "")


def _stamp(path: str | None) -> tuple[int, ...]:
    """Return what changes when a file is written or replaced; empty if it is missing."""
    try:
        about = os.stat(path or "")
    except OSError:
        return ()
    return about.st_mtime_ns, about.st_ctime_ns, about.st_size, about.st_ino, about.st_dev
