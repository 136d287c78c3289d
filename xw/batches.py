"""Split data into batches, so that a slow or broken link still delivers some of it."""

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    _Item = TypeVar("_Item")

_BATCH_BYTES = 256 * 1024
_LEAST = 1024  # minimum bytes to count per item: each costs some requests


def batches(items: "Iterable[_Item]", size: "Callable[[_Item], int]") -> "Iterator[list[_Item]]":
    """Yield the items in order, in lists of about 256 KiB; a larger item is alone in its list."""
    batch: list[_Item] = []
    room = _BATCH_BYTES
    for item in items:
        weight = max(size(item), _LEAST)
        if batch and weight > room:
            yield batch
            batch, room = [], _BATCH_BYTES
        batch.append(item)
        room -= weight
    if batch:
        yield batch
