"""Each kind of bridge shows mail to a running program when its owner's `delivery` says so, not on hold."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.bridges.helpers import HERE, Agent, until
from tests.bridges.wibwob_server import WibWob
from tests.loop.world import World
from tests.programs.natives import Codex, OpenCode
from tests.programs.running import Claude, noting
from xw import config, delivery
from xw.bridges.acp import AcpChat
from xw.bridges.chat import Chat
from xw.bridges.claude import ClaudeChat
from xw.bridges.codex import CodexChat
from xw.bridges.command import CommandChat
from xw.bridges.door import LOOK_S
from xw.bridges.lines import LinesChat
from xw.bridges.loop import Bridge
from xw.bridges.opencode import OpenCodeChat
from xw.bridges.program import Program
from xw.bridges.socket import SocketChat
from xw.mailbox import Mailbox


class Stage(NamedTuple):
    """A running program's chat, and how a person takes a turn in it, if persons can."""

    chat: Chat
    turn: Callable[[], object] | None = None


def _claude(world: World, stack: ExitStack) -> Stage:
    root = Path(world.root)
    program = Claude(root.parent, root.parent, "--settings", noting(root, "bob"))
    stack.callback(program.scratch.cleanup)
    stack.callback(program.end)
    until(lambda: program.idle)

    def turn() -> None:
        before = len(program.entries("assistant"))
        program.type("hello")
        until(lambda: len(program.entries("assistant")) > before and program.idle)

    return Stage(ClaudeChat(Mailbox(world.files, "bob"), str(program.process.pid)), turn)


def _codex(world: World, stack: ExitStack) -> Stage:
    program = Codex(Path(world.root).parent / "codex", "hello")
    stack.callback(program.end)
    until(lambda: program.turns)

    def turn() -> None:
        before = program.turns
        program.type("hello")
        until(lambda: program.turns > before)

    mailbox = Mailbox(world.files, "bob")
    return Stage(CodexChat(mailbox, Path(world.root).parent / "state", str(program.process.pid)), turn)


def _opencode(world: World, stack: ExitStack) -> Stage:
    program = OpenCode(Path(world.root).parent / "opencode")
    stack.callback(program.end)
    until(lambda: program.ask("/session") is not None)
    chat = OpenCodeChat(Path(world.root).parent / "state", program.url, instance="bob")

    def turn() -> None:
        before = len(program.heard())
        program.type("hello")
        until(lambda: len(program.heard()) > before and not chat.ready())

    return Stage(chat, turn)


def _socket(world: World, stack: ExitStack) -> Stage:
    window = WibWob(Path(world.root).parent / "wibwob_1.sock")
    stack.callback(window.stop)
    return Stage(SocketChat(str(window.path), settle_s=0.0), lambda: window.input("hello"))


def _owned(world: World, stack: ExitStack, kind: str) -> Stage:
    state = Path(world.root).parent / "state"
    if kind == "command":
        return Stage(CommandChat(Program(["cat"]), state))
    program = Program([sys.executable, str(HERE / f"{'acp_agent' if kind == 'acp' else 'lines_program'}.py")])
    return Stage(
        stack.enter_context(closing(AcpChat(program, state) if kind == "acp" else LinesChat(program, state)))
    )


MAKERS = {"claude": _claude, "codex": _codex, "opencode": _opencode, "socket": _socket}


@pytest.fixture(params=[*MAKERS, "command", "lines", "acp", "tmux"])
def stage(
    world: World, request: pytest.FixtureRequest, agent: Callable[..., Agent], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """A running program of each kind."""
    monkeypatch.setenv("HOME", os.path.dirname(world.root))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    with ExitStack() as stack:
        if request.param in MAKERS:
            yield MAKERS[request.param](world, stack)
        elif request.param == "tmux":
            yield Stage(agent().chat())  # the person's turn in it: `test_delivery.test_in_a_terminal`
        else:
            yield _owned(world, stack, request.param)


def test_each_value(world: World, stage: Stage) -> None:
    """Nothing under `asked`, what waited under `start`, also after a turn under `turn`, all under `push`."""
    mailbox = Mailbox(world.files, "bob")

    def bridge(value: str) -> Bridge:
        chosen = config.NONE._replace(instances={"bob": {"delivery": value}})
        return Bridge(world.instance("bob")._replace(config=chosen), stage.chat, world.told.append)

    def shown(worker: Bridge, *sent: str) -> list[bool]:
        """Let the bridge come to rest, and return which messages were shown and answered."""
        until(lambda: (pause := worker.step()) is None or (pause >= LOOK_S and not _busy(worker)))
        assert not [line for line in world.told if "fail" in line], world.told
        return [mailbox.state_of(name) == "done" for name in sent]

    first = world.send("hello one", "task")
    assert shown(bridge("asked"), first) == [False]
    worker = bridge("start")
    assert shown(worker, first) == [True]
    second = world.send("hello two", "task")
    assert shown(worker, second) == [False]
    worker = bridge("turn")
    assert shown(worker, second) == [True]
    third = world.send("hello three", "task")
    assert shown(worker, third) == [False]
    if stage.turn:
        stage.turn()
        until(lambda: shown(worker, third) == [True])
    worker = bridge("push")
    assert shown(worker, third) == [True]
    fourth = world.send("hello four", "task")
    assert shown(worker, fourth) == [True]
    delivery.hold(mailbox, world.time)
    fifth = world.send("hello five", "task")
    assert shown(worker, fifth) == [False]
    delivery.resume(mailbox)
    assert shown(worker, fifth) == [True]


def _busy(worker: Bridge) -> bool:
    return worker.doing.waits_for.startswith("busy")
