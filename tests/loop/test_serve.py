"""Running a bridge: what it says while it cannot go on, with a worker that follows a script."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.loop.world import Program, ScriptedChat, World
from xw.bridges import serve
from xw.errors import Unreachable
from xw.presence import Doing


class Script:
    """Worker, pulse and wake-ups in one: steps end as the script says, then the bridge is stopped."""

    doing = ("idle", "")

    def __init__(self, *steps: Exception | None) -> None:
        self.steps = list(steps)
        self.said: list[str] = []
        self.pauses: list[float | None] = []
        self.stop = serve.Stop()

    def step(self) -> None:
        now = self.steps.pop(0)
        self.stop._asked = not self.steps
        if now:
            raise now

    def changed(self) -> None:
        pass

    def wait(self, pause: float | None) -> None:
        self.pauses.append(pause)

    def run(self) -> list[str]:
        me: Any = self
        serve._loop(me, me, me, self.stop, self.said.append, lambda: False)
        return self.said


def full(scratch: str) -> OSError:
    """Return the error of a full disk at a scratch file, whose name changes each time."""
    return OSError(28, "No space left on device", scratch)


def test_each_trouble_is_said_once() -> None:
    """A problem is reported when it begins, another when it replaces the first, and then the end of all."""
    gone = Unreachable("no route to the hub")
    script = Script(full("a"), full("b"), full("c"), gone, gone, None, None, gone, None)
    said = script.run()
    assert [line.partition(":")[0] for line in said] == [
        "cannot continue, will retry",
        "cannot continue, will retry",
        "resumed",
        "cannot continue, will retry",
        "resumed",
    ]
    assert "the disk is full" in said[0] and "no route" in said[1]


def test_tries_become_rarer() -> None:
    """A bridge waits longer after each failed try; after a good step it starts again."""
    script = Script(full("a"), full("b"), full("c"), None, full("d"))
    script.run()
    first, second, third, good, again = script.pauses
    assert first and second and third and first < second < third
    assert good is None and again == first


def test_a_heartbeat_that_cannot_be_written(tmp_path: Path) -> None:
    """A folder in place of `presence.json`, or of its lock, is reported once, and the bridge goes on."""
    world = World(tmp_path)
    for name in ("outbox/.presence.lock", "presence.json"):
        path = tmp_path / "bob" / name
        path.mkdir()
        said: list[str] = []
        worker: Any = SimpleNamespace(doing=Doing("idle"))
        plan: Any = SimpleNamespace(kind="command", notify=False)
        with serve._Pulse(world.instance("bob").mailbox, plan, worker, said.append) as pulse:
            worker.doing = Doing("busy", "x")
            pulse.changed()
        assert len(said) == 1, said
        assert "cannot write the heartbeat" in said[0]
        assert str(path) in said[0]
        path.rmdir()


def test_a_lock_that_is_no_file(tmp_path: Path) -> None:
    """A FIFO in place of a lock is named, and delays only what needs that lock."""
    world = World(tmp_path)
    os.mkfifo(tmp_path / "bob/outbox/.lock", 0o600)
    world.send("x", to="bob")
    with pytest.raises(PermissionError, match="not a regular file") as caught:
        world.send("x", by="bob", to="alice")
    assert caught.value.filename == str(tmp_path / "bob/outbox/.lock")


def test_a_program_that_cannot_be_started_ahead() -> None:
    """A full disk at the start ahead is a reason to wait, and ends no bridge."""

    class Full(ScriptedChat):
        def start(self) -> None:
            raise full("/x/bridge/acp/alive")

    assert "the disk is full" in (serve._start(Full(Program())) or "")
