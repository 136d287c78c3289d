"""The order of writes, syncs and names that durability rests on, seen by strace; and a model power cut.

Both checks are shown to notice each part of the durability that is taken out.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.guarantees import sample, scene, traced
from tests.guarantees.disk import Disk
from tests.guarantees.order import breaches
from tests.guarantees.scene import OPERATIONS, Ground, Promise, acknowledged, problems, promised
from tests.guarantees.traced import Call
from xw.files.local import LocalFiles
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.message import encode

# What is taken out, the operation that has to suffer, and whether the order and the power cut show it.
MUTATIONS = [
    ("file-sync", "send", True, True),
    ("file-sync", "attach", True, True),
    ("file-sync", "flush", True, True),
    ("folder-sync", "send", True, True),
    ("folder-sync", "send from afar", True, True),
    ("folder-sync", "done, pending", True, True),
    ("folder-sync", "claim", True, True),
    ("folder-sync", "attach", True, True),
    ("folder-sync", "flush", True, True),
    ("exclusive-names", "send", True, False),
    ("exclusive-publish", "send", True, True),
    ("sync-before-link", "send", True, True),
    ("sync-before-acknowledgement", "send", True, True),
    ("sync-before-acknowledgement", "done, claimed", True, True),
    ("keeping-the-outbox", "flush", True, True),
]


class Watched:
    """An operation run once under strace, and the disk before it."""

    def __init__(self, name: str, tmp_path: Path, without: str | None = None) -> None:
        self.operation = OPERATIONS[name]
        self.ground = Ground(tmp_path / "work")
        self.ground.build()
        self.operation.prepare(self.ground)
        self.before = self.ground.tree()
        self.promise = promised(self.before, self.operation.removes(self.ground))
        self.disk = Disk(self.ground.work)
        command = scene.command(self.operation, self.ground, without)
        self.run = traced.run(command, self.ground.work, scene.environment(self.operation))
        assert (self.run.code, "Traceback" in self.run.err) == (0, False), self.run.err
        # What Python compiles and keeps is not xw's.
        self.calls = [
            call
            for call in self.run.calls
            if call.acknowledges or any(path.startswith(f"{self.ground.work}/") for path in call.paths)
        ]


def cut_everywhere(
    disk: Disk, calls: Sequence[Call], promise: Promise, who: str, before: scene.Tree
) -> tuple[int, list[str]]:
    """Cut the power after each call; how many disks that gave, and what was wrong with the first bad one."""
    said = b""
    count = 0
    for call in [None, *calls]:
        if call is not None:
            disk.take(call)
            if not call.paths or not (call.acknowledges or _matters(call)):
                continue
            if call.acknowledges:
                said += call.data
        kept = promise | acknowledged(said.decode(), who)
        for tree in disk.cuts():
            count += 1
            if wrong := problems(tree, kept, before):
                return count, wrong
    return count, []


def _matters(call: Call) -> bool:
    return call.name not in ("flock", "fchmod", "chmod", "utimensat") and (
        call.name != "openat" or "O_CREAT" in call.arguments
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_order(name: str, tmp_path: Path) -> None:
    """Every operation syncs files before they get a name, and folders before it acknowledges."""
    watched = Watched(name, tmp_path)
    assert breaches(watched.calls) == []
    assert name == "gc" or any(call.acknowledges for call in watched.calls)


@pytest.mark.parametrize("name", OPERATIONS)
def test_power_cut(name: str, tmp_path: Path) -> None:
    """Whenever the power fails, and whatever unsynced data reached the disk, nothing acknowledged is lost."""
    watched = Watched(name, tmp_path)
    count, wrong = cut_everywhere(
        watched.disk, watched.calls, watched.promise, watched.operation.who, watched.before
    )
    assert wrong == []
    assert count >= 8


def killed_then_cut(
    name: str, tmp_path: Path, kills: Callable[[Sequence[Call]], Sequence[Call]], without: str | None = None
) -> tuple[int, int, list[str]]:
    """Kill an operation at the calls chosen, repeat it, and cut the power at each step of the repetition.

    How many kills and disks that gave, and what was wrong with the first bad one.
    """
    operation = OPERATIONS[name]
    first = Ground(tmp_path / "first")
    first.build()
    operation.prepare(first)
    count = cuts = 0
    for call in kills(scene.steps(operation, first, tmp_path, without)):
        count += 1
        ground = first.copy(tmp_path / f"work-{count}")
        before, disk = ground.tree(), Disk(ground.work)
        command = scene.Command(operation, ground, without)
        killed = command.run(inject=traced.killing(call))
        assert killed.code == -9
        for step in killed.calls:
            disk.take(step)
        disk.restart()
        again = command.run()
        assert again.code == 0, again.err
        promise = promised(before, operation.removes(first)) | acknowledged(killed.out, operation.who)
        more, wrong = cut_everywhere(disk, again.calls, promise, operation.who, before)
        cuts += more
        if wrong:
            return count, cuts, wrong
        shutil.rmtree(ground.work)
    return count, cuts, []


@pytest.mark.parametrize("name", ["flush", "done, pending", "done, claimed", "fail", "gc"])
def test_power_cut_after_a_kill(name: str, quick_disk: Path) -> None:
    """Unsynced changes of a killed process do not count as durable for the next one."""

    def each_kind(calls: Sequence[Call]) -> list[Call]:
        changing = [call for call in calls if call.act in ("fsync", "link", "unlink", "rename")]
        return sample.of_each_kind(changing, sample.kind, 4, name)

    kills, cuts, wrong = killed_then_cut(name, quick_disk, each_kind)
    assert wrong == []
    assert kills >= 3
    assert cuts >= 5 * kills


@pytest.mark.parametrize("name", ["flush", "done, pending"])
def test_power_cut_after_a_kill_is_noticed(name: str, quick_disk: Path) -> None:
    """If a change found already done is not synced, the same cuts lose a message or undo it."""

    def syncs(calls: Sequence[Call]) -> list[Call]:
        return [call for call in calls if call.name == "fsync"]

    _, _, wrong = killed_then_cut(name, quick_disk, syncs, "sync-of-what-is-found")
    assert wrong


@pytest.mark.parametrize(("part", "name", "by_order", "by_cut"), MUTATIONS)
def test_what_is_taken_out_is_noticed(
    part: str, name: str, by_order: bool, by_cut: bool, tmp_path: Path
) -> None:
    """With one part of the durability gone, the checks that pass otherwise find a breach."""
    watched = Watched(name, tmp_path, without=part)
    assert bool(breaches(watched.calls)) == by_order
    _, wrong = cut_everywhere(
        watched.disk, watched.calls, watched.promise, watched.operation.who, watched.before
    )
    assert bool(wrong) == by_cut


def test_no_name_is_taken_over(tmp_path: Path) -> None:
    """With links replaced by overwriting, another message that has the name is lost; with links it stays."""
    for without, kept in ((None, b"other"), ("exclusive-publish", b"mine")):
        folder = tmp_path / str(without)
        for below in ("", "tmp", "pending"):
            (folder / below).mkdir()
        (folder / "pending/one").write_bytes(b"other")
        code = (
            "import sys; from tests.guarantees import driver; from xw.files.local import LocalFiles\n"
            "if sys.argv[2]: driver.PARTS[sys.argv[2]]()\n"
            "LocalFiles(sys.argv[1]).publish(b'mine', 'tmp', ['pending/one'])"
        )
        run = traced.run(
            [scene.PYTHON, "-c", code, str(folder), without or ""],
            folder,
            scene.environment(OPERATIONS["send"]),
        )
        assert ("FileExistsError" in run.err) == (without is None)
        assert (folder / "pending/one").read_bytes() == kept


def test_a_message_found_there_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever delivers again removes its own copy: the folder of the one that is there is synced before."""
    mailbox = Mailbox(LocalFiles(str(tmp_path)), "bob")
    mailbox.make()
    name, data = encode({"from": "alice", "type": "info", "to": ["bob"], "body": ""}, 10**15)
    assert mailbox.accept(name, data)
    synced: list[str] = []
    monkeypatch.setattr(LocalFiles, "sync", lambda files, folder: synced.append(folder))
    assert not mailbox.accept(name, data)
    assert synced == [mailbox.at(INBOX["pending"])]


@pytest.mark.torture
@pytest.mark.parametrize("name", OPERATIONS)
def test_power_cut_after_each_kill(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """At full size: every operation killed at every call, repeated, and cut at every step."""
    _, cuts, wrong = killed_then_cut(name, tmp_path, lambda calls: calls)
    record_property("campaign", ("kill, repeat, power cut", name, cuts, len(wrong)))
    assert wrong == []
