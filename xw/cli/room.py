"""The handlers of `xw room`."""

from collections.abc import Callable

from xw import Agent, Limits, Member, Room, Sent, clock
from xw.cli.call import Call, warn
from xw.cli.outgoing import body_text, report
from xw.cli.show import emit, flush, say, tell
from xw.text import first_line, span


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
    room = call.rooms().create(
        name, listed, policy=policy, seed=seed or "", moderator=moderator or "", limits=limits
    )
    if call.json:
        emit(room.to_json())
        return
    say(f"room {name} made on {room.hub}: {', '.join(listed) or 'no members yet'}; {policy}")
    if not room.owner:
        say("It has no owner, because --as named nobody on this hub: only people can pause and close it.")
    say(f"Next: `xw room run {name}` runs it, `xw log --room {name} --follow` shows it.")


def run(call: Call, name: str) -> None:
    """Run a room until it is closed. The process may be killed at any moment: nothing needs cleaning up."""

    def begun() -> None:
        if not call.json:
            say(f"room {name} runs; `xw log --room {name} --follow` shows it")
            flush()

    closed = call.rooms().run(name, begun=begun)
    if call.json:
        emit(closed.to_json())
        return
    tell(f"room {name} is closed: {closed.reason}; {closed.turns} turns, {closed.words} words")
    say(f"The transcript: `xw log --room {name}`, in {closed.folder}/")


def join(call: Call, name: str, member: str | None) -> None:
    """Ask a room to add a member, or to remind one."""
    _ask(call, name, f"add {member or 'you'}", lambda agent: agent.rooms.join(name, member))


def leave(call: Call, name: str, member: str | None) -> None:
    """Ask a room to remove a member."""
    _ask(call, name, f"remove {member or 'you'}", lambda agent: agent.rooms.leave(name, member))


def pause(call: Call, name: str) -> None:
    """Ask a room to give no more turns."""
    _ask(call, name, "pause", lambda agent: agent.rooms.pause(name))


def resume(call: Call, name: str) -> None:
    """Ask a room to continue."""
    _ask(call, name, "continue", lambda agent: agent.rooms.resume(name))


def close(call: Call, name: str) -> None:
    """Ask a room to close."""
    _ask(call, name, "close", lambda agent: agent.rooms.close(name))


def _ask(call: Call, room: str, request: str, act: Callable[[Agent], Sent]) -> None:
    """Send a request, and print that the room decides: a refusal comes by mail."""
    report(call, act, asked=f"asks {room} to {request}, and {room} answers by mail")


def speak(call: Call, name: str, body: str | None, file: str | None) -> None:
    """Send a line to a room."""
    report(call, lambda agent: agent.rooms.say(name, body_text(body, file)))


def list_(call: Call) -> int:
    """Print the rooms of the hub; return 1 if one is damaged, which does not hide others."""
    found = call.rooms().list()
    if call.json:
        emit(found.to_json(), found.problems)
    elif not found.rooms and not found.problems:
        say("no rooms here: `xw room create NAME --members A,B --policy round-robin --seed TEXT` makes one")
    for room in [] if call.json else found.rooms:
        tell(_summary(room))
    for problem in [] if call.json else found.problems:
        warn(str(problem))
    return int(bool(found.problems))


def show(call: Call, name: str) -> None:
    """Print a room's current state."""
    room = call.rooms().show(name)
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
        tell(f"member   {_member(member, clock.now())}")


def _summary(room: Room) -> str:
    state, limits = room.state, room.definition.limits
    status = f"{state.status} ({state.reason})" if state.reason else state.status
    turns = f"{state.turns} of {limits.turns} turns" if limits.turns else f"{state.turns} turns"
    parts = [f"{room.name} {status}", room.definition.policy, turns, f"{state.words} words"]
    parts.append(f"members {', '.join(state.members) or '-'}")
    if room.pending:
        parts.append(f"{room.pending} pending")
    if state.status != "closed" and room.running is not None:
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
