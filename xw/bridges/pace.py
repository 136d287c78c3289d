"""How long to wait between two looks at a chat: short at first, longer as nothing happens."""

BLOCKED_S = 3.0
"""A chat that cannot take mail, perhaps for days, is looked at so often: each look costs 10 ms and more."""


class Pause:
    """Seconds that grow from `first` to `last`."""

    def __init__(self, first: float, last: float) -> None:
        self._first = first
        self._last = last
        self._next = first

    def longer(self) -> float:
        """Return the next pause."""
        now = self._next
        self._next = min(now * 1.3, self._last)
        return now

    def reset(self) -> None:
        """Something happened: look often again."""
        self._next = self._first
