"""Files that come with a line go along with the turns that show it."""

from pathlib import Path

import pytest

from tests.rooms.stage import Stage, Turn
from xw.layout import ATTACHMENTS
from xw.rooms import coordinator
from xw.rooms.transcript import Transcript


def file(folder: Path, name: str, text: str) -> str:
    """Return a file to attach."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return str(path)


def contents(stage: Stage, turn: Turn, member: str) -> dict[str, str]:
    """Return the turn's files at the member's, by name."""
    mailbox = stage.instance(member).mailbox
    assert mailbox.missing(turn.id, turn.message.attachments) == {}
    read = {one.name: mailbox.attachment(turn.id, one.name) for one in turn.message.attachments}
    return {name: stage.files.read(path, 1 << 20).decode() for name, path in read.items()}


def test_a_members_file_comes_with_the_turn(stage: Stage, tmp_path: Path) -> None:
    """Files of equal names, of several lines, reach each next member, and its turn names them."""
    room = stage.run(stage.room("talk", "alice bob carol", seed="x"))
    room.step()
    first, second = file(tmp_path / "a", "plan.txt", "first"), file(tmp_path / "b", "plan.txt", "second")
    turn = stage.turn("alice")
    assert turn
    stage.send("alice", "talk", "my plan", "reply", turn.id, (first,))
    stage.send("alice", "talk", "PASS", files=(second,))
    room.step()
    given = stage.turn("bob")
    assert given
    assert contents(stage, given, "bob") == {"plan.txt": "first", "plan-2.txt": "second"}
    assert given.body.split("\n")[2:-1] == [
        "alice: my plan",
        "  (file: plan.txt)",
        "alice: PASS",
        "  (file: plan-2.txt)",
    ]
    stage.answer("bob", "I see")
    room.step()
    other = stage.turn("carol")
    assert other and contents(stage, other, "carol") == contents(stage, given, "bob")


def test_files_that_were_added_later(stage: Stage, tmp_path: Path) -> None:
    """Files that `xw attach` adds to a line are passed on too."""
    from xw import post
    from xw.layout import SENT
    from xw.mailbox import Place

    room = stage.run(stage.room("talk", "alice bob", policy="mention"))
    stage.send("alice", "talk", "@bob look")
    alice = stage.instance("alice")
    message = alice.mailbox.read(Place(SENT, alice.mailbox.names(SENT)[0]))
    post.attach(alice.mailbox, alice.hub, message, [file(tmp_path, "late.txt", "late")], stage.now)
    room.step()
    given = stage.turn("bob")
    assert given and contents(stage, given, "bob") == {"late.txt": "late"}
    told = Transcript(stage.view("talk")).fresh()
    assert [entry.files for entry in told if entry.author == "alice"] == [(), ("late.txt",)]


def test_one_who_comes_back_is_given_the_files_anew(stage: Stage, tmp_path: Path) -> None:
    """A reminder brings the files of the lines that it repeats."""
    room = stage.run(stage.room("talk", "alice bob", seed="x"))
    stage.send("alice", "talk", "my plan", files=(file(tmp_path, "plan.txt", "text"),))
    room.step()
    stage.answer("alice", "PASS")
    room.step()
    stage.answer("bob", "hm")
    stage.ask("bob", "talk", "join")
    room.step()
    stage.answer("alice", "go on")
    room.step()
    again = stage.turn("bob")
    assert again and contents(stage, again, "bob") == {"plan.txt": "text"}


def test_what_does_not_fit_or_is_lost_is_named(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is too large for a turn, one too many, or gone: the turn says whom to ask for it."""
    monkeypatch.setattr(coordinator, "_FILES", 10)
    monkeypatch.setattr(coordinator, "_MANY", 2)
    room = stage.run(stage.room("talk", "alice bob", policy="mention"))
    names = {"large": 11 * "x", "lost": "x", "a": "12345", "b": "12345", "c": ""}
    sent = stage.send("alice", "talk", "@bob", files=tuple(file(tmp_path, *one) for one in names.items()))
    stage.files.remove(f"talk/{ATTACHMENTS}/{sent}/lost")
    room.step()
    given = stage.turn("bob")
    assert given and [*contents(stage, given, "bob")] == ["a", "b"]
    assert "(file: large, 11 B, too large for a turn: ask alice)" in given.body
    assert "(file: lost, missing: ask alice)" in given.body
    assert "(file: c, 0 B, too large for a turn: ask alice)" in given.body


@pytest.mark.parametrize("how", ["other bytes", "a link"])
def test_a_file_that_has_changed_is_not_passed_on(stage: Stage, tmp_path: Path, how: str) -> None:
    """Other bytes of the right size in a file's place reach no member; the turn says why."""
    room = stage.run(stage.room("talk", "alice bob", policy="mention"))
    sent = stage.send("alice", "talk", "@bob", files=(file(tmp_path, "plan.txt", "right"),))
    path = f"talk/{ATTACHMENTS}/{sent}/plan.txt"
    stage.files.remove(path)
    if how == "a link":
        (tmp_path / "secret").write_text("wrong")
        Path(stage.files.path(path)).symlink_to(tmp_path / "secret")
    else:
        stage.files.store([b"wrong"], path)
    room.step()
    given = stage.turn("bob")
    assert given and contents(stage, given, "bob") == {}
    assert "(file: plan.txt, changed since it was sent (" in given.body
    assert "): ask alice)" in given.body


def test_a_room_in_a_room_passes_files_on(stage: Stage, tmp_path: Path) -> None:
    """A file sent to one room reaches the members of the other."""
    stage.add("left", "room")
    stage.add("right", "room")
    stage.room("left", "alice right:room", policy="free")
    stage.room("right", "bob left:room", policy="free")
    left, right = stage.run("left"), stage.run("right")
    stage.send("alice", "left", "look", files=(file(tmp_path, "plan.txt", "text"),))
    left.step()
    right.step()
    given = stage.turn("bob")
    assert given and contents(stage, given, "bob") == {"plan.txt": "text"}
