"""The calls of `contract.Files` for one thing, each made of the call for several, and what those share.

A place writes the calls for several; whatever else it is, it inherits the others from `Singles`.
"""

from collections.abc import Iterable, Iterator, Sequence

from xw.errors import Damaged
from xw.files import Publication

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar, TypeVarTuple, Unpack

    from xw.files import Stat
    from xw.files.contract import Files

    _Args = TypeVarTuple("_Args")
    _Result = TypeVar("_Result")


class Singles:
    """The methods for one thing: each is its batch of one, and raises the outcome that is an error."""

    def list_folder(self: "Files", folder: str) -> list[str]:
        """Return the names in a folder: `list_folders`."""
        return only(self.list_folders((folder,)))

    def stat(self: "Files", path: str) -> "Stat":
        """Return what lies at a path: `stat_all`."""
        return only(self.stat_all((path,)))

    def read(self: "Files", path: str, limit: int) -> bytes:
        """Return a regular file's bytes: `read_all`."""
        return only(self.read_all((path,), limit))

    def publish(
        self: "Files", data: bytes, scratch: str, targets: Sequence[str], separate_files: bool = False
    ) -> None:
        """Make `data` appear under each target name: `publish_all`."""
        only(self.publish_all((Publication(data, scratch, tuple(targets), separate_files=separate_files),)))

    def move(self: "Files", source: str, target: str) -> None:
        """Rename a file or folder: `move_all`."""
        only(self.move_all(((source, target),)))

    def remove(self: "Files", path: str) -> None:
        """Remove a file: `remove_all`."""
        only(self.remove_all((path,)))

    def sync(self: "Files", folder: str) -> None:
        """Make durable what a folder shows: `sync_all`."""
        only(self.sync_all((folder,)))

    def make_folder(self: "Files", path: str) -> None:
        """Make a folder, and those above it: `make_folders`."""
        self.make_folders((path,))


def only(outcomes: "Iterable[_Result | OSError | Damaged]") -> "_Result":
    """Return the outcome of a batch of one; raise it where it is an error."""
    (outcome,) = outcomes
    if isinstance(outcome, (OSError, Damaged)):
        raise outcome
    return outcome


def attempt(step: "Callable[[*_Args], _Result]", *args: "Unpack[_Args]") -> "_Result | OSError":
    """Return what a step returns, or its OSError."""
    try:
        return step(*args)
    except OSError as error:
        return error


def read_each(
    read: "Callable[[str, int], bytes]", paths: Sequence[str], limit: int
) -> Iterator[bytes | OSError | Damaged]:
    """Yield what `read` returns for each path, or its error."""
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
    """Publish the items one after the other, but none that would overtake one that failed."""
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
    """Return True if a regular file lies at a path; False also where the folder above is none, or missing."""
    try:
        return files.stat(path).kind == "file"
    except (FileNotFoundError, NotADirectoryError):
        return False


def held_back(held: dict[str, OSError], item: Publication) -> OSError | None:
    """Return the error for which an item must wait, so that it does not overtake an earlier one."""
    return next((held[folder] for folder in _folders(item) if folder in held), None)


def hold_back(held: dict[str, OSError], item: Publication, error: OSError) -> None:
    """Note that what follows an item into its folders must wait; not where the item is refused for good."""
    if not isinstance(error, FileExistsError):
        held.update(dict.fromkeys(_folders(item), error))


def _folders(item: Publication) -> list[str]:
    return [target.rpartition("/")[0] for target in item.targets]
