"""Publish over SFTP: many messages in two round trips, none linked before its bytes are durable.

First all files are written, synced and measured in the scratch folder. When all answers are in, the good
files are linked to their names, the scratch files removed, and the folders synced. Used by `sftp` alone.
"""

import errno
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256

from xw.errors import Damaged, XwError
from xw.files import Publication
from xw.files import sftp_packets as sftp
from xw.files.batch import held_back, hold_back
from xw.files.sftp_packets import CHUNK, Reply, Request
from xw.files.sftp_remote import Remote, folder_of, is_failure, opened, os_error, raise_if
from xw.files.sftp_wire import Ask, Wire

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from xw.files.contract import Part

_ON_THE_WAY = 64  # writes of an attachment sent before waiting for the first answer

_FEW = 2  # the same at first on a line that was cut before, which loses what is under way
_READS = 8  # reads sent before waiting for the first answer
_NOTED = 128 * 1024  # bytes compared before that is noted

Read = Callable[[str, int], bytes]
Learn = Callable[[float, float], None]


class Publisher:
    """Writes into `remote`. `read` reads a file back; `learn` gets an mtime and the time its write began."""

    def __init__(self, remote: Remote, mode: int, *, links: bool, read: Read, learn: Learn) -> None:
        self._remote = remote
        self._mode = mode
        self._links = links
        self._read = read
        self._learn = learn

    def publish(self, items: Sequence[Publication]) -> list[OSError | None]:
        """Publish items in two bursts; return an outcome for each. No item overtakes one that failed."""
        scratch = [self._scratch_names(item) for item in items]
        names = [name for several in scratch for name in dict.fromkeys(several)]
        data = {name: item.data for item, several in zip(items, scratch, strict=True) for name in several}
        bad, behind = self.write(data, [target for item in items for target in item.targets])
        written = [
            next(
                (error for path in (*several, *item.targets) if (error := bad.get(path) or behind.get(path))),
                None,
            )
            for item, several in zip(items, scratch, strict=True)
        ]
        held: dict[str, OSError] = {}
        good = [not _held(held, item, error) for item, error in zip(items, written, strict=True)]
        # The bad ones first: on a full disk they take the space that the links need.
        names.sort(key=lambda name: name not in bad)
        linking = [pair for pair, fine in zip(zip(items, scratch, strict=True), good, strict=True) if fine]
        linked = iter(self._link(linking, names, len(bad)))
        held.clear()
        outcomes: list[OSError | None] = []
        for item, error, fine in zip(items, written, good, strict=True):
            failed_link, made = next(linked) if fine else (None, [])
            outcomes.append(_held(held, item, error or failed_link))
            if outcomes[-1]:
                self._remote.discard(made)  # not acknowledged, so not to be seen
        return outcomes

    def write(
        self, files: dict[str, bytes], targets: Sequence[str]
    ) -> tuple[dict[str, OSError], dict[str, OSError]]:
        """Write, sync and measure new files with these bytes; return name → error.

        Also return target → error, for those of `targets` that are behind a link.
        """
        asks = [
            Ask(sftp.open_new(self._remote.full(name), self._mode), self._writing(data), closes=True)
            for name, data in files.items()
        ]
        above, looks = self._remote.look_above([*files, *targets])
        bad: dict[str, OSError] = {}
        began = time.time()
        replies_to = self._remote.ask([*asks, *looks])
        behind = self._remote.links_above([*files, *targets], above, replies_to[len(asks) :])
        for (name, data), replies in zip(files.items(), replies_to, strict=False):
            error = self._written(name, data, replies, began) or behind.get(name)
            if error:
                # Ask while the file still takes its space, or a full disk would seem to have room.
                known = self._remote.with_errno(error, folder_of(name), len(data))
                bad[name] = known or error
        return bad, behind

    def store(self, pieces: Iterable[bytes], path: str) -> tuple[int, str]:
        """Write an attachment without waiting for each write's answer; return its size and SHA-256."""
        wire, folder = self._remote.link.wire(), folder_of(path)
        above, looks = self._remote.look_above([path])
        reply, there, *seen = wire.all(
            [
                sftp.open_new(self._remote.full(path), self._mode),
                sftp.lstat(self._remote.full(path)),
                *(ask.first for ask in looks),
            ]
        )
        if is_failure(reply) and there.code == sftp.OK:
            raise os_error(errno.EEXIST, self._remote.shown(path))
        raise_if(self._remote.with_errno(self._remote.error(reply, path), folder))
        handle, closing = wire.opened(reply), 0
        with self._or_discarded(wire, path):
            try:
                raise_if(self._remote.links_above([path], above, [[look] for look in seen]).get(path))
                size, digest = self._pour(wire, handle, pieces, path)
                closing = wire.begin_end(handle)
            finally:
                if not closing:
                    wire.end(handle)
            self._finish(wire, closing, path, size)
        return size, digest

    def resume(self, read: Callable[[], Iterable[bytes]], path: str, part: "Part") -> tuple[int, str]:
        """Write an attachment as `store` does; go on with what an earlier call has left at `path`."""
        there = self._look_at_part(path)
        if part.checked > (there or 0):
            part.note(0)  # another file was compared, which is gone
        if there is None:
            return self.store(read(), path)
        wire, folder = self._remote.link.wire(), folder_of(path)
        (reply,) = wire.all([sftp.open_again(self._remote.full(path))])
        raise_if(self._remote.with_errno(self._remote.error(reply, path), folder))
        handle, closing = wire.opened(reply), 0
        with self._or_discarded(wire, path):
            try:
                same = self._compare(wire, handle, read(), path, there, part)
                if same:
                    size, digest = self._pour(wire, handle, read(), path, there, _FEW)
                    closing = wire.begin_end(handle)
            finally:
                if not closing:
                    wire.end(handle)
            if not same:
                self._remote.discard([path])
                part.note(0)
                return self.store(read(), path)
            self._finish(wire, closing, path, size)
        return size, digest

    @contextmanager
    def _or_discarded(self, wire: Wire, path: str) -> Iterator[None]:
        """Discard a file that could not be written whole, and raise the error with what is known of it."""
        try:
            yield
        except (OSError, XwError) as error:
            known = None
            if isinstance(error, OSError):
                known = self._remote.with_errno(error, folder_of(path), CHUNK)
            if not wire.broken:
                self._remote.discard([path])
            raise known or error from None

    def _look_at_part(self, path: str) -> int | None:
        """Return the size of what an earlier call has left; None if there is no such file of xw's."""
        above, looks = self._remote.look_above([path])
        (there,), *seen = self._remote.ask([Ask(sftp.lstat(self._remote.full(path))), *looks])
        raise_if(self._remote.links_above([path], above, seen).get(path))
        if there.code == sftp.NO_SUCH_FILE:
            return None
        raise_if(self._remote.error(there, path))
        look = sftp.attributes_of(there)
        if look.kind != "file":
            raise os_error(errno.EEXIST, self._remote.shown(path))
        return look.size

    def _compare(
        self, wire: Wire, handle: bytes, pieces: Iterable[bytes], path: str, there: int, part: "Part"
    ) -> bool:
        """Return True if the first `there` bytes of a file are those of `pieces`; read them back.

        A host that lost power may show zeros. Bytes that were compared before, in `part`, are left out: they
        had been synced.
        """
        if self._remote.can(sftp.FSYNC):
            (synced,) = wire.all([sftp.fsync(handle)])
            raise_if(self._remote.first_error(self._failed_syncs([synced]), path))
        at = 0
        flying: deque[tuple[int, int, bytes]] = deque()

        def arrived() -> bool:
            number, end, wanted = flying.popleft()
            reply = wire.wait(number)
            same = reply.code == sftp.OK and sftp.data_of(reply) == wanted
            if same and end - part.checked >= _NOTED:
                part.note(end)
            return same

        try:
            for piece in pieces:
                for start in range(0, len(piece), CHUNK):
                    wanted = piece[start : start + min(CHUNK, max(0, there - at - start))]
                    if wanted and at + start + len(wanted) > part.checked:
                        (number,) = wire.send([sftp.read(handle, at + start, len(wanted))])
                        flying.append((number, at + start + len(wanted), wanted))
                    while len(flying) > _READS:
                        if not arrived():
                            return False
                at += len(piece)
            while flying:
                if not arrived():
                    return False
        finally:
            wire.forget(number for number, *_ in flying)
        return there <= at

    def _finish(self, wire: Wire, closing: int, path: str, size: int) -> None:
        """Make a written file's name durable, and look whether it has what was written."""
        folder = folder_of(path)
        looked, *synced = self._remote.ask(
            [Ask(sftp.lstat(self._remote.full(path))), *self._remote.sync([folder])]
        )
        raise_if(self._remote.error(wire.wait(closing), path))
        raise_if(self._remote.synced([folder], synced).get(folder))
        raise_if(self._remote.not_there(looked[0], "writing a file", path, size))

    def _pour(
        self,
        wire: Wire,
        handle: bytes,
        pieces: Iterable[bytes],
        path: str,
        there: int = 0,
        under_way: int = _ON_THE_WAY,
    ) -> tuple[int, str]:
        """Write, sync and measure a file from byte `there` on, without waiting for each write's answer."""
        size, written, hashed = 0, 0, sha256()
        flying: deque[int] = deque()
        (setting,) = wire.send([sftp.set_open_mode(handle, self._mode)])
        try:
            for piece in pieces:
                hashed.update(piece)
                new = max(0, there - size)
                for request in sftp.writes(handle, piece[new:], size + new):
                    flying.extend(wire.send([request]))
                    while len(flying) > min(_ON_THE_WAY, under_way + written // 4):
                        raise_if(self._remote.error(wire.wait(flying.popleft()), path))
                        written += 1
                size += len(piece)
            while flying:
                raise_if(self._remote.error(wire.wait(flying.popleft()), path))
            mode = wire.wait(setting)
        finally:
            wire.forget([setting, *flying])
        last = [sftp.fsync(handle)] if self._remote.can(sftp.FSYNC) else []
        *synced, measured = wire.all([*last, sftp.fstat(handle)])
        raise_if(self._remote.first_error([*self._failed_syncs(synced), measured], path))
        raise_if(self._open_to_others(mode, measured, path))
        if sftp.attributes_of(measured).size != size:
            raise os_error(errno.EIO, self._remote.shown(path))
        return size, hashed.hexdigest()

    def _scratch_names(self, item: Publication) -> list[str]:
        """Return the scratch file for each target: the same for all if the server has links."""
        if self._links and not item.separate_files:
            return [new_name(item.scratch)] * len(item.targets)
        return [new_name(item.scratch) for _ in item.targets]

    def _writing(self, data: bytes) -> Callable[[bytes], list[Request]]:
        can_sync = self._remote.can(sftp.FSYNC)

        def work(handle: bytes) -> list[Request]:
            sync = [sftp.fsync(handle)] if can_sync else []
            return [
                sftp.set_open_mode(handle, self._mode),
                *sftp.writes(handle, data),
                *sync,
                sftp.fstat(handle),
            ]

        return work

    def _written(self, name: str, data: bytes, replies: list[Reply], began: float) -> OSError | None:
        if not opened(replies):
            return self._remote.first_error(replies, name)
        mode, *rest = replies[1:]
        if self._remote.can(sftp.FSYNC):
            at = len(sftp.writes(b"", data))
            rest[at : at + 1] = self._failed_syncs(rest[at : at + 1])
        error = self._remote.first_error(rest, name) or self._open_to_others(mode, rest[-1], name)
        if error:
            return error
        look = sftp.attributes_of(rest[-1])
        self._learn(look.mtime, began)
        if look.size != len(data):
            return os_error(errno.EIO, self._remote.shown(name))
        return None

    def _failed_syncs(self, syncs: list[Reply]) -> list[Reply]:
        """Return the answers but for those of a server that refuses to sync a file, which is not durable."""
        return [reply for reply in syncs if not self._remote.refused(reply)]

    def _open_to_others(self, setting: Reply, look: Reply, path: str) -> OSError | None:
        """Return an error if the server refused to set a new file's mode, and others may use the file."""
        return self._remote.open_to_others(setting, look, path, self._mode)

    def _link(
        self, items: list[tuple[Publication, list[str]]], names: list[str], bad: int
    ) -> list[tuple[OSError | None, list[str]]]:
        """Give the files their names; return each item's error, and the targets that it made.

        `names` are all scratch files, to be removed; the first `bad` of them before the others are linked.
        """
        full = self._remote.full
        asks: list[Ask] = []
        for item, several in items:
            for name, target in zip(several, item.targets, strict=True):
                if self._links:
                    asks.append(Ask(sftp.extended(sftp.HARDLINK, full(name), full(target))))
                else:
                    asks.append(Ask(sftp.rename(full(name), full(target))))
                # In the same burst: its owner may soon move it.
                asks.append(Ask(sftp.lstat(full(target))))
        folders = list(dict.fromkeys(folder_of(target) for item, _ in items for target in item.targets))
        removes = [Ask(sftp.remove(full(name))) for name in names]
        rest = [*asks, *removes[bad:], *self._remote.sync(folders)]
        replies = self._remote.ask([*removes[:bad], *rest])[bad:]
        unsynced = self._remote.synced(folders, replies[len(asks) + len(removes) - bad :])
        answers = iter(replies)
        found: list[tuple[OSError | None, list[str]]] = []
        for item, _ in items:
            made: list[str] = []
            problem = None
            for target in item.targets:
                (reply,), (look,) = next(answers), next(answers)
                if reply.code == sftp.OK:
                    made.append(target)
                error = self._linked(reply, look, target, item) or unsynced.get(folder_of(target))
                problem = problem or error
            found.append((problem, made))
        return found

    def _linked(self, reply: Reply, look: Reply, target: str, item: Publication) -> OSError | None:
        """Return the error of a link, or None if the target already exists with the same bytes."""
        if reply.code == sftp.OK:
            change = "a hard link" if self._links else "a rename"
            error = self._remote.not_there(look, change, target, len(item.data))
            return error and (None if self._moved_on(look, item) else error)
        if not is_failure(reply):
            return self._remote.error(reply, target)
        if look.code == sftp.NO_SUCH_FILE:
            error = self._remote.error(reply, target)
            return error and self._remote.apart(item.scratch, folder_of(target), error)
        if same(self._read, target, item.data):
            return None
        return os_error(errno.EEXIST, self._remote.shown(target))

    def _moved_on(self, look: Reply, item: Publication) -> bool:
        """Return True if the owner has already moved the new target."""
        if look.code != sftp.NO_SUCH_FILE:
            return False
        looks = self._remote.all([sftp.lstat(self._remote.full(path)) for path in item.moved_to])
        return any(there.code == sftp.OK for there in looks)


def _held(held: dict[str, OSError], item: Publication, error: OSError | None) -> OSError | None:
    """Return an item's error: its own, or that of an earlier item that it must not overtake."""
    error = error or held_back(held, item)
    if error:
        hold_back(held, item, error)
    return error


def new_name(scratch: str) -> str:
    """Return an unguessable name in the folder `scratch`."""
    name = os.urandom(12).hex()
    return f"{scratch}/{name}" if scratch else name


def same(read: Read, path: str, data: bytes) -> bool:
    """Return True if the file at `path` has these bytes."""
    try:
        return read(path, len(data)) == data
    except (OSError, Damaged):
        return False
