"""Names are guarded on a hub that several Unix users share: nobody takes another's over by `init`."""

import json
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.team import Result, Team
from tests.guarantees import scene, traced
from tests.guarantees.test_left_aside import BOB, GROUP, MAL
from xw import clock
from xw.files.local import LocalFiles
from xw.hub.making import create_hub
from xw.layout import ADMITTED

EVE = 61003
NAMES = {BOB: "bob", MAL: "mal", EVE: "eve"}


class Users:
    """A group hub of bob's, in which three Unix users have a project each, and keys of their own."""

    def __init__(self, work: Path) -> None:
        self.hub = work / "hub"
        create_hub(LocalFiles(str(self.hub), group=True), "test", "a hub\n", group=True, links=True)
        for path in (self.hub, *self.hub.rglob("*")):
            os.chown(path, BOB, GROUP)
        self.places = {user: work / name for user, name in NAMES.items()}
        for user, place in self.places.items():
            place.mkdir()
            os.chown(place, user, GROUP)
            made = self.run(user, "init", "--name", NAMES[user], "--hub", str(self.hub))
            assert made.code == 0, made

    def run(self, user: int, *words: str, config: str = "config") -> Result:
        """Run `xw` as a user, in his project, with the keys in his folder `config`."""
        place = self.places[user]
        done = subprocess.run(
            ["setpriv", f"--reuid={user}", f"--regid={GROUP}", "--clear-groups", scene.XW, *words],
            cwd=place,
            env=traced.environment(HOME=str(place), XDG_CONFIG_HOME=str(place / config)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def takes(self, user: int, name: str) -> Result:
        """Let a user run `init` with a name."""
        return self.run(user, "init", "--name", name, "--hub", str(self.hub))


@pytest.fixture
def users() -> Iterator[Users]:
    work = Path(tempfile.mkdtemp(prefix="xw-guarded-", dir="/tmp"))  # where other users come through
    work.chmod(0o755)
    try:
        yield Users(work)
    finally:
        shutil.rmtree(work)


@pytest.mark.root
def test_a_name_of_another_user(users: Users) -> None:
    """Refused, in one line with both ways, and nothing changes; one's own name may be joined again."""
    before = (users.hub / "bob/card.json").read_bytes(), (users.hub / "bob/key").read_bytes()
    for words in (["init", "--name", "bob"], ["init", "--name", "bob", "--hub", str(users.hub)]):
        refused = users.run(MAL, *words)
        assert (refused.code, refused.out, refused.err.count("\n")) == (6, "", 1)
        for way in ("xw keys import", "xw hub admit bob", "--name"):
            assert way in refused.err
    assert ((users.hub / "bob/card.json").read_bytes(), (users.hub / "bob/key").read_bytes()) == before
    assert "bob" not in (users.places[MAL] / "xw.json").read_text()
    assert users.takes(MAL, "mal").code == 0


@pytest.mark.root
def test_admitted_by_the_hubs_owner(users: Users) -> None:
    """An admission lets one come in, once, within a day; only the hub's owner gives it."""
    by_others = users.run(EVE, "hub", "admit", "mal")
    assert (by_others.code, "belongs to another user" in by_others.err) == (6, True)
    assert users.run(BOB, "hub", "admit", "nobody").code == 3
    forged = users.hub / "bob" / ADMITTED
    forged.touch(0o660)
    os.chown(forged, MAL, GROUP)
    assert users.takes(MAL, "bob").code == 6
    assert users.run(BOB, "hub", "admit", "mal").code == 0
    assert users.takes(EVE, "mal").code == 0
    assert users.takes(EVE, "mal").code == 0  # her key is published now
    assert users.run(EVE, "hub", "admit", "mal", config="new").code == 6
    again = users.run(EVE, "init", "--name", "mal", "--hub", str(users.hub), config="new")
    assert again.code == 6
    assert users.run(BOB, "hub", "admit", "mal").code == 0
    admitted = users.hub / "mal" / ADMITTED
    assert stat.S_IMODE(admitted.stat().st_mode) == 0o640
    moved = users.hub / "bob" / ADMITTED
    moved.unlink()
    shutil.move(admitted, moved)
    assert users.takes(MAL, "bob").code == 6
    shutil.move(moved, admitted)
    text = admitted.read_text()
    ended = {**json.loads(text), "until": clock.rfc3339(clock.now())}
    for wrong in (json.dumps(ended), text.replace("hub_id", "id"), ""):  # each with a new mtime
        admitted.write_text(wrong)
        late = users.run(EVE, "init", "--name", "mal", "--hub", str(users.hub), config="new")
        assert late.code == 6, wrong
    admitted.write_text(text)
    admitted.chmod(0o660)
    assert users.run(EVE, "init", "--name", "mal", "--hub", str(users.hub), config="new").code == 6
    admitted.chmod(0o640)
    assert users.run(EVE, "init", "--name", "mal", "--hub", str(users.hub), config="new").code == 0


@pytest.mark.root
def test_with_the_key(users: Users) -> None:
    """Who has the name's key may use it; a key that it does not publish is none."""
    key = users.places[MAL] / "mal.key"
    assert users.run(MAL, "keys", "export", str(key)).code == 0
    taken = users.places[EVE] / "mal.key"
    shutil.copy(key, taken)
    os.chown(taken, EVE, GROUP)
    assert users.run(EVE, "keys", "import", str(taken)).code == 0
    assert users.takes(EVE, "mal").code == 0
    (users.hub / "mal/key").unlink()  # as an instance of an older xw, which publishes none
    assert users.takes(EVE, "mal").code == 6


@pytest.mark.root
def test_unregister_is_no_way_round(users: Users) -> None:
    """Who does not have a name cannot free it, whatever his xw.json says; the hub's owner may."""
    config = users.places[MAL] / "xw.json"
    config.write_text(config.read_text().replace('"mal": {', '"eve": {}, "mal": {'))
    for words in ([], ["--as", "eve"]):
        refused = users.run(MAL, *words, "unregister", "eve", "--yes")
        assert (refused.code, "in use elsewhere" in refused.err) == (6, True), refused
    assert (users.hub / "eve/card.json").exists()
    assert users.run(BOB, "unregister", "eve", "--yes").code == 0
    assert users.takes(EVE, "eve").code == 0
    assert users.run(EVE, "unregister", "eve", "--yes").code == 0
    assert users.takes(MAL, "eve").code == 0


@pytest.mark.root
def test_rooms(users: Users) -> None:
    """A room's name is no instance's, an instance's none for a room, even of one that calls itself a room."""
    assert users.run(BOB, "room", "create", "tea", "--members", "mal").code == 0
    assert users.takes(MAL, "tea").code == 6
    assert users.run(EVE, "room", "create", "mal", "--members", "bob").code == 6
    assert users.run(MAL, "init", "--name", "den", "--kind", "room", "--hub", str(users.hub)).code == 0
    taken = users.run(EVE, "room", "create", "den", "--members", "bob")
    assert (taken.code, "in use elsewhere" in taken.err) == (6, True), taken


def test_in_ones_own_directory(team: Team, tmp_path: Path) -> None:
    """On a hub of one user nothing is refused: whoever may write the files has the name."""
    (tmp_path / "other").mkdir()
    config = f"{tmp_path}/other/xw.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        made = team.ok("init", "--name", "bob", "--hub", str(team.hub), "--config", config)
    assert "mailbox  bob (exists)" in made


def test_an_admission_over_the_network(team: Team) -> None:
    """It is given on the hub's host only."""
    refused = team.run("hub", "admit", "bob", "--hub", "ssh://127.0.0.1:1/hub")
    assert (refused.code, "is on another host" in refused.err) == (2, True)
