"""One bridge per pane: the answer to one bridge's mail would be filed for another's.

The lock is beside the socket of the tmux server: all who reach the server, under any user and environment,
reach that folder. If it cannot be written, the lock is in the user's state folder. The system frees it when
the bridge dies.
"""

import errno
import os
from contextlib import ExitStack
from hashlib import sha256

from xw import config
from xw.bridges.chat import ChatGone
from xw.errors import Busy, Damaged
from xw.files.local import LocalFiles
from xw.text import visible

_NOTE = 64
"""Bytes of the note about the holder."""


class PaneLock:
    """The lock of the pane that a bridge uses at the moment; not thread-safe."""

    def __init__(self) -> None:
        self.holder = ""
        """Whose bridge this is, for one that finds the pane taken; empty for a chat that serves nobody."""
        self._held = ExitStack()
        self._of = ("", "")
        self._file = ""
        self._made: os.stat_result | None = None

    def take(self, socket: str, pane: str) -> None:
        """Hold the lock of a pane, and no other. Raise ChatGone if another bridge holds it."""
        if self._of == (socket, pane) and self._is_in_place():
            return
        self.free()
        try:
            if not os.path.isabs(socket):  # of another directory than this process's
                raise FileNotFoundError(errno.ENOENT, "not an absolute path", socket)
            self._take(LocalFiles(os.path.dirname(socket)), f"{os.path.basename(socket)}.xw-{pane[1:]}")
        except (OSError, Damaged):
            folder = config.pane_locks()
            os.makedirs(folder, mode=0o700, exist_ok=True)
            self._take(LocalFiles(folder), f"{sha256(socket.encode()).hexdigest()[:16]}-{pane[1:]}")
        self._of = (socket, pane)

    def free(self) -> None:
        """Free the lock, if one is held."""
        self._of = ("", "")
        self._held.close()

    def _take(self, files: LocalFiles, name: str) -> None:
        with ExitStack() as held:
            try:
                note = held.enter_context(files.locked_briefly(name, timeout=0.0))
            except Busy:
                holder = visible(files.read(name, _NOTE).decode(errors="replace").strip(), keep="")
                raise ChatGone(
                    f"{holder or 'another bridge'} uses this pane, and a pane has only one bridge: "
                    "stop it, or give another pane"
                ) from None
            note.keep(f"{self.holder} (process {os.getpid()})"[:_NOTE].ljust(_NOTE))
            self._file = files.path(name)
            self._made = os.stat(self._file)
            self._held = held.pop_all()

    def _is_in_place(self) -> bool:
        """Return False if somebody, such as a cleaner of /tmp, has removed the lock file."""
        try:
            return self._made is not None and os.path.samestat(os.stat(self._file), self._made)
        except OSError:
            return False
