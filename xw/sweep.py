"""Remove old mail from a mailbox: handled and sent messages, unneeded attachments, scratch files."""

import errno
import json
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, NamedTuple, cast

from xw import clock, layout
from xw.errors import Damaged, XwError, explain
from xw.files import Stat
from xw.files.batch import is_file
from xw.files.contract import Files
from xw.layout import INBOX
from xw.mailbox import Mailbox, Place
from xw.message import decode, parse_object

if TYPE_CHECKING:
    from xw.shapes import upkeep

_DAY = 86400.0
_FOR_EVER = 1_000_000  # days; a larger number would overflow a time
_STALE_SCRATCH = _DAY  # no file takes a day to write
_SWEPT = (INBOX["done"], INBOX["failed"], layout.SENT)


class Swept(NamedTuple):
    """The paths that gc removed, or would remove, below the mailbox by kind, and their total bytes.

    `elsewhere` is the same for the remote hub; `problem` is why that was not swept. `left` has a sentence,
    with the path, for each thing that could not be removed, such as another user's folder. `busy` is True
    if another gc runs: this one did nothing.
    """

    messages: list[str]
    attachments: list[str]
    scratch: list[str]
    size: int
    elsewhere: "Swept | None" = None
    problem: str | None = None
    left: tuple[XwError, ...] = ()
    busy: bool = False

    @property
    def errors(self) -> tuple[XwError, ...]:
        """The reasons why something was left, here and on the hub."""
        return (*self.left, *(self.elsewhere.left if self.elsewhere else ()))

    def to_json(self) -> "upkeep.Swept":
        """Return the object that `--json` prints."""
        elsewhere = self.elsewhere.removed() if self.elsewhere else None
        about = {"format": 1, "busy": self.busy, "elsewhere": elsewhere, "problem": self.problem}
        return cast("upkeep.Swept", {**self.removed(), **about})

    def removed(self) -> "upkeep.Removed":
        """Return the paths removed here, and what could not be removed."""
        return {
            "messages": self.messages,
            "attachments": self.attachments,
            "scratch": self.scratch,
            "size": self.size,
            "left": [str(error) for error in self.left],
        }


def sweep(mailbox: Mailbox, days: int, dry_run: bool, unhandled: Set[str] | None = frozenset()) -> Swept:
    """Sweep a mailbox; keep the messages named in `unhandled`. If it is None, remove only sent ones."""
    now = mailbox.files.now()
    before = now - min(days, _FOR_EVER) * _DAY
    messages: dict[str, Stat] = {}
    folders = (INBOX["failed"],) if _is_open_room(mailbox) else _SWEPT
    for folder in folders if unhandled is not None else set(folders) & {layout.SENT}:
        messages |= _older(mailbox, folder, before)
    # Messages first: a crash in between leaves attachments without a message, which the next run finds.
    closed: dict[str, OSError] = {}
    waiting = _waiting(mailbox, closed)
    unsent = {place.name for place in waiting}  # its sent copy is the only one
    needed = (unhandled or set()) | unsent
    messages = {
        path: look
        for path, look in messages.items()
        if path.rpartition("/")[2].removesuffix(layout.WHY) not in needed
        and not (closed and path.startswith(f"{layout.SENT}/"))
    }
    staying = [place for place in _staying(mailbox) + waiting if "/".join(place) not in messages]
    kept = {place.name.partition(".")[0] for place in staying}
    attached = {} if closed else _older(mailbox, layout.ATTACHMENTS, before)  # closed folders may need them
    removed = {path.rpartition("/")[2].partition(".")[0] for path in messages}
    # Attachments precede their message: a message being delivered now has only its attachments.
    stale = now - _STALE_SCRATCH
    attachments = {
        path: look
        for path, look in attached.items()
        if (owner := path.rpartition("/")[2]) not in kept and (owner in removed or look.mtime < stale)
    }
    attachments = _not_announced(mailbox, attachments, staying)
    inside = [path for path, look in attachments.items() if look.kind == "folder"]
    sizes, left = _sizes(mailbox, inside)
    left |= {f"{layout.OUTBOX}/{peer}": explain(error) for peer, error in closed.items()}
    size = sum(sizes.values())
    claimed = set(mailbox.names(INBOX["processing"]))  # their notes show who has them
    scratch = {
        path: look
        for path, look in _older(mailbox, layout.SCRATCH, stale).items()
        if path.rpartition("/")[2].removesuffix(layout.CLAIM).removesuffix(layout.FREE) not in claimed
    }
    if not dry_run:
        _note_removal(mailbox, messages)
        if any(path.startswith("inbox/") for path in messages):
            # First: what a crash leaves unknown may have been removed.
            _record(mailbox, before, days)
        left |= _remove(mailbox, messages)
        staying_ids = {path.rpartition("/")[2].partition(".")[0] for path in left}
        attachments = {p: look for p, look in attachments.items() if p.rpartition("/")[2] not in staying_ids}
        if attachments:
            # A gc that died may not have synced: its removed messages must not return without attachments.
            for error in filter(None, mailbox.files.sync_all([mailbox.at(folder) for folder in _SWEPT])):
                raise error
        left |= _remove(mailbox, attachments)
        left |= _remove(mailbox, scratch)
    size += sum(look.size for path, look in (messages | scratch).items() if path not in left)
    gone = [sorted(found.keys() - left.keys()) for found in (messages, attachments, scratch)]
    return Swept(gone[0], gone[1], gone[2], size, left=tuple(left.values()))


def cut_uploads(files: Files, names: Sequence[str]) -> dict[str, Stat]:
    """Return the files that cut uploads have left in these mailboxes: path → attributes."""
    folders = [f"{name}/{layout.SCRATCH}" for name in names]
    listed = zip(folders, files.list_folders(folders), strict=True)
    paths = [
        f"{folder}/{name}"
        for folder, found in listed
        if not isinstance(found, OSError)
        for name in found
        if name.endswith(layout.PART)
    ]
    looks = zip(paths, files.stat_all(paths), strict=True)
    return {path: look for path, look in looks if isinstance(look, Stat)}


def sweep_cut_uploads(files: Files, names: Sequence[str], dry_run: bool) -> list[str]:
    """Remove what cut uploads left in these mailboxes more than a day ago; return the paths.

    Whoever may does it: the sender whose upload it was may be gone.
    """
    before = files.now() - _STALE_SCRATCH
    old = [path for path, look in cut_uploads(files, names).items() if look.mtime < before]
    if dry_run:
        return old
    return [path for path, error in zip(old, files.remove_all(old), strict=True) if error is None]


def kept_since(mailbox: Mailbox, days: int) -> float:
    """Return the time after which all handled mail is still here, in seconds by the mailbox's clock.

    `days` is the hub's retention; a gc that keeps less, or removed newer mail, has recorded that.
    """
    before, recorded = _recorded(mailbox)
    return max(before, mailbox.files.now() - min(days, recorded or days) * _DAY)


def _record(mailbox: Mailbox, before: float, days: int) -> None:
    """Record that mail handled before a time may be gone, and how many days gc keeps it from now on.

    A restored backup brings an older record, so the days count too. `--days 0` is no retention, but one call.
    """
    earlier, kept = _recorded(mailbox)
    at = clock.rfc3339(int(max(before, earlier, 0.0) * clock.SECOND))
    data = (json.dumps({"before": at, "days": days if days > 0 else kept}) + "\n").encode()
    mailbox.files.replace(data, mailbox.at(layout.SCRATCH), mailbox.at(layout.SWEPT))


def _recorded(mailbox: Mailbox) -> tuple[float, int]:
    """Return the time and the days that a gc recorded; zeros if none has, now if the record is damaged."""
    try:
        found = parse_object(mailbox.files.read(mailbox.at(layout.SWEPT), 4096))
        days = found.get("days")
        before = clock.from_rfc3339(str(found.get("before"))) / clock.SECOND
    except FileNotFoundError:
        return 0.0, 0
    except (Damaged, ValueError):
        return mailbox.files.now(), 0  # nobody knows what is gone
    return before, days if type(days) is int and days > 0 else 0


def _is_open_room(mailbox: Mailbox) -> bool:
    """Return True if handled and sent messages are the record of an open room."""
    return all(is_file(mailbox.files, mailbox.at(file)) for file in (layout.ROOM, layout.CARD))


def _older(mailbox: Mailbox, folder: str, before: float) -> dict[str, Stat]:
    """Return the content of a folder older than a time: path below the mailbox → attributes.

    Leave out hidden files, which another program holds (`.nfs…`) or makes again (`.DS_Store`).
    """
    names = [name for name in mailbox.files.list_folder(mailbox.at(folder)) if not layout.is_hidden(name)]
    looks = mailbox.files.stat_all([mailbox.at(folder, name) for name in names])
    return {
        f"{folder}/{name}": look
        for name, look in zip(names, looks, strict=True)
        if isinstance(look, Stat) and look.mtime < before  # no Stat: another machine's gc removed it
    }


def _sizes(mailbox: Mailbox, folders: list[str]) -> tuple[dict[str, int], dict[str, XwError]]:
    """Return the bytes of the files in each folder, and errors for folders that cannot be listed."""
    sizes: dict[str, int] = {}
    left: dict[str, XwError] = {}
    for folder in folders:
        try:
            sizes[folder] = sum(look.size for look in _older(mailbox, folder, float("inf")).values())
        except FileNotFoundError:
            continue  # another machine's gc has just removed it
        except OSError as error:
            left[folder] = explain(error)
    return sizes, left


def _note_removal(mailbox: Mailbox, found: dict[str, Stat]) -> None:
    """Note received messages before they are removed: a crash in between leaves one that is both."""
    if mailbox.note_removal is None:
        return
    inside = [path for path in found if path.startswith("inbox/")]
    paths = [mailbox.at(path) for path in inside if layout.is_message(path.rpartition("/")[2])]
    files = list(mailbox.files.read_all(paths, layout.MESSAGE_LIMIT))
    for data in files:
        if isinstance(data, OSError) and data.errno in (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise data  # unnoted, its copy would count as new mail; others were never readable here
    mailbox.note_removal(data for data in files if isinstance(data, bytes))


def _remove(mailbox: Mailbox, found: dict[str, Stat]) -> dict[str, XwError]:
    """Remove files and folders; return path → error for those that stay."""
    left: dict[str, XwError] = {}
    files = [path for path, look in found.items() if look.kind != "folder"]
    for path, error in zip(files, mailbox.files.remove_all([mailbox.at(p) for p in files]), strict=True):
        if error is not None and not isinstance(error, FileNotFoundError):
            left[path] = explain(error)
    for path in sorted(found.keys() - set(files)):
        try:
            mailbox.files.remove_folder(mailbox.at(path))
        except FileNotFoundError:
            continue
        except OSError as error:
            left[path] = explain(error)
    return left


def _staying(mailbox: Mailbox) -> list[Place]:
    """Return all messages of a mailbox except those in the outbox."""
    folders = (*INBOX.values(), layout.SENT)
    return [Place(folder, name) for folder in folders for name in mailbox.names(folder)]


def _waiting(mailbox: Mailbox, closed: dict[str, OSError]) -> list[Place]:
    """Return the messages in the outbox, refused ones too; add folders that cannot be listed to `closed`."""
    places = [Place(layout.REFUSED, name) for name in mailbox.names(layout.REFUSED)]
    for peer in mailbox.waiting_for():
        try:
            places += [Place(f"{layout.OUTBOX}/{peer}", name) for name in mailbox.outbox(peer)]
        except PermissionError as error:
            closed[peer] = error
    return places


def _not_announced(mailbox: Mailbox, found: dict[str, Stat], staying: list[Place]) -> dict[str, Stat]:
    """Return the attachment folders to which no remaining `info` of `xw attach` has added files."""
    infos = [place for place in staying if found and ".info." in place.name]
    paths = [mailbox.at(*place) for place in infos]
    kept: set[str] = set()
    for place, data in zip(infos, mailbox.files.read_all(paths, layout.MESSAGE_LIMIT), strict=True):
        if isinstance(data, FileNotFoundError):
            return {}  # it is being moved: the next run reads it, and does the rest
        if isinstance(data, OSError) and not mailbox.files.foreign(mailbox.at(*place)):
            return {}  # it cannot be read now, so what it announces is unknown
        if not isinstance(data, bytes):
            continue
        try:
            message = decode(place.name, data)
            if message.attached:
                kept.add(f"{layout.ATTACHMENTS}/{message.attached_to}")
        except Exception as error:  # noqa: BLE001  # newer, or a bug in xw: keep what it may announce
            if not isinstance(error, Damaged):
                kept |= {path for path in found if path.rpartition("/")[2].encode() in data}
    return {path: look for path, look in found.items() if path not in kept}
