"""Files that root's bridge leaves in a user's mailbox belong to the user, and no link there is followed."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bridges.helpers import HERE, until
from tests.guarantees.owners import USER, as_user, not_of
from xw.bridges.acp import AcpChat
from xw.bridges.chat import Chat
from xw.bridges.command import CommandChat
from xw.bridges.lines import LinesChat
from xw.bridges.program import Program
from xw.bridges.tmux import open_chat

pytestmark = pytest.mark.root

CHATS: dict[str, Callable[[Path], Chat]] = {
    "command": lambda state: CommandChat(Program(["cat"]), state),
    "lines": lambda state: LinesChat(Program([sys.executable, str(HERE / "lines_program.py")]), state),
    "acp": lambda state: AcpChat(Program([sys.executable, str(HERE / "acp_agent.py")]), state),
}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A bridge's folder in a user's mailbox."""
    folder = tmp_path / "bridge"
    folder.mkdir(0o700)
    os.chown(folder, USER, USER)
    yield folder
    for path in (tmp_path, *tmp_path.parents[:2]):
        assert path.stat().st_uid == 0  # what lies above stays whose it was


def answer(chat: Chat, text: str) -> str:
    mark = chat.mark()
    chat.present(mark, text)
    return str(until(lambda: chat.capture(mark, text)).text)


@pytest.mark.parametrize("kind", CHATS)
def test_files_of_a_bridge_of_roots(state: Path, kind: str) -> None:
    """All that the chat has made belongs to the folder's owner, who can run the next bridge."""
    chat = CHATS[kind](state)
    try:
        assert "hello" in answer(chat, "hello")
    finally:
        chat.close()
    assert not_of(USER, state) == [] and len(list(state.rglob("*"))) > 1 - (kind == "acp")
    assert not [path for path in state.rglob("*") if path.stat().st_mode & 0o077]


def test_the_user_goes_on(state: Path) -> None:
    """The user's own bridge reads what root's has left, and sweeps it."""
    mark = (chat := CommandChat(Program(["cat"]), state)).mark()
    chat.present(mark, "hello")
    until(lambda: chat.capture(mark, "hello"))

    def go_on() -> str:
        os.environ["PATH"] = "/usr/bin:/bin"
        mine = CommandChat(Program(["cat"]), state)
        reply = mine.capture(mark, "hello")
        mine._sweep()
        return (reply.text if reply else "") + answer(mine, " again")

    for folder in state.parents:
        if folder.stat().st_uid == 0 and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    assert as_user(USER, go_on) == "hello again"


def test_the_note_of_inside(state: Path, tmp_path: Path) -> None:
    """The note for doctor is the user's, and a link in its place is replaced, not followed."""
    (tmp_path / "secret").write_text("secret")
    (state / "inside").symlink_to(tmp_path / "secret")
    open_chat("x", {"inside": "claude"}, state)
    assert (tmp_path / "secret").read_text() == "secret" and (state / "inside").read_text() == "claude"
    assert not_of(USER, state) == []
    open_chat("x", {}, state)
    assert list(state.iterdir()) == []


def test_links_in_the_folder(state: Path, tmp_path: Path) -> None:
    """A link to root's file in place of an output is not read as an answer: nobody gets that file."""
    (tmp_path / "secret").write_text("secret")
    chat = CommandChat(Program(["cat"]), state)
    mark = chat.mark()
    chat.present(mark, "hello")
    run = state / json.loads(mark)["run"]
    until(lambda: (run / "alive").read_text())
    (run / "out").unlink()
    (run / "out").symlink_to(tmp_path / "secret")
    assert until(lambda: chat.capture(mark, "hello")).text == ""
