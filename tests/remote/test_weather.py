"""`xw sync --watch` on links as they are: slow, dropped without a word, asleep, with two roots."""

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.team import call, until
from tests.remote.conftest import behind
from tests.remote.machine import Machine, disconnect
from tests.remote.proxy import Proxy
from tests.remote.watching import Watch, host_send, pushes, watchers
from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import Sshd

pytestmark = pytest.mark.usefixtures("measured")

NOTICED_S = 32.0
"""A dead connection is noticed after 20 s at most; the rest is for connecting again on a busy machine."""


@pytest.fixture
def proxy(known: Sshd, home: Home, keys: Keys) -> Iterator[Proxy]:
    yield from behind(known, home, keys, delay=0.01)


def joined(place: Path, hub: Path, port: int) -> Machine:
    """Return alice's machine as after an `init` over a better network: with its mirror and xw.json."""
    machine = Machine(place, "alice", f"ssh://127.0.0.1:{port}{hub}")
    machine.ok("init", "--name", "alice", "--hub", machine.url)
    disconnect()
    return machine


@pytest.fixture
def watched(proxy: Proxy, hub: Path, tmp_path: Path) -> Iterator[tuple[Machine, Watch]]:
    """Alice's machine with a `sync --watch` that is pushed to, through the proxy."""
    machine = joined(tmp_path / "alice", hub, proxy.port)
    watch = Watch(machine)
    try:
        pushes(hub)
        host_send(hub, tmp_path / "host", "first", "alice")
        until(lambda: len(machine.pending()) == 1)
        yield machine, watch
    finally:
        watch.process.send_signal(signal.SIGCONT)
        watch.process.kill()
        watch.process.wait()


@pytest.mark.long
def test_mail_after_a_dropped_connection(
    watched: tuple[Machine, Watch], proxy: Proxy, hub: Path, tmp_path: Path
) -> None:
    """After a NAT dropped the connection, mail travels both ways once the silence is noticed."""
    machine = watched[0]
    proxy.drop()
    began = time.monotonic()
    host_send(hub, tmp_path / "host", "second", "alice")
    assert machine.process("send", "info", "third", "--to", "dora", "--offline").code == 0
    until(lambda: len(machine.pending()) == 2 and os.listdir(hub / "dora/inbox/pending"))
    assert time.monotonic() - began < NOTICED_S
    pushes(hub)


@pytest.mark.long
def test_a_server_that_stands_still_is_away(watched: tuple[Machine, Watch], known: Sshd) -> None:
    """A stopped server is reported though nothing is sent; it is back when it goes on."""
    known.signal_all(signal.SIGSTOP)
    began = time.monotonic()
    try:
        watched[1].hears("unreachable since ")
        assert time.monotonic() - began < NOTICED_S
    finally:
        known.signal_all(signal.SIGCONT)
    watched[1].hears("back: ")


@pytest.mark.parametrize("dead", [False, True], ids=["connected", "dropped"])
def test_mail_after_a_sleep(
    watched: tuple[Machine, Watch], proxy: Proxy, hub: Path, tmp_path: Path, dead: bool
) -> None:
    """Mail that came while this machine slept is here soon after, whether the connection survived or not."""
    machine, watch = watched
    watch.process.send_signal(signal.SIGSTOP)
    host_send(hub, tmp_path / "host", "second", "alice")
    if dead:
        proxy.reset()
    watch.process.send_signal(signal.SIGCONT)
    began = time.monotonic()
    until(lambda: len(machine.pending()) == 2)
    assert time.monotonic() - began < NOTICED_S


@pytest.mark.long
@pytest.mark.parametrize(("delay", "rate"), [(0.35, 0.0), (0.0, 1000.0)], ids=["700ms", "1kB/s"])
def test_it_connects_on_a_slow_link(
    proxy: Proxy, hub: Path, tmp_path: Path, delay: float, rate: float
) -> None:
    """Connecting may take as long as for a plain `sync`, also where commands are given little time."""
    machine = joined(tmp_path / "alice", hub, proxy.port)
    machine.set(offline_s=1)
    proxy.delay, proxy.rate = delay, rate
    watch = Watch(machine)
    try:
        assert "unreachable since" not in watch.said()
    finally:
        watch.process.kill()
        watch.process.wait()


def test_it_connects_past_a_dead_address(known: Sshd, home: Home, hub: Path, tmp_path: Path) -> None:
    """A host whose first address swallows all packets is reached by its next one."""
    machine = joined(tmp_path / "alice", hub, known.port)
    (tmp_path / "more").mkdir()
    with socket.create_server(("127.0.0.2", 0), backlog=0) as full:
        port = full.getsockname()[1]
        fill = [socket.socket() for _ in range(4)]  # the queue is full from then on, and each SYN is dropped
        for one in fill:
            one.setblocking(False)
            one.connect_ex(("127.0.0.2", port))
        (tmp_path / "more/sitecustomize.py").write_text(
            "import socket\n"
            "look = socket.getaddrinfo\n"
            f"dead = (socket.AF_INET, socket.SOCK_STREAM, 6, '', ('127.0.0.2', {port}))\n"
            "socket.getaddrinfo = lambda *a, **k: [dead, *look(*a, **k)]\n"
        )
        said = machine.folder / "said"
        with said.open("ab") as out:
            paths = (str(tmp_path / "more"), os.environ.get("PYTHONPATH", ""))
            environ = {
                **os.environ,
                **machine.environ,
                "PYTHONPATH": os.pathsep.join(paths).rstrip(os.pathsep),
            }
            process = machine.start("sync", "--watch", stdout=out, stderr=out, env=environ)
        try:
            until(lambda: "connected: " in said.read_text() or process.poll() is not None)
            assert said.read_text().startswith("connected: ")
        finally:
            process.kill()
            process.wait()
            for one in fill:
                one.close()


def test_where_the_shell_has_another_root(home: Home, keys: Keys, hub: Path, tmp_path: Path) -> None:
    """If another hub is at the shell's path (`internal-sftp -d`), it is not watched, and mail comes."""
    server = shutil.which("sftp-server", path="/usr/lib/openssh:/usr/libexec:/usr/lib/ssh")
    assert server
    for place in ("files", "shell"):
        (tmp_path / place).mkdir()
        made = call(tmp_path / place, "init", "--name", "alice", "--hub", str(tmp_path / place / "hub"))
        assert made.code == 0
    shutil.copy(tmp_path / "files/hub/hub.json", tmp_path / "shell/hub")  # made in one second they are equal
    forced = tmp_path / "forced"
    forced.write_text(
        f"#!/bin/sh\ncase $SSH_ORIGINAL_COMMAND in *sftp*) cd {tmp_path}/files; exec {server};; esac\n"
        f'cd {tmp_path}/shell; exec sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    forced.chmod(0o755)
    sshd = Sshd(tmp_path / "rooted", [keys.host], keys.accepted, [f"ForceCommand {forced}"])
    home.know(sshd, keys.host)
    machine = Machine(tmp_path / "alice", "alice", f"ssh://127.0.0.1:{sshd.port}/~/hub")
    machine.ok("init", "--name", "alice", "--hub", machine.url)
    disconnect()
    watch = Watch(machine)
    try:
        for number in range(2):
            host_send(tmp_path / "files/hub", tmp_path / "host", str(number), "alice")
            until(lambda: len(machine.pending()) > number)  # noqa: B023  # called in this round alone
            # The shell that shows its hub, and is then found to be elsewhere, is there for a moment.
            until(lambda: watchers(tmp_path / "shell/hub") == [])
        watch.end()
    finally:
        watch.process.kill()
        watch.process.wait()
        sshd.stop()
