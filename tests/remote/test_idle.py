"""The idle cost of `xw sync --watch`: the real program, a real sshd, counted from outside."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.cli.team import PATIENCE, until
from tests.idle import cost, restless, settled, tree
from tests.remote.conftest import behind, reap
from tests.remote.machine import Machine, disconnect
from tests.remote.proxy import Proxy
from tests.remote.watching import Watch, host_send, pushes
from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import Sshd

IDLE_S = 20.0
CPU_S = 0.1
BYTES = 20_000


class Syncs:
    """Counts the syncs of a mailbox by what each of them leaves: a new `outbox/.sync.json`."""

    def __init__(self, mirror: Path) -> None:
        command = ["inotifywait", "-m", "-e", "moved_to", "--format", "%f", str(mirror / "outbox")]
        self._lines = mirror.parent.parent / f"syncs-of-{mirror.name}"
        with self._lines.open("wb") as lines:
            self.process = subprocess.Popen(command, stdout=lines, stderr=subprocess.PIPE)
        assert self.process.stderr
        while b"established" not in self.process.stderr.readline():
            assert self.process.poll() is None
        self.process.stderr.close()

    def count(self) -> int:
        return self._lines.read_text().count(".sync.json")


@contextmanager
def counted(mirror: Path) -> Iterator[Syncs]:
    """Counts the syncs of a mailbox while the block runs."""
    syncs = Syncs(mirror)
    try:
        yield syncs
    finally:
        syncs.process.kill()
        syncs.process.wait()


@pytest.fixture
def proxy(known: Sshd, home: Home, keys: Keys) -> Iterator[Proxy]:
    yield from behind(known, home, keys, delay=0.01)


@pytest.fixture
def far(proxy: Proxy, hub: Path, tmp_path: Path) -> Iterator[Machine]:
    """Alice's machine, 20 ms away from the hub."""
    machine = Machine(tmp_path / "alice", "alice", f"ssh://127.0.0.1:{proxy.port}{hub}")
    machine.join()
    disconnect()
    yield machine
    for process in machine.started:
        process.kill()
        reap(process)


@pytest.mark.long
def test_parts_on_a_mirror_rest(far: Machine, proxy: Proxy, known: Sshd, hub: Path) -> None:
    """Beside a `sync --watch` of three mailboxes, bridge, `watch`, `wait`, `ask` and `log --follow` sleep.

    The mailboxes' mail is listed, the bridge's heartbeats travel, and the peers are looked at once for all.
    """
    far.ok("init", "--name", "bob", "--hub", far.url)
    far.ok("init", "--name", "nobody", "--hub", far.url)
    disconnect()
    watch = Watch(far)
    pushes(hub)
    question = json.loads(
        far.process("send", "question", "x", "--to", "nobody", "--json", "--as", "alice").out
    )["id"]
    parts = {
        "bridge": ("bridge", "command", "--as", "bob", "--", "cat"),
        "watch": ("watch", "--as", "bob"),
        "wait": ("wait", "--timeout", "600", "--re", question, "--as", "alice"),
        "log": ("log", "--follow", "--as", "alice"),
        "ask": ("ask", "anybody?", "--to", "nobody", "--timeout", "600", "--as", "alice"),
    }
    logins = known.log.read_text().count("Accepted publickey")
    started = {name: far.start(*arguments) for name, arguments in parts.items()}
    settled(lambda: cost(tree(*(process.pid for process in started.values()))).cpu)
    trees = {name: tree(process.pid) for name, process in started.items()}
    passed, began = sum(proxy.passed), time.monotonic()
    assert restless(trees, IDLE_S) == {}
    assert (sum(proxy.passed) - passed) / (time.monotonic() - began) < 2 * BYTES / IDLE_S
    assert {name for name, process in started.items() if process.poll() is not None} == set()
    assert known.log.read_text().count("Accepted publickey") == logins
    watch.process.kill()
    watch.process.wait()


@pytest.mark.long
def test_who_waits_looks_less_and_less_often(far: Machine, proxy: Proxy, hub: Path, tmp_path: Path) -> None:
    """Without a `sync --watch`, who waits syncs by itself, ever more rarely; mail still arrives."""
    parts = {
        "alice": ("watch",),
        "bob": ("wait", "--timeout", "600"),
        "carol": ("ask", "anybody?", "--to", "nobody", "--timeout", "600"),
    }
    for name in ("bob", "carol", "nobody"):
        far.ok("init", "--name", name, "--hub", far.url)
    disconnect()
    with ExitStack() as stack:
        syncs = {name: stack.enter_context(counted(far.mirror.with_name(name))) for name in parts}
        started = {name: far.start(*arguments, "--as", name) for name, arguments in parts.items()}
        until(lambda: all(one.count() >= 6 for one in syncs.values()))
        trees = {name: tree(process.pid) for name, process in started.items()}
        before = {name: (cost(trees[name]), syncs[name].count()) for name in parts}
        passed = sum(proxy.passed)
        time.sleep(IDLE_S)
        passed = sum(proxy.passed) - passed
        for name, (spent, count) in before.items():
            assert syncs[name].count() - count <= 4, name
            assert (cost(trees[name]) - spent).cpu < CPU_S, name
        assert passed < len(parts) * 2 * BYTES
        for name in parts:
            host_send(hub, tmp_path / "host", "news", name)
        until(
            lambda: all(any((far.mirror.with_name(name) / "inbox" / "pending").iterdir()) for name in parts)
        )


@pytest.mark.long
def test_an_idle_watch_rests(far: Machine, proxy: Proxy, known: Sshd, hub: Path, tmp_path: Path) -> None:
    """In 20 idle seconds: hardly a sync, hardly a byte, no CPU to speak of, here and there; then it wakes."""
    watch = Watch(far)
    pushes(hub)
    with counted(far.mirror) as syncs:
        settled(syncs.count)
        here, there = tree(watch.process.pid), known.sessions()
        before = cost(here), cost(there), syncs.count(), sum(proxy.passed)
        time.sleep(IDLE_S)
        spent = cost(here) - before[0], cost(there) - before[1]
        passed = sum(proxy.passed) - before[3]
        assert syncs.count() - before[2] <= 3
        assert passed < BYTES
        assert max(spent[0].cpu, spent[1].cpu) < CPU_S, spent
        began = time.monotonic()
        host_send(hub, tmp_path / "host", "news", "alice")
        until(lambda: far.pending())
        assert time.monotonic() - began < PATIENCE
    watch.process.kill()
    watch.process.wait()
