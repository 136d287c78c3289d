"""The commands of `xw room`, and `xw log --room`."""

import os
import sys

from xw import clock
from xw.actions import rooms
from xw.actions.rooms import Room
from xw.cli.call import Call, warn, warn_left_out
from xw.cli.outgoing import body_text, report
from xw.cli.show import dated, emit, flush, put, say, tell
from xw.errors import XwError, explain
from xw.quote import guarded, quoted
from xw.rooms.scene import Limits, Member
from xw.rooms.state import CLOSED
from xw.rooms.transcript import EVENT, Entry
from xw.text import first_line, span, visible

# Bright and plain, none of them red, black or white: errors are red, and terminals are dark or light.
_COLOURS = (36, 33, 35, 32, 34, 96, 93, 95, 92, 94)
_FAINT = 2


def create(
    call: Call,
    name: str,
    members: str,
    policy: str,
    seed: str | None,
    moderator: str | None,
    turns: int,
    per_minute: int,
    words: int,
    quiet: float,
    answer: float,
    memory: int,
) -> None:
    """Make a room."""
    listed = [member.strip() for member in members.split(",") if member.strip()]
    limits = Limits(turns, per_minute, words, quiet, answer, memory)
    room = rooms.create(call.options, name, listed, policy, seed or "", limits, moderator or "")
    if call.json:
        emit({"name": room.name, "hub": room.hub.url, "policy": policy, "members": listed})
        return
    say(f"room {name} made on {room.hub.url}: {', '.join(listed) or 'no members yet'}; {policy}")
    if not rooms.look(room).definition.owner:
        say("It has no owner, because --as named nobody on this hub: only people can pause and close it.")
    say(f"Next: `xw room run {name}` runs it, `xw log --room {name} --follow` shows it.")


def run(call: Call, name: str) -> None:
    """Run a room until it is closed. It may be killed at any moment: there is nothing to tidy up."""
    room = rooms.open_to_run(call.options, name)
    if not call.json:
        say(f"room {name} runs; `xw log --room {name} --follow` shows it")
        flush()
    ended = rooms.run(room, lambda error: warn(f"{error}; trying again"))
    for peer in room.mailbox.waiting_for():
        warn(f"mail for {peer} waits in the outbox: `xw room run {name}` tries again")
    if call.json:
        emit({"name": name, "closed": ended.reason, "turns": ended.turns, "words": ended.words})
        return
    tell(f"room {name} is closed: {ended.reason}; {ended.turns} turns, {ended.words} words")
    say(f"The transcript: `xw log --room {name}`, in {room.root}/{name}/")


def join(call: Call, name: str, member: str | None) -> None:
    """Ask a room to take a member in, or to remind one."""
    instance = call.instance()
    report(call, instance, rooms.ask(instance, name, "join", member))


def leave(call: Call, name: str, member: str | None) -> None:
    """Ask a room to let a member go."""
    instance = call.instance()
    report(call, instance, rooms.ask(instance, name, "leave", member))


def pause(call: Call, name: str) -> None:
    """Ask a room to give no more turns."""
    instance = call.instance()
    report(call, instance, rooms.ask(instance, name, "pause"))


def resume(call: Call, name: str) -> None:
    """Ask a room to go on."""
    instance = call.instance()
    report(call, instance, rooms.ask(instance, name, "resume"))


def close(call: Call, name: str) -> None:
    """Ask a room to end."""
    instance = call.instance()
    report(call, instance, rooms.ask(instance, name, "close"))


def speak(call: Call, name: str, body: str | None, file: str | None) -> None:
    """Say something in a room."""
    instance = call.instance()
    report(call, instance, rooms.say(instance, name, body_text(body, file)))
    if rooms.runs(instance.hub, name) is False:
        warn(f"nobody runs the room yet: xw room run {name}")


def list_(call: Call) -> int:
    """Print the rooms of the hub; 1 if one is damaged, which hides no other."""
    found, broken = [], []
    for name in rooms.names(call.options):
        try:
            found.append(rooms.look(rooms.open_room(call.options, name)))
        except (XwError, OSError) as error:
            broken.append(explain(error))
    if call.json:
        problems = [str(problem) for problem in broken]
        emit({"rooms": [room.to_json() for room in found], "problems": problems}, broken)
    elif not found and not broken:
        say("no rooms here: `xw room create NAME --members A,B --policy round-robin --seed TEXT` makes one")
    for room in [] if call.json else found:
        tell(_summary(room))
    for problem in [] if call.json else broken:
        warn(str(problem))
    return int(bool(broken))


def show(call: Call, name: str) -> None:
    """Print a room as it stands."""
    opened = rooms.open_room(call.options, name)
    room = rooms.look(opened)
    if call.json:
        emit(room.to_json())
        return
    tell(_summary(room))
    tell(f"owner    {room.definition.owner or '-'}")
    tell(f"seed     {first_line(room.definition.seed, 100) or '-'}")
    say(
        "limits   "
        + ", ".join(f"{what} {value:g}" for what, value in room.definition.limits._asdict().items())
    )
    for member in room.state.members.values():
        tell(f"member   {_member(member, opened.now())}")


def _summary(room: Room) -> str:
    state, limits = room.state, room.definition.limits
    status = f"{state.status} ({state.reason})" if state.reason else state.status
    turns = f"{state.turns} of {limits.turns} turns" if limits.turns else f"{state.turns} turns"
    parts = [f"{room.name} {status}", room.definition.policy, turns, f"{state.words} words"]
    parts.append(f"members {', '.join(state.members) or '-'}")
    if room.pending:
        parts.append(f"{room.pending} pending")
    if state.status != CLOSED and room.running is not None:
        parts.append("runs" if room.running else f"nobody runs it: xw room run {room.name}")
    return "; ".join(parts)


def _member(member: Member, now: int) -> str:
    parts = [member.name + ("" if member.kind == "agent" else f" ({member.kind})")]
    if member.open:
        parts.append(f"has the floor for {span((now - member.asked) / clock.SECOND)}")
    if member.away:
        parts.append(_away(member, now))
    return "; ".join(parts)


def _away(member: Member, now: int) -> str:
    if not member.failures:
        return "passed over: did not answer"
    failed = f"cannot answer ({member.failures} in a row)"
    if not member.rests:
        return f"passed over: {failed}; `xw room join ROOM --member {member.name}` asks it again"
    left = max(0, member.rests - now) / clock.SECOND
    return f"rests: {failed}; asked again in {span(left)}"


def log(
    call: Call, name: str, author: str | None, grep: str | None, since: str | None, follow: bool, form: str
) -> None:
    """Print a room's conversation."""
    room = rooms.open_room(call.options, name)
    earliest = 0 if since is None else clock.when(since, room.now(), future=False)
    if author is not None:
        rooms.check_author(room, author)
    printer = _json if call.json or form == "json" else _markdown if form == "markdown" else _painter()
    for entry in rooms.transcript(room, follow, warn_left_out):
        wanted = not grep or grep.lower() in entry.text.lower()
        if wanted and entry.at >= earliest and author in (None, entry.author):
            printer(entry)
        if follow:
            flush()


def _json(entry: Entry) -> None:
    emit(entry.to_json())


def _markdown(entry: Entry) -> None:
    if entry.kind == EVENT:
        tell(f"*{entry.text.replace('<', '&lt;')}*")
        say("")
    elif not entry.silent:
        put(f"**{visible(entry.author)}** ({dated(entry.at)})\n")
        put(quoted(entry.text.rstrip(), _files(entry)) + "\n")


def _text(entry: Entry) -> str:
    return "\n".join(filter(None, (guarded(entry.text.rstrip()), *_files(entry))))


def _files(entry: Entry) -> tuple[str, ...]:
    return tuple(f"(file: {name})" for name in entry.files)


def _painter() -> "Painter":
    return Painter(sys.stdout.isatty() and not os.environ.get("NO_COLOR"))


class Painter:
    """Prints entries, each author in a colour of its own where `colours` is set."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours
        self._given: dict[str, int] = {}

    def __call__(self, entry: Entry) -> None:
        """Print one entry."""
        when = clock.brief(entry.at)
        if entry.kind == EVENT or entry.silent:
            what = entry.text if entry.kind == EVENT else f"{entry.author} passes"
            put(self._paint(f"{when} -- {visible(what, keep='')}", _FAINT))
            return
        colour = self._given.setdefault(entry.author, _COLOURS[len(self._given) % len(_COLOURS)])
        text = visible(_text(entry)).replace("\n", "\n    ")
        put(f"{when} {self._paint(visible(entry.author), colour)}: {text}")

    def _paint(self, text: str, colour: int) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours else text
