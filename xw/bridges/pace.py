"""Pauses between two looks at a chat: short at first, longer while nothing happens."""

BLOCKED_S = 3.0
"""The longest pause while a chat cannot take mail, perhaps for days: each look costs 10 ms and more."""


class Pause:
    """Seconds that grow from `first` to `last`."""

    def __init__(self, first: float, last: float) -> None:
        self._first = first
        self._last = last
        self._next = first

    def longer(self) -> float:
        """Return the next pause, longer than the one before."""
        now = self._next
        self._next = min(now * 1.3, self._last)
        return now

    def reset(self) -> None:
        """Start again with the first pause."""
        self._next = self._first
