"""The batches of `contract.Files` as plain loops: for places where a call costs no round trip.

`LocalFiles` and `MemoryFiles` take them from here; over SFTP each is a few
bursts of requests instead.
"""

from collections.abc import Iterator, Sequence

from xw.errors import Damaged
from xw.files import Look, Publication

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from xw.files.contract import Files


class OneByOne:
    """The batch methods, each a loop over the method for one."""

    def names_of(self: "Files", folders: Sequence[str]) -> list[list[str] | OSError]:
        """See `contract.Files.names_of`."""
        found: list[list[str] | OSError] = []
        for folder in folders:
            try:
                found.append(self.names(folder))
            except OSError as error:
                found.append(error)
        return found

    def look_all(self: "Files", paths: Sequence[str]) -> list[Look | OSError]:
        """See `contract.Files.look_all`."""
        found: list[Look | OSError] = []
        for path in paths:
            try:
                found.append(self.look(path))
            except OSError as error:
                found.append(error)
        return found

    def read_all(self: "Files", paths: Sequence[str], limit: int) -> Iterator[bytes | OSError | Damaged]:
        """See `contract.Files.read_all`."""
        for path in paths:
            try:
                data = self.read(path, limit)
            except (OSError, Damaged) as error:
                yield error
            else:
                yield data

    def publish_all(self: "Files", items: Sequence[Publication]) -> list[OSError | None]:
        """See `contract.Files.publish_all`."""
        held: dict[str, OSError] = {}
        outcomes: list[OSError | None] = []
        for item in items:
            error = held_back(held, item)
            if error is None:
                try:
                    self.publish(item.data, item.scratch, item.targets)
                except OSError as problem:
                    error = problem
                    hold_back(held, item, error)
            outcomes.append(error)
        return outcomes

    def move_all(self: "Files", moves: Sequence[tuple[str, str]]) -> list[OSError | None]:
        """See `contract.Files.move_all`."""
        outcomes: list[OSError | None] = []
        for source, target in moves:
            try:
                self.move(source, target)
                outcomes.append(None)
            except OSError as error:
                outcomes.append(error)
        return outcomes

    def remove_all(self: "Files", paths: Sequence[str]) -> list[OSError | None]:
        """See `contract.Files.remove_all`."""
        outcomes: list[OSError | None] = []
        for path in paths:
            try:
                self.remove(path)
                outcomes.append(None)
            except OSError as error:
                outcomes.append(error)
        return outcomes

    def sync_all(self: "Files", folders: Sequence[str]) -> list[OSError | None]:
        """See `contract.Files.sync_all`."""
        outcomes: list[OSError | None] = []
        for folder in folders:
            try:
                self.sync(folder)
                outcomes.append(None)
            except OSError as error:
                outcomes.append(error)
        return outcomes

    def make_folders(self: "Files", paths: Sequence[str]) -> None:
        """See `contract.Files.make_folders`."""
        for path in paths:
            self.make_folder(path)


def held_back(held: dict[str, OSError], item: Publication) -> OSError | None:
    """The error for which an item must wait, so that it does not overtake an earlier one."""
    return next((held[folder] for folder in _folders(item) if folder in held), None)


def hold_back(held: dict[str, OSError], item: Publication, error: OSError) -> None:
    """Note that what follows an item into its folders must wait; not where the item is refused for good."""
    if not isinstance(error, FileExistsError):
        held.update(dict.fromkeys(_folders(item), error))


def _folders(item: Publication) -> list[str]:
    return [target.rpartition("/")[0] for target in item.targets]
