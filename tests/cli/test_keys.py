"""`xw keys` and `xw trust`: own keys and others', new ones, lost ones, and those of other machines."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.team import Team
from tests.guarantees.killing import at_each_change
from tests.signing.conftest import EVE, keygen
from xw.actions import keys
from xw.instance import Instance, Options, open_instance
from xw.signing.keys import private_text
from xw.trust import pins, published

At = Callable[[str], None]


@pytest.fixture
def at(team: Team, monkeypatch: pytest.MonkeyPatch) -> At:
    """`at(place)`: act from now on as on another machine, with its own keys and none of the others'."""

    def go(place: str) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(team.folder.parent / f"config-{place}"))

    return go


@pytest.fixture
def signing(team: Team, at: At) -> Team:
    """The team, each on a machine of its own; this is alice's."""
    for name in ("carol", "bob", "alice"):
        at(name)
        (team.box(name) / "key").unlink()  # of the model's machine
        team.ok("init", "--name", name, by=name)
    return team


def acting(team: Team, name: str) -> Instance:
    """Open an instance as its commands do."""
    return open_instance(Options(name, config=str(team.folder / "xw.json")))


def sent(team: Team, at: At, by: str = "alice", place: str = "") -> str:
    """Send bob a message, and return what his machine makes of its sender, and whether that is confirmed."""
    at(place or by)
    token = team.send("hello", by=by)
    at("bob")
    box = acting(team, "bob").mailbox
    found = box.judged(box.read(box.find(token))).status
    assert found is not None
    return f"{found.word}{', confirmed' if found.confirmed else ''}"


def test_a_new_key_needs_no_question(signing: Team, at: At) -> None:
    """Who has seen the old key takes the new one, and who has seen none; the old one still counts."""
    at("alice")
    old = signing.json("keys", "show")["keys"]
    assert signing.run("keys", "export", str(signing.folder / "old")).code == 0
    at("second")
    signing.ok("keys", "import", str(signing.folder / "old"))
    assert sent(signing, at) == "verified, first seen"
    at("alice")
    made = signing.json("keys", "new")
    assert made["before"] != made["key"]
    assert sent(signing, at) == "verified"
    assert sent(signing, at, place="second") == "verified"
    at("fourth")  # a machine of bob's that has seen nothing
    token = signing.pending("bob")[1]
    box = acting(signing, "bob").mailbox
    assert str(box.judged(box.read(box.find(token))).status) == "verified, first seen"
    at("alice")
    assert signing.json("keys", "show")["keys"] != old
    here = [one["here"] for one in signing.json("keys")["keys"] if one["name"] == "alice"]
    assert [bool(path) for path in here] == [True, False]


def test_a_lost_key(signing: Team, at: At) -> None:
    """Who has seen the lost key sees NEW KEY until he trusts it; who has seen none takes the new one."""
    assert sent(signing, at) == "verified, first seen"
    at("new")
    assert "xw keys new --lost" in signing.run("keys", "new").err
    signing.ok("keys", "new", "--lost")
    assert sent(signing, at, place="new") == "NEW KEY"
    at("bob")
    trusted = signing.json("trust", "alice", by="bob")
    assert (len(trusted["before"]), len(trusted["trusted"]), trusted["forgotten"]) == (
        1,
        1,
        trusted["before"],
    )
    assert sent(signing, at, place="new") == "verified, confirmed"
    assert sent(signing, at, place="alice") == "NEW KEY"  # whoever has the lost one
    at("fourth")
    box = acting(signing, "bob").mailbox
    seen = [box.judged(box.read(box.find(token))).status for token in signing.pending("bob")[1:3]]
    assert [one.word for one in seen if one] == ["verified, first seen", "verified"]


def test_trusting(signing: Team, at: At) -> None:
    """The published key is confirmed; of several that do not lead to each other, the one that is named."""
    at("bob")
    assert signing.run("trust", "nobody", by="bob").code == 3
    said = signing.ok("trust", "alice", by="bob")
    assert said.startswith("trusted  SHA256:")
    assert sent(signing, at) == "verified, confirmed"
    at("second")
    signing.ok("init", "--name", "alice")
    assert sent(signing, at, place="second") == "NEW KEY"
    several = signing.run("trust", "alice", by="bob")
    assert (several.code, several.err.count("SHA256:")) == (2, 2)
    at("second")
    key = next(one["key"] for one in signing.json("keys")["keys"] if one["here"])
    at("bob")
    assert signing.run("trust", "alice", "--key", "SHA256:none", by="bob").code == 3
    assert signing.json("trust", "alice", "--key", key, by="bob")["trusted"] == [key]
    assert sent(signing, at, place="second") == "verified, confirmed"
    assert sent(signing, at) == "verified, confirmed"
    assert f"{key}; trusted; since" in signing.ok("keys", by="bob")
    assert signing.json("trust", "alice", "--forget", "--key", key, by="bob")["forgotten"] == [key]
    assert sent(signing, at, place="second") == "NEW KEY"
    signing.ok("trust", "alice", "--forget", by="bob")
    assert sent(signing, at) == "verified, first seen"
    assert signing.run("trust", "alice", "--forget", "--key", key, by="bob").code == 3


def test_trusting_one_key_forgets_a_planted_one(signing: Team, at: At) -> None:
    """A key that was only seen counts no more once another one was chosen, though it is still published."""
    at("bob")
    signing.ok("check", by="bob")
    assert sent(signing, at) == "verified, first seen"
    seen = signing.json("keys", by="bob")["keys"]
    planted = next(one["key"] for one in seen if one["name"] == "alice")
    at("second")
    signing.ok("init", "--name", "alice")
    true = next(one["key"] for one in signing.json("keys")["keys"] if one["here"])
    at("bob")
    assert signing.json("trust", "alice", "--key", true, by="bob")["forgotten"] == [planted]
    assert sent(signing, at) == "NEW KEY"
    assert sent(signing, at, place="second") == "verified, confirmed"


def test_the_teams_file(signing: Team, at: At) -> None:
    """The line that `keys show` prints is one of allowed_signers: its key is confirmed, another is not."""
    at("alice")
    line = signing.ok("keys", "show", "--allowed-signers")
    at("bob")
    assert signing.ok("keys", "show", "alice", "--allowed-signers", by="bob") == line
    (signing.folder / "allowed_signers").write_text(line)
    assert sent(signing, at) == "verified, confirmed"
    listed = signing.json("keys", by="bob")
    assert listed["allowed_signers"] == str(signing.folder / "allowed_signers")
    assert "allowed_signers" in {one["how"] for one in listed["keys"] if one["name"] == "alice"}
    at("second")
    signing.ok("init", "--name", "alice")
    assert sent(signing, at, place="second") == "NEW KEY"


def test_to_another_machine(signing: Team, at: At) -> None:
    """An exported key is a private OpenSSH key with its name and hub; there it signs as here."""
    file = signing.folder.parent / "alice.key"
    at("alice")
    exported = signing.run("keys", "export", str(file))
    assert (exported.code, "can act as alice" in exported.err) == (0, True)
    assert file.stat().st_mode & 0o777 == 0o600
    assert keygen("-y", "-f", str(file)).stdout.decode().split()[:2] == signing.ok("keys", "show").split()
    assert signing.run("keys", "export", str(file)).code == 6
    nowhere = signing.run("keys", "export", f"{file}/none")
    assert nowhere.code == 2 and f"{file} is not a folder: make it, or name another file" in nowhere.err
    missing = signing.run("keys", "import", "none.key")
    assert missing.code == 2 and "no file none.key: give the file of `xw keys export`" in missing.err
    assert sent(signing, at) == "verified, first seen"
    at("second")
    data = file.read_bytes()
    taken = json.loads(signing.run("keys", "import", "-", "--json", by="bob", stdin=data).out)
    assert (taken["name"], taken["new"], os.stat(taken["file"]).st_mode & 0o777) == ("alice", True, 0o600)
    assert signing.json("keys", "import", str(file))["new"] is False
    assert sent(signing, at, place="second") == "verified"


def test_an_export_that_is_cut_off(signing: Team, at: At) -> None:
    """It leaves no file that blocks the next try, and names the file, not the hub."""
    file = signing.folder.parent / "alice.key"
    at("alice")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full)
        failed = signing.run("keys", "export", str(file))
    assert (failed.code, failed.out, failed.err.count("\n")) == (1, "", 1)
    assert failed.err.startswith(f"xw: {file}: No space left on device: the key was not written")
    assert not file.exists()
    assert signing.run("keys", "export", str(file)).code == 0


def full(_handle: int) -> None:
    """Fail as on a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_is_not_imported(signing: Team, at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another name's key, a text that is none, a second key for one name: nothing changes."""
    at("alice")
    file = signing.folder.parent / "key"
    before = signing.json("keys")
    text = signing.run("keys", "export").out
    bare = private_text(EVE)
    cases = {
        "": "not a key",
        text[:200]: "not a key",
        bare + "xw-name: alice\n": "does not say which hub",
        bare: "has another key here",
    }
    for content, why in cases.items():
        file.write_text(content)
        refused = signing.run("keys", "import", str(file))
        assert (refused.code in (2, 6), why in refused.err) == (True, True), refused
    file.write_text(text)
    assert "it is the key of alice" in signing.run("keys", "import", str(file), "--as", "bob").err
    assert signing.run("keys", "import", str(file.parent)).code == 2
    assert signing.run("keys", "import", str(file.parent / "none")).code != 0
    assert signing.json("keys") == before
    file.chmod(0o600)
    monkeypatch.setenv("XW_KEY", str(file))
    for words in (["keys", "import", str(file)], ["keys", "new"], ["keys", "new", "--lost"]):
        named = signing.run(*words)
        assert (named.code, "XW_KEY names the key" in named.err) == (2, True)
    assert file.read_text() == text


def test_pins_that_cannot_be_read(signing: Team, at: At) -> None:
    """A damaged file is named, with what to do; nothing is written over it."""
    at("bob")
    signing.ok("trust", "alice", by="bob")
    (file,) = Path(os.environ["XDG_CONFIG_HOME"]).rglob(pins.FILE)
    file.write_text("{")
    for words in (["keys"], ["trust", "alice"], ["trust", "alice", "--forget"]):
        result = signing.run(*words, by="bob")
        assert (result.code, str(file) in result.err) == (1, True), result
    assert file.read_text() == "{"


@pytest.mark.parametrize("lost", [False, True])
def test_killed_at_each_step(signing: Team, at: At, lost: bool) -> None:
    """A new key that is cut off leaves a usable key, which is published; the same command completes it."""
    at("alice")
    alice = acting(signing, "alice")
    ring, box = alice.credentials.keyring, signing.box("alice") / "key"
    first, text = ring.find("alice"), box.read_text()
    assert first

    def fresh() -> None:
        ring.drop("alice")
        ring.replace("alice", first)
        box.write_text(text)

    def check() -> None:
        for _ in range(2):
            key = ring.find("alice")
            assert key
            listed = box.read_text()
            assert key.public in published.keys(listed)
            if not lost:
                assert key.public in published.led_to(listed, [first.public], "alice", ring.hub_id)
            keys.renew(acting(signing, "alice"), lost)
        assert not list(Path(ring.folders[0]).glob("*.new"))

    assert at_each_change(lambda: keys.renew(acting(signing, "alice"), lost), fresh, check) > 10


def test_a_first_key_killed_at_each_step(team: Team, at: At) -> None:
    """`init` that is cut off never leaves a key that signs and is not published."""
    at("alice")
    ring = acting(team, "alice").credentials.keyring
    box = team.box("alice") / "key"
    box.unlink()

    def fresh() -> None:
        for file in Path(ring.folders[0]).glob("alice*"):
            file.unlink()
        box.unlink(missing_ok=True)

    def check() -> None:
        key = ring.find("alice")
        assert key is None or key.public in published.keys(box.read_text())
        keys.ensure(acting(team, "alice"), acting(team, "alice").carrier.remote())
        key = ring.find("alice")
        assert key
        assert published.keys(box.read_text()) == [key.public]

    def act() -> None:
        keys.ensure(acting(team, "alice"), acting(team, "alice").carrier.remote())

    assert at_each_change(act, fresh, check) > 10


def test_an_older_backup_of_the_hub(signing: Team, at: At) -> None:
    """A hub without the newer key gets it back from sync, with the earlier one that leads to it."""
    assert sent(signing, at) == "verified, first seen"
    at("alice")
    file = signing.box("alice") / "key"
    before = file.read_text()
    signing.ok("keys", "new")
    whole = file.read_text()
    for kept in (before, ""):
        file.write_text(kept) if kept else file.unlink()
        at("alice")
        signing.ok("sync")
        assert file.read_text() == whole
    assert sent(signing, at) == "verified"


def test_several_at_once(signing: Team, at: At) -> None:
    """Two new keys at one moment follow each other: both are published, one is in use."""
    at("alice")
    running = [signing.start("keys", "new") for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    for process in running:
        process.communicate()
    ring = acting(signing, "alice").credentials.keyring
    listed = (signing.box("alice") / "key").read_text()
    assert len(published.keys(listed)) == 4
    key = ring.find("alice")
    assert key
    assert published.first(listed, "alice", ring.hub_id) >= {key.public}


def test_mail_that_goes_unsigned(signing: Team, at: At) -> None:
    """Without the key that others know, each command that sends says so once, and `init` who sees it."""
    at("bob")
    first = signing.send("hello", by="bob", to="alice")
    at("another machine")
    unsigned = "xw: sent unsigned: no key of alice is here: `xw keys import FILE`, or `xw keys new --lost`\n"
    sent = signing.run("send", "--json", "info", "hi", "--to", "bob")
    token = json.loads(sent.out)["id"]
    for found in (sent, signing.run("reply", first, "hi"), signing.run("attach", token, "xw.json")):
        assert (found.code, found.err) == (0, unsigned)
    asked = signing.run("ask", "--to", "bob", "--timeout", "0", "well?")
    assert (asked.code, asked.err.count(unsigned)) == (4, 1)
    listed = signing.run("keys")
    assert "no key of alice is here: `xw keys import FILE`" in listed.err and "init" not in listed.err
    said = signing.ok("init", "--name", "alice")
    assert "alice publishes another key, SHA256:" in said
    assert "others will see NEW KEY at mail from here until they run `xw trust alice`" in said
    assert "publishes another key" not in signing.ok("init", "--name", "alice")
    signing.ok("send", "info", "hello", "--to", "bob")


def test_mail_for_a_hub_with_another_id(signing: Team, at: At) -> None:
    """A `hub.id` that somebody has changed lets mail go unsigned, and `send` says so."""
    at("alice")
    (signing.hub / "hub.id").write_text("a" * 26 + "\n")
    found = signing.run("send", "info", "hello", "--to", "bob")
    assert found.code == 0
    assert found.err.startswith("xw: sent unsigned: hub.id of the hub has changed: ")


def test_keys_of_a_name_that_has_none(team: Team, at: At) -> None:
    """Nobody knows a key of it: nothing is said of its mail, and `xw keys` names the command."""
    (team.box("alice") / "key").unlink()
    at("new")
    team.ok("send", "info", "hello", "--to", "bob")
    assert "`xw init --name alice` makes one" in team.run("keys").err
