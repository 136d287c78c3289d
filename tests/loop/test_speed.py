"""A bridge's costs: the time from a file in pending/ to a text in the chat, and its idle work."""

import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.team import Team, until
from tests.loop.processes import bridge, script
from xw import clock, layout

LATENCY_S = 0.05
IDLE = 0.002
MEMORY_KIB = 60 * 1024
TRIES = 3
"""A busy machine makes everything late now and then; what is slow by itself is so each time."""


def test_from_pending_to_the_chat(team: Team) -> None:
    """The median of 15 messages is in the chat within 50 ms of being in pending/.

    On a slow machine: within the time in which it starts such a program five times.
    """
    log = team.folder / "shown"
    program = script(team.folder, f"cat >/dev/null; date +%s.%N >>{log}; echo well")
    bridge(team, "bob", "command", "--", program)
    for _ in range(TRIES):
        delays = _delays(team, log)
        alone = statistics.median(_seconds_of(program) for _ in range(5))
        log.unlink()
        if statistics.median(delays) <= max(LATENCY_S, 5 * alone):
            return
    pytest.fail(f"{delays}, {alone} to start the program alone")


def _seconds_of(program: str) -> float:
    began = time.monotonic()
    subprocess.run([program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def _delays(team: Team, log: Path) -> list[float]:
    """From a message's time to the chat program's, 15 times."""
    delays = []
    for number in range(1, 16):
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
    """An idle bridge takes less than 0.2 % of a core and less than 60 MB."""
    running = bridge(team, "bob", "command", "--", "cat")
    pid = running.process.pid
    beat = team.box("bob") / "presence.json"
    until(beat.exists)
    for _ in range(TRIES):
        before, began = _cpu_s(pid), time.monotonic()
        time.sleep(seconds)  # the time over which it is idle is what is measured
        used = (_cpu_s(pid) - before) / (time.monotonic() - began)
        if used < IDLE:
            break
    status = Path(f"/proc/{pid}/status").read_text()
    memory = int(status.partition("VmHWM:")[2].split()[0])
    assert used < IDLE, f"{used:.2%} of a core"
    assert memory < MEMORY_KIB, f"{memory} KiB at its most"
    record_property("campaign", ("idle bridge", "nothing, for so many seconds", seconds, 0))
