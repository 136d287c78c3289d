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
from xw.bridges.chat import ChatFailed, ChatGone, NoAnswer, Reply, Uncertain, Unusable
from xw.bridges.program import Program
from xw.errors import Usage

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


def test_the_agent_acts_for_the_bridges_instance(start: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent's `XW_NAME` is the instance whose mail it gets, whatever the bridge was started with."""
    monkeypatch.setenv("XW_NAME", "another")
    chat = start()
    chat.serves("bob")
    ask(chat, "hi")
    assert b"\0XW_NAME=bob\0" in Path(f"/proc/{chat._agent.pid}/environ").read_bytes()


def test_turns_of_one_session(start: Open) -> None:
    """Texts go to one agent in one session; streamed pieces come back as one answer."""
    chat = start()
    assert chat.ready() is None
    assert ask(chat, "[mail]\nhé 漢\n[end]") == Reply("turn 1 heard 17:\n[mail]\nhé 漢\n[end]")
    assert ask(chat, "b" * 100_000).text.startswith("turn 2 heard 100000:")


def test_words_before_a_tool_are_no_answer(start: Open) -> None:
    """The agent's text before a tool call is not the answer."""
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
    """The policy decides, because no person is there; by default it denies once."""
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
    monkeypatch.setattr("xw.bridges.acp_agent.CANCEL_S", 0.3 if body.startswith("deaf") else 30.0)
    now = [100.0]
    chat = start(timeout_s=5, clock=lambda: now[0])
    mark = chat.mark()
    chat.present(mark, body)
    assert chat.ready() == "busy" and chat.capture(mark, body) is None
    assert chat.seen(mark, body) is True
    now[0] += 6
    with pytest.raises(NoAnswer):
        chat.capture(mark, body)
    assert ask(chat, "next").text.startswith("turn 2 " if body == "delay:30" else "turn 1 ")


def test_an_answer_without_an_end_is_kept(start: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that streams its whole answer and never ends the turn fails, with what it said."""
    monkeypatch.setattr("xw.bridges.acp_agent.CANCEL_S", 0.3)
    now = [100.0]
    chat = start(timeout_s=5, clock=lambda: now[0])
    mark = chat.mark()
    chat.present(mark, "endless:The answer is 42.")
    until(lambda: chat._agent.words)
    now[0] += 6
    with pytest.raises(NoAnswer) as late:
        chat.capture(mark, "endless:The answer is 42.")
    assert late.value.said == "The answer is 42."


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
    """An answer's note that a crash left empty counts as none, and stops nothing."""
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
    pid = chat._agent.pid
    chat.close()
    chat.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_programs_that_are_no_agents(tmp_path: Path) -> None:
    """A program that ends, or is missing, is reported as not an agent."""
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


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Callable[..., AcpChat]]:
    """Makes chats with agents of these arguments (see `acp_agent`), and ends the agents."""
    made: list[AcpChat] = []

    def one(*words: str, state: str = "state", **options: Any) -> AcpChat:
        made.append(AcpChat(Program([*AGENT, *words]), tmp_path / state, **options))
        return made[-1]

    yield one
    for chat in made:
        chat.close()


Agent = Callable[..., AcpChat]
_UNASKING = "auto,yolo,acceptEdits"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("says",),
        ("modes=auto,approve,smart_approve,chat",),
        ("modes=auto,ask",),
        ("modes=auto,manual,plan",),
        ("modes=agent,workspace-write,read-only",),
        ("modes=plan,default,auto-edit,auto,yolo",),
        ("option",),
        ("option", "modes=build,ask"),
    ],
)
@pytest.mark.parametrize("policy", ["deny", "read"])
def test_an_agent_is_put_into_a_mode_that_asks(
    agent: Agent, tmp_path: Path, words: tuple[str, ...], policy: str
) -> None:
    """An agent that would run its tool unasked does not: its session is set to a mode that asks."""
    ask(agent(*words, permissions=policy), f"touch:{tmp_path}/made")
    assert not (tmp_path / "made").exists()


def test_allow_leaves_the_mode_alone(agent: Agent, tmp_path: Path) -> None:
    """With `allow` the agent keeps its own mode, whatever it offers."""
    for number, words in enumerate(((), ("modes=yolo",), ("modes=",))):
        ask(agent(*words, state=f"{number}", permissions="allow"), f"touch:{tmp_path}/made{number}")
        assert (tmp_path / f"made{number}").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((f"modes={_UNASKING}",), f"only the modes {_UNASKING.replace(',', ', ')}"),
        ((f"modes={_UNASKING}", "option"), "only the modes auto"),
        (("modes=",), "no modes"),
        (("stays", "says"), "stays in mode 'auto'"),
        (("stays", "option"), "stays in mode 'auto'"),
        (("deaf-to-modes",), "does not take mode 'default'"),
    ],
)
def test_an_agent_that_cannot_be_made_to_ask(agent: Agent, words: tuple[str, ...], why: str) -> None:
    """An agent without a mode that asks, or that rejects it, is not used; the error names the fix."""
    chat = agent(*words)
    for act in (chat.start, chat.mark):
        with pytest.raises(Unusable, match=why) as refused:
            act()
        assert "permissions=allow" in str(refused.value)
    assert not chat._agent.lives


def test_an_agent_that_asks_by_its_configuration(agent: Agent, tmp_path: Path) -> None:
    """A user may declare that an agent asks though it offers no mode; opencode is configured to ask."""
    assert ask(agent("modes=", asks=True), "hm").text
    other = tmp_path / "opencode"
    run = f"exec {' '.join(AGENT)} modes=build option"
    other.write_text(f'#!/bin/sh\necho "$OPENCODE_PERMISSION" >{tmp_path}/told\n{run}\n')
    other.chmod(0o755)
    chat = AcpChat(Program([str(other), "acp"]), tmp_path / "other")
    assert ask(chat, "hm").text
    chat.close()
    told = json.loads((tmp_path / "told").read_text())
    assert told["*"] == told["bash"] == told["edit"] == "ask"


@pytest.mark.parametrize("mode", ["auto", "yolo", "acceptEdits"])
def test_an_agent_that_leaves_its_mode(agent: Agent, tmp_path: Path, mode: str) -> None:
    """An agent that switches to a mode that may not ask is ended, and its turn is not an answer."""
    chat = agent()
    with pytest.raises((ChatFailed, Uncertain), match=f"switched to mode '{mode}'"):
        ask(chat, f"mode:{mode} delay:5")
    assert ask(chat, f"touch:{tmp_path}/made").text.startswith("turn 1 ")  # a new one, made to ask
    assert not (tmp_path / "made").exists()
    with pytest.raises((ChatFailed, Uncertain), match=f"switched to mode '{mode}'"):
        ask(chat, f"mode:{mode}")


@pytest.mark.parametrize("policy", ["deny", "read"])
@pytest.mark.parametrize(
    "used",
    [
        "execute:completed",
        "edit:completed deaf delay:60",
        "other:in_progress,completed",
        "execute:in_progress",
        "delete:in_progress deaf delay:60",
        "fetch:completed,ask",
    ],
)
def test_an_agent_that_only_says_that_it_asks(
    agent: Agent, policy: str, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that answers OK, stays in its mode and runs a tool is ended; its turn fails and says why."""
    monkeypatch.setattr("xw.bridges.acp_client.ASK_S", 0.05)
    chat = agent("stays", permissions=policy)
    with pytest.raises(ChatFailed, match=r"ran the tool 'make it' without asking.* --option asks=yes"):
        ask(chat, f"uses:{used}")
    assert ask(chat, "hm").text.startswith("turn 1 ")  # another agent: that one was ended


@pytest.mark.parametrize(
    "used",
    [
        "execute:ask,in_progress,completed",
        "execute:in_progress,ask,completed",  # some report first and ask then
        "execute:failed",  # refused by its own settings
        "execute:pending",
        "read:in_progress,completed",
        "search:completed",
        "think:completed",
    ],
)
def test_an_agent_that_asks_goes_on(agent: Agent, used: str) -> None:
    """A tool that was asked for, did not run, or only reads, ends nothing."""
    chat = agent("stays")
    assert ask(chat, f"uses:{used}").text.startswith("turn 1 ")
    assert ask(chat, f"uses:{used}").text.startswith("turn 2 ")


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (("says",), {}),
        (("modes=default,auto",), {}),
        (("option",), {}),
        (("stays",), {"asks": True}),
        (("stays",), {"permissions": "allow"}),
    ],
)
def test_an_agent_that_is_believed(agent: Agent, words: tuple[str, ...], options: dict[str, Any]) -> None:
    """If the agent or the user states that it is in that mode, its own settings decide."""
    assert ask(agent(*words, **options), "uses:execute:in_progress,completed").text.startswith("turn 1 ")


def test_an_agent_may_switch_to_a_harmless_mode(agent: Agent) -> None:
    """A switch to planning, or to another mode that asks, ends nothing."""
    chat = agent()
    assert ask(chat, "mode:plan").text.startswith("turn 1 ")
    assert ask(chat, "mode:manual").text.startswith("turn 2 ")


def test_an_error_says_what_its_data_says(agent: Agent) -> None:
    """The data of a JSON-RPC error is part of the reason, beside its message."""
    with pytest.raises(ChatFailed, match="Internal error: usage limit reached"):
        ask(agent(), "broke")


def test_what_was_said_before_a_failure_is_kept(agent: Agent) -> None:
    """A refusal after an answer keeps the answer beside the failure."""
    with pytest.raises(ChatFailed, match="refusal") as failed:
        ask(agent(), "refuse this")
    assert "heard 11:\nrefuse this" in failed.value.said


def test_a_providers_error_is_no_answer(tmp_path: Path) -> None:
    """A known agent's line about its provider fails the turn, though the agent ends it well."""
    known = tmp_path / "claude-agent-acp"
    known.write_text(f"#!/bin/sh\nexec {' '.join(AGENT)}\n")
    known.chmod(0o755)
    for program, fails in ([str(known)], True), (AGENT, False):
        chat = AcpChat(Program(program), tmp_path / str(fails))
        try:
            assert ask(chat, "only:API Error: 429 slow down").text.startswith("API Error") and not fails
        except ChatFailed as error:
            assert fails and "API Error: 429 slow down" in str(error)  # noqa: PT017  # one of the two
        finally:
            chat.close()


def test_an_answer_before_a_last_tool_is_the_answer(agent: Agent) -> None:
    """If no text follows the last tool call, the text before it is the answer."""
    assert ask(agent(), "only-tool:The answer is 42.") == Reply("The answer is 42.")
