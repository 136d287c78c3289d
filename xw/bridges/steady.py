"""The clock by which a chat measures its turns: the system's time, which nobody sets while the bridge runs.

Measured by the system's own clock, a turn would time out, and half an answer would count as settled, when
that clock is set forward; set back, it would hold the bridge up for as long.
"""

import time

_COUNTER = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # time asleep counts, where it can
_STARTED = time.time() - time.clock_gettime(_COUNTER)


def seconds() -> float:
    """Return the seconds since the epoch, by the system's clock as it was when this process started."""
    return _STARTED + time.clock_gettime(_COUNTER)
