"""Chats with impossible answers, through the loop: the message is accounted for, and mail goes on."""

import sys
import time
from pathlib import Path

import pytest

from tests.bridges.helpers import HERE, until
from tests.bridges.wibwob_server import WibWob
from tests.loop.world import World
from xw.bridges import acp, command, loop
from xw.bridges.chat import Chat, ChatGone, Unusable
from xw.bridges.loop import Bridge
from xw.bridges.socket import SocketChat

LINES = "import json, os, sys, time\nfor line in sys.stdin:\n    id = json.loads(line)['id']\n    "
FILES = "import os, sys, time\n"
CHILD = (
    "if os.fork(): print('well', flush=True), os._exit(0)\nwhile os.path.exists(sys.argv[0]): time.sleep(0.1)"
)


def take(world: World, chat: Chat) -> tuple[str, str]:
    """Let a bridge take what waits through this chat; how the message ended, and what its sender got."""
    bridge = Bridge(world.instance("bob"), chat, world.told.append, time.monotonic)
    try:
        until(lambda: bridge.step() is None)
    finally:
        chat.close()
    ((_, got),) = world.inbox("alice")
    return world.inbox("bob")[0].state, got.body


@pytest.mark.parametrize(
    ("program", "state", "body"),
    [
        (FILES + "sys.exit('x' * 2_000_000)", "failed", "x" * 1000),
        (FILES + "sys.stdout.buffer.write(b'a\\xff')", "done", "a\ufffd"),
        (FILES + "print('x' * 10_000_000)", "done", "the rest is in"),
        (FILES + CHILD, "done", "well"),
        (LINES + "print(json.dumps({'id': id, 'error': 'x' * 2_000_000}), flush=True)", "failed", "xxx"),
        (LINES + "print(json.dumps({'id': id, 'error': '\\ud800'}), flush=True)", "failed", ": ?"),
        (
            LINES + "print('[' * 100_000 + '\\n' + json.dumps({'id': id, 'text': 'a'}), flush=True)",
            "done",
            "a",
        ),
        (
            LINES
            + "os.write(1, json.dumps({'id': id, 'text': 'a!'}).encode().replace(b'!', b'\\xff') + b'\\n')",
            "done",
            "a\ufffd",
        ),
        (LINES + "print(json.dumps({'id': id, 'text': 'x' * 10_000_000}), flush=True)", "done", "10,000,000"),
        (LINES + "if os.fork():\n        os._exit(0)", "failed", "ended before it answered"),
    ],
)
def test_command(
    world: World, tmp_path: Path, program: str, state: str, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too long, not UTF-8, JSON too deep, a child that holds the pipe: none delays the mail."""
    monkeypatch.setattr(loop, "GONE_S", 0.3)
    path = tmp_path / "program.py"
    path.write_text(program)
    world.send("hello")
    options = {"lines": "yes"} if program.startswith(LINES) else {}
    ended, got = take(world, command.open_chat(f"{sys.executable} {path}", options, tmp_path / "state"))
    path.unlink()  # ends the child
    assert ended == state and body in got and len(got) < 20_000


def test_protocol_message_that_cannot_be_written(world: World) -> None:
    """A status with a lone surrogate, which no file can hold, costs that sign and nothing else."""
    head = "[PROTOCOL:STATUS_UPDATE] from bob at 2026-11-21T05:30:12.123Z"
    world.program.answer = lambda _: f"{head}\nStatus: working\nTask: a\ud800"
    world.send("how far?")
    world.run(world.bridge())
    assert world.inbox("alice")[0].message.fields["protocol"]["task"] == "a?"  # type: ignore[index]


@pytest.mark.parametrize(
    ("words", "state", "body"),
    [
        ("log", "done", "turn 1 heard"),
        ("fork", "failed", "the agent ended"),
    ],
)
def test_acp(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str], words: str, state: str, body: str
) -> None:
    """An invalid line costs nothing; the end of an agent is noticed though a child holds its pipe."""
    world.send(words)
    ended, got = take(world, acp.open_chat(f"{sys.executable} {HERE}/acp_agent.py", {}, tmp_path / "state"))
    assert ended == state and body in got
    assert "Traceback" not in capfd.readouterr().err


def test_agent_that_cannot_be_started(world: World, tmp_path: Path) -> None:
    """Mail waits for a program that is not an agent; the loop gets each error, and decides when to retry."""
    world.send("hello")
    chat = acp.open_chat("false", {}, tmp_path / "state")
    bridge = Bridge(world.instance("bob"), chat, world.told.append)
    for _ in range(2):
        with pytest.raises(ChatGone, match="cannot be started as an ACP agent"):
            bridge.step()
    assert bridge.doing[0] == "alive" and "cannot be started" in bridge.doing.waits_for
    assert [filed.state for filed in world.inbox("bob")] == ["processing"] and world.told == []


def test_agent_that_must_not_be_used(world: World, tmp_path: Path) -> None:
    """An agent that cannot be made to ask ends the bridge; the message waits for the next one."""
    world.send("hello")
    chat = acp.open_chat(f"{sys.executable} {HERE}/acp_agent.py modes=auto", {}, tmp_path / "state")
    with pytest.raises(Unusable, match="none is known to ask"):
        Bridge(world.instance("bob"), chat, world.told.append).step()
    chat.close()
    assert [filed.state for filed in world.inbox("bob")] == ["processing"] and world.inbox("alice") == []


@pytest.mark.parametrize("trouble", ["mute", "half", "err"])
def test_socket_that_stops_answering(
    world: World, tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A history that is unavailable for a while delays the answer; permanently, the message times out."""
    for lasts in (False, True):
        folder = tmp_path / str(lasts)
        folder.mkdir()
        server = WibWob(folder / "s.sock")
        limit = 0.5 if lasts else 60.0
        monkeypatch.setattr(loop, "GONE_S", limit)
        chat = SocketChat(str(server.path), settle_s=0.05, timeout_s=limit)
        name = world.send("hello")
        bridge = Bridge(world.instance("bob"), chat, world.told.append, time.monotonic)
        until(lambda: bridge.step() == 0.0 and "presented" in world.told[-1])  # noqa: B023  # used at once
        server.trouble = trouble
        if not lasts:
            for _ in range(3):
                assert bridge.step(), "it waits"
            server.trouble = ""
        until(lambda: bridge.step() is None)  # noqa: B023  # used at once
        server.stop()
        if lasts:
            assert world.why(name)["kind"] in ("timeout", "gone")
        else:
            assert world.inbox("alice")[-1].message.type == "reply"
