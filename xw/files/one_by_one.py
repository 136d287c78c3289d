"""The batches of `contract.Files` as plain loops: for places where a call costs no round trip.

`LocalFiles` and `MemoryFiles` take them from here; over SFTP each is a few
bursts of requests instead.
"""

from collections.abc import Iterator, Sequence

from xw.errors import Damaged
from xw.files import Look, Publication

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar, TypeVarTuple, Unpack

    from xw.files.contract import Files

    _Args = TypeVarTuple("_Args")
    _Result = TypeVar("_Result")


class OneByOne:
    """The batch methods, each a loop over the method for one."""

    def names_of(self: "Files", folders: Sequence[str]) -> list[list[str] | OSError]:
        """See `contract.Files.names_of`."""
        return [attempt(self.names, folder) for folder in folders]

    def look_all(self: "Files", paths: Sequence[str]) -> list[Look | OSError]:
        """See `contract.Files.look_all`."""
        return [attempt(self.look, path) for path in paths]

    def read_all(self: "Files", paths: Sequence[str], limit: int) -> Iterator[bytes | OSError | Damaged]:
        """See `contract.Files.read_all`."""
        return read_each(self.read, paths, limit)

    def publish_all(self: "Files", items: Sequence[Publication]) -> list[OSError | None]:
        """See `contract.Files.publish_all`."""
        held: dict[str, OSError] = {}
        outcomes: list[OSError | None] = []
        for item in items:
            error = held_back(held, item)
            if error is None:
                error = attempt(self.publish, item.data, item.scratch, item.targets)
                if error is not None:
                    hold_back(held, item, error)
            outcomes.append(error)
        return outcomes

    def move_all(self: "Files", moves: Sequence[tuple[str, str]]) -> list[OSError | None]:
        """See `contract.Files.move_all`."""
        return [attempt(self.move, *move) for move in moves]

    def remove_all(self: "Files", paths: Sequence[str]) -> list[OSError | None]:
        """See `contract.Files.remove_all`."""
        return [attempt(self.remove, path) for path in paths]

    def sync_all(self: "Files", folders: Sequence[str]) -> list[OSError | None]:
        """See `contract.Files.sync_all`."""
        return [attempt(self.sync, folder) for folder in folders]

    def make_folders(self: "Files", paths: Sequence[str]) -> None:
        """See `contract.Files.make_folders`."""
        for path in paths:
            self.make_folder(path)


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


def held_back(held: dict[str, OSError], item: Publication) -> OSError | None:
    """The error for which an item must wait, so that it does not overtake an earlier one."""
    return next((held[folder] for folder in _folders(item) if folder in held), None)


def hold_back(held: dict[str, OSError], item: Publication, error: OSError) -> None:
    """Note that what follows an item into its folders must wait; not where the item is refused for good."""
    if not isinstance(error, FileExistsError):
        held.update(dict.fromkeys(_folders(item), error))


def _folders(item: Publication) -> list[str]:
    return [target.rpartition("/")[0] for target in item.targets]
