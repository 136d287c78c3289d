"""Check that a mailbox is usable, on any kind of `Files`: for `doctor`."""

import errno
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from shlex import quote

from xw import layout
from xw.errors import Damaged
from xw.files import Stat
from xw.files.contract import Files
from xw.files.groups import group_of, members
from xw.files.local import LocalFiles
from xw.finding import Finding
from xw.mailbox import Mailbox
from xw.message import parse_object

LINKS_NEEDED = (
    "mail stays in the outbox; serve the hub with OpenSSH's sftp-server, "
    'or write "publish": "rename" into its hub.json'
)


def folders(mailbox: Mailbox, where: str = "") -> Generator[Finding, None, bool]:
    """Yield findings about a mailbox's folders; return True if all are readable."""
    paths = [mailbox.at(folder) for folder in layout.FOLDERS]
    looks, listed = mailbox.files.stat_all(paths), mailbox.files.list_folders(paths)
    missing, strange, open_to_others = [], [], []
    for folder, path, look, names in zip(layout.FOLDERS, paths, looks, listed, strict=True):
        if isinstance(look, FileNotFoundError):
            missing.append(folder)
        elif isinstance(look, OSError) or isinstance(names, OSError):
            error = look if isinstance(look, OSError) else names
            strange.append(f"{folder} ({getattr(error, 'strerror', error)})")
        elif look.mode & (0o007 if mailbox.files.group else 0o077):
            open_to_others.append(f"{mailbox.files.root}/{path}")
    if missing:
        what = f"missing folders{where}: {', '.join(missing)}"
        yield Finding("bad", "missing-folders", what, f"xw init --name {mailbox.owner}", len(missing))
    if strange:
        what = f"unreadable folders{where}: {', '.join(strange)}"
        fix = f"move them away or fix their permissions, then xw init --name {mailbox.owner}"
        yield Finding("bad", "unreadable-folders", what, fix, len(strange))
    if open_to_others:
        who = f"other users{where or ' on this machine'} can read the mail"
        mode = "2770" if mailbox.files.group else "700"
        fix = f"chmod {mode} {' '.join(open_to_others)}"
        yield Finding("bad", "open-permissions", who, fix, len(open_to_others))
    if not (missing or strange or open_to_others):
        yield Finding("ok", "folders", f"all folders exist and are {_readers(mailbox)}{where}")
    return not (missing or strange)


def _readers(mailbox: Mailbox) -> str:
    """Return who may read a mailbox, by its hub's modes."""
    if not mailbox.files.group:
        return "private"
    shared = "shared with a Unix group, whose members can read and forge all mail"
    if isinstance(mailbox.files, LocalFiles):
        folder = mailbox.files.path(mailbox.owner)
        group, who = group_of(folder), members(folder)
        listed = f" ({who})" if who else ""
        shared = f"shared with the Unix group {group}, whose members{listed} can read and forge all mail"
    return shared


_CARD_LIMIT = 64 * 1024  # bytes of a card
_PARTS = ("", "inbox", layout.OUTBOX, *layout.FOLDERS)  # a mailbox's folders, itself first


def peers(files: Files, names: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding for each mailbox of a hub that mail cannot reach or pass through, for its owner to fix.

    Leave out closed rooms, and folders that never were a mailbox.
    """
    parts = [*_PARTS, layout.CARD, layout.ROOM]
    paths = [f"{name}/{part}" if part else name for name in names for part in parts]
    looks = dict(zip(paths, files.stat_all(paths), strict=True))
    listed = files.list_folders([f"{name}/{layout.INBOX['pending']}" for name in names])
    cards = files.read_all([f"{name}/{layout.CARD}" for name in names], _CARD_LIMIT)
    for name, pending, card in zip(names, listed, cards, strict=True):
        found = {part: looks[f"{name}/{part}" if part else name] for part in parts}
        wrong = _broken(files, name, found, pending, card)
        if wrong:
            what = f"mail to {name} waits, or {name} cannot use it: {'; '.join(wrong)}"
            fix = f"{name}'s owner must {_remedy(files, name, found)}"
            yield Finding("bad", "peer-mailbox", what, fix, len(wrong), instance=name)


def _broken(
    files: Files,
    name: str,
    found: dict[str, Stat | OSError],
    pending: list[str] | OSError,
    card: bytes | OSError | Damaged,
) -> list[str]:
    """Return what is wrong with a peer's mailbox, part by part; nothing for one that is no mailbox."""
    whole = found[""]
    if isinstance(whole, Stat) and whole.kind != "folder":
        return [f"{name} is a {whole.kind}, not a folder"]
    if not any(isinstance(found[part], Stat) for part in (layout.CARD, *layout.FOLDERS)):
        return [] if _is_missing(found[layout.CARD]) else [_why(found[layout.CARD])]
    wrong = []
    if isinstance(card, (OSError, Damaged)) or not _is_object(card):
        if isinstance(card, FileNotFoundError) and isinstance(found[layout.ROOM], Stat):
            return []  # a closed room
        damage = "is missing" if isinstance(card, FileNotFoundError) else "cannot be read as a card"
        wrong.append(f"{layout.CARD} {damage}")
    for part in _PARTS:
        look, shown = found[part], part or "its folder"
        if not isinstance(look, Stat):
            wrong.append(f"{shown} is missing" if _is_missing(look) else f"{shown}: {_why(look)}")
        elif look.kind != "folder":
            wrong.append(f"{shown} is a {look.kind}, not a folder")
        elif look.mode & 0o700 != 0o700 or (files.group and look.mode & 0o070 != 0o070):
            wrong.append(f"{shown} has mode {look.mode & 0o777:03o}")
        elif part == layout.INBOX["pending"] and isinstance(pending, OSError):
            wrong.append(f"{shown}: {_why(pending)}")
    return wrong


def _remedy(files: Files, name: str, found: dict[str, Stat | OSError]) -> str:
    """Return what the owner of a broken mailbox must do: move files away, change modes, run `init`."""
    inside = {part: found[part] for part in _PARTS}
    away = [part for part, look in inside.items() if isinstance(look, Stat) and look.kind != "folder"]
    card = found[layout.CARD]
    away += [layout.CARD] if isinstance(card, Stat) and card.kind != "file" else []
    shut = [part for part in inside if part not in away and _is_shut(files, inside[part])]
    places = {part: quote(f"{files.root}/{name}/{part}".rstrip("/")) for part in (*away, *shut)}
    steps = [f"move {' '.join(places[part] for part in away)} away"] if away else []
    if shut:
        mode = "2770" if files.group else "700"
        steps.append(f"run `chmod {mode} {' '.join(places[part] for part in shut)}`")
    return ", then ".join([*steps, f"run `xw init --name {name}` in its own project"])


def _is_shut(files: Files, look: Stat | OSError) -> bool:
    if isinstance(look, OSError):
        return not _is_missing(look)
    wanted = 0o770 if files.group else 0o700
    return look.mode & wanted != wanted


def _is_missing(look: Stat | OSError) -> bool:
    return isinstance(look, (FileNotFoundError, NotADirectoryError))


def _why(error: Stat | OSError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _is_object(data: bytes) -> bool:
    try:
        parse_object(data)
    except Damaged:
        return False
    return True


def cut_uploads(left: Mapping[str, Stat]) -> Iterator[Finding]:
    """Report what uploads that were cut off have left on the hub: path → attributes."""
    if left:
        size = sum(look.size for look in left.values())
        what = f"{len(left)} uploads to the hub were cut off, {size:,} bytes so far"
        fix = "xw sync continues your own; xw gc removes those older than a day"
        yield Finding("note", "cut-uploads", what, fix, len(left))


def disk(mailbox: Mailbox, where: str) -> Generator[Finding, None, bool]:
    """Yield findings from writing a file durably and removing it; return True if that succeeded."""
    return (yield from writing(mailbox.files, mailbox.at(layout.SCRATCH), where))


def writing(files: Files, scratch: str, where: str) -> Generator[Finding, None, bool]:
    """Yield findings from writing a file durably and removing it, by way of the folder `scratch`."""
    first, second = (f"{scratch}/doctor-{os.getpid()}-{number}".lstrip("/") for number in (1, 2))
    fix = "serve the hub with OpenSSH's sftp-server"
    try:
        files.replace(b"doctor\n", scratch, first)
        mode = files.stat(first).mode & (0o007 if files.group else 0o077)
        files.move(first, second)
        files.remove(second)
        fix = LINKS_NEEDED
        files.publish(b"doctor\n", scratch, [first])
        files.remove(first)
    except OSError as error:
        if error.errno != errno.EPROTO:  # EPROTO is a server that reports success and does nothing
            fix = "make room, or fix the permissions"
        yield Finding("bad", "not-writable", f"cannot write durably {where}: {error.strerror}", fix)
        return False
    if mode:
        what = f"other users can read a file written {where} (mode bits {mode:03o})"
        fix = "serve the hub with OpenSSH's sftp-server, or give it a file system with modes"
        yield Finding("bad", "open-permissions", what, fix)
    yield Finding("ok", "writable", f"xw can write and sync files {where}")
    return True
