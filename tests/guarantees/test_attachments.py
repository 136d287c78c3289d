"""Attachments are what was sent, or a PROBLEM; and no file that a message brought is ever replaced."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.team import Team, call
from tests.loop.world import World
from xw import post
from xw.attachments import CHECKED, Problem
from xw.bridges import answer, present
from xw.bridges.chat import Reply
from xw.files.local import LocalFiles
from xw.hub.handover import hand_over
from xw.mailbox import Mailbox, Place
from xw.message import Message
from xw.post import Draft


@pytest.fixture
def team(tmp_path: Path) -> Team:
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("alice", "bob"):
        assert call(folder, "init", "--name", name).code == 0
    return Team(folder)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "hub")


def _changed(path: Path, secret: Path) -> None:
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data)


def _link(path: Path, secret: Path) -> None:
    secret.write_bytes(b"s" * path.stat().st_size)
    path.unlink()
    path.symlink_to(secret)


def _link_of_its_length(path: Path, secret: Path) -> None:
    size = path.stat().st_size
    path.unlink()
    path.symlink_to("x" * size)


def _fifo(path: Path, secret: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path, secret: Path) -> None:
    path.unlink()
    path.mkdir()


def _longer(path: Path, secret: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def _gone(path: Path, secret: Path) -> None:
    path.unlink()


def _link_above(path: Path, secret: Path) -> None:
    path.parent.rename(secret)
    path.parent.symlink_to(secret)


DAMAGES: list[Callable[[Path, Path], None]] = [
    _changed, _link, _link_of_its_length, _fifo, _folder, _longer, _gone, _link_above,
]  # fmt: skip


@pytest.mark.timeout(120)
@pytest.mark.parametrize("damage", DAMAGES)
def test_read_says_what_is_wrong(team: Team, tmp_path: Path, damage: Callable[[Path, Path], None]) -> None:
    """Anything in an attachment's place that is not the sent file is a PROBLEM, in text and JSON."""
    (team.folder / "plan.txt").write_text("the plan, version 1\n")
    sent = team.send("see", "--attach", str(team.folder / "plan.txt"))
    path = team.box("bob") / "attachments" / sent / "plan.txt"
    assert "PROBLEM" not in team.ok("read", sent, by="bob")
    damage(path, tmp_path / "secret")
    assert "plan.txt (20 B) PROBLEM: " in team.ok("read", sent, by="bob")
    (file,) = team.json("read", sent, by="bob")["files"]
    assert file["problem"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bridge_tells_the_chat(world: World, tmp_path: Path, damage: Callable[[Path, Path], None]) -> None:
    """A bridge's text for the chat names the file and its problem."""
    (tmp_path / "plan.txt").write_text("the plan, version 1\n")
    name = _send(world, "see", str(tmp_path / "plan.txt"))
    damage(Path(world.root, "bob/attachments", name.partition(".")[0], "plan.txt"), tmp_path / "secret")
    world.run(world.bridge())
    assert "plan.txt (PROBLEM: " in world.program.shown[0]


def test_what_is_too_large_is_not_called_good(team: Team) -> None:
    """Beyond 64 MiB of one message, bytes are not read, and the output says so."""
    big = team.folder / "big.bin"
    big.touch()
    os.truncate(big, CHECKED + 1)
    (team.folder / "small.txt").write_text("small")
    sent = team.send("see", "--attach", str(big), "--attach", str(team.folder / "small.txt"))
    shown = team.ok("read", sent, by="bob")
    assert "big.bin (64.0 MiB) PROBLEM: not checked" in shown
    assert shown.count("PROBLEM") == 1


def _send(world: World, body: str, *files: str) -> str:
    draft = Draft("question", ("bob",), body, attachments=files)
    return post.send(Mailbox(world.files, "alice"), world.hub, draft, lambda: world.time).name


def _message(world: World, name: str) -> Message:
    return Mailbox(world.files, "bob").read(Place("inbox/pending", name))


@pytest.mark.parametrize("name", ["body.txt", "BODY.TXT"])
def test_a_cut_body_replaces_no_file(world: World, tmp_path: Path, name: str) -> None:
    """A body that is too long for the chat goes to a file of its own, whatever the sender's are called."""
    (tmp_path / name).write_text("IMPORTANT\n")
    sent = _send(world, "long text " * 600, str(tmp_path / name))
    message = _message(world, sent)
    folder = Path(world.root, "bob/attachments", message.id)
    for _ in range(3):  # after a crash it is shown again
        shown = present.show(world.instance("bob"), message, [], 3600)
        assert "PROBLEM" not in shown.text
    assert (folder / name).read_text() == "IMPORTANT\n"
    (other,) = set(os.listdir(folder)) - {name}
    assert (folder / other).read_text() == message.body
    assert str(folder / other) in shown.text


def test_a_kept_answer_replaces_no_file(world: World, tmp_path: Path) -> None:
    """An answer that cannot be sent is kept beside the sender's answer.txt, not in its place."""
    (tmp_path / "answer.txt").write_text("IMPORTANT\n")
    message = _message(world, _send(world, "x", str(tmp_path / "answer.txt")))
    bob = world.instance("bob")
    first = answer.keep(bob, message, Reply("one answer"))
    second = answer.keep(bob, message, Reply("another answer"))
    again = answer.keep(bob, message, Reply("one answer"))
    assert Path(first).read_text() == "one answer"
    assert Path(second).read_text() == "another answer"
    assert again == first
    folder = Path(world.root, "bob/attachments", message.id)
    assert (folder / "answer.txt").read_text() == "IMPORTANT\n"


def test_attach_under_an_equal_name(team: Team) -> None:
    """A file that is added gets a name that no file of the message has, in any mailbox."""
    (team.folder / "plan.txt").write_text("one")
    sent = team.send("see", "--attach", str(team.folder / "plan.txt"))
    (team.folder / "plan.txt").write_text("two")
    team.ok("attach", sent, "plan.txt")
    (team.folder / "plan.txt").write_text("three")
    team.ok("attach", sent, "plan.txt")
    texts = [path.read_text() for path in sorted((team.box("bob") / "attachments" / sent).iterdir())]
    assert sorted(texts) == ["one", "three", "two"]


def test_attach_into_a_link_harms_nothing(team: Team, tmp_path: Path) -> None:
    """If the recipient's attachments/<id> is a link out of the hub, nothing at its target changes."""
    sent = team.send("see", kind="task")
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "notes.md").write_text("old")
    (team.box("bob") / "attachments" / sent).symlink_to(victim)
    (team.folder / "notes.md").write_text("new")
    added = team.run("attach", sent, "notes.md")
    assert added.code != 0
    assert "symbolic link" in added.err
    assert [(path.name, path.read_text()) for path in victim.iterdir()] == [("notes.md", "old")]


def test_retry_sends_no_file_that_was_swapped(team: Team, tmp_path: Path) -> None:
    """A dead letter whose attachment is now a link is not sent again with the link's target."""
    (team.folder / "plan.txt").write_text("the plan, version 1\n")
    sent = team.send("see", "--attach", str(team.folder / "plan.txt"))
    inbox = team.box("bob") / "inbox"
    (name,) = os.listdir(inbox / "pending")
    (inbox / "pending" / name).rename(inbox / "failed" / name)
    _link(team.box("bob") / "attachments" / sent / "plan.txt", tmp_path / "secret")
    again = team.run("retry", sent, by="bob")
    assert (again.code, os.listdir(inbox / "pending")) == (6, []), again
    assert "plan.txt" in again.err


@pytest.mark.parametrize("damage", [_changed, _link, _link_of_its_length, _fifo, _longer])
def test_what_lies_at_the_recipients_does_not_pass_as_delivered(
    tmp_path: Path, damage: Callable[[Path, Path], None]
) -> None:
    """A file already at the recipient's is replaced by the message's own, and no link is followed."""
    files = LocalFiles(str(tmp_path / "hub"))
    files.make_folder("")
    alice, bob = Mailbox(files, "alice"), Mailbox(files, "bob")
    for mailbox in (alice, bob):
        mailbox.make()
    kept = alice.keep_attachment("1", "plan.txt", [b"the plan, version 1\n"])
    bob.keep_attachment("1", "plan.txt", [b"the plan, version 1\n"])
    path, secret = Path(files.path(bob.attachment("1", "plan.txt"))), tmp_path / "secret"
    damage(path, secret)
    assert hand_over(alice.reader("1"), bob, "1", kept) is None
    assert path.read_bytes() == b"the plan, version 1\n" and not path.is_symlink()
    if secret.exists():
        assert secret.read_bytes() == b"s" * kept.size


def test_an_added_file_replaces_none(team: Team) -> None:
    """A file of `xw attach` whose name another file of the recipient has by now is refused."""
    sent = team.send("see", kind="task")
    place = team.box("bob") / "attachments" / sent
    place.mkdir(parents=True)
    (place / "notes.md").write_text("abc")
    (team.folder / "notes.md").write_text("new")
    added = team.run("attach", sent, "notes.md")
    assert added.code == 6 and "attach it by another name" in added.err, added
    assert (place / "notes.md").read_text() == "abc"


def test_a_file_that_is_there_already_is_synced(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delivery syncs an existing file before acknowledging it: its maker may have died before the sync."""
    alice, bob = (Mailbox(world.files, name) for name in ("alice", "bob"))
    kept = alice.keep_attachment("1", "plan.txt", [b"plan"])
    assert hand_over(alice.reader("1"), bob, "1", kept) is None
    synced: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(world.files, "sync", synced.append)
        assert hand_over(alice.reader("1"), bob, "1", kept) is None
    assert synced == ["bob/attachments/1", "bob/attachments"]


@pytest.mark.parametrize("by", ["bob", "alice"])
def test_a_file_that_changes_after_the_look(team: Team, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """A file that was replaced after `retry` checked it is not sent, and is named."""
    (team.folder / "plan.txt").write_text("the plan, version 1\n")
    sent = team.send("see", "--attach", str(team.folder / "plan.txt"), kind="task")
    (name,) = team.names("bob", "inbox/pending")
    (team.box("bob") / "inbox/pending" / name).rename(team.box("bob") / "inbox/failed" / name)
    path = team.box(by) / "attachments" / sent / "plan.txt"
    real = Mailbox.unsound

    def looked(self: Mailbox, *arguments: Any) -> dict[str, Problem]:
        wrong = real(self, *arguments)
        path.write_text("another, as long as.")
        return wrong

    monkeypatch.setattr(Mailbox, "unsound", looked)
    again = team.run("retry", sent, by=by)
    assert (again.code, again.err.count("\n")) == (6, 1), again
    assert "plan.txt changed while xw read it; nothing was sent" in again.err
    assert team.pending("bob") == []
    assert team.names(by, "inbox/tmp") == []
