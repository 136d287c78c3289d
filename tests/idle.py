"""The cost of idle processes, counted by the kernel: CPU time, wake-ups, bytes read and written."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.cli.team import until

_PERIODS = 3
_TICK = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """CPU seconds, voluntary context switches of all threads, and read and write calls, of some processes."""

    cpu: float
    wakes: int
    calls: int

    def __sub__(self, before: "Cost") -> "Cost":
        return Cost(self.cpu - before.cpu, self.wakes - before.wakes, self.calls - before.calls)


def tree(*roots: int) -> list[int]:
    """Return the processes and all below them."""
    found, left = [], list(roots)
    while left:
        process = left.pop()
        with suppress(OSError):  # it has ended meanwhile
            left += [
                int(child)
                for task in os.listdir(f"/proc/{process}/task")
                for child in Path(f"/proc/{process}/task/{task}/children").read_text().split()
            ]
            found.append(process)
    return found


def cost(processes: Iterable[int]) -> Cost:
    """Return the cost of processes so far."""
    cpu, wakes, calls = 0, 0, 0
    for process in processes:
        with suppress(OSError):  # it has ended meanwhile
            stat = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
            cpu += int(stat[11]) + int(stat[12])
            calls += sum(
                int(line.split()[1])
                for line in Path(f"/proc/{process}/io").read_text().splitlines()
                if line.startswith("sysc")
            )
            for task in os.listdir(f"/proc/{process}/task"):
                lines = Path(f"/proc/{process}/task/{task}/status").read_text().splitlines()
                wakes += next(int(line.split()[1]) for line in lines if line.startswith("voluntary"))
    return Cost(cpu / _TICK, wakes, calls)


def settled(number: Callable[[], float], quiet: float = 1.5) -> None:
    """Return once a number has not changed for so many seconds; what a start sets off is over then."""
    last, since = number(), time.monotonic()

    def unchanged() -> bool:
        nonlocal last, since
        now = number()
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > quiet

    until(unchanged)


def restless(parts: Mapping[str, Iterable[int]], seconds: float) -> dict[str, Cost]:
    """Return the cost of the parts that did more than heartbeats and a look now and then, three times.

    The kernel counts processor time by ticks, on a busy machine too much now and then: who rested in one of
    three periods rests.
    """
    left = [*parts]
    for _ in range(_PERIODS):
        before = {name: cost(parts[name]) for name in left}
        time.sleep(seconds)  # the time over which they are idle is what is measured
        spent = {name: cost(parts[name]) - before[name] for name in left}
        left = [name for name, one in spent.items() if not _rests(one, seconds)]
        if not left:
            return {}
    return {name: spent[name] for name in left}


def _rests(spent: Cost, seconds: float) -> bool:
    return spent.cpu < 0.005 * seconds and spent.wakes < 6 * seconds
