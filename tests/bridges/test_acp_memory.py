"""An ACP agent that is started again loads the session that it had."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bridges.test_acp import AGENT, ask
from xw.bridges.acp import AcpChat
from xw.bridges.acp_modes import Permissions
from xw.bridges.chat import ChatFailed, Uncertain
from xw.bridges.program import Program

Start = Callable[..., AcpChat]


@pytest.fixture
def said() -> list[str]:
    """What the chats have reported, without the program's name."""
    return []


@pytest.fixture
def start(tmp_path: Path, said: list[str]) -> Iterator[Start]:
    """Starts the agent with arguments (see `acp_agent`) as the next bridge does; ends the one before."""
    made: list[AcpChat] = []

    def one(*words: str, permissions: Permissions = "deny", cwd: str | None = None) -> AcpChat:
        for chat in made:
            chat.close()
        # The words are not part of the command line that is noted: a new release of the same agent.
        chat = AcpChat(Program(AGENT, 60.0, cwd), tmp_path / "state", permissions)
        chat._agent._program = Program([*AGENT, f"loads={tmp_path / 'sessions'}", *words], 60.0, cwd)
        chat.tells(lambda text: said.append(text.partition(": ")[2]))
        made.append(chat)
        return chat

    yield one
    for chat in made:
        chat.close()


@pytest.fixture
def earlier(tmp_path: Path) -> None:
    """An agent before had a session of one turn, which was noted."""
    (tmp_path / "state").mkdir()
    noted = {"session": "s1", "argv": AGENT, "cwd": os.getcwd()}
    (tmp_path / "state" / "session").write_text(json.dumps(noted))
    (tmp_path / "sessions").write_text('{"s1": 1}')


def test_an_agent_remembers(start: Start, said: list[str]) -> None:
    """The next agent has the session of the one before, whether that one or its bridge ended."""
    chat = start()
    chat.start()
    assert ask(chat, "one").text.startswith("turn 1 ")
    memory = chat.memory
    with pytest.raises(Exception, match=r"ended|closed|Closed"):
        ask(chat, "die")
    assert ask(chat, "three").text.startswith("turn 3 ") and chat.memory == memory
    again = start()
    assert ask(again, "four") == ("turn 4 heard 4:\nfour", False, "") and again.memory == memory
    assert said == []


@pytest.mark.usefixtures("earlier")
@pytest.mark.parametrize("words", [("modes=default,auto",), ("option",)])
def test_what_is_replayed_did_not_happen_now(
    start: Start, said: list[str], tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Replayed words, tools and modes are no answer and end nothing; the mode is set again."""
    chat = start(*words)
    touched = tmp_path / "touched"
    reply = ask(chat, f"touch:{touched}").text
    assert reply.startswith("turn 2 ") and "old" not in reply and not touched.exists()
    assert said == []


@pytest.mark.usefixtures("earlier")
def test_the_mode_is_set_again(start: Start, said: list[str]) -> None:
    """An agent whose loaded session says that it asks is put into that mode all the same."""
    chat = start("modes=default,auto", "deaf-to-modes")
    assert ask(chat, "two").text.startswith("turn 1 ")
    assert "does not take mode 'default'" in said[0]


@pytest.mark.usefixtures("earlier")
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("no-load",), "the agent cannot load sessions"),
        (("fails",), "the earlier session cannot be loaded: Internal error: its history is damaged"),
        (("stuck",), "the earlier session cannot be loaded: no answer within 0.5 s"),
        (("forgets-modes",), "the earlier session cannot be loaded: "),
    ],
)
def test_a_session_that_cannot_be_loaded(
    start: Start, said: list[str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], why: str
) -> None:
    """The agent begins a new session, the owner is told once why, and nothing replayed is an answer."""
    monkeypatch.setattr("xw.bridges.acp_agent.LOAD_S", 0.5 if "stuck" in words else 30.0)
    chat = start(*words)
    assert ask(chat, "two").text == "turn 1 heard 3:\ntwo" and chat.memory == "s2"
    (line,) = said
    assert line.startswith(f"starts without its memory of earlier turns: {why}")
    assert chat._earlier() == ("s2", ""), "the next agent loads the new session"


@pytest.mark.usefixtures("earlier")
def test_a_late_replay(start: Start, said: list[str]) -> None:
    """An agent that replays after it has loaded is ended, and starts anew: mail does not wait for ever."""
    chat = start("late")
    with pytest.raises((ChatFailed, Uncertain), match="ended the agent"):
        ask(chat, "two")
    assert ask(chat, "three").text.startswith("turn 1 ")
    assert said[-1].endswith("in its session it ran tools without asking")


def test_what_is_noted(start: Start, said: list[str], tmp_path: Path) -> None:
    """A session without a turn is not noted; one of another command or directory is not loaded."""
    note = tmp_path / "state" / "session"
    start().start()
    assert not note.exists()
    ask(start(), "one")
    assert json.loads(note.read_text())["session"] == "s2"
    whole = note.read_text()
    ask(start(cwd=str(tmp_path)), "two")
    assert [line.rpartition(": ")[2] for line in said] == ["its command or directory is another now"]
    for torn in ("", "{", "[]", "{}", whole[:-9]):
        note.write_text(torn)
        assert start()._earlier() == ("", "")
    note.unlink()
    note.symlink_to(tmp_path / "sessions")
    assert ask(start(), "again").text.startswith("turn 1 ")
    assert not note.is_symlink() and "argv" not in (tmp_path / "sessions").read_text()


@pytest.mark.usefixtures("earlier")
def test_allowed_sessions_load_too(start: Start, said: list[str]) -> None:
    """With `allow` the loaded session keeps the mode that it has."""
    chat = start("forgets-modes", permissions="allow")
    assert ask(chat, "two").text.startswith("turn 2 ") and said == []
