"""A bridge's costs: the time from a file in pending/ to a text in the chat, and its idle work."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.team import Team, until
from tests.idle import cost
from tests.loop.processes import bridge, script
from tests.loop.world import World
from xw import clock, layout

EVENT_S = 1.0
"""Far from the 5 s between two looks, and enough for a busy machine; `benchmarks bridges` measures it."""
IDLE = 0.002
WAKES_PER_S = 4
MEMORY_KIB = 60 * 1024
TRIES = 3
"""A busy machine makes everything late now and then; what is slow by itself is so each time."""


def test_from_pending_to_the_chat(team: Team) -> None:
    """The file of a message in pending/ wakes a bridge at rest; no clock does."""
    log = team.folder / "shown"
    program = script(team.folder, f"cat >/dev/null; date +%s.%N >>{log}; echo well")
    running = bridge(team, "bob", "command", "--", program)
    assert (team.box("bob") / "inbox/pending").stat().st_ino in _watched(running.process.pid)
    assert statistics.median(_delays(team, log)) < EVENT_S


def test_nothing_pauses_on_the_way_into_the_chat(tmp_path: Path) -> None:
    """From its claim to the chat, a message waits for nothing."""
    world = World(tmp_path)
    world.send("what is up?")
    world.run(world.bridge())
    assert len(world.program.shown) == 1
    assert world.seconds == 0


def _watched(pid: int) -> set[int]:
    """Return the inodes of the files that the kernel watches for a process (proc(5), fdinfo)."""
    lines = [line for one in Path(f"/proc/{pid}/fdinfo").iterdir() for line in one.read_text().splitlines()]
    return {int(line.split(" ino:")[1].split()[0], 16) for line in lines if line.startswith("inotify ")}


def _delays(team: Team, log: Path) -> list[float]:
    """From a message's time to the chat program's, 5 times."""
    delays = []
    for number in range(1, 6):
        sent = team.send("what is up?", kind="question")
        until(lambda: log.exists() and log.read_text().count("\n") == number)  # noqa: B023  # used at once
        done = team.box("bob") / "inbox/done" / f"{sent}.question.alice.json"
        until(done.exists)
        until(lambda: not team.names("bob", "inbox/processing"))  # its turn is over: the bridge is idle
        # The id's time is from just before it was published, so this is more than what is promised.
        delays.append(float(log.read_text().split()[-1]) - clock.from_stamp(layout.time_of(sent)) / 1e6)
    return delays


def _cpu_s(pid: int) -> float:
    """Return the processor time of all threads of a process, to the nanosecond."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


@pytest.mark.parametrize("seconds", [5, pytest.param(60, marks=pytest.mark.torture)])
def test_idle(team: Team, seconds: int, record_property: Callable[[str, object], None]) -> None:
    """An idle bridge takes less than 0.2 % of a core and 60 MB, and wakes less than 4 times a second."""
    running = bridge(team, "bob", "command", "--", "cat")
    pid = running.process.pid
    beat = team.box("bob") / "presence.json"
    until(beat.exists)
    for _ in range(TRIES):
        before, wakes, began = _cpu_s(pid), cost([pid]).wakes, time.monotonic()
        time.sleep(seconds)  # the time over which it is idle is what is measured
        took = time.monotonic() - began
        used, woken = (_cpu_s(pid) - before) / took, (cost([pid]).wakes - wakes) / took
        if used < IDLE and woken < WAKES_PER_S:
            break
    status = Path(f"/proc/{pid}/status").read_text()
    memory = int(status.partition("VmHWM:")[2].split()[0])
    assert used < IDLE, f"{used:.2%} of a core"
    assert woken < WAKES_PER_S, f"woken {woken:.1f} times a second"
    assert memory < MEMORY_KIB, f"{memory} KiB at its most"
    record_property("campaign", ("idle bridge", "nothing, for so many seconds", seconds, 0))
