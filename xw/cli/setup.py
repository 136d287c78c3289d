"""The handlers of init, who, peers, sync and prompt."""

import sys
from collections.abc import Callable
from shlex import quote

from xw import Groups, Held, Peer, Synced, Who, clock, layout
from xw.agent import functions
from xw.cli import outgoing
from xw.cli.call import Call, warn
from xw.cli.show import emit, flush, names, say, tell
from xw.errors import Usage
from xw.text import counted, first_line, span

_PEERS = 50  # listed by `peers` without --all
_SHOWN = {
    "asked": "only when asked",
    "start": "at the start of a session",
    "turn": "at each turn",
    "push": "at once",
}
_LARGE = 1 << 20  # bytes; larger attachments get a progress bar


def init(
    call: Call,
    name: str | None,
    kind: str | None,
    describe: str | None,
    model: str | None,
    capabilities: list[str],
    delivery: str | None,
    group: str | None,
    invite: str | None,
) -> None:
    """Make hub and mailbox, and print the next steps."""
    card = {"kind": kind, "description": describe, "model": model, "capabilities": capabilities}
    card["delivery"] = delivery
    joined = functions.init(call.options, name, card, group, say if not call.json else warn, warn, invite)
    agent = joined.agent
    if call.json:
        emit(joined.to_json())
        return
    tell(f"hub      {agent.hub} ({'made' if joined.new_hub else 'exists'})")
    tell(f"mailbox  {agent.name} ({'made' if joined.new_mailbox else 'exists'})")
    tell(f"config   {agent.config}")
    if joined.recorded:
        tell(f"found    {', '.join(joined.recorded)}: written into xw.json again")
    elif joined.there:
        tell(f"others   {names(joined.there)}")
    if joined.beside:
        say(f"xw.json is as it was: `export XW_HUB={quote(agent.hub)}` chooses this hub.")
    if joined.shares:
        say(f"Several instances share this xw.json: each sets XW_NAME, here `export XW_NAME={agent.name}`.")
    elif joined.alone and joined.served:
        say("Next: `xw hub invite NAME`, on the hub's host, lets another agent in.")
    elif joined.alone:
        say("Next: `xw init --name NAME` adds another agent here.")
        if joined.remote:
            tell(f"Next: `xw init --name NAME --hub {quote(agent.hub)}` adds one on another machine.")
    if agent.kind == "human":
        say("Next: `xw check` shows your mail, `xw log --follow` all messages as they come and go.")
    else:
        if agent.kind != "room":
            tell(f"Next: `xw launch {agent.name} -- claude` starts an agent with this mailbox.")
        say("Next: `xw prompt` prints instructions for the agent's system prompt.")


def who(call: Call) -> None:
    """Print the instance's name and place."""
    agent = call.agent()
    found = agent.who()
    if call.json:
        emit(found.to_json())
        return
    tell(f"name     {found.name}")
    tell(f"hub      {found.hub}")
    tell(f"config   {found.config or '-'}")
    tell(f"pending  {found.pending}" + (f", and {found.claimed} claimed" if found.claimed else ""))
    if agent.kind != "human":
        tell(f"delivery {_delivery(found, found.name)}")
    if found.senders != "show":
        tell(f"senders  {found.senders}" + (f": {found.unconfirmed}" if found.unconfirmed else ""))
    for one in found.outbox:
        age = span((clock.now() - one.oldest) / clock.SECOND)
        tell(f"outbox   {one.messages} for {one.to}, the oldest {age} old: `xw sync` delivers")
    if found.hint:
        tell(f"mirror   {found.mirror}: {found.hint}")


def peers(call: Call, which: str | None, everything: bool, limit: int | None) -> None:
    """Print the other instances, or one in full."""
    if everything and limit is not None:
        raise Usage("--all and --limit exclude each other: give one")
    agent = call.agent()
    found = agent.peers(which, limit=None if everything else _PEERS if limit is None else limit)
    if call.json:
        emit(found.to_json())
        return
    if not found.total:
        tell(f"no peers on {agent.hub}: `xw init --name NAME` adds one")
    if which is not None and not which.startswith("@"):
        for label, value in _peer_facts(found[0], clock.now()):
            tell(f"{label:12} {value}")
        return
    for peer in found:
        tell(_peer_line(peer, clock.now()))
    if found.total > len(found):
        say(f"and {found.total - len(found)} more, seen longer ago: `xw peers --all`")


def _peer_line(peer: Peer, now: int) -> str:
    kind = "" if peer.kind in ("", "agent") else f" ({first_line(peer.kind, 20)})"
    is_room = peer.kind == "room" and not peer.problem
    about = first_line(peer.description, 60)
    waits = "" if peer.on_hold else peer.waits_for
    parts = [
        f"{peer.name}{kind}: {about or '-'}" if is_room else f"{peer.name}{kind} {peer.status}",
        f"needs help: {first_line(peer.needs_help, 60)}" if peer.needs_help else "",
        _waiting(peer, now) + (f", on hold (`xw resume {peer.name}`)" if peer.on_hold else ""),
        first_line(waits, 120),
        f"bridge {_bridge(peer, 120)}" if peer.bridge else "",
        _seen(peer),
        first_line(_task(peer), 60),
        f"({peer.problem})" if peer.problem else "" if is_room else about,
        first_line(", ".join((*(f"@{group}" for group in peer.groups), *peer.capabilities)), 60),
        first_line(peer.model, 30),
    ]
    return "; ".join(filter(None, parts))


def _peer_facts(peer: Peer, now: int) -> list[tuple[str, str]]:
    """Return everything known about a peer, as labels and values."""
    facts = [
        ("name", peer.name),
        ("kind", peer.kind),
        ("status", peer.status),
        ("needs help", peer.needs_help),
        ("task", _task(peer)),
        ("mail waits", peer.waits_for),
        ("mail", _waiting(peer, now)),
        ("seen", _seen(peer).removeprefix("seen ")),
        ("bridge", _bridge(peer, 500) if peer.bridge else ""),
        ("delivery", _delivery(peer, peer.name) if peer.kind in ("", "agent") else ""),
        ("description", peer.description),
        ("capabilities", ", ".join(peer.capabilities)),
        ("groups", ", ".join(f"@{group}" for group in peer.groups)),
        ("model", peer.model),
        ("problem", peer.problem),
    ]
    return [(label, value) for label, value in facts if value]


def _task(peer: Peer) -> str:
    """Return the task and its progress; a bridge's reason to hold mail back is shown beside them."""
    task = "" if peer.waits_for and peer.task == f"mail waits: {peer.waits_for}" else peer.task
    return " ".join(part for part in (task, peer.progress) if part)


def _seen(peer: Peer) -> str:
    return "never seen" if peer.age is None else f"seen {span(peer.age)} ago"


def _waiting(peer: Peer, now: int) -> str:
    if not peer.oldest:
        return f"{peer.pending} pending"
    age = span((now - clock.from_stamp(layout.time_of(peer.oldest))) / clock.SECOND)
    return f"{peer.pending} pending, oldest {age}"


def _bridge(peer: Peer, width: int) -> str:
    starts = f"`xw launch {peer.name} -- PROGRAM`" if peer.launched else "`xw up` or `xw bridge`"
    fix = "" if peer.bridge_runs else f" died: {starts} starts it"
    note = f" ({first_line(peer.bridge_note, width)})" if peer.bridge_note and not fix else ""
    return f"{first_line(peer.bridge, width)}{note}{fix}"


def _delivery(found: Who | Peer, name: str) -> str:
    held = f"; on hold until `xw resume {name}`" if found.on_hold else ""
    return f"{found.delivery}: {_SHOWN[found.delivery]} ({found.delivery_why}){held}"


def hold(call: Call, name: str | None) -> None:
    """Stop what an instance is shown by itself."""
    _switched(call, functions.hold(call.options, name, warn))


def resume(call: Call, name: str | None) -> None:
    """Let an instance be shown mail by itself again."""
    _switched(call, functions.resume(call.options, name, warn))


def _switched(call: Call, now: Held) -> None:
    if call.json:
        emit(now.to_json())
        return
    if now.on_hold:
        before = "" if now.changed else " (as before)"
        tell(f"{now.name} is on hold{before}: `xw resume {now.name}` lets mail be shown again")
    elif now.changed:
        tell(f"{now.name} is off hold: its mail is shown again")
    else:
        tell(f"{now.name} was not on hold")


def join(call: Call, groups: list[str]) -> None:
    """Join groups."""
    _groups(call, call.agent().join(*groups))


def leave(call: Call, groups: list[str]) -> None:
    """Leave groups."""
    _groups(call, call.agent().leave(*groups))


def unregister(call: Call, name: str, confirmed: bool) -> None:
    """Take an instance off the hub."""
    left = functions.unregister(call.options, name, confirmed)
    if call.json:
        emit(left.to_json())
        return
    tell(f"unregistered {left.name} from {left.hub}")
    if left.returned:
        senders = tuple(sorted({to for to, _ in left.returned}))
        what = counted(len(left.returned), "unhandled message", "unhandled messages")
        tell(f"returned {what} to {names(senders)}")
    for archive in left.archives:
        tell(f"archive  {archive}")
    if left.unsent:
        what = counted(left.unsent, "message to others stays", "messages to others stay")
        tell(f"unsent   {what} in the archive")


def _groups(call: Call, found: Groups) -> None:
    if call.json:
        emit(found.to_json())
        return
    listed = ", ".join(f"@{group}" for group in found.groups)
    tell(f"{found.name} is in {listed or 'no group'}{'' if found.changed else ' (as before)'}")


def sync(call: Call, watch: bool, adopted: str | None, repair: bool, force: list[str], dry_run: bool) -> int:
    """Bring everything up to date; with `watch`, keep it so."""
    if watch:
        if repair or force or dry_run:
            raise Usage("--repair and --watch exclude each other: run `xw sync --repair` first")
        if adopted is not None:
            raise Usage("--adopt and --watch exclude each other: run `xw sync --adopt` first")
        functions.watch_mirrors(call.options, _event if call.json else _tell, warn)
        return 0
    progress = _progress_bar() if sys.stderr.isatty() else None
    synced = functions.open_to_sync(call.options, warn).sync(
        adopt=adopted, progress=progress, repair=repair, force=force, dry_run=dry_run
    )
    if call.json:
        emit(synced.to_json(), synced.errors)
    else:
        _print(synced)
        if synced.repaired:
            outgoing.resent(synced.repaired)
    return max((error.code for error in synced.errors), default=0)


def _print(synced: Synced) -> None:
    report, flushed = synced.report, synced.report.flushed
    counts = [f"{synced.adopted} adopted"] if synced.adopted else []
    counts += [f"{len(flushed.delivered)} delivered", f"{len(flushed.returned)} returned"]
    if report.mirrored:
        counts += [f"{len(report.fetched)} fetched", f"{len(report.settled) + len(report.advanced)} settled"]
    say(", ".join([*counts, f"{len(synced.peers)} peers"]))
    for name, problem in report.problems:
        warn(f"{name}: {problem}")
    for peer, error in flushed.waiting.items():
        warn(f"still in the outbox for {peer}: {error}")


def _tell(text: str) -> None:
    tell(text)
    flush()


def _event(text: str) -> None:
    emit({"at": clock.rfc3339(clock.now()), "text": text})
    flush()


def _progress_bar() -> Callable[[str, int, int], None]:
    """Return a function that shows the progress of large attachments on stderr."""
    shown = -1

    def show(name: str, done: int, whole: int) -> None:
        nonlocal shown
        percent = 100 * done // max(whole, 1)
        if whole >= _LARGE and percent != shown:
            shown = percent
            bar = "#" * (percent // 4)
            print(
                f"\r{name} [{bar:25}] {percent:3} %",
                end="\n" if done >= whole else "",
                file=sys.stderr,
                flush=True,
            )

    return show


def prompt(call: Call) -> None:
    """Print the instructions for the system prompt."""
    text = call.agent().prompt()
    if call.json:
        emit(text.to_json())
        return
    say(text.rstrip())
