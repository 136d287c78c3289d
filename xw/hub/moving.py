"""Move a directory hub to another place, on any `Files`. Called by `DirectoryHub.move_to`.

The steps, each durable before the next, so that after a crash at any point the
same command continues:

1. The new place gets the hub's id. A mark shows whether it is another URL of
   the same hub.
2. The old `hub.json` says `moving`: from now on the hub cannot be opened, and
   no instance follows yet, because the new place has no mailbox.
3. Each mailbox is sealed, then carried. Its `pending/` gets another name, so
   that a process that opened the hub before can deliver nothing any more; mail
   that it was linking at that moment is found before the folder is removed.
4. `hub.json` says `moved`, with the hub's new URL.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from shlex import quote

from xw import layout, schemes
from xw.errors import Damaged, Refused, Unreachable, XwError
from xw.files.batch import is_file
from xw.files.contract import Files
from xw.hub import identity as ids
from xw.hub.carrying import (
    INBOX_FOLDERS,
    carry_attachments,
    carry_claims,
    carry_inbox,
    carry_own,
    remove_attachments,
)
from xw.hub.moved import FORMAT, MOVED, MOVING, seen_from
from xw.layout import INBOX, STATES
from xw.mailbox import Mailbox
from xw.message import parse_object

_LIMIT = 64 * 1024  # bytes of hub.json, a card or a room's definition
_SEALED = "inbox/moving"  # the name of `pending/` while it is carried
_LEFT = "inbox/left"  # files of `pending/` that could not be carried
_SERVERS = {
    layout.BRIDGE_LOCK: "a bridge",
    layout.ROOM_LOCK: "the coordinator",
    layout.WATCH_LOCK: "`xw sync --watch`",
}


def described(files: Files, url: str) -> dict[str, object]:
    """Return the content of `hub.json`, also of a hub that has moved. Raise Unreachable if there is none."""
    try:
        return parse_object(files.read(layout.HUB_FILE, _LIMIT))
    except (FileNotFoundError, NotADirectoryError):
        raise Unreachable(f"no hub at {url}: is the path right, and is its disk mounted?") from None
    except Damaged as error:
        raise XwError(f"{url}/{layout.HUB_FILE} is damaged ({error}): fix it by hand first") from None


def move(old: Files, old_url: str, new: Files, new_url: str, tell: Callable[[str], None]) -> list[str]:
    """Move the hub in `old` to `new`, where a hub was made; return a line for each thing that stays.

    `tell` gets a line for each mailbox. Raise Refused if it cannot be moved there, or not now.
    """
    _check(described(old, old_url), old_url, new_url)
    _check_servers(old)
    _give_identity(old, old_url, new, new_url)
    about = described(old, old_url)
    _check(about, old_url, new_url)  # somebody may have begun to move it elsewhere meanwhile
    if about.get(MOVED) != new_url:
        _mark(old, about, MOVING, new_url)
    left: list[str] = []
    for name in _mailboxes(old):
        _carry(old, old_url, new, new_url, name, left)
        tell(name)
    _mark(old, about, MOVED, new_url)
    return left


def _check(about: dict[str, object], old_url: str, new_url: str) -> None:
    moved, moving = about.get(MOVED), about.get(MOVING)
    if isinstance(moved, str) and moved != new_url:
        there = seen_from(old_url, moved)
        command = f"`xw hub move --hub {quote(there)} {quote(new_url)}`"
        raise Refused(f"the hub {old_url} has moved to {there}: {command} moves it on")
    if isinstance(moving, str) and moving != new_url:
        there = seen_from(old_url, moving)
        command = f"`xw hub move --hub {quote(old_url)} {quote(there)}`"
        raise Refused(f"the hub {old_url} is being moved to {there}: complete that first, by {command}")


def _check_servers(old: Files) -> None:
    """Raise Refused while a process serves a mailbox: it would go on in a place without mail."""
    for name in _mailboxes(old):
        for lock, who in _SERVERS.items():
            if old.held(f"{name}/{lock}"):
                raise Refused(f"{who} of {name} runs: stop it, move the hub, then start it again")


def _give_identity(old: Files, old_url: str, new: Files, new_url: str) -> None:
    mark = os.urandom(12).hex()
    ids.leave_mark(new, mark)
    try:
        if ids.has_mark(old, mark):
            raise Refused(f"{new_url} and {old_url} are one hub already: set `hub` in xw.json to the new URL")
    finally:
        ids.remove_mark(new, mark)
    known = ids.identity_in(old)
    if not known and not old.writable(""):
        raise Unreachable(f"{old_url} cannot be written from here: run `xw hub move` where it can")
    if not known:
        raise Refused(
            f"{old_url}/{layout.HUB_ID} is damaged or unreadable, and mirrors find the hub by it: "
            f"run `xw hub new-id --hub {quote(old_url)}` first"
        )
    taken = f"{new_url} is another hub: name an empty or a new directory"
    if _mailboxes(new) and not is_file(new, layout.HUB_ID):
        raise Refused(taken)
    if ids.identity_in(new, known) != known:
        raise Refused(taken)


def _mark(files: Files, about: dict[str, object], key: str, url: str) -> None:
    kept = {name: value for name, value in about.items() if name not in (MOVED, MOVING)}
    data = json.dumps(kept | {"format": FORMAT, key: url}, indent=2) + "\n"
    files.replace(data.encode(), "", layout.HUB_FILE)


def _mailboxes(files: Files) -> list[str]:
    """Return the names of all mailboxes, those of closed rooms included."""
    names = [name for name in sorted(files.list_folder("")) if layout.is_name(name)]
    looks = files.stat_all([f"{name}/inbox" for name in names])
    return [name for name, look in zip(names, looks, strict=True) if not isinstance(look, OSError)]


def _carry(old: Files, old_url: str, new: Files, new_url: str, name: str, left: list[str]) -> None:
    source, target = Mailbox(old, name), Mailbox(new, name)
    target.make()
    # An instance's sent mail never leaves its machine; a room's is its record.
    own = bool(schemes.of(old_url)) or not schemes.of(new_url) or is_file(old, f"{name}/{layout.ROOM}")
    with _locked(source, old_url), _locked(target, new_url):
        carry_claims(source, target)
        _drain(source, target, own, left)
        # Handled mail is history, which an owner on this machine finds here (`take_leftovers`).
        carry_inbox(source, target, INBOX_FOLDERS[1:2])
        carry_inbox(source, target, INBOX_FOLDERS[2:], keep=not own)
        if own:
            carry_attachments(source, target)
            carry_own(source, target)
            remove_attachments(source)
    for file in (
        layout.SWEPT,
        layout.PRESENCE,
        layout.ROOM,
        layout.KEY,
        layout.CARD,
    ):  # the card last: it makes the instance known
        with suppress(FileNotFoundError, Damaged):
            data = old.read(f"{name}/{file}", _LIMIT)
            if not is_file(new, f"{name}/{file}"):
                new.replace(data, target.at(layout.SCRATCH), f"{name}/{file}")


@contextmanager
def _locked(mailbox: Mailbox, url: str) -> Iterator[None]:
    """Exclude senders while the context is entered, which is impossible on another host."""
    with ExitStack() as held:
        if not schemes.of(url):
            held.enter_context(mailbox.files.locked_briefly(mailbox.at(layout.LOCK)))
        yield


def _drain(source: Mailbox, target: Mailbox, own: bool, left: list[str]) -> None:
    """Seal `pending/` and carry its content, until nothing more can arrive there."""
    sealed = source.at(_SEALED)
    while True:
        try:
            source.files.list_folder(sealed)
        except FileNotFoundError:
            try:
                source.files.move(source.at(INBOX["pending"]), sealed)
            except FileNotFoundError:
                return
        carry_attachments(source, target, None if own else _received(source))
        carry_inbox(source, target, [(_SEALED, "pending")])
        _put_aside(source, left)
        try:
            source.files.remove_empty_folder(sealed)
        except OSError:
            # A message has just arrived, by a folder opened before: carry it too.
            if _is_empty(source.files, sealed):
                raise


def _is_empty(files: Files, folder: str) -> bool:
    with suppress(FileNotFoundError):
        return not files.list_folder(folder)
    return False


def _received(source: Mailbox) -> set[str]:
    """Return the ids of attachments that may belong to received messages."""
    sent = [layout.SENT, layout.REFUSED, *(f"{layout.OUTBOX}/{to}" for to in source.outboxes())]
    own = {name.partition(".")[0] for folder in sent for name in source.names(folder)}
    folders = [_SEALED, *(INBOX[state] for state in STATES[1:])]
    got = {name.partition(".")[0] for folder in folders for name in source.names(folder)}
    return set(source.files.list_folder(source.at(layout.ATTACHMENTS))) - own | got


def _put_aside(source: Mailbox, left: list[str]) -> None:
    """Move files that cannot be carried out of the way, unchanged."""
    for name in source.files.list_folder(source.at(_SEALED)):
        source.files.make_folder(source.at(_LEFT))
        with suppress(FileNotFoundError):
            source.files.move(source.at(_SEALED, name), source.at(_LEFT, name))
            if not layout.is_hidden(name):
                left.append(f"{source.owner}/{_LEFT}/{name} cannot be read as mail, and stays there")
