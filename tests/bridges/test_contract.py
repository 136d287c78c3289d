"""Every implementation keeps the promises in the docstrings of `Chat`."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest

from tests.bridges.helpers import FAKE, HERE, Agent, until
from tests.bridges.wibwob_server import WibWob
from tests.programs.natives import Codex, OpenCode
from tests.programs.running import Claude, noting
from xw.bridges.acp import AcpChat
from xw.bridges.chat import Chat, ChatGone
from xw.bridges.claude import ClaudeChat
from xw.bridges.codex import CodexChat
from xw.bridges.command import CommandChat
from xw.bridges.frame import Mail, framed
from xw.bridges.kinds import KINDS, open_chat
from xw.bridges.lines import LinesChat
from xw.bridges.opencode import OpenCodeChat
from xw.bridges.program import Program
from xw.bridges.screen import empty_input
from xw.bridges.socket import SocketChat
from xw.bridges.tmux import TmuxChat
from xw.errors import Usage
from xw.files.local import LocalFiles
from xw.mailbox import Mailbox

Make = Callable[[], Chat]
ECHO = [sys.executable, "-c", "import sys; print('heard', len(sys.stdin.read()))"]
CASES = [
    "acp",
    "command",
    "lines",
    "socket-direct",
    "socket-registry",
    "socket-log",
    "tmux",
    "tmux-alt",
    "codex",
    "opencode",
    "claude",
]


@pytest.fixture(params=CASES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Makes Chat objects for one and the same chat program, as two bridges after each other would."""
    kind, _, variant = request.param.partition("-")
    if kind == "command":
        yield lambda: CommandChat(Program(ECHO), tmp_path)
    elif kind == "acp":
        agents: list[AcpChat] = []

        def connect() -> AcpChat:
            agents.append(AcpChat(Program([sys.executable, str(HERE / "acp_agent.py")]), tmp_path))
            return agents[-1]

        yield connect
        for agent_chat in agents:
            agent_chat.close()
    elif kind == "lines":
        chats: list[LinesChat] = []
        program = Program([sys.executable, str(HERE / "lines_program.py")])

        def start() -> LinesChat:
            chats.append(LinesChat(program, tmp_path))
            return chats[-1]

        yield start
        for chat in chats:
            chat.close()
    elif kind == "codex":
        codex = Codex(tmp_path / "home", "hello")
        until(lambda: codex.turns)
        mailbox = Mailbox(LocalFiles(str(tmp_path)), "bob")
        yield lambda: CodexChat(mailbox, tmp_path / "state", str(codex.process.pid))
        codex.end()
    elif kind == "opencode":
        opencode = OpenCode(tmp_path / "home")
        until(lambda: opencode.ask("/session") is not None)
        yield lambda: OpenCodeChat(tmp_path / "state", opencode.url)
        opencode.end()
    elif kind == "claude":
        claude = Claude(tmp_path, tmp_path, "--settings", noting(tmp_path, "bob"))
        until(lambda: claude.idle)
        yield lambda: ClaudeChat(Mailbox(LocalFiles(str(tmp_path)), "bob"))
        claude.end()
        claude.scratch.cleanup()
    elif kind == "socket":
        server = WibWob(tmp_path / "s.sock", build=variant)
        log = str(server.log) if variant == "log" else ""
        yield lambda: SocketChat(str(server.path), log=log, settle_s=0.05)
        server.stop()
    else:
        name = request.getfixturevalue("tmux_server")
        agent = Agent(name, tmp_path, *(["--alt"] if variant else []))
        until(lambda: empty_input(agent.tmux.look(agent.pane), FAKE))
        yield lambda: TmuxChat(agent.pane, profile=FAKE, server=name)
        subprocess.run(["tmux", "-S", name, "kill-pane", "-t", agent.pane], check=False, capture_output=True)


def text_of(body: str, short: str) -> str:
    return framed(Mail("alice", "question", short, 200, body, True))


def test_one_message_after_the_other(make: Make) -> None:
    """Ready, mark, present, capture: each answer belongs to its text, and the chat is ready again."""
    chat = make()
    for number in range(3):
        text = text_of("x" * number, f"aaaaaaa{number}")
        until(lambda: chat.ready() is None)
        mark = chat.mark()
        chat.present(mark, text)
        reply = until(partial(chat.capture, mark, text))
        assert str(len(text)) in reply.text or text in reply.text
        assert not reply.truncated and reply.note == ""
    chat.close()


def test_capture_may_be_asked_again(make: Make) -> None:
    """An answer that was taken can be taken again: the bridge may crash before it files it."""
    chat, text = make(), text_of("x", "aaaaaaa1")
    mark = chat.mark()
    chat.present(mark, text)
    first = until(lambda: chat.capture(mark, text))
    assert until(lambda: chat.capture(mark, text)) == first
    assert chat.seen(mark, text) is True


def test_mark_is_valid_in_another_object(make: Make) -> None:
    """A new object with the stored mark knows that the text went in, and captures its answer."""
    chat, text = make(), text_of("x", "aaaaaaa1")
    mark = chat.mark()
    assert mark.isprintable() and len(mark) < 4096 and json.loads(mark)
    chat.present(mark, text)
    until(lambda: chat.capture(mark, text))
    after = make()
    assert after.seen(mark, text) is True
    assert until(lambda: after.capture(mark, text)).text


def test_never_presented_is_never_seen_as_in(make: Make) -> None:
    """A text that did not go in is never said to be in, and has no answer."""
    chat, text = make(), text_of("x", "aaaaaaa1")
    mark = chat.mark()
    assert make().seen(mark, text) in (False, None)
    with suppress(ChatGone):
        assert chat.capture(mark, text) is None


def test_closing_twice(make: Make) -> None:
    """Closing is safe at any time."""
    chat = make()
    chat.close()
    chat.mark()
    chat.close()
    chat.close()


def test_long_text(make: Make) -> None:
    """A text up to the limit arrives whole; without a limit, 100 kB do."""
    chat = make()
    chat.ready()
    size = (chat.limit or 100_000) - 200
    text = text_of("\n".join(["word " * 12] * (size // 61)), "aaaaaaa1")
    assert not chat.limit or len(text.encode()) <= chat.limit
    mark = chat.mark()
    chat.present(mark, text)
    reply = until(lambda: chat.capture(mark, text))
    assert reply.text


def test_every_kind_can_be_loaded(tmp_path: Path) -> None:
    """Each line of the table names a module that keeps its promise; a wrong word names the right ones."""
    for kind in KINDS.values():
        module = import_module(kind.module)
        assert callable(module.open_chat) and callable(module.discover)
    with pytest.raises(Usage, match="socket, tmux, command"):
        open_chat("telepathy", "x", {}, tmp_path)
    with pytest.raises(Usage, match="unknown option 'secret'"):
        open_chat("socket", "1", {"secret": "x"}, tmp_path)
