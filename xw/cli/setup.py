"""The handlers of init, who, peers, sync and prompt."""

import sys
from collections.abc import Callable
from shlex import quote

from xw import Peer, Synced, clock, layout
from xw.agent import process
from xw.cli.call import Call, warn
from xw.cli.show import emit, flush, names, say, tell
from xw.errors import Usage
from xw.text import first_line, span

_LARGE = 1 << 20  # bytes; larger attachments get a progress bar


def init(
    call: Call,
    name: str | None,
    kind: str | None,
    describe: str | None,
    model: str | None,
    capabilities: list[str],
    group: str | None,
) -> None:
    """Make hub and mailbox, and print the next steps."""
    card = {"kind": kind, "description": describe, "model": model, "capabilities": capabilities}
    joined = process.init(call.options, name, card, group, say if not call.json else warn, warn)
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
    if joined.shares:
        say(f"Several instances share this xw.json: each sets XW_NAME, here `export XW_NAME={agent.name}`.")
    elif joined.alone:
        say("Next: `xw init --name NAME` adds another agent here.")
        if joined.remote:
            tell(f"Next: `xw init --name NAME --hub {quote(agent.hub)}` adds one on another machine.")
    if agent.kind == "human":
        say("Next: `xw check` shows your mail, `xw log --follow` all messages as they come and go.")
    else:
        say("Next: `xw prompt` prints instructions for the agent's system prompt.")


def who(call: Call) -> None:
    """Print the instance's name and place."""
    found = call.agent().who()
    if call.json:
        emit(found.to_json())
        return
    tell(f"name     {found.name}")
    tell(f"hub      {found.hub}")
    tell(f"config   {found.config or '-'}")
    tell(f"pending  {found.pending}")
    if found.hint:
        tell(f"mirror   {found.mirror}: {found.hint}")


def peers(call: Call) -> None:
    """Print the other instances."""
    agent = call.agent()
    found = agent.peers()
    if call.json:
        emit(found.to_json())
        return
    if not found:
        tell(f"no peers on {agent.hub}: `xw init --name NAME` adds one")
    for peer in found:
        tell(_peer_line(peer, clock.now()))


def _peer_line(peer: Peer, now: int) -> str:
    seen = "never seen" if peer.age is None else f"seen {span(peer.age)} ago"
    waiting = f"{peer.pending} pending"
    if peer.oldest:
        waiting += f", oldest {span((now - clock.from_stamp(layout.time_of(peer.oldest))) / clock.SECOND)}"
    if peer.bridge:
        fix = "" if peer.bridge_runs else " died: `xw up` or `xw bridge` starts it"
        waiting += f"; bridge {first_line(peer.bridge, 60)}{fix}"
    doing = first_line(" ".join(part for part in (peer.task, peer.progress) if part), 60)
    about = first_line(peer.description, 60)
    kind = "" if peer.kind in ("", "agent") else f" ({first_line(peer.kind, 20)})"
    return "; ".join(
        part for part in (f"{peer.name}{kind} {peer.status}", waiting, seen, doing, about) if part
    )


def sync(call: Call, watch: bool, adopted: str | None) -> int:
    """Bring everything up to date; with `watch`, keep it so."""
    if watch:
        if adopted is not None:
            raise Usage("--adopt and --watch exclude each other: run `xw sync --adopt` first")
        process.watch_mirrors(call.options, _event if call.json else _tell, warn)
        return 0
    progress = _progress_bar() if sys.stderr.isatty() else None
    synced = process.open_to_sync(call.options, warn).sync(adopt=adopted, progress=progress)
    if call.json:
        emit(synced.to_json(), synced.errors)
    else:
        _print(synced)
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
