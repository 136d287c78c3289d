"""Kills, cuts, crowds and failing disks, over a real sshd: nothing lost, nothing torn, nothing twice."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.team import XW, Result, until
from tests.remote.conftest import Join
from tests.remote.machine import Machine, disconnect
from tests.remote.proxy import Proxy
from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import Sshd, public
from xw import layout
from xw.files.local import LocalFiles
from xw.hub import handover
from xw.layout import INBOX, STATES
from xw.mailbox import Mailbox, Place

ROOT = Path(__file__).parents[2]
Record = Callable[[str, object], None]
TRIES = 3
"""A busy machine makes a command late now and then; one without a limit is late each time."""


class Load:
    """Workers of alice and bob: what they acknowledged, and in which order bob was shown what."""

    def __init__(self, alice: Machine, bob: Machine, prefix: Sequence[str] = ()) -> None:
        self.acknowledged: set[str] = set()
        self._of = {"give": alice, "take": bob}
        self._prefix = prefix
        self._finished: set[str] = set()
        self._again: list[str] = []
        self._running: dict[str, tuple[subprocess.Popen[str], threading.Thread]] = {}

    def start(self, what: str) -> None:
        machine = self._of[what]
        process = subprocess.Popen(
            [*self._prefix, sys.executable, "-m", "tests.remote.worker", what, machine.name],
            cwd=machine.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        reader = threading.Thread(target=self._note, args=(process,), daemon=True)
        reader.start()
        self._running[what] = process, reader

    def kill(self, what: str) -> None:
        """kill -9, and hear what it had still said."""
        process, reader = self._running.pop(what)
        process.kill()
        reader.join(30)
        assert process.stderr is not None
        assert process.stdout is not None
        problems = process.stderr.read()
        process.stderr.close()
        process.stdout.close()
        process.wait()
        assert problems == ""

    def end(self) -> None:
        for what in list(self._running):
            self.kill(what)

    @property
    def lines(self) -> int:
        return len(self.acknowledged) + len(self._finished)

    def _note(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.endswith("\n"):
                return  # cut short by the kill
            word, message_id = line.split()
            if word == "sent":
                self.acknowledged.add(message_id)
            elif word == "done":
                self._finished.add(message_id)
            elif message_id in self._finished:
                self._again.append(message_id)

    def judge(self, hub: Path) -> int:
        """After a last sync of both: all that was acknowledged is on the hub once, whole; how many."""
        self.end()
        disconnect()  # the connection of this process may have been cut too, and that not yet be noticed
        alice, bob = self._of["give"], self._of["take"]
        for machine in (alice, bob):
            machine.ok("sync")
        far = Mailbox(LocalFiles(str(hub)), "bob")
        assert _states(far) == _states(bob.mailbox)
        there = [(state, name) for state in STATES for name in far.names(INBOX[state])]
        for state, name in there:
            far.read(Place(INBOX[state], name))  # whole, or it raises
        times = Counter(name.partition(".")[0] for _, name in there)
        assert self.acknowledged - set(times) == set(), "lost"
        assert [one for one, count in times.items() if count > 1] == [], "double"
        assert self._again == [], "shown again after it was done"
        assert not any(name for _, name in there if _ == "failed")
        bodies = [far.read(Place(INBOX[state], name)).sent for state, name in there]
        assert len(set(bodies)) == len(bodies)
        return len(times)


def _states(mailbox: Mailbox) -> dict[str, str]:
    return {name: state for state in STATES for name in mailbox.names(INBOX[state])}


@pytest.fixture
def load(alice: Machine, bob: Machine) -> Iterator[Load]:
    alice.ok("sync")
    made = Load(alice, bob)
    yield made
    made.end()


def kill_clients(load: Load, hub: Path, kills: int, record: Record) -> None:
    chance = random.Random(20261121)
    for number in range(kills):
        for what in ("give", "take"):
            if what not in load._running:
                load.start(what)
        before = load.lines
        until(lambda before=before: load.lines > before)  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.1))  # any moment of a send, a sync or a done
        load.kill(("give", "take")[number % 2])
    count = load.judge(hub)
    record("campaign", ("kill -9 of the client", "send, sync, done over ssh", kills, 0))
    assert count >= kills // 2


@pytest.mark.long
def test_killed_clients(load: Load, hub: Path, record_property: Record) -> None:
    """12 kills of sender and receiver at random moments: nothing lost, torn or shown twice."""
    kill_clients(load, hub, 12, record_property)


@pytest.mark.torture
@pytest.mark.timeout(3000)
def test_300_killed_clients(load: Load, hub: Path, record_property: Record) -> None:
    """The same at full size."""
    kill_clients(load, hub, 300, record_property)


def kill_sessions(load: Load, server: Sshd, hub: Path, kills: int, record: Record) -> None:
    chance = random.Random(20261122)
    load.start("give")
    load.start("take")
    for _ in range(kills):
        before = load.lines
        until(lambda before=before: load.lines > before + 3)  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.1))
        server.cut()
    count = load.judge(hub)
    record("campaign", ("kill -9 of the server's sessions", "send, sync, done over ssh", kills, 0))
    assert count >= kills


def test_killed_sessions(load: Load, known: Sshd, hub: Path, record_property: Record) -> None:
    """10 kills of all the server's processes but the listening one, under load."""
    kill_sessions(load, known, hub, 10, record_property)


@pytest.mark.torture
@pytest.mark.timeout(3000)
def test_150_killed_sessions(load: Load, known: Sshd, hub: Path, record_property: Record) -> None:
    """The same at full size."""
    kill_sessions(load, known, hub, 150, record_property)


class Between:
    """Alice and bob reach the hub through a proxy."""

    def __init__(self, proxy: Proxy, alice: Machine, bob: Machine) -> None:
        self.proxy = proxy
        self.alice = alice
        self.bob = bob
        self.load = Load(alice, bob)

    def dumb(self, server: Sshd, how: str, command: Sequence[str]) -> tuple[Result, float]:
        """Return the output of alice's command while the hub is unresponsive, and the seconds it took."""
        if how == "server stopped":
            server.signal_all(signal.SIGSTOP)
        else:
            self.proxy.stall()
        began = time.monotonic()
        result = self.alice.run(*command)
        took = time.monotonic() - began
        server.signal_all(signal.SIGCONT)
        self.proxy.flow()
        disconnect()
        return result, took


@pytest.fixture
def between(known: Sshd, home: Home, keys: Keys, hub: Path, tmp_path: Path) -> Iterator[Between]:
    proxy = Proxy(known.port)
    with home.known_hosts.open("a") as file:
        file.write(f"[127.0.0.1]:{proxy.port} {public(keys.host)}\n")
    url = f"ssh://127.0.0.1:{proxy.port}{hub}"
    alice, bob = (Machine(tmp_path / name, name, url) for name in ("alice", "bob"))
    for machine in (alice, bob):
        machine.join()
    alice.ok("sync")
    made = Between(proxy, alice, bob)
    yield made
    proxy.close()
    made.load.end()


def cut_links(between: Between, cuts: int, messages: int, hub: Path, record: Record) -> None:
    load, each = between.load, messages // cuts
    load.start("give")
    load.start("take")
    for number in range(cuts):
        before = len(load.acknowledged)
        until(lambda before=before: len(load.acknowledged) >= before + each)  # type: ignore[misc]
        if number % 2:
            between.proxy.stall()
            between.proxy.reset()
            between.proxy.flow()
        else:
            between.proxy.reset()
    count = load.judge(hub)
    record("campaign", ("cut links", "send, sync, done over ssh", cuts, 0))
    assert count >= messages


@pytest.mark.long
def test_cut_links(between: Between, hub: Path, record_property: Record) -> None:
    """6 cuts over 90 messages: none lost, none double."""
    cut_links(between, 6, 90, hub, record_property)


@pytest.mark.torture
@pytest.mark.timeout(3000)
def test_100_cut_links(between: Between, hub: Path, record_property: Record) -> None:
    """100 cuts over 1,000 messages."""
    cut_links(between, 100, 1000, hub, record_property)


COMMANDS = (
    ["check"],
    ["peers"],
    ["who"],
    ["send", "info", "x", "--to", "bob"],
    ["send", "info", "x", "--to", "nobody-knows"],
    ["send", "info", "x", "--to", "all"],
    ["log"],
    ["prompt"],
    ["wait", "--timeout", "0.5"],
    ["ask", "hm?", "--to", "bob", "--timeout", "0.5"],
)


@pytest.mark.parametrize("how", ["server stopped", "packets swallowed"])
def test_each_command_keeps_its_limit(between: Between, known: Sshd, how: str, tmp_path: Path) -> None:
    """On an unresponsive link, each command returns within its limit plus a second."""
    alice, limit = between.alice, 0.5
    sent = alice.send("bob", "trace this")
    alice.set(offline_s=limit)
    late = {}
    for command in (*COMMANDS, ["trace", sent]):
        allowed = limit + 1 + (max(limit, 1.0) if command[0] in ("wait", "ask") else 0)  # their own limit
        for _ in range(TRIES):
            result, took = between.dumb(known, how, command)
            assert result.code in ((5,) if command[0] == "trace" else (0, 4)), (command, result)
            alice.ok("sync")  # connected again
            if took <= allowed:
                break
        else:
            late[" ".join(command)] = round(took, 2)
    assert late == {}


@pytest.mark.parametrize("how", ["server stopped", "packets swallowed"])
@pytest.mark.parametrize("cold", [False, True])
def test_what_takes_its_time_gives_up(
    between: Between, known: Sshd, how: str, cold: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sync, init, gc and doctor keep no limit in all, but wait only so long for any one answer."""
    answer = 0.5
    late = {}
    for command, code in ({"sync": 5, "init --name alice": 5, "gc --verbose": 0, "doctor": 1}).items():
        for _ in range(TRIES):
            assert between.alice.run("send", "info", "x", "--to", "bob", "--offline").code == 0
            if cold:
                disconnect()
            with monkeypatch.context() as patch:
                for limit in ("link._ANSWER", "reach._HANDSHAKE", "login._ANSWER"):
                    patch.setattr(f"xw.files.ssh.{limit}", answer)
                result, took = between.dumb(known, how, command.split())
            assert result.code == code, (command, result)
            between.alice.ok("sync")
            if took <= answer + 1:
                break
        else:
            late[command] = round(took, 2)
    assert late == {}


def test_a_file_that_takes_longer_than_the_limit(
    between: Between, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that cannot bring a large file in its time names it and what can; `xw sync` brings it."""
    alice, bob = between.alice, between.bob
    (alice.folder / "large.bin").write_bytes(os.urandom(4_000_000))
    limit = 20.0
    hint = f"large.bin takes longer than {limit} s: `xw sync` takes the time that it needs"
    real, clock = handover.shown, time.monotonic
    passed = 0.0

    def now() -> float:
        return clock() + passed

    def slow(*arguments: Any) -> Iterator[bytes]:
        """Yield the pieces over a link that stalls after the first, when the limit has passed."""
        nonlocal passed
        for piece in real(*arguments):
            between.proxy.stall()
            passed = limit
            yield piece

    for machine, command, finds in (
        (alice, ["send", "task", "look", "--to", "bob", "--attach", "large.bin"], "in the outbox for bob"),
        (bob, ["check"], "no mail for bob"),
    ):
        machine.set(offline_s=limit)
        machine.ok("sync")  # connected
        if machine is bob:
            assert "1 delivered" in alice.ok("sync")
        passed = 0.0
        with monkeypatch.context() as patch:
            for module in ("xw.hub.handover", "xw.mirror.sync"):
                patch.setattr(f"{module}.shown", slow)
            patch.setattr(time, "monotonic", now)
            began = clock()
            told = machine.run(*command)
        assert clock() - began < 10  # any answer may take 15 s
        between.proxy.flow()
        disconnect()
        assert (told.code, finds in told.out, hint in told.err) == (0, True, True), told
        assert f"{hint} (tried a moment ago)" in machine.run("check").err
    assert "1 fetched" in bob.ok("sync")
    assert "look" in bob.ok("check")


@pytest.mark.long
def test_forty_agents_at_once(join: Join, known: Sshd, hub: Path) -> None:
    """40 agents start at once against the default MaxStartups: all is delivered within 30 s."""
    first = join("agent-0")
    disconnect()

    def alone() -> float:
        began = time.monotonic()
        assert first.process("sync").code == 0
        return time.monotonic() - began

    each = alone()
    for number in range(1, 40):
        first.ok("init", "--name", f"agent-{number}")
    for number in range(40):
        name = f"agent-{number}"
        assert first.run("--as", name, "send", "info", "here", "--to", "agent-0", "--offline").code == 0
    disconnect()
    began = time.monotonic()
    crowd = subprocess.run(
        [sys.executable, "-m", "tests.remote.crowd", "40", "sync"],
        cwd=first.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    took = time.monotonic() - began
    assert json.loads(crowd.stdout) == [[0, ""]] * 40
    assert len(os.listdir(hub / "agent-0/inbox/pending")) == 40
    assert took < max(30, 40 * max(each, alone())), "on a machine that is busy: one after another"


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """Yield a small disk on a folder."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield
    finally:
        disconnect()
        subprocess.run(["umount", "-l", folder], check=True)


def _fill(hub: Path) -> None:
    with (hub / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"x" * 4096)
        except OSError:
            return  # it is full


def _exhaust(hub: Path) -> None:
    (hub / "ballast").mkdir()
    try:
        for number in range(10_000):
            (hub / "ballast" / str(number)).touch()
    except OSError:
        return


def _remount(hub: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", hub], check=True)


def _empty(hub: Path) -> None:
    subprocess.run(["rm", "-rf", hub / "ballast"], check=True)


BREAK: dict[str, tuple[str, Callable[[Path], None], Callable[[Path], None]]] = {
    "the disk is full": ("size=2m", _fill, _empty),
    "the disk is full: inodes": ("nr_inodes=100", _exhaust, _empty),
    "read-only": ("size=2m", lambda hub: _remount(hub, "ro"), lambda hub: _remount(hub, "rw")),
}


@pytest.mark.root
@pytest.mark.parametrize("trouble", BREAK)
def test_the_hubs_disk(trouble: str, join: Join, hub: Path, tmp_path: Path) -> None:
    """With the hub's disk full, out of inodes or read-only it acknowledges nothing; later all is there."""
    options, wreck, mend = BREAK[trouble]
    with mounted(hub, options):
        alice, bob = join("alice"), join("bob")
        alice.ok("sync")
        wreck(hub)
        result = alice.run("send", "task", "x" * 10_000, "--to", "bob")
        assert result.code == 0
        assert "in the outbox for bob" in result.out
        assert len(os.listdir(alice.mirror / "outbox/bob")) == 1
        told = alice.run("sync")
        assert told.code in (1, 6)
        assert trouble.partition(":")[0] in told.err.lower()
        assert "Traceback" not in told.err
        assert not any(map(layout.is_message, os.listdir(hub / "bob/inbox/pending")))
        examined = alice.run("doctor")
        assert (examined.code, examined.err) == (1, ""), examined
        assert (
            examined.out.count("\nbad ") == examined.out.count("bad  cannot write durably on the hub: ") == 1
        )
        mend(hub)
        assert "1 delivered" in alice.ok("sync")
        assert len(bob.json("check")["messages"]) == 1
        assert os.listdir(hub / "alice/inbox/tmp") == []


@pytest.mark.root
def test_mail_of_a_read_only_hub(join: Join, hub: Path) -> None:
    """Mail on a read-only hub is fetched and shown as fresh; only sending reports the hub's state."""
    with mounted(hub, "size=2m"):
        alice, bob = join("alice"), join("bob")
        alice.send("bob", "still to be had")
        _remount(hub, "ro")
        checked = bob.run("check")
        assert (checked.code, "still to be had" in checked.out) == (0, True), checked
        assert checked.err == ""
        sent = bob.run("send", "info", "back", "--to", "alice")
        assert (sent.code, "in the outbox for alice" in sent.out) == (0, True), sent
        assert "read-only" in sent.err.lower()
        assert " is the mail of" not in sent.err
        _remount(hub, "rw")


class Apart:
    """A network namespace `name`, joined to this one by a cable at whose near end the server listens."""

    def __init__(self) -> None:
        self.name = f"xw{os.getpid()}"
        self.address = f"10.213.{os.getpid() % 250}.1"
        self._ip("netns", "add", self.name)
        self._ip("link", "add", self.name, "type", "veth", "peer", "name", "far", "netns", self.name)
        self._ip("addr", "add", f"{self.address}/30", "dev", self.name)
        self._ip("-n", self.name, "addr", "add", f"{self.address[:-1]}2/30", "dev", "far")
        self._ip("-n", self.name, "link", "set", "far", "up")
        self.plug("up")

    def plug(self, how: str) -> None:
        """`down`: every packet is dropped from now on; `up`: they pass again."""
        self._ip("link", "set", self.name, how)

    def within(self) -> list[str]:
        """Return the words before a command that is to run there."""
        return ["ip", "netns", "exec", self.name]

    def remove(self) -> None:
        self._ip("netns", "del", self.name)

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True)


@pytest.fixture
def apart() -> Iterator[Apart]:
    made = Apart()
    yield made
    made.remove()


def _goes_on(load: Load) -> None:
    """Return once mail has travelled."""
    before = len(load.acknowledged)
    until(lambda: len(load.acknowledged) >= before + 10)


def _timed_check(apart: Apart, machine: Machine) -> tuple[float, str]:
    """Return how long a `check` takes, and its warnings."""
    began = time.monotonic()
    command = [*apart.within(), XW, "--as", machine.name, "check"]
    shown = subprocess.run(command, cwd=machine.folder, capture_output=True, text=True, check=True)
    return time.monotonic() - began, shown.stderr


@pytest.mark.long
@pytest.mark.root
def test_dropped_packets(
    apart: Apart, home: Home, keys: Keys, hub: Path, tmp_path: Path, record_property: Record
) -> None:
    """Behind a cable that is pulled again and again nothing is lost or double, and check keeps its limit."""
    server = Sshd(tmp_path / "server", [keys.host], keys.accepted, [f"ListenAddress {apart.address}"])
    url = f"ssh://{apart.address}:{server.port}{hub}"
    alice, bob = (Machine(tmp_path / name, name, url) for name in ("alice", "bob"))
    load = Load(alice, bob, prefix=apart.within())
    try:
        with home.known_hosts.open("a") as file:
            file.write(f"[{apart.address}]:{server.port} {public(keys.host)}\n")
        for machine in (alice, bob):
            machine.join()
        alice.ok("sync")
        load.start("give")
        load.start("take")
        alice.set(offline_s=0.5)
        took = []
        for _ in range(4):
            _goes_on(load)
            apart.plug("down")
            down, said = _timed_check(apart, alice)
            apart.plug("up")
            _goes_on(load)
            if "tried a moment ago" not in said:
                assert " is the mail of " in said
                # Less what starting two processes takes now: a busy machine needs seconds for that.
                took.append(down - _timed_check(apart, alice)[0])
        assert min(took) < 0.5 + 1
        assert load.judge(hub) >= 80
        record_property("campaign", ("packets dropped", "send, sync, done over ssh", 4, 0))
    finally:
        disconnect()
        server.stop()
        load.end()
