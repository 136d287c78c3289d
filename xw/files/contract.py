"""The lowest seam: what a place must do to hold mailboxes.

Implementations: `local.LocalFiles` (a directory), `sftp.SftpFiles` (a directory on another host), and one in
memory for tests. `tests/files/` runs one suite against each.

Paths are relative to the place's root, `/`-separated, without `.` or `..`, and made by this package: no name
in them comes unchecked from a message.

The rules for every method:

- *Durable*: once the call has returned, the change survives a power cut.
- *Atomic*: at every moment, and after a crash at any moment, others see the old
  state or the new one, nothing in between.
- The batch methods (`…s`, `…_all`) return an outcome for each item, in order,
  and cost a few round trips in all; code that acts on a hub uses them. The
  single methods, from `batch.Singles`, take one item and raise its error.
- A call that raised may be repeated. After an OSError, nothing visible has
  changed; but if a folder could not be synced, `replace` and `remove` may have
  taken effect.
- Errors: FileNotFoundError, FileExistsError, PermissionError and other OSErrors
  as documented; `errors.Unreachable` if the place itself cannot be reached.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from xw.errors import Damaged
from xw.files import Publication, Stat


class Note(Protocol):
    """A short text in a lock file: a few characters, not durable."""

    @property
    def handle(self) -> int:
        """The open lock file: a process that inherits it holds the lock until it ends."""

    def recall(self) -> str:
        """Return the text of the last `keep`, or an empty string."""

    def keep(self, text: str) -> None:
        """Replace the text."""


class Part(Protocol):
    """What is known of a file that was written in part."""

    @property
    def checked(self) -> int:
        """Number of its first bytes that were compared with the source, and are durable."""

    def note(self, checked: int) -> None:
        """Note another number of them."""


class Files(Protocol):
    """Bytes under one root, durable and atomic as each method states.

    With `group`, a Unix group shares the files made here; otherwise only their owner may use them.
    """

    root: str
    group: bool

    # Batches

    def list_folders(self, folders: Sequence[str]) -> list[list[str] | OSError]:
        """Return the names in each folder, unordered. FileNotFoundError, NotADirectoryError."""

    def stat_all(self, paths: Sequence[str]) -> list[Stat | OSError]:
        """Return each path's attributes, without following links. FileNotFoundError."""

    def read_all(self, paths: Sequence[str], limit: int) -> Iterator[bytes | OSError | Damaged]:
        """Yield the bytes of each regular file. Cheapest right after `list_folders` has listed them.

        The outcome is `errors.Damaged` for any other kind of path, or for more than `limit` bytes. Never
        follows a link, and never blocks on a FIFO.
        """

    def publish_all(self, items: Sequence[Publication]) -> list[OSError | None]:
        """Publish each item's data under its targets, whole or not at all; durable, each target atomic.

        The data is written once in the folder `scratch` under an unguessable name, synced, and linked to the
        targets; their folders are synced before the call returns. A target that exists with the same bytes
        counts as done; with other bytes it is a FileExistsError. An item that failed leaves no target that
        this call made; a crash may leave some, each whole.

        Items keep their order: after an item that failed with another error than FileExistsError, later items
        for the same folders fail too.
        """

    def move_all(self, moves: Sequence[tuple[str, str]]) -> list[OSError | None]:
        """Rename each file or folder and set its mtime to now; each move atomic and durable.

        If two callers move the same source, one gets FileNotFoundError.
        """

    def remove_all(self, paths: Sequence[str]) -> list[OSError | None]:
        """Remove files, links or other non-folders; durable. FileNotFoundError."""

    def sync_all(self, folders: Sequence[str]) -> list[OSError | None]:
        """Make the present content of each folder durable, whoever changed it. FileNotFoundError.

        Call it for a change that was already made: its maker may have died before syncing.
        """

    def make_folders(self, paths: Sequence[str]) -> None:
        """Make folders and their missing parents; durable. Raise the first error."""

    # Single calls, from `batch.Singles`

    def list_folder(self, folder: str) -> list[str]:
        """Return the names in a folder; see `list_folders`."""

    def stat(self, path: str) -> Stat:
        """Return a path's attributes; see `stat_all`."""

    def read(self, path: str, limit: int) -> bytes:
        """Return a regular file's bytes; see `read_all`."""

    def publish(
        self, data: bytes, scratch: str, targets: Sequence[str], separate_files: bool = False
    ) -> None:
        """Publish `data` under each target name; see `publish_all`."""

    def move(self, source: str, target: str) -> None:
        """Rename a file or folder; see `move_all`."""

    def remove(self, path: str) -> None:
        """Remove a file; see `remove_all`."""

    def sync(self, folder: str) -> None:
        """Make a folder's present content durable; see `sync_all`."""

    def make_folder(self, path: str) -> None:
        """Make a folder and its missing parents; see `make_folders`."""

    # Others

    def read_chunks(self, path: str) -> Iterator[bytes]:
        """Yield a regular file's bytes in chunks, for attachments of any size. Errors as in `read`."""

    def replace(self, data: bytes, scratch: str, path: str) -> None:
        """Put `data` at `path`, replacing any file there; atomic and durable."""

    def store(self, pieces: Iterable[bytes], path: str) -> tuple[int, str]:
        """Write a new file, durable; return its size and SHA-256 in hex. FileExistsError. Not atomic."""

    def resume(self, read: Callable[[], Iterable[bytes]], path: str, part: Part) -> tuple[int, str]:
        """Write a file as `store` does; go on with what an earlier call left at `path` when it was cut off.

        What is there is compared with the bytes that `read` yields; a file that differs is written anew. If
        the place cannot be reached any more, what was written stays for the next call.
        """

    def remove_folder(self, path: str) -> None:
        """Remove a folder and everything below it. FileNotFoundError. Not atomic, but repeatable."""

    def remove_empty_folder(self, path: str) -> None:
        """Remove an empty folder; durable. FileNotFoundError; another OSError if it is not empty.

        A process that had it open before can no longer create files in it.
        """

    def writable(self, folder: str) -> bool:
        """Return True if this process may create names in a folder; False if there is no such folder."""

    def divided(self, one: str, other: str) -> bool:
        """Return True if this process is root, and two private folders belong to different users.

        Files that root makes for one user would be unreadable for the other. False if the place itself sets
        the owner.
        """

    def foreign(self, path: str) -> bool:
        """Return True if another Unix user, not root, owns a path.

        False also if the owner is unknown. Root's files count as the place owner's: an older xw made them.
        """

    def now(self) -> float:
        """Return the time of the clock that sets mtimes here, in seconds since the epoch."""

    def locked(self, path: str, timeout: float = 10.0) -> AbstractContextManager[None]:
        """Hold the lock file `path` for long, against every other holder on this machine.

        The lock is free again when its holder dies. Raise `errors.Busy` after `timeout` seconds: a stopped
        process must not hang every agent.
        """

    def locked_briefly(self, path: str, timeout: float = 10.0) -> AbstractContextManager[Note]:
        """Hold the lock file `path` for one step, and return its note.

        It excludes `locked` on the same file, and imports nothing slow.
        """

    def held(self, path: str) -> bool:
        """Return True if a process holds this lock, in either way.

        Processes that only ask are never taken for holders.
        """
