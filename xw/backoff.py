"""How long to wait before trying or looking again: ever longer, up to a limit.

`pauses` is for whoever connects to a hub: forty agents that lost it together
must not all come back in the same second (sshd's MaxStartups turns them away).
"""

import random
from collections.abc import Callable, Iterator


class Pause:
    """Seconds that grow from `first` to `last`, each `growth` times the one before."""

    def __init__(self, first: float, last: float, growth: float = 1.3) -> None:
        self._first = first
        self._last = last
        self._growth = growth
        self._next = first

    def longer(self) -> float:
        """Return the next pause, longer than the one before."""
        now = self._next
        self._next = min(now * self._growth, self._last)
        return now

    def reset(self) -> None:
        """Start again with the first pause."""
        self._next = self._first


def pauses(
    first: float = 0.25, most: float = 60.0, dice: Callable[[], float] = random.random
) -> Iterator[float]:
    """Yield the seconds before each next try, endlessly: doubling to `most`, half more or less by chance."""
    pause = Pause(first, most, 2.0)
    while True:
        yield pause.longer() * (0.5 + dice())
