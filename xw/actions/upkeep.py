"""Keeping a mailbox in order: gc and doctor."""

import os
from collections.abc import Iterator
from typing import NamedTuple

from xw import clock, layout, presence
from xw.bridges import serve
from xw.errors import Busy, Damaged, XwError
from xw.files.contract import Files
from xw.instance import Instance, Options, load_config, open_instance
from xw.layout import INBOX
from xw.message import Message
from xw.text import span

_DAY = 86400.0
_STALE_SCRATCH = _DAY  # nothing writes one message for a day
_STALE_CLAIM = 3600.0
_OLD_MAIL = _DAY
_SKEW = 5.0
_LOOKED_AT = 1000  # pending files that doctor reads


class Swept(NamedTuple):
    """What gc removed, or would remove: paths below the mailbox by kind, and their bytes in all."""

    messages: list[str]
    attachments: list[str]
    scratch: list[str]
    size: int


class Finding(NamedTuple):
    """One thing that doctor looked at. `level` is ok, note or bad; `mend` says what to do."""

    level: str
    what: str
    mend: str = ""


def gc(instance: Instance, days: int, dry_run: bool = False) -> Swept | None:
    """Remove what was handled or sent more than `days` days ago, and its attachments.

    None while another gc runs. Never touches pending, processing or the outbox.
    """
    files = instance.mailbox.files
    try:
        with files.locked(instance.mailbox.at(layout.GC_LOCK), patience=0):
            return _sweep(instance, files.now() - days * _DAY, dry_run)
    except Busy:
        return None


def _sweep(instance: Instance, before: float, dry_run: bool) -> Swept:
    mailbox, files = instance.mailbox, instance.mailbox.files
    messages, attachments, scratch, size = [], [], [], 0
    for folder in (INBOX["done"], INBOX["failed"], layout.SENT):
        for name in files.names(mailbox.at(folder)):
            there = files.look(mailbox.at(folder, name))
            if there.mtime >= before:
                continue
            messages.append(f"{folder}/{name}")
            size += there.size
            if not dry_run:
                _remove(files, mailbox.at(folder, name), there.kind)
    # Only now: a crash in between leaves files without a message, which the next run finds.
    kept = _ids(instance, set(messages))
    for message_id in files.names(mailbox.at(layout.ATTACHMENTS)):
        path = mailbox.at(layout.ATTACHMENTS, message_id)
        if message_id not in kept and files.look(path).mtime < before:
            attachments.append(f"{layout.ATTACHMENTS}/{message_id}")
            size += sum(files.look(f"{path}/{name}").size for name in files.names(path))
            if not dry_run:
                files.remove_folder(path)
    for name in files.names(mailbox.at(layout.SCRATCH)):
        there = files.look(mailbox.at(layout.SCRATCH, name))
        if there.mtime < files.now() - _STALE_SCRATCH:
            scratch.append(f"{layout.SCRATCH}/{name}")
            size += there.size
            if not dry_run:
                _remove(files, mailbox.at(layout.SCRATCH, name), there.kind)
    return Swept(sorted(messages), sorted(attachments), sorted(scratch), size)


def _remove(files: Files, path: str, kind: str) -> None:
    if kind == "folder":  # somebody put it there, and it was set aside
        files.remove_folder(path)
    else:
        files.remove(path)


def _ids(instance: Instance, gone: set[str]) -> set[str]:
    """The ids of all messages here, but for those in `gone` (`folder/name`)."""
    mailbox = instance.mailbox
    folders = [*INBOX.values(), layout.SENT, layout.REFUSED]
    folders += [f"{layout.OUTBOX}/{peer}" for peer in mailbox.waiting_for()]
    return {
        name.partition(".")[0]
        for folder in folders
        for name in mailbox.names(folder)
        if f"{folder}/{name}" not in gone
    }


def doctor(options: Options) -> Iterator[Finding]:
    """Look at everything that can be wrong, from the configuration on, as far as one can reach."""
    try:
        found = load_config(options)
        yield Finding(
            "ok",
            f"configuration {found.path}" if found.path else "no xw.json: names come from the environment",
        )
        instance = open_instance(options)
    except XwError as error:
        yield Finding("bad", str(error))
        return
    yield Finding("ok", f"{instance.name} on the hub {instance.hub.url}")
    yield from _modes(instance)
    yield from _disk(instance)
    yield from _mail(instance)
    yield from _bridge(instance)


def _modes(instance: Instance) -> Iterator[Finding]:
    files, mailbox = instance.mailbox.files, instance.mailbox
    missing, open_to_others = [], []
    for folder in layout.FOLDERS:
        try:
            mode = files.look(mailbox.at(folder)).mode
        except FileNotFoundError:
            missing.append(folder)
            continue
        if mode & 0o007:
            open_to_others.append(folder)
    if missing:
        yield Finding("bad", f"missing folders: {', '.join(missing)}", f"xw init --name {instance.name}")
    if open_to_others:
        paths = " ".join(f"{instance.root}/{mailbox.at(folder)}" for folder in open_to_others)
        yield Finding("bad", "others on this machine can read the mail", f"chmod 700 {paths}")
    if not missing and not open_to_others:
        yield Finding("ok", "all folders are there and private")


def _disk(instance: Instance) -> Iterator[Finding]:
    files, mailbox = instance.mailbox.files, instance.mailbox
    probe = mailbox.at(layout.SCRATCH, f"doctor-{os.getpid()}")
    try:
        files.replace(b"doctor\n", mailbox.at(layout.SCRATCH), probe)
        skew = files.look(probe).mtime - files.now()
        files.remove(probe)
    except OSError as error:
        yield Finding(
            "bad",
            f"cannot write durably to {instance.root}: {error.strerror}",
            "make room, or mend the rights",
        )
        return
    yield Finding("ok", "files can be written and synced")
    if abs(skew) > _SKEW:
        yield Finding("bad", f"the disk's clock is {skew:+.0f} s off this machine's", "set both clocks (NTP)")


def _mail(instance: Instance) -> Iterator[Finding]:
    mailbox, now = instance.mailbox, instance.now()
    pending = mailbox.pending()
    for item in mailbox.read_each(INBOX["pending"], pending[:_LOOKED_AT]):
        if isinstance(item, Message):
            continue
        name, error = item
        yield Finding(
            "bad", f"{name}: {error}", "xw check --failed" if type(error) is Damaged else "upgrade xw"
        )
    yield from _aged("pending", pending, now, _OLD_MAIL, "xw check")
    claims = mailbox.names(INBOX["processing"])
    yield from _aged(
        "claimed and not finished", claims, now, _STALE_CLAIM, "restart its bridge, or xw done ID"
    )
    for peer in mailbox.waiting_for():
        waiting = mailbox.outbox(peer)
        yield from _aged(f"in the outbox for {peer}", waiting, now, 60.0, "xw sync")
    for folder in (INBOX["failed"], layout.REFUSED):
        letters = mailbox.names(folder)
        if letters:
            yield Finding(
                "note", f"{len(letters)} dead letters in {folder}/", "xw check --failed, then xw retry ID"
            )


def _bridge(instance: Instance) -> Iterator[Finding]:
    """Whether the bridge runs that should: without it, mail waits unseen."""
    shown = presence.read(instance.mailbox).bridge
    configured = instance.config.instances.get(instance.name, {}).get("bridge")
    if serve.runs(instance.mailbox):
        yield Finding("ok", f"its bridge runs ({shown or 'just started'})")
    elif shown or configured:
        waiting = sum(len(instance.mailbox.names(INBOX[state])) for state in ("pending", "processing"))
        died = f"its bridge ({shown.removesuffix(' died')}) died" if shown else "its bridge does not run"
        yield Finding(
            "bad" if waiting else "note",
            f"{died}, and {waiting} messages wait for it",
            "xw up" if configured else "start `xw bridge` again",
        )


def _aged(what: str, names: list[str], now: int, limit: float, mend: str) -> Iterator[Finding]:
    """How many there are, and bad if the oldest is older than `limit` seconds."""
    if not names:
        return
    age = (now - clock.from_stamp(layout.time_of(names[0]))) / clock.SECOND
    yield Finding(
        "bad" if age > limit else "ok", f"{len(names)} {what}, the oldest sent {span(age)} ago", mend
    )
