"""A directory on another host: paths, errors, and the steps that end every change over SFTP.

Below `sftp` and `sftp_publish`, which know the purpose of the steps.
"""

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from xw.files import Stat
from xw.files import sftp_packets as sftp
from xw.files.sftp_packets import ATTRS, FAILURE, HANDLE, NAME, Reply, Request
from xw.files.sftp_wire import Ask, Wire
from xw.files.walk import LINK

_PAGES = 3  # READDIR requests sent with an OPENDIR: two for names, one for the end of the list
_MANY_PAGES = 64
# Answers by which a server refuses a request as such. On Unix, fsync of an open file fails with none of them,
# but for a file system that cannot sync.
_REFUSALS = (sftp.DENIED, sftp.BAD_MESSAGE, sftp.UNSUPPORTED)
_ALWAYS_THERE = ("/", ".")
_SLACK = 64 * 1024  # bytes; a file takes more disk space than its size


class Link(Protocol):
    """A source of sessions."""

    name: str  # the host, for error texts

    def wire(self) -> Wire:
        """Return this thread's session; open a new one if needed. Unreachable, Refused."""

    @property
    def round_trips(self) -> int:
        """Number of round trips that its sessions have made."""


class Remote:
    """The directory `root` of the host that `link` leads to."""

    def __init__(self, link: Link, root: str) -> None:
        self.link = link
        self.root = root
        self._pages: dict[str, int] = {}  # folder → number of READDIR requests it needs

    def full(self, path: str) -> str:
        """Return a path in the server's form."""
        return f"{self.root.rstrip('/')}/{path}" if path and self.root else path or self.root or "."

    def shown(self, path: str) -> str:
        """Return a path in the form shown to people."""
        return f"{self.link.name}:{self.full(path)}"

    def ask(self, asks: Sequence[Ask]) -> list[list[Reply]]:
        """Make one exchange on this thread's session; return the answers to each ask."""
        return self.link.wire().exchange(asks) if asks else []

    def all(self, requests: Sequence[Request]) -> list[Reply]:
        """Make one exchange of requests without handles; return the answers."""
        return self.link.wire().all(requests) if requests else []

    def error(self, reply: Reply, path: str) -> OSError | None:
        """Return the error that an answer reports for `path`, or None."""
        return reply.error(self.shown(path))

    def first_error(self, replies: Iterable[Reply], path: str) -> OSError | None:
        """Return the first error that the answers report for `path`, or None."""
        return next(filter(None, (self.error(reply, path) for reply in replies)), None)

    def can(self, extension: str) -> bool:
        """Return True if the server has an extension."""
        return extension in self.link.wire().extensions

    def listed(self, folders: Sequence[str]) -> list[dict[str, Stat] | OSError]:
        """Return each folder's content by name; links are not followed."""
        asks = [
            Ask(sftp.open_folder(self.full(folder)), _listing(self._pages.get(folder, _PAGES)))
            for folder in folders
        ]
        replies = self.ask([*asks, *(Ask(sftp.lstat(self.full(folder))) for folder in folders)])
        looks = replies[len(asks) :]
        return [
            self._collected(folder, pages, look)
            for folder, pages, (look,) in zip(folders, replies, looks, strict=False)
        ]

    def _collected(self, folder: str, replies: list[Reply], look: Reply) -> dict[str, Stat] | OSError:
        opened, *pages = replies
        error = self.error(opened, folder)
        if folder and look.kind == ATTRS and sftp.attributes_of(look).kind == "link":
            return self.linked(folder)
        if error and look.kind == ATTRS and sftp.attributes_of(look).kind != "folder":
            return os_error(errno.ENOTDIR, error.filename)
        if error:
            return error
        if all(page.kind == NAME for page in pages):
            return self._long_list(folder)
        return self._joined(folder, pages)

    def _joined(self, folder: str, pages: list[Reply]) -> dict[str, Stat] | OSError:
        found: dict[str, Stat] = {}
        for count, page in enumerate(pages, start=1):
            if page.code == sftp.EOF:
                self._pages[folder] = count + 1
                break
            error = self.error(page, folder)
            if error:
                return error
            found.update(sftp.names_of(page))
        return found

    def _long_list(self, folder: str) -> dict[str, Stat] | OSError:
        """Return the content of a folder that has more names than one burst fetches."""
        wire = self.link.wire()
        (opened,) = wire.all([sftp.open_folder(self.full(folder))])
        error = self.error(opened, folder)
        if error:
            return error
        handle = wire.opened(opened)
        try:
            pages: list[Reply] = []
            while not pages or pages[-1].kind == NAME:
                pages += wire.all([sftp.list_folder(handle)] * _MANY_PAGES)
        finally:
            wire.end(handle)
        return self._joined(folder, pages)

    # Links: only the root may be one. A server follows links in all but the last part of a path.

    def look_above(self, paths: Iterable[str]) -> tuple[list[str], list[Ask]]:
        """Return the parent folders of paths, below the root, and the requests for their attributes."""
        above = list(dict.fromkeys(folder for path in paths for folder in _folders_of(path)))
        return above, [Ask(sftp.lstat(self.full(folder))) for folder in above]

    def links_above(
        self, paths: Iterable[str], above: Sequence[str], looks: Sequence[list[Reply]]
    ) -> dict[str, OSError]:
        """Return path → error for the paths behind a link, from the answers to `look_above`."""
        links = {
            folder
            for folder, (look,) in zip(above, looks, strict=True)
            if look.kind == ATTRS and sftp.attributes_of(look).kind == "link"
        }
        behind = {path: [folder for folder in _folders_of(path) if folder in links] for path in paths}
        return {path: self.linked(folders[0]) for path, folders in behind.items() if folders}

    def linked(self, folder: str) -> OSError:
        """Return the error for a folder that is a link."""
        return NotADirectoryError(errno.ENOTDIR, LINK, self.shown(folder))

    # The steps that end every change

    def sync(self, folders: Iterable[str]) -> list[Ask]:
        """Return the requests that make changes in folders durable; empty if the server cannot."""
        if not self.can(sftp.FSYNC):
            return []
        return [Ask(sftp.open_read(self.full(folder)), _sync) for folder in folders]

    def synced(self, folders: Iterable[str], replies: Iterable[list[Reply]]) -> dict[str, OSError]:
        """Return folder → error for the folders that could not be synced, on a server that can."""
        found = {}
        for folder, answers in zip(folders, replies, strict=False):
            error = self.first_error(answers, folder)
            if error and not self._refuses_sync(folder, answers):
                found[folder] = error
        return found

    def _refuses_sync(self, folder: str, answers: list[Reply]) -> bool:
        """Return True if the server syncs no folder at all: not if this one's sync failed.

        Some servers open no folder for reading, though they list it. Others open it and refuse the sync; by
        the bare `Failure` a disk's error looks the same, so the folders that every host has must fail too.
        """
        wire = self.link.wire()
        if answers[0].code == sftp.NO_SUCH_FILE:
            return False
        if opened(answers) and self.refused(answers[1]):
            return True
        if not wire.syncs_no_folder:
            if opened(answers):
                tries = self.ask([Ask(sftp.open_read(path), _sync) for path in _ALWAYS_THERE])
                wire.syncs_no_folder = all(replies[-1].code != sftp.OK for replies in tries)
            else:
                (listed, *_), (look, *_) = self.ask(
                    [Ask(sftp.open_folder(self.full(folder)), _nothing), Ask(sftp.lstat(self.full(folder)))]
                )
                is_folder = look.kind == ATTRS and sftp.attributes_of(look).kind == "folder"
                wire.syncs_no_folder = is_folder and listed.kind == HANDLE
            wire.unsynced |= wire.syncs_no_folder
        return wire.syncs_no_folder

    def refused(self, sync: Reply) -> bool:
        """Return True if a server refuses to sync an open file or folder: it is no error of a disk."""
        refused = sync.code in _REFUSALS
        self.link.wire().unsynced |= refused
        return refused

    def open_to_others(self, setting: Reply, look: Reply, path: str, mode: int) -> OSError | None:
        """Return an error if the server refused to set a mode, and the one it shows lets others in.

        Several servers refuse, and their files are private all the same.
        """
        there = sftp.attributes_of(look).mode
        if setting.code == sftp.OK or not there & 0o777 & ~mode:
            return None
        said = f"the server sets no modes, and other users may use what xw makes (mode {there:03o})"
        return OSError(errno.EACCES, said, self.shown(path))

    def rename(self, source: str, target: str) -> Request:
        """Return the request for an atomic rename that replaces the target, if the server can."""
        if self.can(sftp.POSIX_RENAME):
            return sftp.extended(sftp.POSIX_RENAME, self.full(source), self.full(target))
        return sftp.rename(self.full(source), self.full(target))

    def unkept(self, change: str, path: str) -> OSError:
        """Return the error for a server that reports success and does nothing: every change is verified."""
        said = f"the server answered OK to {change} and did not do it"
        return OSError(errno.EPROTO, said, self.shown(path))

    def not_gone(self, reply: Reply, change: str, path: str) -> OSError | None:
        """Return an error if a path still exists after `change`, which removes it."""
        return None if reply.code != sftp.OK else self.unkept(change, path)

    def not_there(self, reply: Reply, change: str, path: str, size: int | None = None) -> OSError | None:
        """Return an error unless a path is a file (of `size` bytes) after `change`, which makes it."""
        if reply.code == sftp.NO_SUCH_FILE:
            return self.unkept(change, path)
        error = self.error(reply, path)
        if error or size is None:
            return error
        look = sftp.attributes_of(reply)
        return None if (look.kind, look.size) == ("file", size) else self.unkept(change, path)

    def discard(self, paths: Sequence[str]) -> None:
        """Remove files, best effort: their disk is already failing."""
        self.all([sftp.remove(self.full(path)) for path in paths])

    def with_errno(self, error: OSError | None, folder: str, size: int = 0) -> OSError | None:
        """Return an error with its errno, if the server sent none: a full disk differs from a read-only one.

        `size` is the number of bytes to be written in `folder`.
        """
        if error is None or error.errno is not None or error.strerror is None:
            return error  # no bare `Failure` of the server
        (space,) = self.spaces([folder])
        if space is None:
            return error
        if space.readonly:
            return os_error(errno.EROFS, error.filename)
        if space.free < size + _SLACK or space.files == 0:
            return os_error(errno.ENOSPC, error.filename)
        said = f"{error.strerror}, and its disk has room: is a quota used up, or a limit of the server?"
        return OSError(None, said, error.filename)

    def spaces(self, folders: Sequence[str]) -> list[sftp.Space | None]:
        """Return what each folder's file system has left; None where the server does not tell."""
        if not self.can(sftp.STATVFS):
            return [None] * len(folders)
        replies = self.all([sftp.extended(sftp.STATVFS, self.full(folder)) for folder in folders])
        return [sftp.space_of(reply) if reply.kind == sftp.EXTENDED_REPLY else None for reply in replies]

    def apart(self, one: str, other: str, error: OSError) -> OSError:
        """Return the error of a link or rename between two folders, with its cause if that can be seen."""
        if error.errno is not None:
            return error
        spaces = self.spaces([one, other])
        if None not in spaces and len({space.system for space in spaces if space}) == 2:
            said = f"{self.shown(other)} is on another file system than {self.shown(one)}"
            return OSError(errno.EXDEV, said, self.shown(other))
        return self.with_errno(error, other) or error


def _nothing(_: bytes) -> list[Request]:
    return []


def _sync(handle: bytes) -> list[Request]:
    return [sftp.fsync(handle)]


def os_error(number: int, shown: str) -> OSError:
    """Return the OSError with this errno, of the matching class."""
    return OSError(number, os.strerror(number), shown)


def raise_if(error: OSError | None) -> None:
    """Raise an error, if there is one."""
    if error:
        raise error


def folder_of(path: str) -> str:
    """Return the folder of a path."""
    return path.rpartition("/")[0]


def _folders_of(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def is_failure(reply: Reply) -> bool:
    """Return True for the bare `Failure`, which hides EEXIST, ENOSPC, EDQUOT, EROFS and more."""
    return reply.code == FAILURE


def opened(replies: Sequence[Reply]) -> bool:
    """Return True if an open returned a handle."""
    return replies[0].kind == HANDLE


def _listing(pages: int) -> Callable[[bytes], list[Request]]:
    return lambda handle: [sftp.list_folder(handle)] * pages
