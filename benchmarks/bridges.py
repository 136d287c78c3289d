"""A bridge's costs: from a message's file to its text in a tmux pane, and while idle."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from socket import AF_UNIX, socket

from benchmarks.commands import XW, environ
from benchmarks.library import send
from benchmarks.project import pair
from benchmarks.timing import Result, compare, scratch
from xw.bridges.panes import Tmux
from xw.instance import Instance
from xw.layout import INBOX

_PANE = os.path.join(os.path.dirname(__file__), "pane.py")
_IDLE_S = 30.0
_CPU = 0.002  # of a core
_MEMORY_MB = 60.0


def presenting() -> Iterator[Result]:
    """From the start of a send to the text in the pane; the baseline pastes it with two tmux commands."""
    with scratch() as folder:
        alice, bob = pair(folder)
        pipe, server = f"{folder}/heard", f"{folder}/tmux"
        os.mkfifo(pipe)
        with _pane(Tmux(server), pipe) as (tmux, pane, heard):
            with _bridge(
                bob, "tmux", "--target", pane, "--option", f"server={server}", "--option", "profile=llm"
            ):
                mail = partial(_mail, alice, bob, heard)
                mail()
                ours = [mail() for _ in range(30)]
            bare = [_paste(tmux, pane, heard) for _ in range(30)]
    steps = iter(ours), iter(bare)
    yield compare("send to text in the pane", lambda: next(steps[0]), lambda: next(steps[1]), 8.0, 29)


def idle() -> Iterator[Result]:
    """Measure an idle socket bridge: seconds of CPU, and memory, beside the limits."""
    with scratch() as folder, socket(AF_UNIX) as chat:
        bob = pair(folder)[1]
        chat.bind(f"{folder}/chat.sock")
        chat.listen()
        with _bridge(bob, "socket", "--target", f"{folder}/chat.sock") as process:
            time.sleep(1.0)
            before = _cpu(process)
            time.sleep(_IDLE_S)
            spent, memory = _cpu(process) - before, _memory_mb(process)
    yield Result(f"idle bridge, CPU in {_IDLE_S:g} s", spent, _IDLE_S * _CPU, 1.0)
    yield Result("idle bridge, MB (as s)", memory / 1e3, _MEMORY_MB / 1e3, 1.0)


def _mail(alice: Instance, bob: Instance, heard: int) -> float:
    start = time.monotonic_ns()
    send(alice)
    took = int.from_bytes(os.read(heard, 8), "big") - start
    done = f"{bob.root}/{bob.mailbox.at(INBOX['processing'])}"
    while os.listdir(done):  # until the bridge is through with it
        time.sleep(0.01)
    time.sleep(0.05)  # a bridge that has gone back to sleep is what is measured
    return took / 1e9


def _paste(tmux: Tmux, pane: str, heard: int) -> float:
    start = time.monotonic_ns()
    tmux.paste(pane, "[mail] " + 100 * "x")
    took = int.from_bytes(os.read(heard, 8), "big") - start
    tmux.press(pane, "Enter")
    time.sleep(0.05)
    return took / 1e9


@contextmanager
def _pane(tmux: Tmux, pipe: str) -> Iterator[tuple[Tmux, str, int]]:
    command = [sys.executable, _PANE, pipe]
    shown = tmux.run("-f", "/dev/null", "new-session", "-d", "-P", "-F", "#{pane_id}", *command)
    heard = os.open(pipe, os.O_RDONLY)
    try:
        yield tmux, shown.strip(), heard
    finally:
        os.close(heard)
        tmux.run("kill-server")


@contextmanager
def _bridge(instance: Instance, *arguments: str) -> Iterator[int]:
    command = [XW, "bridge", *arguments]
    with subprocess.Popen(command, env=environ(instance), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            while "ready" not in process.stderr.readline():
                assert process.poll() is None, "the bridge ended"
            yield process.pid
        finally:
            with suppress(ProcessLookupError):
                process.terminate()


def _cpu(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def _memory_mb(pid: int) -> float:
    with open(f"/proc/{pid}/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines["VmRSS"].split()[0]) / 1024


ALL = {"presenting": presenting, "idle": idle}
