"""doctor finds the broken mailboxes of peers, and says what their owners must do."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.team import Team


def _replace(path: Path, by: Callable[[Path], object]) -> None:
    """Remove a file or a folder, and make another thing at its path."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    by(path)


def _file(path: Path) -> None:
    path.write_text("")


BROKEN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "no pending": (
        lambda box: (box / "inbox/pending").rmdir(),
        "inbox/pending is missing",
        "must run `xw init --name bob` in its own project",
    ),
    "no inbox": (
        lambda box: shutil.rmtree(box / "inbox"),
        "inbox is missing",
        "must run `xw init --name bob` in its own project",
    ),
    "pending is a file": (
        lambda box: _replace(box / "inbox/pending", _file),
        "inbox/pending is a file, not a folder",
        "must move {box}/inbox/pending away, then run `xw init --name bob`",
    ),
    "pending is a link": (
        lambda box: _replace(box / "inbox/pending", lambda path: path.symlink_to("done")),
        "inbox/pending is a link, not a folder",
        "must move {box}/inbox/pending away, then run `xw init --name bob`",
    ),
    "closed": (
        lambda box: (box / "inbox/pending").chmod(0),
        "inbox/pending has mode 000",
        "must run `chmod 700 {box}/inbox/pending`",
    ),
    "not writable": (
        lambda box: (box / "inbox/done").chmod(0o500),
        "inbox/done has mode 500",
        "must run `chmod 700 {box}/inbox/done`",
    ),
    "whole mailbox not writable": (
        lambda box: box.chmod(0o500),
        "its folder has mode 500",
        "must run `chmod 700 {box}`",
    ),
    "no card": (
        lambda box: (box / "card.json").unlink(),
        "card.json is missing",
        "must run `xw init --name bob` in its own project",
    ),
    "damaged card": (
        lambda box: (box / "card.json").write_text("{"),
        "card.json cannot be read as a card",
        "must run `xw init --name bob` in its own project",
    ),
    "card is a folder": (
        lambda box: _replace(box / "card.json", Path.mkdir),
        "card.json cannot be read as a card",
        "must move {box}/card.json away, then run `xw init --name bob`",
    ),
    "the mailbox is a file": (
        lambda box: _replace(box, _file),
        "bob is a file, not a folder",
        "must move {box} away, then run `xw init --name bob`",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken(team: Team, case: str) -> None:
    """Each kind of damage is one bad finding about that peer, with the step that its owner must take."""
    break_it, what, fix = BROKEN[case]
    break_it(team.box("bob"))
    try:
        doctor = team.run("doctor", "--json")
        assert doctor.code == 1, doctor
        (found,) = (f for f in json.loads(doctor.out)["findings"] if f["level"] == "bad")
        assert (found["code"], found["instance"]) == ("peer-mailbox", "bob")
        assert what in found["what"], found
        assert fix.format(box=team.box("bob")) in found["fix"], found
    finally:
        for path in (team.box("bob"), *team.box("bob").rglob("*")):
            if path.is_dir():
                path.chmod(0o700)


def test_the_advice_works(team: Team) -> None:
    """After the steps that doctor gives, mail gets through again and doctor has nothing to say."""
    shutil.rmtree(team.box("bob") / "inbox/pending")
    (team.box("bob") / "card.json").unlink()
    assert team.run("doctor").code == 1
    assert team.run("init", "--name", "bob", by="bob").code == 0
    team.send("again", to="bob")
    assert team.run("doctor").code == 0


def test_what_is_no_mailbox(team: Team) -> None:
    """A closed room, a folder of somebody's and a file beside the mailboxes with another name are none."""
    team.ok("room", "create", "tea", "--members", "alice")
    team.run("room", "close", "tea")
    (team.box("tea") / "card.json").unlink(missing_ok=True)
    (team.hub / "backup").mkdir()
    (team.hub / "Notes.txt").write_text("")
    assert "peer-mailbox" not in team.run("doctor", "--json").out


def test_many_are_counted(team: Team) -> None:
    """Five broken mailboxes are named, the others counted."""
    for number in range(9):
        (team.hub / f"m{number}" / "inbox/pending").mkdir(parents=True)
    found = [f for f in json.loads(team.run("doctor", "--json").out)["findings"] if f["level"] == "bad"]
    assert len(found) == 6
    assert "4 more peers have a broken mailbox" in found[-1]["what"]
