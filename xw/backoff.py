"""Pauses between tries: ever longer, up to a limit.

`pauses` is for connecting to a hub: forty agents that lost it together must not all return in the same
second, or sshd's MaxStartups rejects them.
"""

import random
from collections.abc import Callable, Iterator


class Pause:
    """Seconds that grow from `first` to `last`, each `growth` times the previous ones."""

    def __init__(self, first: float, last: float, growth: float = 1.3) -> None:
        self._first = first
        self._last = last
        self._growth = growth
        self._next = first

    def longer(self) -> float:
        """Return the next, longer pause."""
        now = self._next
        self._next = min(now * self._growth, self._last)
        return now

    def reset(self) -> None:
        """Start again at the first pause."""
        self._next = self._first


def pauses(
    first: float = 0.25, most: float = 60.0, dice: Callable[[], float] = random.random
) -> Iterator[float]:
    """Yield the seconds before each next try, endlessly: doubling up to `most`, plus or minus half."""
    pause = Pause(first, most, 2.0)
    while True:
        yield pause.longer() * (0.5 + dice())
