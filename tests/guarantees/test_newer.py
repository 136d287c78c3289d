"""Mail of a newer format is intact: it stays, is named, and loses nothing that belongs to it."""

import errno
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.cli.team import Team
from tests.loop.world import ScriptedChat, World
from tests.sync.machines import Machine, found_hub
from xw import clock, layout
from xw.bridges.announce import Announcer
from xw.errors import Damaged
from xw.files.local import LocalFiles
from xw.message import encode

UPGRADE = "this xw knows format 1: upgrade xw"


def newer(folder: Path, to: str = "bob", kind: str = "task", sender: str = "alice", **more: object) -> str:
    """Write a message of format 2, older than any other, into a folder; its file name."""
    fields = {"from": sender, "type": kind, "to": [to], "body": "rich", "format": 2, **more}
    name, data = encode(fields, clock.from_stamp("20261121T053012123456Z"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return name


def test_in_the_outbox(team: Team) -> None:
    """It is named and stays with all that follows it to the same peer; other peers get their mail."""
    box = team.box("alice")
    name = newer(box / "outbox/bob")
    behind = team.send("behind")
    synced = team.run("sync")
    assert (synced.code, synced.err.count("\n")) == (1, 1)
    assert f"{name}: it has format 2, {UPGRADE}" in synced.err
    (waiting,) = json.loads(team.run("sync", "--json").out)["waiting"]
    assert (waiting["to"], waiting["code"]) == ("bob", "newer-format")
    assert [one.partition(".")[0] for one in sorted(os.listdir(box / "outbox/bob"))] == [
        name.partition(".")[0],
        behind,
    ]
    assert team.pending("bob") == team.pending("alice") == team.names("alice", "outbox/failed") == []
    assert f"{name}: it has format 2" in team.run("doctor").out
    team.send("for carol", to="carol")
    assert len(team.pending("carol")) == 1


def test_in_the_outbox_of_a_mirror(tmp_path: Path) -> None:
    """A sync with a hub elsewhere neither returns nor overtakes it."""
    found_hub(tmp_path / "hub", "alice", "bob")
    alice = Machine(tmp_path / "hub", tmp_path / "a", "alice")
    try:
        name = newer(Path(alice.mailbox.files.root, "alice/outbox/bob"))
        alice.send("bob", "behind")
        flushed = alice.sync().flushed
        assert (flushed.delivered, flushed.returned) == ((), ())
        assert name in str(flushed.waiting["bob"])
        assert len(alice.mailbox.outbox("bob")) == 2
    finally:
        alice.close()


def left(world: World, name: str, **turn: object) -> Path:
    """Let an earlier, newer bridge have claimed a message; the note of its turn."""
    note = Path(world.root, "bob/inbox/processing", name + layout.TURN)
    note.write_text(json.dumps({"name": name, "stage": "claimed", "infos": [], "ending": None} | turn))
    return note


def test_pending_for_a_bridge(world: World) -> None:
    """A bridge names each newer message that it leaves in pending/, once, and serves other mail."""
    pending = Path(world.root, "bob/inbox/pending")
    names = [newer(pending), newer(pending, kind="info")]
    bridge = world.bridge()
    for _ in range(2):
        world.send("readable")
        world.run(bridge)
    assert [one for one in world.told if "left in pending/" in one] == [
        f"left in pending/: {name}: it has format 2, {UPGRADE}" for name in names
    ]
    assert len(world.program.shown) == 2


def test_pending_for_a_bridge_that_announces(world: World) -> None:
    """It names the newer message once, and does not note it as announced: a newer bridge announces it."""
    name = newer(Path(world.root, "bob/inbox/pending"))
    world.send("readable")
    announcer = Announcer(world.instance("bob"), ScriptedChat(world.program), world.told.append)
    for _ in range(10):
        announcer.step()
    assert [one for one in world.told if name in one] == [
        f"left in pending/: {name}: it has format 2, {UPGRADE}"
    ]
    assert len(json.loads(Path(world.root, "bob/bridge/announced.json").read_text())["announced"]) == 1
    assert announcer.step() is None


def test_pending_for_a_room(team: Team) -> None:
    """A room names it once, and goes on to its end; the message stays."""
    team.ok("room", "create", "tea", "--members", "alice,bob")
    name = newer(team.box("tea") / "inbox/pending", "tea", "info")
    team.run("room", "say", "tea", "hello")
    team.run("room", "close", "tea")
    ran = team.run("room", "run", "tea")
    assert (ran.code, ran.err.count(name)) == (0, 1), ran
    assert f"left in pending/: {name}: it has format 2, {UPGRADE}" in ran.err
    assert team.names("tea", "inbox/pending") == [name]


def test_a_claim_of_a_newer_bridge(world: World) -> None:
    """A bridge leaves it with its note for a newer one, reports it once, and goes on with other mail."""
    name = newer(Path(world.root, "bob/inbox/processing"))
    note = left(world, name)
    world.send("readable")
    for _ in range(2):
        world.run(world.bridge())
        assert note.exists()
        assert (note.parent / name).exists()
    assert sum(UPGRADE in line and name in line for line in world.told) == 2  # once a bridge
    assert len(world.program.shown) == 1
    assert [one.message.type for one in world.inbox("alice")] == ["reply"]


def test_a_letter_of_a_newer_bridge(world: World) -> None:
    """An answer that a newer bridge was about to send waits for a newer one; it is not given up."""
    first = world.send("one")
    world.send("two")
    processing = Path(world.root, "bob/inbox/processing")
    (processing.parent / "pending" / first).rename(processing / first)
    letter = newer(processing.parent / "tmp", "alice", "reply", "bob")
    data = (processing.parent / "tmp" / letter).read_text()
    ending = {"state": "done", "kind": "", "reason": "", "letter": letter, "data": data}
    note = left(world, first, stage="ended", ending=ending)
    world.run(world.bridge())
    assert note.exists()
    assert (processing / first).exists()
    assert len(world.program.shown) == 1


def test_what_is_sent_during_its_turn(team: Team) -> None:
    """A claimed message that cannot be read keeps nobody from sending."""
    processing = team.box("bob") / "inbox/processing"
    name = newer(processing)
    (processing / (name + layout.TURN)).write_text("{}")
    team.ok("send", "--to", "alice", "info", "text", by="bob")


def test_what_it_may_announce(team: Team) -> None:
    """Files that it may have added to an earlier message survive a gc."""
    task = team.send("a task", kind="task")
    team.ok("done", task, by="bob")
    folder = team.box("bob") / "attachments" / task
    folder.mkdir(mode=0o700)
    (folder / "a.txt").write_text("x")
    os.utime(folder, (0, 0))
    os.utime(next((team.box("bob") / "inbox/done").iterdir()), (0, 0))
    newer(team.box("bob") / "inbox/pending", kind="info", re=task)
    team.ok("gc", "--days", "1", by="bob")
    assert (folder / "a.txt").exists()
    assert not list((team.box("bob") / "inbox/done").iterdir())


def test_it_hides_no_other(team: Team) -> None:
    """The transcript names it and shows the rest; waiting passes it over."""
    newer(team.box("bob") / "inbox/pending")
    team.send("readable")
    shown = team.run("log", by="bob")
    assert (shown.code, "readable" in shown.out, UPGRADE in shown.err) == (0, True, True)
    assert "readable" in team.ok("wait", "--timeout", "1", by="bob")


def test_what_an_unreadable_info_may_announce(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """An `info` that cannot be read now may announce any file: gc removes none before it can."""
    task = team.send("a task", kind="task")
    info = team.send("what it says, nobody can read")
    folder = team.box("bob") / "attachments" / task
    folder.mkdir(mode=0o700)
    (folder / "a.txt").write_text("x")
    for path in (folder, *(team.box("bob") / "inbox/pending").iterdir()):
        os.utime(path, (0, 0))
    team.ok("done", task, by="bob")
    os.utime(next((team.box("bob") / "inbox/done").iterdir()), (0, 0))
    really = LocalFiles.read_all

    def read_all(files: LocalFiles, paths: Sequence[str], limit: int) -> Iterator[bytes | OSError | Damaged]:
        for path, data in zip(paths, really(files, paths, limit), strict=True):
            yield OSError(errno.EIO, "Input/output error", path) if info in path else data

    with monkeypatch.context() as patch:
        patch.setattr(LocalFiles, "read_all", read_all)
        team.ok("gc", "--days", "1", by="bob")
    assert (folder / "a.txt").exists()
    team.ok("gc", "--days", "1", by="bob")
    assert not folder.exists()
