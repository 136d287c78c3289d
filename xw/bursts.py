"""Splitting what has to travel into bursts, so that a link that is slow or cut still brings some of it."""

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    _Item = TypeVar("_Item")

_BURST = 256 * 1024  # bytes
_LEAST = 1024  # bytes that an item counts for at least: each is some requests


def bursts(items: "Iterable[_Item]", size: "Callable[[_Item], int]") -> "Iterator[list[_Item]]":
    """The items in order, in lists of about 256 KiB; one that is larger is alone."""
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
