"""Check that a mailbox is usable, on any kind of `Files`: for `doctor`."""

import errno
import os
from collections.abc import Generator

from xw import layout
from xw.files.groups import group_of, members
from xw.files.local import LocalFiles
from xw.finding import Finding
from xw.mailbox import Mailbox

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


def disk(mailbox: Mailbox, where: str) -> Generator[Finding, None, bool]:
    """Yield findings from writing a file durably and removing it; return True if that succeeded."""
    files, scratch = mailbox.files, mailbox.at(layout.SCRATCH)
    first, second = (f"{scratch}/doctor-{os.getpid()}-{number}" for number in (1, 2))
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
