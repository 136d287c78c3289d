"""A chat's own files: a program's input, its output and its lock, kept for the next bridge.

Called by the chats that start a program. As everywhere, files that root makes belong to the directory's
owner, and xw follows no link that another user put there.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from xw.bridges.chat import ChatGone
from xw.errors import Damaged
from xw.files.local import LocalFiles
from xw.files.locks import lock_new
from xw.mailbox import Mailbox

DAY_S = 86400
"""Age at which a program's files may go: the loop has filed its answer long before."""

FLOOD = 256 * 1024 * 1024
"""A program that writes more in one turn is in a loop, which would fill the disk."""


def mailbox_of(state: Path) -> Mailbox:
    """Return the mailbox of the instance whose chat has its files in `state`: `<mailbox>/bridge/<kind>`."""
    folder = state.parent.parent
    return Mailbox(LocalFiles(str(folder.parent)), folder.name)


class OwnFiles:
    """The files of one chat, in a directory that outlives it. Paths are relative to that directory."""

    def __init__(self, folder: Path) -> None:
        self.files = LocalFiles(os.path.abspath(folder))
        self._folder = folder

    def check(self) -> None:
        """Raise ChatGone if the directory (`<mailbox>/bridge/<kind>`) or its parent is a symbolic link.

        Through a link, this chat would write files, and remove old ones, somewhere else.
        """
        for path in (self._folder, self._folder.parent):
            if path.is_symlink():
                raise ChatGone(f"{path} is a symbolic link, which xw does not follow: remove it")

    def make(self, folder: str = "") -> None:
        """Make the directory itself, or a folder in it, unless it exists. Raise ChatGone like `check`."""
        self.check()
        self.files.make_folder(folder)

    def write(self, path: str, text: str = "") -> None:
        """Make a new file. Raise FileExistsError if there is one."""
        with os.fdopen(self.files.create(path), "wb") as file:
            file.write(text.encode())

    def opened(self, path: str) -> BinaryIO:
        """Return a new file, open for writing and reading. Raise FileExistsError if there is one."""
        return os.fdopen(self.files.create(path), "w+b", buffering=0)

    def read(self, path: str, size: int = 65536, start: int = 0) -> str:
        """Return at most `size` bytes of a file as text; empty if it is missing or not a regular file."""
        try:
            with os.fdopen(self.files.open(path), "rb") as file:
                file.seek(start)
                return file.read(size).decode("utf-8", "replace")
        except (FileNotFoundError, Damaged):
            return ""

    def has(self, path: str) -> bool:
        """Return True if something has this name."""
        with suppress(FileNotFoundError):
            self.files.stat(path)
            return True
        return False

    def age(self, path: str) -> float:
        """Return the seconds since a file was changed. Raise OSError if it is missing."""
        return time.time() - self.files.stat(path).mtime

    def read_end(self, path: str, size: int = 65536) -> str:
        """Return the last `size` bytes of a file as text; empty as for `read`."""
        return self.read(path, size, max(0, self.size(path) - size))

    def size(self, path: str) -> int:
        """Return the bytes of a file; 0 if it is missing."""
        with suppress(FileNotFoundError):
            return self.files.stat(path).size
        return 0

    def lock(self, file: BinaryIO) -> None:
        """Lock a new file until this process, and every program that inherits the file, has closed it."""
        lock_new(file.fileno())

    def locked(self, path: str) -> bool:
        """Return True while the process that was started with this lock lives."""
        try:
            return self.files.held(path)
        except PermissionError:
            return True  # another user's, such as root's: assume that it lives
