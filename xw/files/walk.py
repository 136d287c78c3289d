"""Paths below a root, without following a link in any part of them.

A folder is opened part by part, each from its parent, and everything else is done by name in an open folder.
A link that another user puts in the way, before or during the walk, is an error and not a way out of the
root. Only the root itself may be a link, because the user named it. `local` does all its work through this.
"""

import errno
import os
import stat
from contextlib import suppress

from xw.errors import Damaged
from xw.files import Stat
from xw.files.disk import close, fsync
from xw.files.ownership import Kept, Owner, give, is_new_folder, is_root, owner_of, share

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from xw.words import FileKind

# O_PATH: passing through a folder needs the permission to search it, not to list it.
_THROUGH = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_CREATE = os.O_CREAT | os.O_EXCL
# O_NONBLOCK: a FIFO that another user put into a mailbox must not hang its owner.
_READ = os.O_RDONLY | os.O_NONBLOCK
_KINDS: "dict[int, FileKind]" = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
_MANY = 64  # no path here has that many parts
LINK = "a symbolic link, which xw does not follow"


class Walk:
    """An operation below `root`: its folders stay open, each opened once, until `close`.

    Paths are relative to the root. Every OSError names the absolute path. Files that root makes get the owner
    `heir`, or the owner of their folder. With `group`, they get the group of their folder, even if the folder
    lacks setgid or its mount ignores it.
    """

    __slots__ = ("_folders", "_group", "_heir", "_root")

    def __init__(self, root: str, heir: Owner | None = None, group: bool = False) -> None:
        self._root = root
        self._heir = heir
        self._group = group
        self._folders: dict[str, int] = {}

    def __enter__(self) -> "Walk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the folders."""
        while self._folders:
            close(self._folders.popitem()[1])

    def folder(self, path: str) -> int:
        """Return a handle for names in a folder, not for listing or syncing it. NotADirectoryError."""
        handle = self._folders.get(path)
        if handle is not None:
            return handle
        above, _, name = path.rpartition("/")
        inside = self.folder(above) if above else None
        try:
            if inside is not None:
                handle = os.open(name, _THROUGH | os.O_NOFOLLOW, dir_fd=inside)
            elif path:
                handle = os.open(f"{self._root}/{path}", _THROUGH | os.O_NOFOLLOW)
            else:
                handle = os.open(self._root, _THROUGH)
        except OSError as error:
            raise self._unopened(error, path, inside) from None
        self._folders[path] = handle
        return handle

    def listed(self, path: str) -> int:
        """Return a handle to list or sync a folder; the caller closes it."""
        try:
            return os.open(".", _LISTED, dir_fd=self.folder(path))
        except OSError as error:
            raise self._named(error, path) from None

    def list_folder(self, path: str) -> list[str]:
        """Return the names in a folder."""
        self._spare()
        handle = self.listed(path)
        try:
            return os.listdir(handle)
        except OSError as error:
            raise self._named(error, path) from None
        finally:
            close(handle)

    def sync(self, path: str) -> None:
        """Make a folder's present content durable."""
        self._spare()
        handle = self.listed(path)
        try:
            fsync(handle)
        except OSError as error:
            raise self._named(error, path) from None
        finally:
            close(handle)

    def open(self, path: str, flags: int, mode: int = 0) -> int:
        """Return a file's handle, as `os.open` does; the caller closes it."""
        self._spare()
        folder, name = self._at(path)
        try:
            return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder)
        except OSError as error:
            raise self._named(error, path) from None

    def create(self, path: str, mode: int, access: int = os.O_WRONLY) -> int:
        """Return a handle of a new file with exactly this mode. FileExistsError."""
        handle = self.open(path, _CREATE | access, mode)
        try:
            if is_root():
                give(handle, self.heir(path))
            elif self._group:
                share(handle, owner_of(self._at(path)[0]).group)
            os.fchmod(handle, mode)  # open's mode went through the umask
        except OSError as error:
            close(handle)
            with suppress(OSError):
                self.unlink(path)
            raise self._named(error, path) from None
        return handle

    def make_folder(self, path: str, mode: int | None, group: int | None = None) -> None:
        """Make a new folder with exactly this mode, or without one with the umask's. FileExistsError.

        With `group`, give it to that group, which may pass it whatever the umask.
        """
        folder, name = self._at(path)
        if group is None and self._group:
            group = owner_of(folder).group
        try:
            os.mkdir(name, 0o777 if mode is None else mode, dir_fd=folder)
            if mode is None and group is None and not is_root():
                return
            try:
                handle = os.open(name, _LISTED | os.O_NOFOLLOW, dir_fd=folder)
            except PermissionError:  # the umask removes the owner's own permissions
                os.chmod(name, mode or 0o700, dir_fd=folder)
                return
            try:
                if is_root():
                    self._give_folder(handle, path)
                if group is not None:
                    share(handle, group)
                if mode is not None:
                    os.fchmod(handle, mode)  # mkdir's mode went through the umask
                elif group is not None:
                    os.fchmod(handle, stat.S_IMODE(os.fstat(handle).st_mode) | 0o050)
            finally:
                close(handle)
        except OSError as error:
            raise self._named(error, path) from None

    def owner(self, path: str) -> Owner:
        """Return a path's owner, without following a link."""
        found = self._stat(path)
        return Owner(found.st_uid, found.st_gid)

    def kept(self, path: str) -> Kept | None:
        """Return the owner and mode that a file's successor takes over; None if it is not a regular file."""
        with suppress(FileNotFoundError):
            found = self._stat(path)
            if stat.S_ISREG(found.st_mode):
                return Kept(Owner(found.st_uid, found.st_gid), found.st_mode & 0o777)
        return None

    def heir(self, path: str) -> Owner:
        """Return the owner of a path that root makes."""
        return self._heir or owner_of(self._at(path)[0])

    def stat(self, path: str) -> Stat:
        """Return a path's attributes, without following a link."""
        found = self._stat(path)
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "other")
        at = found.st_mtime
        if kind == "file" and found.st_uid != os.geteuid() and not found.st_mode & stat.S_IWGRP:
            at = max(at, found.st_ctime)  # only its owner could set the mtime on a move
        return Stat(kind, found.st_size, at, stat.S_IMODE(found.st_mode))

    def open_regular(self, path: str) -> int:
        """Return a handle to read a regular file; the caller closes it. Damaged for anything else."""
        try:
            handle = self.open(path, _READ)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise Damaged("it is a symbolic link, not a regular file") from None
            if error.errno == errno.ENXIO:
                raise Damaged("it is a socket, not a regular file") from None
            raise
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            close(handle)
            raise Damaged("it is not a regular file")
        return handle

    def read(self, path: str, limit: int) -> bytes:
        """Return a regular file's bytes. Damaged for anything else, or more than `limit` bytes."""
        handle = self.open_regular(path)
        try:
            data = b""
            # Stop one byte past the limit: a sparse file may claim terabytes.
            while len(data) <= limit and (piece := os.read(handle, limit + 1 - len(data))):
                data = data + piece if data else piece
        except OSError as error:
            raise self._named(error, path) from None
        finally:
            close(handle)
        if len(data) > limit:
            raise Damaged(f"it has more than {limit:,} bytes")
        return data

    def touch(self, path: str) -> None:
        """Set a path's mtime to now; a link's own, if it is one."""
        folder, name = self._at(path)
        try:
            os.utime(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            raise self._named(error, path) from None

    def link(self, source: str, target: str) -> None:
        """Give a file a second name. FileExistsError."""
        self._spare()
        (source_at, name), (target_at, new) = self._at(source), self._at(target)
        try:
            os.link(name, new, src_dir_fd=source_at, dst_dir_fd=target_at, follow_symlinks=False)
        except OSError as error:
            raise self._named(error, source, target) from None

    def rename(self, source: str, target: str) -> None:
        """Rename a file or folder."""
        (source_at, name), (target_at, new) = self._at(source), self._at(target)
        try:
            os.rename(name, new, src_dir_fd=source_at, dst_dir_fd=target_at)
        except PermissionError as error:
            # Name the folder that refuses, not the file.
            refusing = target if os.access(".", os.W_OK, dir_fd=source_at) else source
            raise self._named(error, refusing.rpartition("/")[0]) from None
        except OSError as error:
            raise self._named(error, source, target) from None

    def unlink(self, path: str) -> None:
        """Remove a file, link or other non-folder."""
        folder, name = self._at(path)
        try:
            os.unlink(name, dir_fd=folder)
        except OSError as error:
            raise self._named(error, path) from None

    def remove_tree(self, path: str) -> None:
        """Remove a folder and everything below it; links are removed, their targets stay."""
        from shutil import rmtree

        folder, name = self._at(path)
        try:
            rmtree(name, dir_fd=folder)
        except OSError as error:
            raise self._named(error, path) from None

    def remove_empty(self, path: str) -> None:
        """Remove an empty folder."""
        folder, name = self._at(path)
        try:
            os.rmdir(name, dir_fd=folder)
        except OSError as error:
            raise self._named(error, path) from None

    def _spare(self) -> None:
        """Close the folders if many are open: a process may be limited to 1,024 open files."""
        if len(self._folders) > _MANY:
            self.close()

    def _stat(self, path: str) -> os.stat_result:
        self._spare()
        folder, name = self._at(path)
        try:
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            raise self._named(error, path) from None

    def _at(self, path: str) -> tuple[int, str]:
        """Return a handle of the folder that contains a path, and the path's last part."""
        above, _, name = path.rpartition("/")
        return self.folder(above), name or "."

    def _give_folder(self, handle: int, path: str) -> None:
        if not is_new_folder(handle):
            raise FileExistsError(errno.EEXIST, "another folder was put in its place")
        try:
            give(handle, self.heir(path))
        except OSError:
            folder, name = self._at(path)
            with suppress(OSError):
                os.rmdir(name, dir_fd=folder)
            raise

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _named(self, error: OSError, path: str, second: str | None = None) -> OSError:
        names = (self._full(path),) if second is None else (self._full(path), None, self._full(second))
        return OSError(error.errno, error.strerror, *names)  # OSError picks the class for the number

    def _unopened(self, error: OSError, path: str, inside: int | None) -> OSError:
        """Return the error for a folder that cannot be opened; for a link, with the same errno everywhere."""
        full = self._full(path)
        if path and error.errno in (errno.ENOTDIR, errno.ELOOP):
            with suppress(OSError):
                os.readlink(full if inside is None else path.rpartition("/")[2], dir_fd=inside)
                return NotADirectoryError(errno.ENOTDIR, LINK, full)
        return self._named(error, path)
