"""init, who, peers, sync, prompt."""

import sys

from xw import clock, layout
from xw.actions import setup
from xw.actions.following import prepare
from xw.actions.mirrors import note
from xw.actions.stranded import Stranded, adopt, stranded
from xw.cli.call import Call, warn
from xw.cli.show import emit, flush, names, say, tell
from xw.errors import Usage, XwError
from xw.hub.contract import Progress
from xw.hub.sighting import Peer
from xw.instance import Instance, load_config
from xw.text import first_line, span

_LARGE = 1 << 20  # bytes of an attachment that is worth a progress bar


def init(
    call: Call,
    name: str | None,
    kind: str | None,
    describe: str | None,
    model: str | None,
    capabilities: list[str],
    group: str | None,
) -> None:
    """Make hub and mailbox, and say what to do next."""
    card = {"kind": kind, "description": describe, "model": model, "capabilities": capabilities}
    made = setup.init(call.options, name, card, group, tell=say if not call.json else warn)
    call.refresh(made.instance, peers=True)
    instance = made.instance
    note(instance)
    _warn_of(stranded(instance.config, instance.hub.url, root=instance.root))
    if call.json:
        emit(made.to_json())
        return
    tell(f"hub      {instance.hub.url} ({'made' if made.new_hub else 'exists'})")
    tell(f"mailbox  {instance.name} ({'made' if made.new_mailbox else 'exists'})")
    tell(f"config   {instance.config.path}")
    if made.recorded:
        tell(f"found    {', '.join(made.recorded)}: written into xw.json again")
    elif made.there:
        tell(f"others   {names(made.there)}")
    several = len(instance.config.instances) > 1
    if several:
        say(
            f"Several instances share this xw.json: each sets XW_NAME, here `export XW_NAME={instance.name}`."
        )
    elif not setup.peers(instance):
        say("Next: `xw init --name NAME` adds another agent here.")
    say("Next: `xw prompt` prints instructions for the agent's system prompt.")


def who(call: Call) -> None:
    """Print who and where one is."""
    instance = call.instance(news=True)
    found = setup.who(instance)
    mirror = instance.carrier.mirror
    hint = mirror.hint if mirror else ""
    if call.json:
        emit(found.to_json())
        return
    tell(f"name     {found.name}")
    tell(f"hub      {found.hub}")
    tell(f"config   {found.config or '-'}")
    tell(f"pending  {found.pending}")
    if hint:
        tell(f"mirror   {instance.root}: {hint}")


def peers(call: Call) -> None:
    """Print the other instances."""
    instance = call.instance(peers=True)
    found = setup.peers(instance)
    if call.json:
        emit({"peers": [peer.to_json() for peer in found]})
        return
    if not found:
        tell(f"no peers on {instance.hub.url}: `xw init --name NAME` adds one")
    for peer in found:
        tell(_peer_line(peer, instance.now()))


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
        from xw.actions.keeping import watch_mirrors

        if adopted is not None:
            raise Usage("--adopt and --watch exclude each other: run `xw sync --adopt` first")
        _warn_of(stranded(load_config(call.options), call.options.hub))
        watch_mirrors(call.options, _event if call.json else _tell)
        return 0
    prepare(call.options)
    instance = call.instance()
    problems: list[str] = []
    taken = 0 if adopted is None else adopt(instance, adopted, problems)
    for problem in problems:
        warn(problem)
    try:
        return _sync(call, instance, taken, [XwError(problem) for problem in problems])
    finally:
        note(instance)
        _warn_of(stranded(instance.config, call.options.hub, root=instance.root))


def _sync(call: Call, instance: Instance, taken: int, problems: list[XwError]) -> int:
    synced = setup.sync(instance, _progress_bar() if sys.stderr.isatty() else None)
    report = synced.report
    flushed = report.flushed
    errors = [*problems, *flushed.waiting.values()]
    if call.json:
        emit(synced.to_json(taken), errors)
    else:
        counts = [f"{taken} adopted"] if taken else []
        counts += [f"{len(flushed.delivered)} delivered", f"{len(flushed.returned)} returned"]
        if report.mirrored:
            counts += [
                f"{len(report.fetched)} fetched",
                f"{len(report.settled) + len(report.advanced)} settled",
            ]
        say(", ".join([*counts, f"{len(synced.peers)} peers"]))
        for name, problem in report.problems:
            warn(f"{name}: {problem}")
        for peer, error in flushed.waiting.items():
            warn(f"still in the outbox for {peer}: {error}")
    return max((error.code for error in errors), default=0)


def _warn_of(mirrors: list[Stranded]) -> None:
    for mirror in mirrors:
        if not mirror.others:  # else their own project says it
            warn(f"{mirror.what}: {mirror.fix}")


def _tell(text: str) -> None:
    tell(text)
    flush()


def _event(text: str) -> None:
    emit({"at": clock.rfc3339(clock.now()), "text": text})
    flush()


def _progress_bar() -> Progress:
    """Shows on stderr how far large attachments have come."""
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
    text = setup.prompt(call.instance())
    if call.json:
        emit({"prompt": text})
        return
    say(text.rstrip())
