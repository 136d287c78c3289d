"""The ACP chat with an agent of the SDK."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bridges.helpers import HERE, until
from xw.bridges.acp import AcpChat, open_chat
from xw.bridges.chat import ChatFailed, ChatGone, Reply, Uncertain
from xw.bridges.program import Program
from xw.errors import TimedOut, Usage

AGENT = [sys.executable, str(HERE / "acp_agent.py")]
Open = Callable[..., AcpChat]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Open]:
    """Makes chats, and ends their agents."""
    made: list[AcpChat] = []

    def one(timeout_s: float = 1800.0, **options: Any) -> AcpChat:
        made.append(AcpChat(Program(AGENT, timeout_s), tmp_path, **options))
        return made[-1]

    yield one
    for chat in made:
        chat.close()


def ask(chat: AcpChat, text: str) -> Reply:
    mark = chat.mark()
    chat.present(mark, text)
    reply: Reply = until(lambda: chat.capture(mark, text))
    return reply


def test_turns_of_one_session(start: Open) -> None:
    """Texts go to one agent in one session; streamed pieces come back as one answer."""
    chat = start()
    assert chat.ready() is None
    assert ask(chat, "[mail]\nhé 漢\n[end]") == Reply("turn 1 heard 17:\n[mail]\nhé 漢\n[end]")
    assert ask(chat, "b" * 100_000).text.startswith("turn 2 heard 100000:")


def test_words_before_a_tool_are_no_answer(start: Open) -> None:
    """What the agent said before it used a tool is not the answer."""
    assert "let me look" not in ask(start(), "tool").text


@pytest.mark.parametrize(
    ("policy", "kind", "chosen"),
    [
        ("deny", "read", "no"),
        ("deny", "execute", "no"),
        ("read", "read", "yes"),
        ("read", "edit", "no"),
        ("allow", "execute", "yes"),
    ],
)
def test_permissions_follow_the_policy(start: Open, policy: str, kind: str, chosen: str) -> None:
    """Nobody sits there to decide: the policy does, for once, and says no by default."""
    assert f"permission: {chosen}\n" in ask(start(permissions=policy), f"permission:{kind}").text


def test_ends_other_than_good(start: Open) -> None:
    """A refusal is a failure; an answer that met a limit is marked as cut."""
    chat = start()
    with pytest.raises(ChatFailed, match="refusal"):
        ask(chat, "refuse")
    reply = ask(chat, "long")
    assert reply.truncated and "tokens" in reply.note


def test_agent_that_dies_is_started_again(start: Open) -> None:
    """An agent that ends loses its turn, and the next text gets a new one."""
    chat = start()
    with pytest.raises((ChatFailed, Uncertain), match=r"ended|closed|Closed"):
        ask(chat, "die")
    assert ask(chat, "again").text.startswith("turn 1 ")


@pytest.mark.parametrize("body", ["delay:30", "deaf delay:30"])
def test_timeout_cancels_within_a_limit(start: Open, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn over its time is cancelled; an agent that does not hear that is ended."""
    monkeypatch.setattr("xw.bridges.acp.CANCEL_S", 0.3 if body.startswith("deaf") else 30.0)
    now = [100.0]
    chat = start(timeout_s=5, clock=lambda: now[0])
    mark = chat.mark()
    chat.present(mark, body)
    assert chat.ready() == "busy" and chat.capture(mark, body) is None
    assert chat.seen(mark, body) is True
    now[0] += 6
    with pytest.raises(TimedOut):
        chat.capture(mark, body)
    assert ask(chat, "next").text.startswith("turn 2 " if body == "delay:30" else "turn 1 ")


def test_finished_answer_survives_its_bridge(start: Open) -> None:
    """An answer that was complete is there for the next bridge; an unfinished turn ended with its own."""
    chat = start()
    mark = chat.mark()
    chat.present(mark, "x")
    reply = until(lambda: chat.capture(mark, "x"))
    unfinished = chat.mark()
    assert start().capture(mark, "x") == reply and start().seen(mark, "x") is True
    assert start().seen(unfinished, "y") is None
    with pytest.raises(ChatGone):
        start().capture(unfinished, "y")


def test_answer_that_the_disk_does_not_take(start: Open, tmp_path: Path) -> None:
    """A disk that takes no answer loses none: the bridge that heard it has it still."""
    chat = start()
    mark = chat.mark()
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    chat.present(mark, "x")
    assert until(lambda: chat.capture(mark, "x")) == Reply("turn 1 heard 1:\nx")
    assert chat.capture(mark, "x") == Reply("turn 1 heard 1:\nx")


def test_answer_that_was_torn(start: Open, tmp_path: Path) -> None:
    """A note of an answer that the machine's end left empty is none, and stops nobody."""
    chat = start()
    mark = chat.mark()
    (tmp_path / f"{json.loads(mark)['turn']}.json").touch()
    assert chat.seen(mark, "x") is None
    with pytest.raises(ChatGone):
        chat.capture(mark, "x")


def test_answers_do_not_pile_up(start: Open, tmp_path: Path) -> None:
    """An answer is kept for a day: by then it has been filed."""
    chat = start()
    ask(chat, "old")
    (kept,) = tmp_path.glob("*.json")
    os.utime(kept, (1, 1))
    ask(chat, "new")
    assert not kept.exists() and len(list(tmp_path.glob("*.json"))) == 1


def test_close_leaves_no_process(start: Open) -> None:
    """Closing ends the agent; closing twice is safe."""
    chat = start()
    ask(chat, "x")
    pid = chat._process.pid if chat._process else 0
    chat.close()
    chat.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_programs_that_are_no_agents(tmp_path: Path) -> None:
    """A program that ends, or is not there, is said to be no agent."""
    assert "no such command" in (AcpChat(Program(["xw-none"]), tmp_path).ready() or "")
    with pytest.raises(ChatGone, match="cannot be started"):
        AcpChat(Program(["false"]), tmp_path).mark()
    with pytest.raises(ChatGone, match="cannot be started"):
        AcpChat(Program(["xw-none"]), tmp_path).mark()


def test_options(tmp_path: Path) -> None:
    """Mistakes in options are usage errors."""
    open_chat("cat --acp", {"permissions": "read"}, tmp_path)
    for target, options in (("", {}), ("x", {"permissions": "maybe"}), ("x", {"timeout": "y"}), ("'", {})):
        with pytest.raises(Usage):
            open_chat(target, options, tmp_path)
