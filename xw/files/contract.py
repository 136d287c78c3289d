"""The seam below everything: what a place must do to hold mailboxes.

Implementations: `local.LocalFiles` (a directory), `sftp.SftpFiles` (a directory
of another host), and one in memory for tests. `tests/files/` runs one suite against each.

Paths are relative to the place's root, `/`-separated, without `.` or `..`, and
made by this package: no name in them comes unchecked from a message.

What holds for every method:

- *Durable* means: when the call has returned, the change survives a power cut.
- *Atomic* means: at every moment, and after a crash at any moment, others see
  the old state or the new, nothing between.
- The methods for several (`…_of`, `…_all`) give an outcome for each, in order,
  and cost a few round trips in all; so whatever acts on a hub uses these. The
  method for one is the same with a single path, and raises its outcome; it
  comes with `batch.Singles`.
- A call that raised may be repeated. One that raised OSError left what was
  visible as it was; but where a folder cannot be synced any more, `replace`
  and `remove` may have been done.
- Errors: FileNotFoundError, FileExistsError, PermissionError and other OSErrors
  as documented; `errors.Unreachable` when the place itself cannot be reached.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from xw.errors import Damaged
from xw.files import Publication, Stat


class Note(Protocol):
    """Text in a lock file, besides the lock: a few characters, not durable."""

    def recall(self) -> str:
        """Return the text that was kept last, or an empty string."""

    def keep(self, text: str) -> None:
        """Replace it."""


class Files(Protocol):
    """Bytes under one root, durable and atomic as each method says.

    With `group`, a Unix group shares what is made here; else it is its owner's alone.
    """

    root: str
    group: bool

    # Several at once

    def list_folders(self, folders: Sequence[str]) -> list[list[str] | OSError]:
        """Return the names in each folder, in no order. FileNotFoundError, NotADirectoryError."""

    def stat_all(self, paths: Sequence[str]) -> list[Stat | OSError]:
        """Return what lies at each path, a link not followed. FileNotFoundError."""

    def read_all(self, paths: Sequence[str], limit: int) -> Iterator[bytes | OSError | Damaged]:
        """Yield the bytes of each regular file. Cheapest where `list_folders` has just listed them.

        `errors.Damaged` for anything else at a path, or more than `limit` bytes.
        Never follows a link and never blocks on a FIFO.
        """

    def publish_all(self, items: Sequence[Publication]) -> list[OSError | None]:
        """Make each item's data appear under its targets, whole or not at all; durable, each target atomic.

        Written once in the folder `scratch` under an unguessable name, synced,
        and linked to the targets, whose folders are synced before the call
        returns. A target that exists with the same bytes counts as done, with
        other bytes it is a FileExistsError. Of an item that failed, no target that
        this call made is left; a crash may leave some of them, each whole.

        None overtakes: after one that failed, but for a FileExistsError, what
        goes to one of its targets' folders is not left there and fails alike.
        """

    def move_all(self, moves: Sequence[tuple[str, str]]) -> list[OSError | None]:
        """Rename each source, a file or folder, to its target and set its mtime to now; each atomic, durable.

        Of two callers that move one source, one gets FileNotFoundError.
        """

    def remove_all(self, paths: Sequence[str]) -> list[OSError | None]:
        """Remove files, links or other non-folders; durable. FileNotFoundError."""

    def sync_all(self, folders: Sequence[str]) -> list[OSError | None]:
        """Make durable what each folder shows now, whoever made it so. FileNotFoundError.

        For a change found done already: whoever did it may have died before its own sync.
        """

    def make_folders(self, paths: Sequence[str]) -> None:
        """Make folders, and those above them where they are missing; durable. Raises what stops the first."""

    # One: from `batch.Singles`

    def list_folder(self, folder: str) -> list[str]:
        """`list_folders` one folder."""

    def stat(self, path: str) -> Stat:
        """`stat_all` at one path."""

    def read(self, path: str, limit: int) -> bytes:
        """`read_all` of one path."""

    def publish(
        self, data: bytes, scratch: str, targets: Sequence[str], separate_files: bool = False
    ) -> None:
        """`publish_all` one item."""

    def move(self, source: str, target: str) -> None:
        """`move_all` of one source."""

    def remove(self, path: str) -> None:
        """`remove_all` of one path."""

    def sync(self, folder: str) -> None:
        """`sync_all` of one folder."""

    def make_folder(self, path: str) -> None:
        """`make_folders` for one path."""

    # Others

    def read_chunks(self, path: str) -> Iterator[bytes]:
        """Read a regular file in pieces, for attachments of any size. Errors as `read`."""

    def replace(self, data: bytes, scratch: str, path: str) -> None:
        """Put `data` at `path` in place of what was there; atomic and durable."""

    def store(self, pieces: Iterable[bytes], path: str) -> tuple[int, str]:
        """Write a new file, durable; return its size and SHA-256 in hex. FileExistsError. Not atomic."""

    def remove_folder(self, path: str) -> None:
        """Remove a folder and all below it. Not atomic: may be repeated. FileNotFoundError."""

    def writable(self, folder: str) -> bool:
        """Return True if one may create names in a folder; False where there is no such folder."""

    def divided(self, one: str, other: str) -> bool:
        """Return True if this process is root, and two private folders here belong to different users.

        What root makes for one user the other could not read. False where the place gives files their owner.
        """

    def foreign(self, path: str) -> bool:
        """Return True if another Unix user, not root, owns what lies at a path.

        False also where nobody can tell. What root owns was made for the owner of the place, by an older xw.
        """

    def now(self) -> float:
        """Return the time by the clock that sets mtimes here, in seconds."""

    def locked(self, path: str, timeout: float = 10.0) -> AbstractContextManager[None]:
        """Hold the lock file `path` for long, against every other holder on this machine.

        It is free again when its holder dies. `errors.Busy` when it stays held
        for `timeout` seconds: a stopped process must not hang every agent.
        """

    def locked_briefly(self, path: str, timeout: float = 10.0) -> AbstractContextManager[Note]:
        """Hold the lock file `path` for one step, as `locked`, and give what it notes.

        On one file the two exclude each other; this one loads nothing that is slow.
        """

    def held(self, path: str) -> bool:
        """Return True if somebody holds this lock, in either way.

        Neither asker nor holder mistakes another asker for a holder.
        """
