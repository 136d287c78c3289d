"""Files on another host over SFTP: as durable and atomic as `local`, in few round trips.

The steps and their order are those of `local`. The requests of a step travel together, and none is sent
before the answers that it depends on. Durable if the server has OpenSSH's extensions; `durable` tells.
Sessions come from a `Link` (`xw.files.ssh`, or a test's own).
"""

import errno
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager

from xw.errors import Damaged, Usage
from xw.files import Publication, Stat
from xw.files import sftp_packets as sftp
from xw.files.batch import Singles
from xw.files.contract import Note, Part
from xw.files.sftp_packets import Reply, Request
from xw.files.sftp_publish import Publisher, new_name, same
from xw.files.sftp_read import Reader
from xw.files.sftp_remote import Link, Remote, folder_of, is_failure, opened, os_error, raise_if
from xw.files.sftp_wire import Ask


class SftpFiles(Singles):
    """`contract.Files` in the directory `root` of the host that `link` leads to.

    `root` is absolute, or relative to the login's home. `group` and `links` as in `local.LocalFiles`. File
    times are whole seconds here.
    """

    def __init__(self, link: Link, root: str, *, group: bool = False, links: bool = True) -> None:
        self.root = root
        self.group = group
        self._link = link
        self._remote = Remote(link, root)
        self._file_mode = 0o660 if group else 0o600
        self._folder_mode = 0o2770 if group else 0o700
        self._reader = Reader(self._remote)
        self._publisher = Publisher(
            self._remote, self._file_mode, links=links, read=self.read, learn=self._learn_time
        )
        self._ahead: float | None = None  # seconds by which the hub's clock is ahead of ours

    @property
    def round_trips(self) -> int:
        """Number of round trips that the link has made."""
        return self._link.round_trips

    @property
    def durable(self) -> bool:
        """True if the server can sync files and folders, publish by link, and replace."""
        if not self.lacking:
            folders = [""]  # a server may offer to sync, and then refuse
            self._remote.synced(folders, self._remote.ask(self._remote.sync(folders)))
        return not self.lacking

    @property
    def lacking(self) -> str:
        """What the server lacks for mail to survive a power cut, as far as is known without asking it."""
        wire = self._link.wire()
        if not {sftp.FSYNC, sftp.HARDLINK, sftp.POSIX_RENAME} <= wire.extensions.keys():
            return "lacks fsync or hard links"
        return "refuses to sync files or folders to disk" if wire.unsynced else ""

    # Reading

    def list_folders(self, folders: Sequence[str]) -> list[list[str] | OSError]:
        return self._reader.list_folders(folders)

    def stat_all(self, paths: Sequence[str]) -> list[Stat | OSError]:
        return self._reader.stat_all(paths)

    def read_all(self, paths: Sequence[str], limit: int) -> Iterator[bytes | OSError | Damaged]:
        return self._reader.read_all(paths, limit)

    def read_chunks(self, path: str) -> Iterator[bytes]:
        return self._reader.read_chunks(path)

    def sync_all(self, folders: Sequence[str]) -> list[OSError | None]:
        asks = self._remote.sync(folders)
        unsynced = self._remote.synced(folders, self._remote.ask(asks))
        return [unsynced.get(folder) for folder in folders]

    def writable(self, folder: str) -> bool:
        """Try to create a file, and remove it at once."""
        probe = self._remote.full(new_name(folder))
        made, _ = self._remote.ask(
            [Ask(sftp.open_new(probe, self._file_mode), _nothing), Ask(sftp.remove(probe))]
        )
        return opened(made)

    def foreign(self, path: str) -> bool:  # noqa: ARG002  # the contract's
        """Return False: the server sends no user names."""
        return False

    def divided(self, one: str, other: str) -> bool:  # noqa: ARG002  # the contract's
        """Return False: the server gives every file to its login."""
        return False

    def now(self) -> float:
        """Return the mtime of the last file written here plus the time since, in whole seconds."""
        if self._ahead is None:
            probe, began = self._remote.full(new_name("")), time.time()
            asks = [Ask(sftp.open_new(probe, self._file_mode), lambda handle: [sftp.fstat(handle)])]
            made, _ = self._remote.ask([*asks, Ask(sftp.remove(probe))])
            raise_if(self._remote.with_errno(self._remote.first_error(made, ""), ""))
            self._learn_time(sftp.attributes_of(made[1]).mtime, began)
        return time.time() + (self._ahead or 0.0)

    def _learn_time(self, mtime: float, began: float) -> None:
        """Set the hub's clock from a file written between `began` and now, by our clock."""
        ended = time.time()
        # File times are cut to whole seconds; if that explains the difference, the clocks agree.
        agree = mtime <= ended and began < mtime + 1
        self._ahead = 0.0 if agree else mtime + 0.5 - (began + ended) / 2

    # Changing

    def publish_all(self, items: Sequence[Publication]) -> list[OSError | None]:
        return self._publisher.publish(items)

    def replace(self, data: bytes, scratch: str, path: str) -> None:
        name, folder = new_name(scratch), folder_of(path)
        bad, behind = self._publisher.write({name: data}, [path])
        if bad or behind:
            self._remote.discard([name])
            raise bad.get(name) or behind[path]
        looks = [Ask(sftp.lstat(self._remote.full(shown))) for shown in (name, path)]
        (renamed,), (left,), (there,), *synced = self._remote.ask(
            [Ask(self._remote.rename(name, path)), *looks, *self._remote.sync([folder])]
        )
        error = (
            self._remote.with_errno(self._remote.error(renamed, path), folder)
            or self._remote.not_gone(left, "a rename", path)
            or self._remote.not_there(there, "a rename", path)
        )
        if error:
            self._remote.discard([name])
            raise error
        raise_if(self._remote.synced([folder], synced).get(folder))

    def store(self, pieces: Iterable[bytes], path: str) -> tuple[int, str]:
        return self._publisher.store(pieces, path)

    def resume(self, read: Callable[[], Iterable[bytes]], path: str, part: Part) -> tuple[int, str]:
        return self._publisher.resume(read, path, part)

    def move_all(self, moves: Sequence[tuple[str, str]]) -> list[OSError | None]:
        if not moves:
            return []
        now, links = int(self.now()), self._remote.can(sftp.LSETSTAT)
        paths = [path for move in moves for path in move]
        above, looks = self._remote.look_above(paths)
        asks: list[Ask] = []
        for source, target in moves:
            asks.append(Ask(sftp.set_time(self._remote.full(source), now, links=links)))
            asks.append(Ask(self._remote.rename(source, target)))
            asks += [Ask(sftp.lstat(self._remote.full(path))) for path in (source, target)]
        # The targets first: after a power cut the file is in one or both places, never in none.
        folders = list(
            dict.fromkeys(
                [folder_of(target) for _, target in moves] + [folder_of(source) for source, _ in moves]
            )
        )
        replies = self._remote.ask([*looks, *asks, *self._remote.sync(folders)])
        behind = self._remote.links_above(paths, above, replies[: len(looks)])
        replies = replies[len(looks) :]
        unsynced = self._remote.synced(folders, replies[len(asks) :])
        outcomes: list[OSError | None] = []
        undo: list[Request] = []
        for index, (source, target) in enumerate(moves):
            _, (reply,), (left,), (there,) = replies[4 * index : 4 * index + 4]
            error = self._remote.with_errno(self._remote.error(reply, source), folder_of(target))
            linked = behind.get(target) or behind.get(source)
            # Behind a link both names may be the same file: removing the source would lose it.
            error = error or (None if linked else self._moved(left, there, source, target))
            lost = linked or unsynced.get(folder_of(target)) or unsynced.get(folder_of(source))
            if lost and not error:
                # Undo it, because it is not durable: the next try would take it for moved.
                undo.append(self._remote.rename(target, source))
            outcomes.append(error or lost)
        self._remote.all(undo)
        return outcomes

    def _moved(self, left: Reply, there: Reply, source: str, target: str) -> OSError | None:
        """Return the error of a rename that the server reported as done, judging by both names after it."""
        if left.code == sftp.OK and there.code == sftp.OK and self._is_same_file(left, there, source, target):
            # Between two links to the same file, rename succeeds and does nothing.
            return self.remove_all([source])[0]
        return self._remote.not_gone(left, "a rename", target) or self._remote.not_there(
            there, "a rename", target
        )

    def _is_same_file(self, left: Reply, there: Reply, source: str, target: str) -> bool:
        looks = sftp.attributes_of(left), sftp.attributes_of(there)
        if {look.kind for look in looks} != {"file"} or looks[0].size != looks[1].size:
            return False
        try:
            return same(self.read, target, self.read(source, looks[0].size))
        except (OSError, Damaged):
            return False  # it is gone, which the caller reports as a rename that was not done

    def remove_all(self, paths: Sequence[str]) -> list[OSError | None]:
        full = [self._remote.full(path) for path in paths]
        asks = [Ask(step(path)) for path in full for step in (sftp.remove, sftp.lstat)]
        folders = list(dict.fromkeys(map(folder_of, paths)))
        replies = self._remote.ask([*asks, *self._remote.sync(folders)])
        unsynced = self._remote.synced(folders, replies[len(asks) :])
        return [
            self._remote.with_errno(self._remote.error(reply, path), folder_of(path))
            or self._remote.not_gone(left, "a removal", path)
            or unsynced.get(folder_of(path))
            for path, (reply,), (left,) in zip(
                paths, replies[: len(asks) : 2], replies[1 : len(asks) : 2], strict=True
            )
        ]

    def remove_folder(self, path: str) -> None:
        if self.stat(path).kind != "folder":
            raise os_error(errno.ENOTDIR, self._remote.shown(path))  # never follow a link
        (found,) = self._remote.listed([path])
        if isinstance(found, OSError):
            raise found
        inner = [f"{path}/{name}" for name, look in found.items() if look.kind == "folder"]
        for folder in inner:
            self.remove_folder(folder)
        self._remote.discard([f"{path}/{name}" for name, look in found.items() if look.kind != "folder"])
        self.remove_empty_folder(path)

    def remove_empty_folder(self, path: str) -> None:
        steps = [Ask(step(self._remote.full(path))) for step in (sftp.remove_folder, sftp.lstat)]
        (removed,), (left,), *synced = self._remote.ask([*steps, *self._remote.sync([folder_of(path)])])
        raise_if(self._remote.with_errno(self._remote.error(removed, path), folder_of(path)))
        raise_if(self._remote.not_gone(left, "a removal", path))
        raise_if(self._remote.synced([folder_of(path)], synced).get(folder_of(path)))

    def make_folders(self, paths: Sequence[str]) -> None:
        wanted = dict.fromkeys(above for path in paths for above in ["", *_prefixes(path)])
        # Also those that exist: their maker may have died before syncing.
        above = list(dict.fromkeys(folder_of(path) for path in paths if path))
        looks = [Ask(self._look_at_folder(path)) for path in wanted]
        replies = self._remote.ask([*looks, *self._remote.sync(above)])
        found = [reply for reply, *_ in replies[: len(looks)]]
        missing: list[str] = []
        for path, reply in zip(wanted, found, strict=True):
            if reply.code == sftp.NO_SUCH_FILE:
                missing.append(path)
            else:
                raise_if(self._remote.error(reply, path))
                self._must_be_folder(path, reply)
        if missing:
            self._make(missing)
        else:
            raise_if(next(iter(self._remote.synced(above, replies[len(looks) :]).values()), None))

    def _look_at_folder(self, path: str) -> Request:
        """Return the request for a folder's attributes; only the root may be a link."""
        full = self._remote.full(path)
        return sftp.lstat(full) if path else sftp.stat_of(full)

    def _must_be_folder(self, path: str, reply: Reply) -> None:
        kind = sftp.attributes_of(reply).kind
        if kind == "link":
            raise self._remote.linked(path)
        if kind != "folder":
            raise os_error(errno.EEXIST, self._remote.shown(path))

    def _make_above(self) -> OSError | None:
        """Make the parents of the root with the server's usual mode; return the error that stopped it."""
        parts = self.root.rstrip("/").split("/")
        above = [path for path in ("/".join(parts[:count]) for count in range(1, len(parts))) if path]
        replies = self._remote.all([sftp.make_folder(path, 0o777) for path in above])
        made = zip(above, replies, strict=True)
        return next(
            (reply.error(f"{self._link.name}:{path}") for path, reply in made if not _there(reply)), None
        )

    def _make(self, missing: Sequence[str]) -> None:
        refused = self._make_above() if "" in missing else None
        full = [self._remote.full(path) for path in missing]
        requests = [sftp.make_folder(path, self._folder_mode) for path in full]
        modes = [sftp.set_mode(path, self._folder_mode) for path in full]
        looks = [self._look_at_folder(path) for path in missing]
        folders = list(dict.fromkeys(folder_of(path) for path in missing if path))
        replies = self._remote.ask([*map(Ask, [*requests, *modes, *looks]), *self._remote.sync(folders)])
        steps = zip(missing, replies, replies[len(full) :], replies[2 * len(full) :], strict=False)
        for path, (made,), (mode,), (look,) in steps:
            if made.code == sftp.NO_SUCH_FILE:
                raise_if(refused)
            # A failure with the folder there: another process was faster.
            if not (is_failure(made) and look.kind == sftp.ATTRS):
                raise_if(self._remote.with_errno(self._remote.error(made, path), folder_of(path)))
            raise_if(self._remote.not_there(look, "making a folder", path))
            self._must_be_folder(path, look)
            raise_if(self._remote.open_to_others(mode, look, path, self._folder_mode))
        unsynced = self._remote.synced(folders, replies[3 * len(full) :])
        raise_if(next(iter(unsynced.values()), None))

    def locked(self, path: str, timeout: float = 10.0) -> AbstractContextManager[None]:  # noqa: ARG002  # the contract's
        """Raise Usage: SFTP has no locks, and a lock on this machine would not exclude other machines."""
        raise Usage(f"{self._remote.shown(path)}: a lock over SFTP is not possible; lock a local file")

    def locked_briefly(self, path: str, timeout: float = 10.0) -> AbstractContextManager[Note]:  # noqa: ARG002  # the contract's
        """Raise Usage, as `locked`."""
        raise Usage(f"{self._remote.shown(path)}: a lock over SFTP is not possible; lock a local file")

    def held(self, path: str) -> bool:  # noqa: ARG002  # the contract's
        """Return False: there are no locks."""
        return False


def _prefixes(path: str) -> list[str]:
    parts = path.split("/") if path else []
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _there(made: Reply) -> bool:
    """Return True if a folder exists after an attempt to make it; `Failure` usually means it did before."""
    return made.code == sftp.OK or is_failure(made)


def _nothing(_: bytes) -> list[Request]:
    return []
