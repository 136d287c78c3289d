"""How long to wait before trying again: ever longer, and never all at once.

For whoever connects to a hub: forty agents that lost it together must not all
come back in the same second (sshd's MaxStartups turns them away).
"""

import random
from collections.abc import Callable, Iterator


def pauses(
    first: float = 0.25, most: float = 60.0, dice: Callable[[], float] = random.random
) -> Iterator[float]:
    """Seconds to wait before each next try, for ever: doubling up to `most`, give or take half by chance."""
    pause = first
    while True:
        yield pause * (0.5 + dice())
        pause = min(2 * pause, most)
