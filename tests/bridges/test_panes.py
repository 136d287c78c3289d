"""Panes are told apart: by session, window, directory, and by the instance that the program in them is."""

import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.bridges.helpers import until
from tests.bridges.panes import Pane, program
from xw.bridges.chat import ChatGone
from xw.bridges.panes import find_target, list_panes, owner_of
from xw.bridges.tmux import TmuxChat, open_chat
from xw.errors import NotFound


@pytest.fixture(scope="module")
def two(tmux_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pane, Pane]]:
    """Two Claudes, alice's and bob's, in windows `a` and `b` of a session, each in a directory of its own."""
    folder = tmp_path_factory.mktemp("two")
    claude = program(folder / "bin", "claude")
    opened = []
    for name in ("alice", "bob"):
        command = f"XW_NAME={name} exec {shlex.quote(str(claude))} --log {folder / name}.log"
        opened.append(Pane(tmux_server, f"cd {folder} && exec bash -c {shlex.quote(command)}"))
    first, second = opened
    first.tmux.run("rename-session", "-t", first.id, "work")
    first.tmux.run("rename-window", "-t", first.id, "a")
    second.tmux.run("rename-window", "-t", second.id, "b")
    first.tmux.run("move-window", "-s", second.id, "-t", "work:7")
    for one in opened:
        until(partial(shown, one))
    yield first, second
    for one in opened:
        one.close()


def shown(one: Pane) -> bool:
    return any("auto mode on" in row for row in one.rows)


def idle(one: TmuxChat) -> bool:
    return one.ready() is None


def chat(target: str, server: str, instance: str, **options: str) -> TmuxChat:
    opened = open_chat(target, {"server": server, **options}, Path("/nonexistent/bob/bridge/tmux"))
    opened.serves(instance)
    return opened


def test_two_programs_of_one_name_are_told_apart(two: tuple[Pane, Pane], tmp_path: Path) -> None:
    """Each pane is listed with its place, its window, its directory and its instance."""
    listed = {found.target: found for found in list_panes(two[0].server)}
    for one, place, name in zip(two, ("work:0.0 a", "work:7.0 b"), ("alice", "bob"), strict=True):
        found = listed[one.id]
        assert (found.program, found.place, found.agent) == ("claude", place, name)
        assert Path(found.directory).name.startswith("two")


@pytest.mark.parametrize("target", ["work:b", "work:7", "work:7.0", "work:b.0"])
def test_window_is_a_target(two: tuple[Pane, Pane], target: str) -> None:
    """A window is named by its number or its name."""
    assert find_target(target, two[0].server) == (two[1].id, False)


@pytest.mark.parametrize("target", ["claude", "work"])
def test_own_program_is_preferred(two: tuple[Pane, Pane], target: str) -> None:
    """Of several panes the one with the bridge's own agent is meant; else the error says how to name one."""
    server = two[0].server
    for one, name in zip(two, ("alice", "bob"), strict=True):
        assert find_target(target, server, name)[0] == one.id
    for name in ("", "carol"):
        with pytest.raises(NotFound, match=f"several panes match.*--target {two[0].id}.*XW_NAME=alice.*=bob"):
            find_target(target, server, name)


def test_program_of_another_instance_gets_no_mail(two: tuple[Pane, Pane]) -> None:
    """Mail for bob is not typed to alice's agent, unless the person says that it is meant."""
    alice, server = two[0], two[0].server
    told = chat(alice.id, server, "bob").ready()
    assert told and "alice's agent runs there, not bob's" in told and "--option agent=alice" in told
    with pytest.raises(ChatGone, match="alice's agent"):
        chat(alice.id, server, "bob").mark()
    for mine in (chat(alice.id, server, "alice"), chat(alice.id, server, "bob", agent="alice")):
        until(partial(idle, mine))
        mine.close()


def test_pane_has_one_bridge(two: tuple[Pane, Pane]) -> None:
    """A second bridge waits, with a line that names the first, until that one ends."""
    bob, server = two[1], two[1].server
    first = chat("work:b", server, "bob")
    until(partial(idle, first))
    second = chat("claude", server, "carol", agent="bob")
    assert "bob's bridge (process " in (second.ready() or "")
    with pytest.raises(ChatGone, match="a pane has only one bridge"):
        second.mark()
    assert first.ready() is None
    first.close()
    until(partial(idle, second))
    assert "carol's bridge" in (first.ready() or "")
    second.close()
    assert owner_of(bob.tmux.look(bob.id).tty).agent == "bob"


def test_removed_lock_is_taken_anew(two: tuple[Pane, Pane]) -> None:
    """If a cleaner of /tmp removes the lock file, of two bridges still only one has the pane."""
    server = two[1].server
    first, second = chat("work:b", server, "bob"), chat("work:b", server, "carol", agent="bob")
    until(partial(idle, first))
    Path(f"{server}.xw-{two[1].id[1:]}").unlink()
    until(partial(idle, second))
    assert "carol's bridge" in (first.ready() or "")
    second.close()
    assert first.ready() is None
    first.close()


def test_lock_where_the_socket_cannot_have_one(
    two: tuple[Pane, Pane], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no file can be made beside the socket, the lock is in the user's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    blocked = Path(f"{two[1].server}.xw-{two[1].id[1:]}")
    blocked.unlink(missing_ok=True)
    blocked.mkdir()  # as root may write everywhere
    try:
        first, second = (chat("work:b", two[1].server, name, agent="bob") for name in ("bob", "carol"))
        until(partial(idle, first))
        assert "bob's bridge" in (second.ready() or "")
        assert list((tmp_path / "xw" / "panes").iterdir())
        first.close()
    finally:
        blocked.rmdir()
