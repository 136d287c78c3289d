"""Measure in interleaved pairs, and report the ratios."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from statistics import median
from tempfile import mkdtemp
from typing import NamedTuple

Step = Callable[[], float]  # does one thing; its time in seconds
ROOT = Path(__file__).parent.parent


class Result(NamedTuple):
    """Medians in seconds, and how many times the baseline is allowed."""

    name: str
    ours: float
    baseline: float
    limit: float

    @property
    def ratio(self) -> float:
        return self.ours / self.baseline

    @property
    def ok(self) -> bool:
        return self.ratio <= self.limit


def compare(name: str, ours: Step, baseline: Step, limit: float, rounds: int) -> Result:
    """Return the medians of both, measured in turn so that a busy moment of the machine meets both."""
    ours(), baseline()
    pairs = [(ours(), baseline()) for _ in range(rounds)]
    return Result(name, median(pair[0] for pair in pairs), median(pair[1] for pair in pairs), limit)


def timed(act: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def run(command: list[str], environ: dict[str, str], given: str = os.devnull) -> float:
    """How long a whole process takes that reads the file `given`; its output is thrown away."""
    quiet = [
        (os.POSIX_SPAWN_OPEN, 0, given, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    ]
    start = time.perf_counter()
    process = os.posix_spawn(command[0], command, environ, file_actions=quiet)
    status = os.waitpid(process, 0)[1]
    took = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return took


@contextmanager
def scratch() -> Iterator[str]:
    """Yield a directory on the disk of the checkout (a hub on a tmpfs would make every fsync free)."""
    (ROOT / "build").mkdir(exist_ok=True)
    folder = mkdtemp(prefix="bench-", dir=ROOT / "build")
    try:
        yield folder
    finally:
        rmtree(folder)
