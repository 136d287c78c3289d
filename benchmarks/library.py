"""The costs of sending and waiting in a program that uses xw as a library."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks import bare
from benchmarks.project import pair
from benchmarks.timing import ROOT, Result, compare, scratch, timed
from xw import post
from xw.instance import Instance

_RATE = 1 / 0.7  # no less than 70 % of the bare rate


def sending() -> Iterator[Result]:
    """Measure a durable send, beside the system calls of one."""
    with scratch() as folder:
        alice, _ = pair(folder)
        yield compare(
            "library send",
            lambda: timed(partial(send, alice)),
            lambda: timed(partial(_bare, folder)),
            _RATE,
            1000,
        )


def send(instance: Instance) -> None:
    draft = post.Draft("task", ("bob",), 100 * "x")
    post.send(instance.mailbox, instance.hub, draft, instance.now)


def _bare(folder: str) -> None:
    bare.publish(folder, os.urandom(8).hex())


def waking() -> Iterator[Result]:
    """From the start of a send to a waiting reader in another process that has read the message."""
    for then, name in (("leave", "send to watch"), ("claim", "send to watch, claimed away")):
        with scratch() as folder:
            alice, _ = pair(folder)
            with _reader("xw", folder, then) as ours, _reader("bare", folder, then) as baseline:
                yield compare(
                    name,
                    partial(_latency, partial(send, alice), ours),
                    partial(_latency, partial(_bare, folder), baseline),
                    3.0,
                    300,
                )


@contextmanager
def _reader(kind: str, folder: str, then: str) -> Iterator[int]:
    """Start a waiting reader; yield the pipe on which it answers."""
    command = [sys.executable, "-m", "benchmarks.reader", kind, folder, then]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout
        try:
            time.sleep(1.0)  # until it watches; nothing is measured before the first answer
            yield process.stdout.fileno()
        finally:
            process.kill()


def _latency(act: Callable[[], object], answers: int) -> float:
    time.sleep(0.002)  # a reader that has gone back to sleep is what is measured
    start = time.monotonic_ns()
    act()
    return (int.from_bytes(os.read(answers, 8), "big") - start) / 1e9
