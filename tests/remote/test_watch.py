"""`xw sync --watch`: mail is pushed both ways, the link heals, and nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.team import PATIENCE, XW, plain, until, watches
from tests.remote.conftest import Join
from tests.remote.machine import Machine, disconnect
from tests.remote.proxy import Proxy
from tests.remote.watching import Watch, host_send, pushes, watchers
from tests.schemas import validate
from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import Sshd, public
from xw.hub import pushes as pushing
from xw.instance import Options, open_instance

pytestmark = pytest.mark.usefixtures("measured")


def _count(folder: Path, number: int) -> None:
    """Wait until so many lie in a folder."""
    until(lambda: len(os.listdir(folder)) == number)


@pytest.fixture
def watch(alice: Machine, bob: Machine, hub: Path) -> Watch:
    """Alice's machine is kept in step by push; this process has no connection."""
    disconnect()
    made = Watch(alice)
    pushes(hub)
    return made


def test_mail_is_pushed(watch: Watch, alice: Machine, hub: Path, tmp_path: Path) -> None:
    """A message delivered on the hub is in the mirror long before the next regular look."""
    began = time.monotonic()
    for number in range(5):
        host_send(hub, tmp_path / "host", str(number), "alice")
        _count(alice.mirror / "inbox/pending", number + 1)
    assert time.monotonic() - began < 25  # looks that find nothing are 15 s apart, and each found one


def test_the_outbox_is_flushed_at_once(watch: Watch, alice: Machine, bob: Machine, hub: Path) -> None:
    """A message in the outbox is sent to the hub at once, the first to a peer too; so is a `done`."""
    began = time.monotonic()
    for number in range(1, 4):
        assert alice.process("send", "task", str(number), "--to", "bob", "--offline").code == 0
        _count(hub / "bob/inbox/pending", number)
    bob.send("alice", "finish this")
    until(lambda: alice.pending())
    assert alice.run("done", alice.pending()[0]).code == 0
    until(lambda: len(os.listdir(hub / "alice/inbox/done")) == 1)
    assert time.monotonic() - began < 25  # looks that find nothing are 15 s apart, and each found one


def test_commands_leave_the_network_to_it(
    watch: Watch, alice: Machine, bob: Machine, known: Sshd, hub: Path
) -> None:
    """While it runs check, send, done and log make no connection of their own."""
    bob.send("alice", "one")
    until(lambda: alice.pending())
    before = known.log.read_text().count("Accepted publickey")
    for arguments in (
        ["check"],
        ["send", "info", "x", "--to", "bob"],
        ["log"],
        ["done", alice.pending()[0]],
    ):
        result = alice.process(*arguments)
        assert (result.code, result.err) == (0, ""), result
    until(lambda: os.listdir(hub / "bob/inbox/pending"))
    assert known.log.read_text().count("Accepted publickey") == before


def test_it_comes_back(watch: Watch, alice: Machine, known: Sshd, hub: Path, tmp_path: Path) -> None:
    """After its sessions were killed, or the server was gone for a while, it reports that and goes on."""
    known.cut()
    host_send(hub, tmp_path / "host", "after the cut", "alice")
    until(lambda: len(alice.pending()) == 1)
    # The mail comes a moment before the word; where it was connected anew at once, it was not away.
    until(lambda: watch.said().count("back: ") == watch.said().count("unreachable since "))
    away = watch.said().count("unreachable since ")
    known.stop()
    watch.hears("unreachable since ", away + 1)
    shown = alice.process("check")
    assert " is the mail of " in shown.err
    assert shown.out.count("after the cut") == 1
    host_send(hub, tmp_path / "host", "while away", "alice")
    known.start()
    watch.hears("back: alice on ", away + 1)
    until(lambda: len(alice.pending()) == 2)
    assert alice.process("check").err == ""
    until(lambda: watchers(hub).count("inotifywait") == 1)


def test_it_ends_cleanly(watch: Watch, alice: Machine, known: Sshd, hub: Path) -> None:
    """On SIGTERM it ends with 0, and nothing of it is left running on the hub's host."""
    assert watchers(hub) != []
    watch.end()
    until(lambda: watchers(hub) == [] and known.sessions() == [])


def test_it_ends_while_the_server_stands_still(watch: Watch, alice: Machine, known: Sshd) -> None:
    """A server that answers nothing, which is waited for for 15 s, does not keep it from ending."""
    known.signal_all(signal.SIGSTOP)
    assert alice.process("send", "info", "into the void", "--to", "alice", "--offline").code == 0
    watch.end(limit=13)
    known.signal_all(signal.SIGCONT)


def test_killed_it_leaves_nothing_on_the_hub(watch: Watch, known: Sshd, hub: Path) -> None:
    """Also kill -9 leaves neither its shell nor its inotifywait behind, and frees the mirror for the next."""
    watch.process.kill()
    watch.process.wait()
    until(lambda: watchers(hub) == [] and known.sessions() == [])


def test_one_at_a_time(watch: Watch, alice: Machine) -> None:
    """A second one for the same mirror is refused."""
    second = alice.process("sync", "--watch")
    assert (second.code, second.err.count("another `xw sync --watch`")) == (1, 1)


def test_a_short_limit_is_for_commands(
    known: Sshd, home: Home, keys: Keys, hub: Path, tmp_path: Path
) -> None:
    """It connects also over a way so long that commands, with the limit they are given, cannot."""
    proxy = Proxy(known.port, delay=0.05)
    with home.known_hosts.open("a") as file:
        file.write(f"[127.0.0.1]:{proxy.port} {public(keys.host)}\n")
    alice = Machine(tmp_path / "alice", "alice", f"ssh://127.0.0.1:{proxy.port}{hub}")
    alice.ok("init", "--name", "alice", "--hub", alice.url)
    alice.set(offline_s=0.1)
    watch = Watch(alice)
    try:
        watch.end()
    finally:
        watch.process.kill()
        proxy.close()


def test_its_events(alice: Machine) -> None:
    """With --json it prints an object a line, each with its time."""
    process = alice.start("sync", "--watch", "--json")
    assert process.stdout
    event = json.loads(process.stdout.readline())
    process.terminate()
    assert process.wait(PATIENCE) == 0
    validate.printed("sync", event)
    assert event["text"].startswith("connected: ")


def test_it_needs_the_network(alice: Machine) -> None:
    """With --offline there is nothing that it could keep in step."""
    refused = alice.run("sync", "--watch", "--offline")
    assert (refused.code, "leave out --offline" in refused.err) == (2, True), refused


def test_all_instances_of_a_machine_on_one_connection(
    join: Join, known: Sshd, hub: Path, tmp_path: Path
) -> None:
    """Two instances of one xw.json are kept fresh over one connection."""
    alice = join("alice")
    alice.ok("init", "--name", "anna")
    before = known.log.read_text().count("Accepted publickey")
    watch = Watch(alice)
    host_send(hub, tmp_path / "host", "one", "alice")
    host_send(hub, tmp_path / "host", "two", "anna")
    until(lambda: alice.pending() and os.listdir(alice.mirror.parent / "anna/inbox/pending"))
    assert known.log.read_text().count("Accepted publickey") == before + 1
    watch.end()


def test_the_configuration_is_left_alone(watch: Watch, alice: Machine, join: Join) -> None:
    """A new peer on the hub is known here, and only an explicit sync writes xw.json."""
    path = alice.folder / "xw.json"
    before = path.read_bytes()
    join("carol")
    until(lambda: "carol" in alice.ok("peers"))
    watch.end()
    for command in (("check",), ("wait", "--timeout", "0"), ("send", "info", "x", "--to", "carol")):
        alice.run(*command)
    assert path.read_bytes() == before
    alice.ok("sync")
    assert set(json.loads(path.read_text())["peers"]) == {"bob", "carol"}


@pytest.fixture
def filed(home: Home, keys: Keys, tmp_path: Path) -> Iterator[Sshd]:
    """A server that gives files and runs nothing."""
    server = Sshd(tmp_path / "filed", [keys.host], keys.accepted, ["ForceCommand internal-sftp"])
    home.know(server, keys.host)
    yield server
    server.stop()


def test_where_the_hub_cannot_push(filed: Sshd, hub: Path, tmp_path: Path) -> None:
    """On a host that runs no commands mail comes by looking, soon after something happened."""
    alice = Machine(tmp_path / "alice", "alice", f"ssh://127.0.0.1:{filed.port}{hub}")
    alice.ok("init", "--name", "alice", "--hub", alice.url)
    watch = Watch(alice)
    try:
        host_send(hub, tmp_path / "host", "found by looking", "alice")
        until(lambda: alice.pending())
        watch.end()
    finally:
        watch.process.kill()
        watch.process.wait()


def test_xw_pushes_where_there_is_no_inotifywait(home: Home, keys: Keys, hub: Path, tmp_path: Path) -> None:
    """On a host whose PATH has but a shell and `xw`, `xw watch` pushes, and ends with the connection."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for program in ("/bin/sh", "/bin/bash", "/bin/cat", XW):
        (tools / Path(program).name).symlink_to(program)
    server = Sshd(tmp_path / "bare", [keys.host], keys.accepted, [f"SetEnv PATH={tools}"])
    home.know(server, keys.host)
    alice = Machine(tmp_path / "alice", "alice", f"ssh://127.0.0.1:{server.port}{hub}")
    try:
        alice.ok("init", "--name", "alice", "--hub", alice.url)
        options = Options("alice", config=str(alice.folder / "xw.json"))
        mirror = open_instance(options, plain()).carrier.mirror
        assert mirror
        there = mirror.hub
        pushed = there.pushes(["alice"])
        next(pushed)
        pending = hub / "alice/inbox/pending"
        until(lambda: any(watches(pid, pending) for pid in server.sessions()))
        host_send(hub, tmp_path / "host", "pushed by xw", "alice")
        next(pushed)
        there.close()
        until(lambda: server.sessions() == [] and watchers(hub) == [])
    finally:
        server.stop()


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_push_command_ends_with_its_watchers(shell: str, tmp_path: Path) -> None:
    """If inotifywait cannot watch, the command ends, so that nobody waits for pushes that never come."""
    ended = subprocess.run(
        [shell, "-c", pushing.script(["nobody"])],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert b"established" not in ended.stdout


def test_check_does_without_the_network_code(watch: Watch, alice: Machine) -> None:
    """Under --watch `xw check` on a mirror loads no paramiko, SFTP or typer."""
    code = (
        "import sys; from xw.__main__ import run; run(['check']); "
        "heavy = ('paramiko', 'typer', 'typing', 'xw.files.s', 'xw.mirror.s'); "
        "print(*(name for name in sys.modules if name.startswith(heavy)))"
    )
    ended = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        cwd=alice.folder,
        env={**os.environ, **alice.environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (ended.stdout.splitlines()[-1], ended.stderr) == ("", "")


def test_a_sync_does_without_paramikos_extras(alice: Machine) -> None:
    """A process that connects loads paramiko, but neither invoke nor what invoke would bring along."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", XW, "sync"],
        cwd=alice.folder,
        env={**os.environ, **alice.environ},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "paramiko" in loaded
    assert loaded & {"invoke.tasks", "asyncio", "unittest", "unittest.mock"} == set()
