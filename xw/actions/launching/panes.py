"""`xw launch alice=claude bob=codex`: several agents in tmux, one pane each, and their rooms below.

Everything is checked first, then the panes are opened, then mailboxes and room are made, and only then do
the programs start: each pane waits for its order. Until then an error closes the panes again. Orders are
files in a private run directory: the tmux server has another environment than this process, and its arguments
are seen by all users. `window` has the tmux part. `keep` is the small pane's part: it ends with the
last agent, and with it the window.
"""

import json
import os
import shlex
import shutil
import signal
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from xw import config, layout, processes, runs
from xw.actions import rooms, supervising
from xw.actions.launching import foreground
from xw.actions.launching.found import find
from xw.actions.launching.outcome import Ended, ended_soon
from xw.actions.launching.sessions import session_of
from xw.actions.launching.window import Window, any_open, open_window
from xw.actions.planning import Plan
from xw.bridges.loop import Tell
from xw.errors import NotFound, Refused, TimedOut, Usage, XwError, explain
from xw.files.local import LocalFiles
from xw.instance import Options, open_instance
from xw.message import parse_object
from xw.rooms import settings
from xw.rooms.scene import ROOM
from xw.rooms.state import CLOSED

if TYPE_CHECKING:
    from xw.shapes import upkeep

STARTS_S = 30.0
"""How long the panes may take to begin."""

_PANES_OWN = ("TMUX", "TMUX_PANE", "TERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION")
_NOT_PASSED = (*_PANES_OWN, "COLUMNS", "LINES", supervising.PARENT)
_LIMIT = 4 * 1024 * 1024
_POLL_S = 0.05


class Asked(NamedTuple):
    """An agent as requested: `alice=claude --model x`."""

    name: str
    argv: tuple[str, ...]


class Started(NamedTuple):
    """Agents that were started in a tmux window; `panes` are their panes, in order.

    `session` is the new session, or empty if the window is in the session of this terminal. `ended` has
    those that ended at once, by pane, as far as this was waited for.
    """

    agents: tuple[Asked, ...]
    panes: tuple[str, ...]
    session: str
    window: str
    room: str
    ended: Mapping[str, Ended]

    @property
    def placed(self) -> list[tuple[Asked, str]]:
        """Return each agent with its pane."""
        return list(zip(self.agents, self.panes, strict=True))

    @property
    def attach(self) -> str:
        """Return the command that shows them."""
        return f"tmux attach -t {self.session}" if self.session else f"tmux select-window -t {self.window}"

    def to_json(self) -> "upkeep.Launched":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "agents": [self._agent(one, pane) for one, pane in self.placed],
            "session": self.session or None,
            "window": self.window,
            "room": self.room or None,
            "attach": self.attach,
        }

    def _agent(self, one: Asked, pane: str) -> "upkeep.LaunchedAgent":
        found = self.ended.get(pane)
        ended: upkeep.EndedAtOnce | None = found and {"exit_code": found.code, "last_line": found.line}
        return {"name": one.name, "command": list(one.argv), "pane": pane, "ended": ended}


def launch(
    options: Options,
    words: Sequence[str],
    room: str,
    shown: bool,
    tell: Tell,
    environ: Mapping[str, str] = os.environ,
) -> Started:
    """Start agents, each in a pane of a new tmux window: of this terminal's session, else of a new one.

    With `shown`, a new window in this terminal's session is switched to; otherwise it is waited until each
    program runs, or has ended at once. Raise Usage, NotFound or Refused
    before anything starts: for a word that is not NAME=PROGRAM, a name that cannot be used or is in use, a
    program or tmux that is missing, a closed room.
    """
    agents = [_asked(word) for word in words]
    names = tuple(one.name for one in agents)
    for name in names:
        if names.count(name) > 1:
            raise Usage(f"{name} is given twice: each agent needs a name of its own; nothing was started")
    projects = [_check(options, one, environ) for one in agents]
    _refuse_running(options, names, environ)
    found = _room(options, room, names) if room else None
    if not shutil.which("tmux", path=environ.get("PATH")):
        raise NotFound(f"tmux is not installed: install it, or {_by_hand(agents, room)}")
    folder = runs.make(names[0], environ)
    try:
        opened = open_window(names, folder, shown, environ, projects[0])
        try:
            made = [foreground.open_or_make(options._replace(name=one), tell, environ) for one in names]
            if room:
                _enter(options, room, found, names, tell)
            _order(options, agents, room, opened, folder, environ)
        except BaseException:
            opened.close()
            raise
        ended = {} if shown else ended_soon(opened, made, folder)
    finally:
        runs.remove(folder)
    return Started(tuple(agents), opened.panes, opened.session, opened.window, room, ended)


def _asked(word: str) -> Asked:
    name, equals, line = word.partition("=")
    if not equals:
        raise Usage(f"{word!r}: give NAME=PROGRAM, as in alice=claude; nothing was started")
    foreground.check_name(name, f"xw launch NAME={line}")
    try:
        argv = tuple(shlex.split(line))
    except ValueError as error:
        raise Usage(f"{name}: cannot read the program's words ({error}): {line}") from None
    if not argv:
        raise Usage(f"{name}: which program? Give NAME=PROGRAM, as in {name}=claude; nothing was started")
    return Asked(name, argv)


def _check(options: Options, one: Asked, environ: Mapping[str, str]) -> str:
    """Return the project's directory. Raise if the program is missing, or the name is not an agent's."""
    try:
        find(one.argv, environ)
    except XwError as error:
        raise type(error)(f"{one.name}: {error}; nothing was started") from None
    path = foreground.check(options._replace(name=one.name), environ).path
    return os.path.dirname(os.path.abspath(path)) if path else config.here()


def _refuse_running(options: Options, names: Sequence[str], environ: Mapping[str, str]) -> None:
    """Raise Refused if programs of these agents run, with the tmux session in which they do."""
    running, sessions = [], set()
    for name in names:
        with suppress(NotFound, Usage):  # it is not there yet: `open_or_make` makes it, or reports why not
            instance = open_instance(options._replace(name=name), environ)
            if found := runs.of_mailbox(instance.mailbox):
                running.append(instance)
                sessions.add(session_of(found[1]))
    if not running:
        return
    session = sessions.pop() if len(sessions) == 1 else None
    if session is None:
        raise Refused(f"{foreground.why_taken(running[0])}; nothing was started")
    who = " and ".join(", ".join(one.name for one in running).rsplit(", ", 1))
    verb, them = ("runs", "it") if len(running) == 1 else ("run", "them")
    ends = f", `{session.call('kill-session')}` ends {them}" if session.whole else ""
    shows = f"`{session.call('attach')}` shows {them}"
    raise Refused(
        f"{who} {verb} already, in the tmux session {session.name}: {shows}{ends}; nothing was started"
    )


def _by_hand(agents: Sequence[Asked], room: str) -> str:
    """Return what does the same in separate terminals."""
    calls = [f"xw launch {one.name} -- {shlex.join(one.argv)}" for one in agents]
    if room:
        members = ",".join(one.name for one in agents)
        calls += [f"xw room create {room} --members {members} --as {agents[0].name}", "xw up"]
    return f"run each of these in a terminal of its own: {', '.join(f'`{call}`' for call in calls)}"


def _room(options: Options, name: str, names: Sequence[str]) -> rooms.Room | None:
    """Return the room, None if it is to be made. Raise Usage or Refused if the agents cannot enter it."""
    layout.check_name(name, "a room name")
    if name in names:
        raise Usage(f"{name} cannot be a member of itself: give the room another name; nothing was started")
    try:
        hub = rooms.shared(options)
    except (NotFound, Usage):
        return None  # there is no hub: it is made with the first mailbox
    if not hub.rooms().exists(name):
        if hub.knows(name) and hub.peer(name).kind != ROOM:
            raise Refused(f"{name} is the name of an instance: give the room another name")
        return None
    found = rooms.look(rooms.open_room(options, name))
    if found.state.status == CLOSED:
        raise Refused(f"{settings.closed(found.state, found.state.reason)}; nothing was started")
    return found


def _enter(options: Options, room: str, found: rooms.Room | None, names: Sequence[str], tell: Tell) -> None:
    """Make the room with these members, or ask it to add those that it lacks."""
    if found is None:
        opened = rooms.create(options._replace(name=names[0]), room, names, "round-robin")
        elsewhere = opened.hub.limits().no_coordinator
        if elsewhere:
            tell(f"room {room}: {elsewhere}")
        return
    for name in names:
        if name not in found.state.members:
            rooms.ask(open_instance(options._replace(name=name)), room, "join")


def _order(
    options: Options,
    agents: Sequence[Asked],
    room: str,
    opened: Window,
    folder: str,
    environ: Mapping[str, str],
) -> None:
    """Give each pane its order, and wait until all have begun."""
    given = [("--hub", options.hub), ("--config", options.config)]
    more = [word for flag, value in given if value for word in (flag, value)]
    more += ["--offline"] if options.offline else []
    orders = {
        pane: ["launch", one.name, *more, "--", *one.argv]
        for one, pane in zip(agents, opened.panes, strict=True)
    }
    end = f"kill-session -t {opened.session}" if opened.session else f"kill-window -t {opened.window}"
    kept = {"names": [one.name for one in agents], "room": room, "panes": opened.panes, "end": f"tmux {end}"}
    orders[opened.keeper] = ["keep", json.dumps({**kept, "hub": options.hub, "config": options.config})]
    passed = {name: value for name, value in environ.items() if name not in _NOT_PASSED}
    files, late = LocalFiles(folder), time.monotonic() + STARTS_S
    for pane, words in orders.items():
        order = {"words": words, "folder": config.here(), "environ": passed}
        files.rewrite(json.dumps(order).encode(), "", f"{pane}.json")
    while any(os.path.exists(f"{folder}/{pane}.json") for pane in orders):
        if time.monotonic() > late:
            raise TimedOut(f"the tmux panes did not start within {STARTS_S:g} s: everything was ended")
        listed = {pane.pane for pane in opened.tmux.panes()}
        orders = {pane: words for pane, words in orders.items() if pane in listed}
        time.sleep(_POLL_S)


class Order(NamedTuple):
    """What a pane runs: the words of a call of xw, where, and its environment."""

    words: list[str]
    folder: str
    environ: dict[str, str]


def take(folder: str, environ: Mapping[str, str] = os.environ) -> Order | None:
    """Wait for this pane's order, and take it; return None if the `xw launch` that opened it ended."""
    name, files, launcher = f"{environ.get('TMUX_PANE', '')}.json", LocalFiles(folder), runs.launcher(folder)
    while not os.path.exists(f"{folder}/{name}"):
        if not processes.lives(launcher):
            return None
        time.sleep(_POLL_S)
    found = parse_object(files.read(name, _LIMIT))
    order = Order(**found)  # type: ignore[arg-type]  # written by `_order`
    own = {name: environ[name] for name in _PANES_OWN if name in environ}
    files.remove(name)
    return order._replace(environ={**order.environ, **own})


def how_to_go_on(names: Sequence[str], room: str, end: str) -> list[str]:
    """Return the lines that the small pane begins with; `end` is the command that ends all."""
    lines = [f"{', '.join(names)} · ^B ←/→ changes pane · ^B d leaves, they run on · {end} ends all"]
    if room:
        lines.append(
            f'begin: xw room say {room} "…" · stop: xw room pause {room} · end: xw room close {room}'
        )
    return lines


def keep(words: str, tell: Tell, show: Tell) -> None:
    """Run the rooms of launched agents until the last one's pane is closed, or a signal."""
    given = json.loads(words)
    for line in how_to_go_on(given["names"], given["room"], given["end"]):
        show(line)
    panes = frozenset(given["panes"])
    options = Options(None, given["hub"], given["config"])
    try:
        plan = Plan(options, given["names"], tell, launched=True, room=given["room"])
        supervising.supervise(_WhileOpen(plan, panes), tell)
    except (XwError, OSError) as error:
        tell(str(explain(error)))
        while any_open(panes):
            time.sleep(supervising.LOOK_S)


class _WhileOpen:
    """What a plan wants, for as long as one of some panes is open."""

    edited = True  # it goes on even if nothing of it can work

    def __init__(self, plan: Plan, panes: Collection[str]) -> None:
        self._plan = plan
        self._panes = panes

    def look(self, running: Collection[str]) -> list[supervising.Program]:
        """Return the programs to run now; ask this process to end if no pane is left."""
        if not any_open(self._panes):
            os.kill(os.getpid(), signal.SIGTERM)
        return self._plan.look(running)
