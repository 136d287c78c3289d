"""`doctor`: find every problem, and the command that fixes it."""

import os
from collections.abc import Iterator
from contextlib import suppress
from shlex import quote

from xw import checkup, clock, config, delivery, layout, presence, sessions
from xw.actions import installing, key_findings, owners, project, rooms
from xw.actions.launching.findings import findings
from xw.actions.stranded import Stranded, stranded
from xw.bridges.kinds import INSIDE
from xw.codes import Code, Level
from xw.errors import Bug, Damaged, Moved, NoMessage, NotFound, Unreadable, Usage, XwError, unforeseen
from xw.finding import Finding, of_error
from xw.hub.contract import Hub
from xw.hub.opening import open_hub
from xw.instance import Instance, Options, hub_at, load_config, open_instance
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.message import Message, decode
from xw.mirror.mirror import Mirror
from xw.mirror.recognise import copied
from xw.text import counted, first_line, span, visible

_STALE_CLAIM = 3600.0
_OLD_MAIL = 86400.0
_OLD_OUTBOX = 60.0
_SKEW = 5.0
_RECENT_S = 60.0  # a mirror synced this recently needs no advice
_SHOWN = 5  # ids in one finding
_WHY = 500  # characters of a bridge's reason to hold mail back
_SAYS_WHAT_TO_DO = ("answer it there", "type anything into it", "look at its terminal")
_LOOKED_AT = 1000  # pending files that doctor reads


def doctor(options: Options) -> Iterator[Finding]:
    """Yield findings from the configuration on, as far as this process can reach."""
    for wrong in owners.wrong(options):
        yield Finding("bad", wrong.code, wrong.what, wrong.fix)
    found, instance = config.NONE, None
    try:
        found = load_config(options)
        what = f"configuration {found.path}" if found.path else "no xw.json: names come from the environment"
        yield Finding("ok", "config", what)
        instance = open_instance(options)
    except (XwError, OSError) as error:
        yield from _not_joined(error, options, found)
    yield from _installed()
    with suppress(Usage):  # the working directory is gone, as reported above
        for mirror in stranded(found, options.hub, root=instance.root if instance else ""):
            yield _unsent(mirror)
    if instance is None:
        return
    for finding in _of(instance, config.hub_url(options.hub, os.environ, found)):
        yield finding if finding.instance else finding._replace(instance=instance.name)


def _not_joined(error: XwError | OSError, options: Options, found: config.Config) -> Iterator[Finding]:
    """Report that nobody here has joined the hub; before that, try each step of the way to another host."""
    with suppress(XwError, OSError):
        url = config.hub_url(options.hub, os.environ, found)
        if config.is_remote(url) and isinstance(error, (NotFound, Usage)):
            yield from _way_to(url, options)
            if options.hub and not options.name:
                join = f"xw init --name NAME --hub {quote(url)}"
                yield Finding("note", "no-mailbox", f"nobody here has joined {url}", join)
                return
    yield of_error(error)


def _installed() -> Iterator[Finding]:
    """Report settings of agent programs that this xw would write otherwise."""
    try:
        for program, option, files in installing.stale(os.environ):
            what = f"`xw install {program}` of another version wrote {', '.join(files)}"
            yield Finding("note", "stale-install", what, f"xw install {program} {option} --yes", len(files))
    except (XwError, OSError) as error:
        yield of_error(error)


def _way_to(url: str, options: Options) -> Iterator[Finding]:
    """Try each step of the way to a hub that nobody here has joined; report the first that fails."""
    if options.offline:
        yield Finding("note", "not-looked-at", "the hub was not checked, because of --offline")
        return
    try:
        yield from hub_at(url, load_config(options)).findings("")
    except (XwError, OSError) as error:
        yield of_error(error)


def _unsent(mirror: Stranded) -> Finding:
    code: Code = "unreadable-mirror" if mirror.problem else "unsent-elsewhere"
    level: Level = "note" if mirror.project or mirror.others else "bad"
    waiting = None if mirror.problem else mirror.waiting
    return Finding(level, code, mirror.what, mirror.fix, waiting, instance=mirror.name)


def _of(instance: Instance, named: str) -> Iterator[Finding]:
    """Check an instance: its mailbox, its hub, its mail, its bridge."""
    yield Finding("ok", "hub", f"{instance.name} on the hub {instance.hub.url}")
    if instance.hub.url != named:
        what = f"the hub {named} has moved to {instance.hub.url}"
        yield Finding("note", "hub-moved", what, f"set `hub` in xw.json to {instance.hub.url}")
    for hub, waiting in project.hubs_apart(instance.hub.url):
        what = f"a linked worktree has its own hub, {hub}, with {waiting} pending messages"
        fix = f"xw check --hub {quote(hub)} reads them"
        yield Finding("bad" if waiting else "note", "other-hub", what, fix, waiting)
    sound = yield from checkup.folders(instance.mailbox)
    if sound:
        yield from checkup.disk(instance.mailbox, "here")
    if instance.carrier.mirror:
        yield from _elsewhere(instance.carrier.mirror)
    else:
        place = os.path.dirname(config.mirror(instance.hub.url, instance.config, os.environ))
        local = open_hub(instance.hub.url)
        yield from _copied(local, place)
        yield from _peers(local, instance.name)
    if sound:
        try:
            yield from _mail(instance)
            yield from findings(instance)
            yield from key_findings.findings(instance)
            yield from _bridge(instance)
            for what in sessions.others(instance.mailbox):
                told, _, fix = what.partition("; ")
                yield Finding("note", "shared-name", told, fix)
            for name, waiting in rooms.unheard(instance.hub):
                what = f"nobody runs the room {name}, and {_wait(waiting)} for it"
                yield Finding("bad", "room-down", what, f"xw room run {name}", waiting, instance=name)
        except (XwError, OSError) as error:
            yield of_error(error)
        except Exception as bug:  # noqa: BLE001  # the findings so far are worth reporting
            yield of_error(Bug(unforeseen(bug)))


def _elsewhere(mirror: Mirror) -> Iterator[Finding]:
    """Check the mirror, and each step of the way to its hub; report the first that fails."""
    state = mirror.notes.state(mirror.mailbox.owner)
    if state.at:
        age = clock.now() / clock.SECOND - state.at
        what = f"the mirror was last synced {span(age)} ago"
        recent = age < _RECENT_S
        yield Finding("ok" if recent else "note", "mirror-age", what, "" if recent else "xw sync", age_s=age)
    if mirror.watched():
        yield Finding("ok", "mirror-watched", "`xw sync --watch` keeps the mirror")
    if mirror.hint:
        what = "the worktree's own mirror carries the mail"
        yield Finding("note", "mirror-in-worktree", what, mirror.hint)
    if mirror.offline:
        yield Finding("note", "not-looked-at", "the hub was not checked, because of --offline")
        return
    try:
        for finding in mirror.hub.findings(mirror.mailbox.owner):
            yield finding
            if finding.level == "bad":
                return
        yield from _copied(mirror.hub, os.path.dirname(mirror.files.root), mirror.files.root)
        yield from _peers(mirror.hub, mirror.mailbox.owner)
        skew = mirror.hub.now() - clock.now() / clock.SECOND
    except Moved as moved:
        yield Finding(
            "note", "hub-moved", f"the hub {mirror.url} has moved to {moved.url}", "xw sync follows it"
        )
        return
    except (XwError, OSError) as error:
        yield of_error(error)
        return
    if abs(skew) > _SKEW:
        what = f"the hub's clock is {skew:+.0f} s off this machine's"
        yield Finding("bad", "clock-skew", what, "set both clocks (NTP)", skew_s=skew)


def _copied(hub: Hub, place: str, but: str = "") -> Iterator[Finding]:
    """Report a hub that is a copy of another one, which this project has used."""
    try:
        error = copied(hub, place, but)
    except (XwError, OSError) as trouble:
        yield of_error(trouble)
        return
    if error:
        yield Finding("bad", "hub-copy", error.what, error.fix)


def _peers(hub: Hub, owner: str) -> Iterator[Finding]:
    """Report the first broken mailboxes of others, and the number of the rest."""
    try:
        broken = list(hub.peer_findings(owner))
    except OSError as trouble:
        yield of_error(trouble)
        return
    yield from broken[:_SHOWN]
    if len(broken) > _SHOWN:
        what = f"{len(broken) - _SHOWN} more peers have a broken mailbox"
        yield Finding("bad", "peer-mailbox", what, "fix those above, then xw doctor", len(broken) - _SHOWN)


def _mail(instance: Instance) -> Iterator[Finding]:
    mailbox, now = instance.mailbox, instance.now()
    strays: list[tuple[str, NoMessage]] = []
    pending = mailbox.pending(strays)
    for name, error in strays:
        yield _unreadable(name, error)
    for item in mailbox.read_each(INBOX["pending"], pending[:_LOOKED_AT]):
        if isinstance(item, Message):
            continue
        yield _unreadable(*item)
    yield from _aged("pending", "pending", pending, now, _OLD_MAIL, "xw check")
    claims = mailbox.names(INBOX["processing"])
    what, fix = "claimed and not finished", "restart its bridge, or xw done ID, xw release ID, xw fail ID WHY"
    yield from _aged("claimed", what, claims, now, _STALE_CLAIM, fix)
    yield from _ids(mailbox, now)
    yield from _outbox(instance)
    fix = (instance.carrier.mirror and instance.carrier.mirror.hint) or "xw sync"
    for peer in mailbox.waiting_for():
        waiting: list[str] = []
        with suppress(PermissionError):  # reported above
            waiting = mailbox.outbox(peer)
        yield from _aged("outbox", f"in the outbox for {peer}", waiting, now, _OLD_OUTBOX, fix)
    letters = mailbox.names(INBOX["failed"])
    if letters:
        what = f"{len(letters)} dead letters in {INBOX['failed']}/"
        yield Finding("note", "dead-letters", what, "xw check --failed, then xw retry ID", len(letters))
    refused = [layout.short_id(name) for name in mailbox.names(layout.REFUSED)]
    if refused:
        shown = ", ".join(refused[:_SHOWN]) + (", …" if len(refused) > _SHOWN else "")
        what = f"{len(refused)} refused messages in {layout.REFUSED}/: {shown}"
        fix = "xw trace ID shows the reason, xw retry ID sends it again"
        yield Finding("note", "refused-mail", what, fix, len(refused))


def _unreadable(name: str, error: XwError) -> Finding:
    """Return the finding for a message that cannot be read."""
    # The other errors name their fix.
    fix = "xw check --failed" if isinstance(error, Damaged) else ""
    return of_error(error)._replace(what=f"{name}: {error}", fix=fix)


def _outbox(instance: Instance) -> Iterator[Finding]:
    """Report entries of the outbox that are unreadable or not folders; each blocks at most one peer."""
    mailbox = instance.mailbox
    outbox = mailbox.at(layout.OUTBOX)
    for name in filter(layout.is_name, mailbox.files.list_folder(outbox)):
        folder = f"{outbox}/{name}"
        if mailbox.files.stat(folder).kind != "folder":
            what = f"{instance.root}/{folder} is not a folder"
            yield Finding("bad", "outbox-blocked", what, "move it away")
            continue
        try:
            paths = [f"{folder}/{one}" for one in mailbox.files.list_folder(folder) if layout.is_message(one)]
        except OSError as error:
            yield _blocked(f"{instance.root}/{folder}: {error.strerror}")
            continue
        if name == "failed":
            continue
        for path, data in zip(paths, mailbox.files.read_all(paths, layout.MESSAGE_LIMIT), strict=True):
            if isinstance(data, (PermissionError, Damaged)):
                why = data if isinstance(data, Damaged) else data.strerror
                yield _blocked(f"{instance.root}/{path}: {why}")
            elif isinstance(data, bytes):
                with suppress(Damaged):  # the next sync returns it to its sender
                    try:
                        decode(path.rpartition("/")[2], data)
                    except Unreadable as error:
                        yield _unreadable(f"{instance.root}/{path}", error)


def _blocked(what: str) -> Finding:
    return Finding("bad", "outbox-blocked", what, "move it away, or check its owner and mode")


def _ids(mailbox: Mailbox, now: int) -> Iterator[Finding]:
    """Report ids in the future: the clock was once ahead, and new ids continue from there."""
    try:
        last = mailbox.files.read(mailbox.at(layout.LOCK), layout.MESSAGE_LIMIT).decode("ascii", "replace")
    except (FileNotFoundError, Damaged):
        return  # no message sent yet
    ahead = (clock.from_stamp(last) - now) / clock.SECOND if layout.is_stamp(last) else 0.0
    if ahead > _SKEW:
        what = f"the last id issued is {span(ahead)} in the future: until then"
        what += " new ids are one microsecond apart"
        yield Finding("note", "ids-ahead", what, "check the clock (NTP)", skew_s=ahead)


def _wait(waiting: int) -> str:
    return counted(waiting, "message waits", "messages wait")


def _bridge(instance: Instance) -> Iterator[Finding]:
    """Report a hold, and a configured bridge that does not run: the instance's mail waits unseen."""
    if delivery.held(instance.mailbox):
        waiting = len(instance.mailbox.pending())
        what = f"it is on hold: {_wait(waiting)}, and none is shown by itself"
        yield Finding("note", "on-hold", what, f"xw resume {instance.name}", waiting)
    seen = presence.read(instance.mailbox)
    kind = seen.bridge
    configured = instance.config.instances.get(instance.name, {}).get("bridge")
    if presence.runs(instance.mailbox, layout.BRIDGE_LOCK) and seen.bridge_state == "waits":
        if not delivery.held(instance.mailbox):
            waiting = len(instance.mailbox.pending())
            known = delivery.by_choice(seen.waits_for) or seen.waits_for.endswith(_SAYS_WHAT_TO_DO)
            what = (
                f"its bridge ({kind}) holds mail back: {first_line(seen.waits_for, _WHY)}; {waiting} pending"
            )
            yield Finding("note", "bridge-waits", what, "" if known else "check the chat program")
    elif presence.runs(instance.mailbox, layout.BRIDGE_LOCK):
        yield Finding("ok", "bridge", f"its bridge runs ({kind or 'just started'})")
    elif kind or configured:
        waiting = sum(len(instance.mailbox.names(INBOX[state])) for state in ("pending", "processing"))
        died = f"its bridge ({kind}) died" if kind else "its bridge does not run"
        yield Finding(
            "bad" if waiting else "note",
            "bridge-down",
            f"{died}, and {_wait(waiting)} for it",
            "xw up" if configured else "start `xw bridge` again",
            waiting,
        )
    elif seen.ended and instance.config.instances.get(instance.name, {}).get("kind", "agent") == "agent":
        waiting = len(instance.mailbox.names(INBOX["pending"]))
        if waiting:
            what = f"the program that ran as {instance.name} has ended, and {waiting} messages wait"
            yield Finding("note", "ended", what, f"xw launch {instance.name} -- PROGRAM", waiting)
    yield from _unseen_program(instance, kind, configured)


def _unseen_program(instance: Instance, kind: str, configured: object) -> Iterator[Finding]:
    """Report a bridge that types into a program it cannot see, behind ssh, docker or the like."""
    options = configured.get("options", {}) if isinstance(configured, dict) else {}
    inside = str(options.get("inside", ""))
    if kind == "tmux":
        path = instance.mailbox.at(layout.BRIDGE, f"tmux/{INSIDE}")
        with suppress(FileNotFoundError, Damaged):
            inside = instance.mailbox.files.read(path, 100).decode(errors="replace")
    if inside:
        yield Finding(
            "note",
            "bridge-unseen",
            f"its bridge may type mail where the screen shows {visible(inside, '')} (option inside), "
            "without seeing its process: a shell could show the same",
            "run the bridge on the machine and in the container where the program runs",
        )


def _aged(code: Code, what: str, names: list[str], now: int, limit: float, fix: str) -> Iterator[Finding]:
    """Yield the number of `names`, as bad if the oldest is older than `limit` seconds."""
    if not names:
        return
    age = (now - clock.from_stamp(layout.time_of(names[0]))) / clock.SECOND
    told = f"{len(names)} {what}, the oldest sent {span(age)} ago"
    yield Finding("bad" if age > limit else "ok", code, told, fix, len(names), age)
