"""Split data into bursts, so that a slow or broken link still delivers some of it."""

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    _Item = TypeVar("_Item")

_BURST = 256 * 1024  # bytes
_LEAST = 1024  # minimum bytes to count per item: each costs some requests


def bursts(items: "Iterable[_Item]", size: "Callable[[_Item], int]") -> "Iterator[list[_Item]]":
    """Yield the items in order, in lists of about 256 KiB; a larger item is alone in its list."""
    burst: list[_Item] = []
    room = _BURST
    for item in items:
        weight = max(size(item), _LEAST)
        if burst and weight > room:
            yield burst
            burst, room = [], _BURST
        burst.append(item)
        room -= weight
    if burst:
        yield burst
