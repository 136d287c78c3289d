"""`xw up` on a hub elsewhere: its `xw sync --watch` lives and ends with it, as bridges do."""

import os
import re
import signal
from pathlib import Path

import pytest

from tests.cli.team import PATIENCE, call, until
from tests.loop.test_up import others
from tests.remote.machine import Machine, disconnect
from tests.remote.watching import watchers

_STARTED = re.compile(r"up: sync: started, process (\d+)")


class Up:
    """A running `xw up`, and what it and its programs have said."""

    def __init__(self, machine: Machine, *names: str) -> None:
        self._said = machine.folder / "said-by-up"
        with self._said.open("wb") as out:
            self.process = machine.start("up", *names, stdout=out, stderr=out)

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def sync(self) -> int:
        """The process of the `xw sync --watch` that was started last."""
        return int(_STARTED.findall(self.said)[-1])

    def says(self, text: str, times: int = 1) -> None:
        """Wait until it has said something so often."""
        until(lambda: self.said.count(text) >= times or self.process.poll() is not None)
        assert self.said.count(text) >= times, self.said


@pytest.fixture
def tag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A variable that all processes of this test's machines inherit."""
    monkeypatch.setenv("XW_TEST_TAG", str(tmp_path))
    return f"XW_TEST_TAG={tmp_path}"


@pytest.fixture
def bridged(alice: Machine, bob: Machine) -> Machine:
    """Bob's machine, whose xw.json gives him a bridge; this process has no connection."""
    bob.set(instances={"bob": {"bridge": {"kind": "command", "target": "tr a-z A-Z"}}})
    disconnect()
    return bob


def started_here(tag: str, up: Up) -> list[int]:
    """Return the living processes that `up` started, and the server's sessions, which inherit the tag."""
    return [pid for pid in others(tag) if f"XW_UP={up.process.pid}".encode() in _environ(pid)]


def _environ(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""  # it has ended meanwhile


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_mail_is_answered_and_nothing_is_left(
    bridged: Machine, alice: Machine, hub: Path, tag: str, number: int
) -> None:
    """One `xw up` fetches the mail and answers it; a signal ends all, on the hub's host too."""
    up = Up(bridged)
    up.says("connected: bob")
    up.says("bridge bob: ready")
    assert "HELLO" in alice.run("ask", "--to", "bob", "--timeout", "30", "hello").out
    disconnect()
    up.process.send_signal(number)
    assert up.process.wait(PATIENCE) == 0, up.said
    until(lambda: not started_here(tag, up) and not watchers(hub))


def test_a_sync_that_is_killed_is_started_again(bridged: Machine, alice: Machine) -> None:
    """After kill -9 of the sync there is a new one, and mail arrives again."""
    up = Up(bridged)
    up.says("connected: bob")
    up.says("bridge bob: ready")
    os.kill(up.sync, signal.SIGKILL)
    up.says("sync: ended with -9, starts again in 0.5 s")
    up.says("connected: bob", times=2)
    assert "HELLO" in alice.run("ask", "--to", "bob", "--timeout", "30", "hello").out
    up.process.terminate()
    assert up.process.wait(PATIENCE) == 0, up.said


def test_a_sync_ends_with_its_parent(bridged: Machine, hub: Path, tag: str) -> None:
    """When `xw up` itself is killed, its sync sees that it is an orphan, and ends."""
    up = Up(bridged)
    up.says("connected: bob")
    up.process.kill()
    up.process.wait()
    until(lambda: not started_here(tag, up) and not watchers(hub))


def test_without_bridges_and_for_several(alice: Machine) -> None:
    """One sync serves all instances of an xw.json, even without bridges."""
    assert call(alice.folder, "init", "--name", "carol", "--hub", alice.url).code == 0
    disconnect()
    up = Up(alice)
    up.says("connected: alice, carol")
    assert len(_STARTED.findall(up.said)) == 1
    up.process.terminate()
    assert up.process.wait(PATIENCE) == 0, up.said
