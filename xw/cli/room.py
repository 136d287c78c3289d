"""The handlers of `xw room`."""

import os
import re
from collections.abc import Callable, Sequence

from xw import Agent, Limits, Member, Room, Sent, clock, layout
from xw.cli import outgoing
from xw.cli.call import Call, warn
from xw.cli.outgoing import acted, body_text, report
from xw.cli.show import emit, flush, say, tell
from xw.errors import Usage
from xw.text import first_line, span


def create(
    call: Call,
    name: str,
    members: Sequence[str],
    policy: str,
    seed: str | None,
    file: str | None,
    personas: Sequence[str],
    moderator: str | None,
    turns: int,
    per_minute: int,
    words: int,
    quiet: float,
    answer: float,
    memory: int,
) -> None:
    """Make a room."""
    if seed is not None and file is not None:
        raise Usage("give the topic with --seed or with --file, not both; no room was made")
    listed = [member for given in members for member in re.split(r"[,\s]+", given) if member]
    limits = Limits(turns, per_minute, words, quiet, answer, memory)
    room = call.rooms().create(
        name,
        listed,
        policy=policy,
        seed=body_text(call, seed, file) if file is not None else seed or "",
        moderator=moderator or "",
        limits=limits,
        personas=_personas(call, personas),
    )
    if call.json:
        emit(room.to_json())
        return
    say(f"room {name} made on {room.hub}: {', '.join(listed) or 'no members yet'}; {policy}")
    if not room.owner:
        say("It has no owner, because --as named nobody on this hub: only people can pause and close it.")
    if not listed:
        say(f"Next: `xw room join {name} --member NAME` for each member, or `xw room join {name}` as each.")
    say(f"Next: `xw room run {name}` or `xw up` runs it, `xw log --room {name} --follow` shows it.")


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


def resume(call: Call, name: str, turns: str | None, words: str | None, quiet: str | None) -> None:
    """Ask a room to continue."""
    _ask(
        call,
        name,
        "continue",
        lambda agent: agent.rooms.resume(name, turns=turns, words=words, quiet_s=quiet),
    )


def set_(
    call: Call,
    name: str,
    policy: str | None,
    moderator: str | None,
    turns: str | None,
    per_minute: str | None,
    words: str | None,
    quiet: str | None,
    answer: str | None,
    memory: str | None,
    personas: Sequence[str],
) -> None:
    """Ask a room to change its settings."""
    parts = _personas(call, personas)
    _ask(
        call,
        name,
        "change its settings",
        lambda agent: agent.rooms.set(
            name,
            policy=policy,
            moderator=moderator,
            turns=turns,
            per_minute=per_minute,
            words=words,
            quiet_s=quiet,
            answer_s=answer,
            memory=memory,
            personas=parts,
        ),
    )


def _personas(call: Call, given: Sequence[str]) -> dict[str, str]:
    """Return the persona of each NAME=TEXT, where TEXT may be the path of a file that has it."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals or not name:
            raise Usage(f"invalid persona {first_line(one, 40)!r}: give --persona NAME=TEXT or NAME=FILE")
        if os.path.isfile(text):
            text = body_text(call, None, text)
        elif text and len(text.split()) == 1 and ("/" in text or text.endswith((".md", ".txt"))):
            raise Usage(f"no such file {first_line(text, 80)!r}, for the persona of {name}: correct its path")
        found[name] = text
    return found


def close(call: Call, name: str) -> None:
    """Ask a room to close."""
    _ask(call, name, "close", lambda agent: agent.rooms.close(name))


def _ask(call: Call, room: str, request: str, act: Callable[[Agent], Sent]) -> None:
    """Send a request, and print where to see what the room decided; a refusal comes by mail too."""
    agent = call.agent()
    sent = acted(call, agent, act)
    if call.json or not sent.delivered:
        outgoing.show(call, agent, sent)
        return
    does = f"`xw room show {room}` shows when it has"
    tell(f"asked {room} to {request} ({layout.short_id(sent.id)}): {does}")


def speak(call: Call, name: str, body: str | None, file: str | None) -> None:
    """Send a line to a room."""
    report(call, lambda agent: agent.rooms.say(name, body_text(call, body, file)))


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
    made = room.state.definition
    tell(f"owner    {made.owner or '-'}")
    tell(f"seed     {first_line(made.seed, 100) or '-'}")
    if made.moderator:
        tell(f"leads    {made.moderator}")
    say("limits   " + ", ".join(f"{what} {value:g}" for what, value in made.limits._asdict().items()))
    costs = room.state.costs.values()
    turns, fed = sum(cost.turns for cost in costs), sum(cost.fed for cost in costs)
    say(f"cost     {turns:,} turns given, {fed:,} words fed to the members, {room.state.words:,} said")
    for member in room.state.members.values():
        tell(f"member   {_member(room, member, clock.now())}")
    for name, persona in made.personas:
        tell(f"persona  {name}: {first_line(persona, 80)}")


def _summary(room: Room) -> str:
    state, limits = room.state, room.state.definition.limits
    status = f"{state.status} ({state.reason})" if state.reason else state.status
    turns = f"{state.turns} of {limits.turns} turns" if limits.turns else f"{state.turns} turns"
    parts = [f"{room.name} {status}", room.state.definition.policy, turns, f"{state.words} words"]
    parts.append(f"members {', '.join(state.members) or '-'}")
    if room.pending:
        parts.append(f"{room.pending} pending")
    if state.status != "closed" and room.running is not None:
        parts.append("runs" if room.running else f"nobody runs it: xw room run {room.name}")
    if room.fix:
        parts.append(f"`{room.fix}` continues it")
    return "; ".join(parts)


def _member(room: Room, member: Member, now: int) -> str:
    parts = [member.name + ("" if member.kind == "agent" else f" ({member.kind})")]
    cost = room.state.costs.get(member.name)
    if cost:
        parts.append(f"{cost.turns} turns, {cost.fed:,} words fed, {cost.said:,} said")
    if member.open:
        parts.append(f"has the floor for {span((now - member.asked) / clock.SECOND)}")
    if member.away:
        parts.append(_away(room.name, member, now))
    return "; ".join(parts)


def _away(room: str, member: Member, now: int) -> str:
    fix = f"`xw room join {room} --member {member.name}` asks it again"
    if not member.failures:
        return f"passed over: did not answer; {fix}"
    failed = f"cannot answer ({member.failures} in a row)"
    if not member.rests:
        return f"passed over: {failed}; {fix}"
    left = max(0, member.rests - now) / clock.SECOND
    return f"rests: {failed}; asked again in {span(left)}; {fix} now"
