"""A program for tests to run under strace: `python -m tests.guarantees.driver [--without PART] VERB …`.

The verbs act as bridges and remote hubs do, through the library, and print an acknowledgement once it holds.
PART removes one part of the durability, to show that the checks notice.
"""

import os
import stat
import sys
from collections.abc import Callable, Sequence

from xw import clock, layout, outbox, post
from xw.__main__ import run
from xw.cli import quick
from xw.cli.commands import COMMANDS
from xw.errors import XwError
from xw.files.local import LocalFiles
from xw.hub.contract import Parcel
from xw.hub.directory import DirectoryHub
from xw.instance import Options, open_instance
from xw.mailbox import Mailbox
from xw.mirror.mirror import Mirror
from xw.post import Draft

_fsync, _link, _open = os.fsync, os.link, os.open
_later: list[Callable[[], None]] = []


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _mirror() -> tuple[Mailbox, Mirror]:
    """Alice's mailbox apart from the hub, as on another machine."""
    hub, files = LocalFiles(os.path.abspath("hub")), LocalFiles(os.path.abspath("mirror"))
    mailbox = Mailbox(files, "alice", mirror=True)
    return mailbox, Mirror(mailbox, hub.root, lambda: DirectoryHub(hub, hub.root))


def claim() -> None:
    """Claim the oldest pending message."""
    mailbox = open_instance(Options()).mailbox
    for name in mailbox.pending():
        if mailbox.start(name):
            _say(f"claimed {layout.short_id(name)}")
            return
    _say("nothing to claim")


def fail(token: str) -> None:
    """Give a claimed message up."""
    mailbox = open_instance(Options()).mailbox
    place = mailbox.find(token, layout.INBOX.values())
    mailbox.fail(place.name, "failed", "it did not work", "processing")
    _say(f"failed {token}")


def send_from_mirror(body: str, *to: str) -> None:
    """Send from a mailbox that is not on the hub."""
    sent = post.send(*_mirror(), Draft("task", to, body, attachments=("one.txt",)), clock.now)
    _say(f"{layout.short_id(sent.id)} in the outbox for {', '.join(sent.waiting)}: it waits")


def flush() -> None:
    """Deliver what waits in that mailbox's outbox."""
    flushed = outbox.flush(*_mirror())
    for to, name in flushed.delivered:
        _say(f"{layout.short_id(name)} delivered to {to}")
    assert not flushed.waiting, flushed.waiting


VERBS: dict[str, Callable[..., None]] = {
    "claim": claim,
    "fail": fail,
    "send-from-mirror": send_from_mirror,
    "flush": flush,
}


def _patch(place: object, name: str, stand_in: object) -> None:
    setattr(place, name, stand_in)


def _without_file_sync() -> None:
    _patch(os, "fsync", lambda handle: _is_folder(handle) and _fsync(handle))


def _without_folder_sync() -> None:
    _patch(os, "fsync", lambda handle: _is_folder(handle) or _fsync(handle))


def _without_sync_of_what_is_found() -> None:
    _patch(LocalFiles, "sync_all", lambda files, folders: [None] * len(folders))


def _is_folder(handle: int) -> bool:
    return stat.S_ISDIR(os.fstat(handle).st_mode)


def _without_exclusive_names() -> None:
    _patch(os, "open", lambda path, flags, *more, **named: _open(path, flags & ~os.O_EXCL, *more, **named))


def _without_exclusive_publish() -> None:
    """Write over what has the name, instead of linking to it."""

    def overwrite(
        source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int, follow_symlinks: bool
    ) -> None:
        into = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600, dir_fd=dst_dir_fd)
        with open(os.open(source, os.O_RDONLY, dir_fd=src_dir_fd), "rb") as old, open(into, "wb") as new:
            new.write(old.read())
            new.flush()
            _fsync(new.fileno())

    _patch(os, "link", overwrite)


def _without_sync_before_link() -> None:
    """Sync each file after it has its name, instead of before."""
    kept: list[int] = []

    def fsync(handle: int) -> None:
        if _is_folder(handle):
            _fsync(handle)
        else:
            kept.append(os.dup(handle))

    def link(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int, follow_symlinks: bool) -> None:
        _link(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, follow_symlinks=follow_symlinks)
        while kept:
            _fsync(kept[-1])
            os.close(kept.pop())

    _patch(os, "fsync", fsync)
    _patch(os, "link", link)


def _without_sync_before_acknowledgement() -> None:
    """Sync folders only after the acknowledgement."""

    def fsync(handle: int) -> None:
        if _is_folder(handle):
            again = os.dup(handle)
            _later.append(lambda: _fsync(again))
        else:
            _fsync(handle)

    _patch(os, "fsync", fsync)


def _without_keeping_the_outbox() -> None:
    """Remove the outbox's copy before the message is delivered, instead of after."""
    deliver, remove = Mirror.deliver, LocalFiles.remove

    def early(mirror: Mirror, parcels: Sequence[Parcel]) -> object:
        for parcel in parcels:
            assert isinstance(mirror.files, LocalFiles)
            remove(mirror.files, f"alice/outbox/{parcel.to}/{parcel.name}")
        _patch(LocalFiles, "remove_all", lambda files, paths: [None] * len(paths))
        return deliver(mirror, parcels)

    _patch(Mirror, "deliver", early)


PARTS: dict[str, Callable[[], None]] = {
    "file-sync": _without_file_sync,
    "folder-sync": _without_folder_sync,
    "sync-of-what-is-found": _without_sync_of_what_is_found,
    "exclusive-names": _without_exclusive_names,
    "exclusive-publish": _without_exclusive_publish,
    "sync-before-link": _without_sync_before_link,
    "sync-before-acknowledgement": _without_sync_before_acknowledgement,
    "keeping-the-outbox": _without_keeping_the_outbox,
}


def main(arguments: list[str]) -> int:
    """Run one verb, or `xw` itself, with a part taken out if asked."""
    if arguments[0] == "--without":
        PARTS[arguments[1]]()
        arguments = arguments[2:]
    code = 0
    if arguments[0] == "quick":
        # Every command as if it were hot: typer takes a second to import under strace, and changes no file.
        _patch(quick, "_HOT", {command.name: command for command in COMMANDS})
    if arguments[0] in ("xw", "quick"):
        code = run(arguments[1:])
    else:
        try:
            VERBS[arguments[0]](*arguments[1:])
        except XwError as error:
            sys.stderr.write(f"driver: {error}\n")
            code = error.code
    sys.stdout.flush()
    for act in _later:
        act()
    return code


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)
