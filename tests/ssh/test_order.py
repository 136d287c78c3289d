"""Over SFTP no step goes before the answers that it rests on, and nothing is promised before its sync.

The order of the requests to the real sftp-server is looked at; taking out any
of the syncs, or a wait for one, makes a test here fail.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.ssh.server import ServerLink
from tests.ssh.watched import Step, problems, watched
from tests.sync.machines import Machine, found_hub
from xw.files import Publication, sftp_packets
from xw.files.sftp import SftpFiles
from xw.files.sftp_wire import Ask
from xw.hub.directory import DirectoryHub

Place = tuple[SftpFiles, str]


@pytest.fixture(params=["guessed handles", "asked handles"])
def files(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SftpFiles]:
    """A place with folders and files; on a server whose handles can be guessed, and as if they could not."""
    link = ServerLink()
    made = SftpFiles(link, str(tmp_path / "place"))
    made.make_folders(["tmp", "a", "b", "c/d", "e"])
    made.now()
    for path in ("a/old", "a/older", "c/d/file"):
        made.publish(b"old", "tmp", [path])
    link.wire()._guessing = request.param == "guessed handles"
    yield made
    link.close()


def store_and_move(files: SftpFiles) -> None:
    files.store([b"x"], "tmp/new")
    files.move("tmp/new", "b/new")


DEEDS: dict[str, Callable[[SftpFiles], object]] = {
    "publish": lambda files: files.publish(b"x" * 100_000, "tmp", ["a/new", "b/new"]),
    "publish apart": lambda files: files.publish(b"x", "tmp", ["a/new", "b/new"], separate_files=True),
    "publish several": lambda files: files.publish_all(
        [Publication(b"x", "tmp", (f"{folder}/{number}",)) for number in range(3) for folder in "ab"]
    ),
    "publish what is there": lambda files: files.publish(b"old", "tmp", ["a/old"]),
    "replace": lambda files: files.replace(b"new", "tmp", "a/old"),
    "replace nothing": lambda files: files.replace(b"new", "tmp", "b/new"),
    "store": lambda files: files.store([b"x" * 70_000, b"y"], "b/new"),
    "move": lambda files: files.move("a/old", "b/old"),
    "move a folder": lambda files: files.move("c/d", "b/d"),
    "move several": lambda files: files.move_all([("a/old", "b/old"), ("a/older", "c/older")]),
    "move a stored file": lambda files: store_and_move(files),
    "remove": lambda files: files.remove("a/old"),
    "remove several": lambda files: files.remove_all(["a/old", "c/d/file"]),
    "remove a folder": lambda files: files.remove_folder("c"),
    "remove an empty folder": lambda files: files.remove_empty_folder("e"),
    "make a folder": lambda files: files.make_folder("b/deep/er"),
    "make folders": lambda files: files.make_folders(["b/one", "new/two", "a"]),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_durable_when_it_returns(files: SftpFiles, deed: str) -> None:
    """File synced and answered, then named; folder synced after it, and answered before the call returns."""
    with watched(files.root) as steps:
        DEEDS[deed](files)
    assert steps
    assert problems(steps) == []


def test_in_which_order(files: SftpFiles) -> None:
    """Publishing: the file's sync is answered before the link is sent, the folder's follows the link."""
    with watched(files.root) as steps:
        files.publish(b"x", "tmp", ["a/new"])
    names = [step.name for step in steps]
    synced, linked = names.index("fsync"), names.index("hardlink")
    assert steps[synced].paths[0].startswith("tmp/")
    assert 0 < steps[synced].answered <= linked
    assert [step.paths for step in steps[linked:] if step.name == "fsync"] == [("a",)]


def test_the_targets_folder_is_synced_first(files: SftpFiles) -> None:
    """After a power cut between the two syncs of a move, the file is in both places, never in none."""
    with watched(files.root) as steps:
        files.move("a/old", "b/old")
    assert [step.paths[0] for step in steps if step.name == "fsync"] == ["b", "a"]


def synced_folders(steps: list[Step]) -> list[str]:
    return [step.paths[0] for step in steps if step.name == "fsync" and step.answered > 0]


def test_syncing_what_is_there(files: SftpFiles) -> None:
    """`sync` syncs each folder; making what is there already syncs what holds it, for whoever died before."""
    with watched(files.root) as steps:
        files.sync("a")
        files.sync_all(["a", "b"])
    assert synced_folders(steps) == ["a", "a", "b"]
    with watched(files.root) as steps:
        files.make_folders(["c/d", "a"])
    assert sorted(synced_folders(steps)) == ["", "c"]


FAILS: dict[str, tuple[Callable[[SftpFiles], object], str]] = {
    "publish": (lambda files: files.publish(b"x", "tmp", ["a/new"]), "a"),
    "replace": (lambda files: files.replace(b"x", "tmp", "a/new"), "a"),
    "store": (lambda files: files.store([b"x"], "a/new"), "a"),
    "move": (lambda files: files.move("a/old", "b/old"), "b"),
    "move: the source's": (lambda files: files.move("a/old", "b/old"), "a"),
    "remove": (lambda files: files.remove("a/old"), "a"),
    "remove a folder": (lambda files: files.remove_folder("c/d"), "c"),
    "make a folder": (lambda files: files.make_folder("a/new"), "a"),
    "make what is there": (lambda files: files.make_folder("c/d"), "c"),
    "sync": (lambda files: files.sync("a"), "a"),
}


@pytest.mark.parametrize("deed", FAILS)
def test_a_sync_that_fails_is_no_success(
    files: SftpFiles, deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the server reports that a folder cannot be synced, the call raises."""
    act, folder = FAILS[deed]
    real = files._remote.sync

    def failing(folders: Sequence[str]) -> list[Ask]:
        return [
            # Nobody can open this: the folder's sync fails, as on a disk that ails.
            ask._replace(first=ask.first._replace(body=ask.first.body.replace(b"/place", b"/gone_")))
            if name == folder
            else ask
            for name, ask in zip(folders, real(folders), strict=True)
        ]

    monkeypatch.setattr(files._remote, "sync", failing)
    with pytest.raises(OSError, match="No such file"):
        act(files)


def test_a_hash_of_what_was_stored(files: SftpFiles) -> None:
    """`store` returns the hash of the stored bytes."""
    data = [b"x" * 40_000, b"y" * 40_000]
    assert files.store(data, "a/new") == (80_000, hashlib.sha256(b"".join(data)).hexdigest())
    assert files.read("a/new", 80_000) == b"".join(data)


SCRATCH = ("alice/inbox/tmp", "bob/inbox/tmp")


def test_a_hub(tmp_path: Path) -> None:
    """A new mailbox with its card, mail with a file, a claim, an answer and presence: all durable."""
    root = str(tmp_path / "hub")
    hub = found_hub(tmp_path / "hub", "bob")
    link = ServerLink()
    try:
        far = DirectoryHub(SftpFiles(link, root), hub.url)
        with watched(root) as steps:
            far.register("alice", {"name": "alice"})
        assert problems(steps, SCRATCH) == []
        assert ("rename", "alice/card.json") in [(step.name, step.paths[-1]) for step in steps]
    finally:
        link.close()
    alice, bob = (Machine(tmp_path / "hub", tmp_path / name, name) for name in ("alice", "bob"))
    try:
        alice.sync()
        bob.sync()
        (tmp_path / "notes.txt").write_text("notes")
        with watched(root) as steps:
            alice.send("bob", "a job", attachments=(str(tmp_path / "notes.txt"),))
            alice.sync()
            bob.sync()
            (name,) = bob.mailbox.pending()
            bob.mailbox.files.replace(b'{"status": "busy"}', "", "bob/presence.json")
            bob.mailbox.settle(name)
            bob.sync()
        assert problems(steps, SCRATCH) == []
        done = [(step.name, step.paths[-1].rpartition("/")[0]) for step in steps if step.answered > 0]
        assert ("hardlink", "bob/inbox/pending") in done
        assert any(deed == "rename" and folder.startswith("bob/attachments/") for deed, folder in done)
        assert ("rename", "bob/inbox/done") in done
        assert ("rename", "bob") in done  # presence
    finally:
        alice.close()
        bob.close()


def test_a_claim_and_a_dead_letter(tmp_path: Path) -> None:
    """On the hub, a claim's note and move, and a dead letter's note and move, are durable."""
    root = str(tmp_path / "hub")
    found_hub(tmp_path / "hub", "bob")
    link = ServerLink()
    try:
        mailbox = DirectoryHub(SftpFiles(link, root), "ssh://hub/").mailbox("bob")
        for name in ("one", "two"):
            mailbox.files.publish(b"x", "bob/inbox/tmp", [f"bob/inbox/pending/{name}"])
        with watched(root) as steps:
            assert mailbox.start("one")
            assert mailbox.quarantine("pending", "two", "why", "failed")
        assert problems(steps, SCRATCH) == []
        assert {"bob/inbox/processing", "bob/inbox/pending", "bob/inbox/failed"} <= set(synced_folders(steps))
    finally:
        link.close()


def test_the_check_notices(files: SftpFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself sees that neither the file nor the folder is synced."""
    monkeypatch.setattr(sftp_packets, "fsync", sftp_packets.fstat)
    with watched(files.root) as steps:
        files.publish(b"x", "tmp", ["a/new"])
    found = problems(steps)
    assert any("before its bytes are durable" in problem for problem in found)
    assert any("no sync of a" in problem for problem in found)
