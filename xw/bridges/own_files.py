"""A chat's own files: what a program was given and said, and whether it lives, for the next bridge too.

Called by the chats that start a program. As everywhere, root gives what it makes to the owner of the
directory, and no link that somebody put there is followed.
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

DAY_S = 86400
"""What a program has said is filed long since after so long, and its files may go."""


class OwnFiles:
    """The files of one chat, in a directory that outlives it. Paths are relative to that."""

    def __init__(self, folder: Path) -> None:
        self.files = LocalFiles(os.path.abspath(folder))
        self._folder = folder

    def check(self) -> None:
        """Raise ChatGone if somebody put a link in the directory's place, or above it.

        What is written, or swept away as old, would lie elsewhere: it is `<mailbox>/bridge/<kind>`.
        """
        for path in (self._folder, self._folder.parent):
            if path.is_symlink():
                raise ChatGone(f"{path} is a symbolic link, which xw does not follow: remove it")

    def make(self, folder: str = "") -> None:
        """Make the directory itself, or a folder in it, unless it is there. ChatGone as `check`."""
        self.check()
        self.files.make_folder(folder)

    def write(self, path: str, text: str = "") -> None:
        """Make a new file. FileExistsError."""
        with os.fdopen(self.files.create(path), "wb") as file:
            file.write(text.encode())

    def opened(self, path: str) -> BinaryIO:
        """Return a new file, open to write and read. FileExistsError."""
        return os.fdopen(self.files.create(path), "w+b", buffering=0)

    def read(self, path: str, size: int = 65536, start: int = 0) -> str:
        """Return at most `size` bytes of a file as text; empty where it is not written yet, or no file."""
        try:
            with os.fdopen(self.files.open(path), "rb") as file:
                file.seek(start)
                return file.read(size).decode("utf-8", "replace")
        except (FileNotFoundError, Damaged):
            return ""

    def has(self, path: str) -> bool:
        """Return True if something of this name is there."""
        with suppress(FileNotFoundError):
            self.files.look(path)
            return True
        return False

    def age(self, path: str) -> float:
        """Return the seconds since a file was changed. OSError where it is not there."""
        return time.time() - self.files.look(path).mtime

    def read_end(self, path: str, size: int = 65536) -> str:
        """Return the last `size` bytes of a file as text; empty as `read`."""
        try:
            return self.read(path, size, max(0, self.files.look(path).size - size))
        except FileNotFoundError:
            return ""

    def lock(self, file: BinaryIO) -> None:
        """Lock a new file until it, and every program that inherits it, is closed. OSError."""
        lock_new(file.fileno())

    def locked(self, path: str) -> bool:
        """Return True while the process that was started with this lock lives."""
        try:
            return self.files.held(path)
        except PermissionError:
            return True  # another user's, root's for example: it may
