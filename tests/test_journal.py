"""The journal of an agent program's session: events as its hooks noted them, read by a bridge."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from xw import journal, processes
from xw.files.local import LocalFiles
from xw.journal import AgentSession, Event, Journal
from xw.mailbox import Mailbox


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    made = Mailbox(LocalFiles(str(tmp_path)), "alice")
    made.make()
    return made


def this_process() -> str:
    found = processes.status(os.getpid())
    assert found
    return f"{os.getpid()}-{found.started}"


def test_events_are_read_in_order(mailbox: Mailbox) -> None:
    """A reader gets the events after a number, each with its text and its turn."""
    kept = Journal(mailbox, "claude", "s1")
    assert (kept.last(), kept.events()) == (0, [])
    kept.add("prompt", "zwölf 漢字\ud800", "t1")
    kept.add("answer", "12", "t1")
    assert kept.events() == [Event(1, "prompt", "zwölf 漢字?", "t1"), Event(2, "answer", "12", "t1")]
    assert kept.events(after=1) == [Event(2, "answer", "12", "t1")]
    assert kept.last() == 2


def test_several_hooks_at_once(mailbox: Mailbox) -> None:
    """Each event gets its own number."""
    kept = Journal(mailbox, "claude", "s1")
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda n: kept.add("answer", str(n)), range(40)))
    assert sorted(numbers) == list(range(1, 41))
    assert len(kept.events()) == 40


def test_old_events_go(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session of weeks does not fill the disk, and its numbers go on."""
    monkeypatch.setattr(journal, "KEPT", 3)
    monkeypatch.setattr(journal, "_SPARE", 1)
    kept = Journal(mailbox, "claude", "s1")
    for n in range(9):
        kept.add("answer", str(n))
    assert [event.number for event in kept.events()] == [6, 7, 8, 9]


def test_living_sessions(mailbox: Mailbox) -> None:
    """Only a session whose process runs is listed; strange ids and damaged files do no harm."""
    mine = AgentSession("claude", "../../etc", this_process(), "/here", token="secret")
    Journal(mailbox, "claude", "../../etc").note(mine)
    Journal(mailbox, "codex", "s2").note(AgentSession("codex", "s2", "99999999-1"))
    damaged = Journal(mailbox, "claude", "s3")
    damaged.note(mine)
    Path(mailbox.files.root, damaged.folder, "session.json").write_text("[]")
    assert journal.sessions(mailbox) == [mine]
    assert journal.sessions(mailbox, "codex") == []


def test_private_on_a_group_hub(tmp_path: Path) -> None:
    """What a person typed, and a program's token, stay private on a hub that a Unix group shares."""
    shared = Mailbox(LocalFiles(str(tmp_path), group=True), "alice")
    shared.make()
    kept = Journal(shared, "claude", "s1")
    kept.note(AgentSession("claude", "s1", token="secret"))
    kept.add("prompt", "private")
    folder = Path(tmp_path, kept.folder)
    modes = {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (folder, *folder.iterdir())}
    assert modes == {0}
