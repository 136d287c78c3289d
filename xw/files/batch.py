"""The single calls of `contract.Files`, each made of the batch call, and what batches share.

An implementation writes the batch calls and inherits the single ones from `Singles`.
"""

from collections.abc import Iterable, Iterator, Sequence

from xw.errors import Damaged
from xw.files import Publication

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar, TypeVarTuple, Unpack

    from xw.files import Stat
    from xw.files.contract import Files, Part

    _Args = TypeVarTuple("_Args")
    _Result = TypeVar("_Result")


class Singles:
    """The single methods: each makes a batch of one, and raises its error."""

    def list_folder(self: "Files", folder: str) -> list[str]:
        """Return the names in a folder; see `list_folders`."""
        return only(self.list_folders((folder,)))

    def stat(self: "Files", path: str) -> "Stat":
        """Return a path's attributes; see `stat_all`."""
        return only(self.stat_all((path,)))

    def read(self: "Files", path: str, limit: int) -> bytes:
        """Return a regular file's bytes; see `read_all`."""
        return only(self.read_all((path,), limit))

    def publish(
        self: "Files", data: bytes, scratch: str, targets: Sequence[str], separate_files: bool = False
    ) -> None:
        """Publish `data` under each target name; see `publish_all`."""
        only(self.publish_all((Publication(data, scratch, tuple(targets), separate_files=separate_files),)))

    def move(self: "Files", source: str, target: str) -> None:
        """Rename a file or folder; see `move_all`."""
        only(self.move_all(((source, target),)))

    def remove(self: "Files", path: str) -> None:
        """Remove a file; see `remove_all`."""
        only(self.remove_all((path,)))

    def sync(self: "Files", folder: str) -> None:
        """Make a folder's present content durable; see `sync_all`."""
        only(self.sync_all((folder,)))

    def resume(
        self: "Files",
        read: "Callable[[], Iterable[bytes]]",
        path: str,
        part: "Part",  # noqa: ARG002  # the contract's
    ) -> tuple[int, str]:
        """Write a file anew; see `contract.Files.resume`. No connection cuts a local one."""
        if is_file(self, path):
            self.remove(path)
        return self.store(read(), path)

    def make_folder(self: "Files", path: str) -> None:
        """Make a folder and its missing parents; see `make_folders`."""
        self.make_folders((path,))


def only(outcomes: "Iterable[_Result | OSError | Damaged]") -> "_Result":
    """Return the only outcome of a batch, or raise it if it is an error."""
    (outcome,) = outcomes
    if isinstance(outcome, (OSError, Damaged)):
        raise outcome
    return outcome


def attempt(step: "Callable[[*_Args], _Result]", *args: "Unpack[_Args]") -> "_Result | OSError":
    """Return the result of a step, or its OSError."""
    try:
        return step(*args)
    except OSError as error:
        return error


def read_each(
    read: "Callable[[str, int], bytes]", paths: Sequence[str], limit: int
) -> Iterator[bytes | OSError | Damaged]:
    """Yield the bytes that `read` returns for each path, or its error."""
    for path in paths:
        try:
            data = read(path, limit)
        except (OSError, Damaged) as error:
            yield error
        else:
            yield data


def publish_each(
    publish: "Callable[[Publication], None]", items: Sequence[Publication]
) -> list[OSError | None]:
    """Publish items one after the other; an item that would overtake a failed one fails with its error."""
    held: dict[str, OSError] = {}
    outcomes: list[OSError | None] = []
    for item in items:
        error = held_back(held, item)
        if error is None:
            error = attempt(publish, item)
            if error is not None:
                hold_back(held, item, error)
        outcomes.append(error)
    return outcomes


def is_file(files: "Files", path: str) -> bool:
    """Return True if a path is a regular file; False if it, or its folder, does not exist."""
    try:
        return files.stat(path).kind == "file"
    except (FileNotFoundError, NotADirectoryError):
        return False


def held_back(held: dict[str, OSError], item: Publication) -> OSError | None:
    """Return the error of an earlier item for the same folder, which this item must not overtake, or None."""
    return next((held[folder] for folder in _folders(item) if folder in held), None)


def hold_back(held: dict[str, OSError], item: Publication, error: OSError) -> None:
    """Make later items for the same folders fail too, unless this item was refused permanently."""
    if not isinstance(error, FileExistsError):
        held.update(dict.fromkeys(_folders(item), error))


def _folders(item: Publication) -> list[str]:
    return [target.rpartition("/")[0] for target in item.targets]
