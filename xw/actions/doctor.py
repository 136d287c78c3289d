"""Find everything that is wrong, with the way to fix it: doctor."""

import errno
import os
from collections.abc import Generator, Iterator
from contextlib import suppress
from shlex import quote
from typing import NamedTuple

from xw import clock, config, layout, presence
from xw.actions import owners, project, rooms
from xw.actions.stranded import stranded
from xw.bridges.kinds import INSIDE
from xw.errors import Damaged, Usage, XwError, explain, unforeseen
from xw.files.local import LocalFiles
from xw.hub.remote import (
    LINKS_NEEDED,
    MAC,
    MAC_INSTEAD,
    NEEDED,
    NOT_DURABLE,
    RemoteHub,
)
from xw.instance import Instance, Options, load_config, open_instance
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.message import Message
from xw.text import first_line, span, visible

_STALE_CLAIM = 3600.0
_OLD_MAIL = 86400.0
_OLD_OUTBOX = 60.0
_SKEW = 5.0
_WHY = 100  # characters of why a bridge holds mail back
_SHOWN = 5  # ids in one finding
_LOOKED_AT = 1000  # pending files that doctor reads


class Finding(NamedTuple):
    """One thing that doctor looked at. `level` is ok, note or bad; `mend` says what to do."""

    level: str
    what: str
    mend: str = ""


def doctor(options: Options) -> Iterator[Finding]:
    """Look at everything that can be wrong, from the configuration on, as far as one can reach."""
    for what, mend in owners.wrong(options):
        yield Finding("bad", what, mend)
    found, instance = config.NONE, None
    try:
        found = load_config(options)
        yield Finding(
            "ok",
            f"configuration {found.path}" if found.path else "no xw.json: names come from the environment",
        )
        instance = open_instance(options)
    except (XwError, OSError) as error:
        yield Finding("bad", str(explain(error)))
    with suppress(Usage):  # the working directory is gone, which was told above
        for mirror in stranded(found, options.hub, root=instance.root if instance else ""):
            yield Finding("note" if mirror.project or mirror.others else "bad", mirror.what, mirror.mend)
    if instance is None:
        return
    yield Finding("ok", f"{instance.name} on the hub {instance.hub.url}")
    for hub, waiting in project.hubs_apart(instance.hub.url):
        what = f"a linked worktree has a hub of its own, {hub}, with {waiting} pending messages"
        yield Finding("bad" if waiting else "note", what, f"xw check --hub {quote(hub)} reads them")
    sound = yield from _modes(instance.mailbox, instance.root)
    if sound:
        yield from _disk(instance.mailbox, "here")
    if isinstance(instance.hub, RemoteHub):
        yield from _elsewhere(instance, instance.hub)
    if sound:
        try:
            yield from _mail(instance)
            yield from _bridge(instance)
            for name, waiting in rooms.unheard(instance.hub):
                what = f"nobody runs the room {name}, and {waiting} messages wait for it"
                yield Finding("bad", what, f"xw room run {name}")
        except (XwError, OSError) as error:
            yield Finding("bad", str(explain(error)))
        except Exception as bug:  # noqa: BLE001  # what was found until then is worth telling
            yield Finding("bad", unforeseen(bug))


def _elsewhere(instance: Instance, hub: RemoteHub) -> Iterator[Finding]:
    """Each step of the way to a hub on another host; the first that fails is named by its own error."""
    state = hub.state(instance.name)
    if state.at:
        age = span(clock.now() / clock.SECOND - state.at)
        yield Finding("note", f"the mirror was last synced {age} ago", "xw sync")
    if hub.watched(instance.name):
        yield Finding("ok", "`xw sync --watch` keeps the mirror")
    if hub.hint:
        yield Finding("note", "the worktree's own mirror carries the mail", hub.hint)
    if hub.offline:
        yield Finding("note", "the hub was not looked at, because of --offline")
        return
    try:
        far = hub.far()
        yield Finding("ok", f"connected to {hub.url}: name, route, host key, login, path")
        if not hub.durable():
            yield Finding("bad", NOT_DURABLE, NEEDED)
        if hub.system() == "Darwin":
            yield Finding("note", MAC, MAC_INSTEAD)
        if not far.knows(instance.name):
            yield Finding(
                "bad", f"the hub has no mailbox for {instance.name}", f"xw init --name {instance.name}"
            )
            return
        if not (yield from _modes(far.mailbox(instance.name), hub.root(), " on the hub")):
            return
        if not (yield from _disk(far.mailbox(instance.name), "on the hub")):
            return
        skew = far.now() - clock.now() / clock.SECOND
    except (XwError, OSError) as error:
        yield Finding("bad", str(explain(error)))
        return
    if abs(skew) > _SKEW:
        yield Finding("bad", f"the hub's clock is {skew:+.0f} s off this machine's", "set both clocks (NTP)")


def _modes(mailbox: Mailbox, root: str, where: str = "") -> Generator[Finding, None, bool]:
    """Findings about the folders; returns whether all can be read, so that one can look further."""
    paths = [mailbox.at(folder) for folder in layout.FOLDERS]
    looks, listed = mailbox.files.look_all(paths), mailbox.files.names_of(paths)
    missing, strange, open_to_others = [], [], []
    for folder, path, look, names in zip(layout.FOLDERS, paths, looks, listed, strict=True):
        if isinstance(look, FileNotFoundError):
            missing.append(folder)
        elif isinstance(look, OSError) or isinstance(names, OSError):
            error = look if isinstance(look, OSError) else names
            strange.append(f"{folder} ({getattr(error, 'strerror', error)})")
        elif look.mode & (0o007 if mailbox.files.group else 0o077):
            open_to_others.append(f"{root}/{path}")
    if missing:
        yield Finding(
            "bad", f"missing folders{where}: {', '.join(missing)}", f"xw init --name {mailbox.owner}"
        )
    if strange:
        mend = f"move them away or fix their permissions, then xw init --name {mailbox.owner}"
        yield Finding("bad", f"folders that cannot be read{where}: {', '.join(strange)}", mend)
    if open_to_others:
        who = f"others{where or ' on this machine'} can read the mail"
        mode = "2770" if mailbox.files.group else "700"
        yield Finding("bad", who, f"chmod {mode} {' '.join(open_to_others)}")
    if not (missing or strange or open_to_others):
        yield Finding("ok", f"all folders are there and {_readers(mailbox)}{where}")
    return not (missing or strange)


def _readers(mailbox: Mailbox) -> str:
    """Return who can read a mailbox, by its hub's modes."""
    if not mailbox.files.group:
        return "private"
    shared = "shared with a Unix group, whose members can read and forge all mail"
    if isinstance(mailbox.files, LocalFiles):
        folder = mailbox.files.path(mailbox.owner)
        group, who = owners.group_of(folder), owners.members(folder)
        listed = f" ({who})" if who else ""
        shared = f"shared with the Unix group {group}, whose members{listed} can read and forge all mail"
    return shared


def _disk(mailbox: Mailbox, where: str) -> Generator[Finding, None, bool]:
    """Whether one can write durably, as a finding and a value."""
    files, scratch = mailbox.files, mailbox.at(layout.SCRATCH)
    first, second = (f"{scratch}/doctor-{os.getpid()}-{number}" for number in (1, 2))
    mend = "serve the hub with OpenSSH's sftp-server"
    try:
        files.replace(b"doctor\n", scratch, first)
        mode = files.look(first).mode & (0o007 if files.group else 0o077)
        files.move(first, second)
        files.remove(second)
        mend = LINKS_NEEDED
        files.publish(b"doctor\n", scratch, [first])
        files.remove(first)
    except OSError as error:
        if error.errno != errno.EPROTO:  # a server that says OK and does nothing
            mend = "make room, or fix the permissions"
        yield Finding("bad", f"cannot write durably {where}: {error.strerror}", mend)
        return False
    if mode:
        what = f"a file written {where} can be read by others (mode bits {mode:03o})"
        yield Finding(
            "bad", what, "serve the hub with OpenSSH's sftp-server, or give it a file system with modes"
        )
    yield Finding("ok", f"files can be written and synced {where}")
    return True


def _mail(instance: Instance) -> Iterator[Finding]:
    mailbox, now = instance.mailbox, instance.now()
    strays: list[tuple[str, Damaged]] = []
    pending = mailbox.pending(strays)
    for name, error in strays:
        yield Finding("bad", f"{name}: {error}", "xw check --failed" if type(error) is Damaged else "")
    for item in mailbox.read_each(INBOX["pending"], pending[:_LOOKED_AT]):
        if isinstance(item, Message):
            continue
        name, error = item
        # The others say themselves what to do.
        yield Finding("bad", f"{name}: {error}", "xw check --failed" if type(error) is Damaged else "")
    yield from _aged("pending", pending, now, _OLD_MAIL, "xw check")
    claims = mailbox.names(INBOX["processing"])
    yield from _aged(
        "claimed and not finished", claims, now, _STALE_CLAIM, "restart its bridge, or xw done ID"
    )
    yield from _ids(mailbox, now)
    yield from _outbox(instance)
    for peer in mailbox.waiting_for():
        waiting: list[str] = []
        with suppress(PermissionError):  # which was told above
            waiting = mailbox.outbox(peer)
        yield from _aged(f"in the outbox for {peer}", waiting, now, _OLD_OUTBOX, "xw sync")
    letters = mailbox.names(INBOX["failed"])
    if letters:
        what = f"{len(letters)} dead letters in {INBOX['failed']}/"
        yield Finding("note", what, "xw check --failed, then xw retry ID")
    refused = [layout.short_id(name) for name in mailbox.names(layout.REFUSED)]
    if refused:
        shown = ", ".join(refused[:_SHOWN]) + (", …" if len(refused) > _SHOWN else "")
        what = f"{len(refused)} messages that were refused, in {layout.REFUSED}/: {shown}"
        yield Finding("note", what, "xw trace ID says why, xw retry ID sends it again")


def _outbox(instance: Instance) -> Iterator[Finding]:
    """What lies in the outbox and is no folder of mail, or cannot be read: each holds up one peer at most."""
    mailbox = instance.mailbox
    outbox = mailbox.at(layout.OUTBOX)
    for name in filter(layout.is_name, mailbox.files.names(outbox)):
        folder = f"{outbox}/{name}"
        if mailbox.files.look(folder).kind != "folder":
            yield Finding("bad", f"{instance.root}/{folder} is no folder", "move it away")
            continue
        try:
            paths = [f"{folder}/{one}" for one in mailbox.files.names(folder) if layout.is_message(one)]
        except OSError as error:
            yield Finding(
                "bad",
                f"{instance.root}/{folder}: {error.strerror}",
                "move it away, or check its owner and mode",
            )
            continue
        if name == "failed":
            continue
        for path, data in zip(paths, mailbox.files.read_all(paths, layout.MESSAGE_LIMIT), strict=True):
            if isinstance(data, (PermissionError, Damaged)):
                why = data if isinstance(data, Damaged) else data.strerror
                yield Finding(
                    "bad", f"{instance.root}/{path}: {why}", "move it away, or check its owner and mode"
                )


def _ids(mailbox: Mailbox, now: int) -> Iterator[Finding]:
    """Whether ids go on from a time at which the clock once stood, in the future."""
    try:
        last = mailbox.files.read(mailbox.at(layout.LOCK), layout.MESSAGE_LIMIT).decode("ascii", "replace")
    except (FileNotFoundError, Damaged):
        return  # nothing was sent yet
    ahead = (clock.from_stamp(last) - now) / clock.SECOND if layout.is_stamp(last) else 0.0
    if ahead > _SKEW:
        what = f"the last id given out is {span(ahead)} in the future: until then"
        yield Finding("note", f"{what} ids go on one microsecond apart", "see that the clock is right (NTP)")


def _bridge(instance: Instance) -> Iterator[Finding]:
    """Whether the bridge runs that should: without it, mail waits unseen."""
    seen = presence.read(instance.mailbox)
    shown = seen.bridge
    configured = instance.config.instances.get(instance.name, {}).get("bridge")
    if presence.runs(instance.mailbox, layout.BRIDGE_LOCK) and seen.task.startswith(presence.WAITS):
        why = first_line(seen.task.removeprefix(presence.WAITS), _WHY)
        yield Finding("note", f"its bridge ({shown}) holds mail back: {why}", "look at the chat program")
    elif presence.runs(instance.mailbox, layout.BRIDGE_LOCK):
        yield Finding("ok", f"its bridge runs ({shown or 'just started'})")
    elif shown or configured:
        waiting = sum(len(instance.mailbox.names(INBOX[state])) for state in ("pending", "processing"))
        died = f"its bridge ({shown.removesuffix(' died')}) died" if shown else "its bridge does not run"
        yield Finding(
            "bad" if waiting else "note",
            f"{died}, and {waiting} messages wait for it",
            "xw up" if configured else "start `xw bridge` again",
        )
    yield from _unseen_program(instance, shown, configured)


def _unseen_program(instance: Instance, shown: str, configured: object) -> Iterator[Finding]:
    """Report a bridge that types into a program which it cannot see, behind ssh, docker or the like."""
    options = configured.get("options", {}) if isinstance(configured, dict) else {}
    inside = str(options.get("inside", ""))
    if shown.startswith("tmux"):
        path = instance.mailbox.at(layout.BRIDGE, f"tmux/{INSIDE}")
        with suppress(FileNotFoundError, Damaged):
            inside = instance.mailbox.files.read(path, 100).decode(errors="replace")
    if inside:
        yield Finding(
            "note",
            f"its bridge may type mail where the screen shows {visible(inside, '')} (option inside): "
            "that is weaker than seeing its process, since a shell could show the same",
            "run the bridge on the machine and in the container where the program runs",
        )


def _aged(what: str, names: list[str], now: int, limit: float, mend: str) -> Iterator[Finding]:
    """How many there are, and bad if the oldest is older than `limit` seconds."""
    if not names:
        return
    age = (now - clock.from_stamp(layout.time_of(names[0]))) / clock.SECOND
    yield Finding(
        "bad" if age > limit else "ok", f"{len(names)} {what}, the oldest sent {span(age)} ago", mend
    )
