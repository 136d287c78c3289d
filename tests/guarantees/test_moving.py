"""A hub that moves, or a mirror that is taken over, cut off before or after any change of a file.

Nothing is lost, nothing is there twice, no message goes back, and the same command completes it. In this
process: each change of a file is one call of `LocalFiles`.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.guarantees.killing import Killed, killed_at
from xw import clock, layout, post
from xw.errors import Moved, Unreachable, XwError
from xw.files.local import LocalFiles
from xw.hub.directory import DirectoryHub
from xw.hub.making import create_hub
from xw.hub.opening import open_hub
from xw.instance import Options, open_instance
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.mirror.merge import take_over
from xw.post import Draft


class Ground:
    """A hub of alice and bob with mail in every state, sent and unsent, with files."""

    def __init__(self, root: Path) -> None:
        self.old, self.new = str(root / "old"), str(root / "new")
        for place in (self.old, self.new):
            create_hub(LocalFiles(place), "hub", "", group=False, links=True)
        hub = DirectoryHub(LocalFiles(self.old), self.old)
        for name in ("alice", "bob"):
            hub.register(name, {"name": name, "kind": "agent"})
        alice, bob = hub.mailbox("alice"), hub.mailbox("bob")
        (root / "notes.txt").write_text("notes")
        sent = [
            post.send(
                alice, hub, Draft("task", ("bob",), body, attachments=(str(root / "notes.txt"),)), clock.now
            )
            for body in ("pending", "claimed", "done", "failed")
        ]
        bob.start(sent[1].name)
        bob.settle(sent[2].name)
        bob.fail(sent[3].name, "failed", "no")
        os.rename(f"{self.old}/bob/inbox/pending", f"{self.old}/bob/inbox/away")
        unsent = post.send(alice, hub, Draft("info", ("bob",), "unsent"), clock.now)
        os.rename(f"{self.old}/bob/inbox/away", f"{self.old}/bob/inbox/pending")
        self.unsent = unsent.name
        self.states = dict(zip((one.name for one in sent), layout.STATES, strict=True))

    def move(self) -> None:
        """Move the hub, as `xw hub move` does."""
        open_hub(self.old).move_to(open_hub(self.new), lambda name: None)

    def places(self) -> dict[str, set[str]]:
        """The folders in which each message lies, at both places, but for scratch ones."""
        found: dict[str, set[str]] = {}
        for place in (self.old, self.new):
            for path in Path(place).rglob("*.json"):
                if layout.is_message(path.name) and path.parent.name != "tmp":
                    found.setdefault(path.name, set()).add(f"{path.parent.relative_to(place)}")
        return found

    def check_nothing_is_lost(self) -> None:
        """Whatever was there still is, where its owner finds it once the move is complete."""
        places = self.places()
        for name, state in self.states.items():
            received = {place for place in places[name] if place.startswith("bob/inbox/")}
            moving = {f"bob/{INBOX[state]}"} | ({"bob/inbox/moving"} if state == "pending" else set())
            assert received and received <= moving, (name, state, places[name])
            assert "alice/sent" in places[name]
        assert {"alice/outbox/bob", "alice/sent"} <= places[self.unsent]

    def check_complete(self) -> None:
        """All is at the new place, once, with its files; nothing is at the old one."""
        new = DirectoryHub(None, self.new)
        assert dict(new.survey("bob", {}).states) == self.states
        for name in self.states:
            folder = name.partition(".")[0]
            assert b"".join(new.attachment("bob", folder, "notes.txt")) == b"notes"
            assert b"".join(new.attachment("alice", folder, "notes.txt")) == b"notes"
        assert new.why("bob", [*self.states][3])["reason"] == "no"
        alice = new.mailbox("alice")
        assert (alice.outbox("bob"), alice.names("sent")) == (
            [self.unsent],
            sorted([*self.states, self.unsent]),
        )
        assert [path for path in Path(self.old).rglob("*.json") if layout.is_message(path.name)] == []
        with pytest.raises(Moved):
            open_hub(self.old).instances()


def changes_of(act: Callable[[], object]) -> int:
    """How many changes something makes."""
    with killed_at(0, after=False) as began:
        act()
    return len(began)


@pytest.mark.long
@pytest.mark.parametrize("after", [False, True], ids=["before a change", "after it"])
def test_a_move_that_is_cut_off(quick_disk: Path, after: bool) -> None:
    """Wherever it is killed, all mail is in one of the two places; repeated, it is complete."""
    (quick_disk / "whole").mkdir()
    whole = changes_of(Ground(quick_disk / "whole").move)
    assert whole > 30
    for number in range(1, whole + 1):
        root = quick_disk / str(number)
        root.mkdir()
        ground = Ground(root)
        with pytest.raises(Killed), killed_at(number, after):
            ground.move()
        ground.check_nothing_is_lost()
        nobody_gets_between(ground)
        ground.move()
        ground.check_complete()


def nobody_gets_between(ground: Ground) -> None:
    """Who comes in between is served as before, turned away, or, once all is there, served there."""
    try:
        instance = open_instance(Options("alice", ground.old), {})
    except Unreachable:
        assert "moving" in json.loads(Path(ground.old, "hub.json").read_text())
        return
    if instance.hub.url == ground.new:
        ground.check_complete()
    else:
        assert instance.mailbox.names("sent")


def test_cut_off_twice(quick_disk: Path) -> None:
    """A repetition that is cut off as well is completed by the next one."""
    (quick_disk / "whole").mkdir()
    whole = changes_of(Ground(quick_disk / "whole").move)
    for number in range(1, whole + 1, 3):
        root = quick_disk / str(number)
        root.mkdir()
        ground = Ground(root)
        for after in (False, True):
            try:
                with killed_at(number, after):
                    ground.move()
            except Killed:
                ground.check_nothing_is_lost()
        ground.move()
        ground.check_complete()


@pytest.mark.long
@pytest.mark.parametrize("after", [False, True], ids=["before a change", "after it"])
def test_a_mirror_taken_over_that_is_cut_off(quick_disk: Path, after: bool) -> None:
    """Wherever it is killed, each message is in one of the mirrors; repeated, all are in the new one."""
    whole = changes_of(mirrors(quick_disk / "whole"))
    assert whole > 20
    for number in range(1, whole + 1):
        root = quick_disk / str(number)
        take = mirrors(root)
        before = mail(root)
        with pytest.raises(Killed), killed_at(number, after):
            take()
        assert {name for name, _ in mail(root)} == {name for name, _ in before}
        take()
        assert mail(root) == {(name, folder.replace("east", "west")) for name, folder in before}
        assert (root / "west/machine").read_text() == "0" * 32


def mirrors(root: Path) -> Callable[[], None]:
    """Make two mirrors of bob's, the first with mail; return what takes it into the second."""
    root.mkdir()
    ground = Ground(root)
    (root / "east").mkdir()
    for name in ("alice", "bob"):
        os.rename(f"{ground.old}/{name}", root / "east" / name)
    (root / "east/machine").write_text("0" * 32)
    old, new = LocalFiles(str(root / "east")), LocalFiles(str(root / "west"))
    new.make_folder("")
    Mailbox(new, "bob", mirror=True).make()

    def take() -> None:
        problems: list[str] = []
        take_over(old, new, problems, mirror=True)
        assert problems == []

    return take


def mail(root: Path) -> set[tuple[str, str]]:
    """The messages in both mirrors, each with its folder."""
    found = [path for path in root.glob("*st/*/**/*.json") if layout.is_message(path.name)]
    return {(path.name, str(path.parent.relative_to(root))) for path in found if path.parent.name != "tmp"}


def test_what_goes_wrong_is_no_success(quick_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk at the new place ends the move with an error; nobody is sent there; it can be repeated."""
    ground = Ground(quick_disk)
    real = LocalFiles.publish_all

    def full(files: LocalFiles, items: Any) -> list[OSError | None]:
        if files.root == ground.new and items and "/inbox/" in items[0].targets[0]:
            return [OSError(28, "No space left on device") for _ in items]
        return real(files, items)

    with monkeypatch.context() as patch:
        patch.setattr(LocalFiles, "publish_all", full)
        with pytest.raises((OSError, XwError)):
            ground.move()
    ground.check_nothing_is_lost()
    with pytest.raises(Unreachable, match="is being moved"):
        open_instance(Options("bob", ground.old), {})
    ground.move()
    ground.check_complete()
