"""A hub whose SFTP server says OK to what it does not do, as rclone's does to hard links: from end to end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.machine import Machine, disconnect
from tests.ssh.conftest import Home, Keys
from tests.ssh.liar import forced
from tests.ssh.sshd import Sshd


class Lying:
    """alice and bob on a hub that was made while its server was honest; now the server lies."""

    def __init__(self, folder: Path, home: Home, keys: Keys, hub: Path, *deeds: str, where: str = "") -> None:
        (folder / "lie").mkdir()
        self.mark = folder / "lie/honest"
        self.server = Sshd(
            folder / "liar", [keys.host], keys.accepted, [forced(folder / "lie", *deeds, where=where)]
        )
        home.know(self.server, keys.host)
        self.url = f"ssh://127.0.0.1:{self.server.port}{hub}"
        self.honest(True)
        self.alice, self.bob = (Machine(folder / name, name, self.url) for name in ("alice", "bob"))
        for machine in (self.alice, self.bob):
            machine.join()
        self.alice.ok("sync")
        self.honest(False)

    def honest(self, now: bool) -> None:
        """Make the server honest, or lying again."""
        if now:
            self.mark.touch()
        else:
            self.mark.unlink()


@pytest.fixture
def lying(tmp_path: Path, home: Home, keys: Keys, hub: Path) -> Iterator[Lying]:
    made = Lying(tmp_path, home, keys, hub, "hardlink")
    yield made
    disconnect()
    made.server.stop()


def test_a_message_that_was_not_delivered(lying: Lying, hub: Path) -> None:
    """The message stays in the outbox, `send`, `sync` and `doctor` say why; an honest server gets it once."""
    for number in (1, 2):
        sent = lying.alice.run("send", "--to", "bob", "task", f"job {number}")
        assert sent.code == 0
        assert "in the outbox for bob" in sent.out
        assert "answered OK to a hard link and did not do it" in sent.err
        assert sent.err.count("\n") == 1
    assert list((hub / "bob/inbox").glob("*/*.json")) == []
    assert list((hub / "alice/inbox/tmp").iterdir()) == []
    synced = lying.alice.run("sync")
    assert synced.code == 1
    assert "still in the outbox for bob" in synced.err
    assert "answered OK to a hard link" in synced.err
    examined = lying.alice.run("doctor")
    assert examined.code == 1
    assert "cannot write durably on the hub: the server answered OK to a hard link" in examined.out
    assert '"publish": "rename"' in examined.out
    lying.honest(True)
    assert lying.alice.ok("sync").startswith("2 delivered")
    lying.bob.ok("sync")
    assert lying.bob.ok("check").count("job ") == 2
    assert lying.alice.run("doctor").code == 0


def test_a_file_is_not_delivered_without_its_message(lying: Lying, hub: Path, tmp_path: Path) -> None:
    """A message with a file waits as well, and arrives with it."""
    (tmp_path / "notes.txt").write_text("notes")
    assert lying.alice.run("send", "--to", "bob", "task", "see", "--attach", str(tmp_path / "notes.txt")).err
    assert list((hub / "bob/inbox").glob("*/*.json")) == []
    lying.honest(True)
    lying.alice.ok("sync")
    lying.bob.ok("sync")
    assert "notes.txt" in lying.bob.ok("read", lying.bob.pending()[0])


def test_init_says_it(lying: Lying, tmp_path: Path, hub: Path) -> None:
    """Joining such a hub reports it; an entry in `hub.json` then lets mail through."""
    carol = Machine(tmp_path / "carol", "carol", lying.url)
    said = carol.ok("init", "--name", "carol", "--hub", lying.url)
    assert "answers OK to hard links and makes none" in said
    assert '"publish": "rename"' in said
    assert "ssh-ed25519" in (hub / "carol/key").read_text()
    about = (hub / "hub.json").read_text()
    (hub / "hub.json").write_text(about.rstrip().removesuffix("}") + ', "publish": "rename"}')
    disconnect()
    carol.ok("sync")
    carol.send("bob", "through")
    assert "hard links" not in carol.ok("doctor")


def test_a_new_hub(lying: Lying, tmp_path: Path) -> None:
    """A hub made through such a server publishes by rename from the start, and `init` says so."""
    url = lying.url + "-new"
    dora, emil = (Machine(tmp_path / name, name, url) for name in ("dora", "emil"))
    said = dora.ok("init", "--name", "dora", "--hub", url)
    assert "answers OK to hard links and makes none: this hub publishes without them" in said
    assert '"publish": "rename"' in Path(f"{tmp_path}/hub-new/hub.json").read_text()
    emil.ok("init", "--name", "emil", "--hub", url)
    dora.ok("sync")
    dora.send("emil", "hello")
    assert "hello" in emil.ok("check")


def test_a_move_that_was_not_made(tmp_path: Path, home: Home, keys: Keys, hub: Path) -> None:
    """A message settled here but not there is reported, and settled by the next honest sync."""
    lying = Lying(tmp_path, home, keys, hub, "posix rename", where="inbox/done/")
    try:
        lying.alice.send("bob", "a job")
        assert "a job" in lying.bob.ok("check")
        (message_id,) = lying.bob.pending()
        lying.bob.run("done", message_id)
        synced = lying.bob.run("sync")
        assert synced.code == 1
        assert "answered OK to a rename" in synced.err
        assert len(list((hub / "bob/inbox/pending").iterdir())) == 1
        lying.honest(True)
        lying.bob.ok("sync")
        assert len(list((hub / "bob/inbox/done").iterdir())) == 1
    finally:
        disconnect()
        lying.server.stop()
