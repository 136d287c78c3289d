"""Nobody passes for somebody else: a thousand forgeries of every kind, beside genuine mail."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cli.team import call
from tests.signing.conftest import EVE
from tests.signing.spoofs import WAYS, Scene
from xw import layout
from xw.keyring import read
from xw.signing.keys import private_text

GENUINE = 12
ROUNDS = 48  # of all ways: 1,008 forgeries


class People:
    """Each with a home of their own, so that nobody reads another's private key."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hub = root / "hub"

    def run(self, name: str, *arguments: str, hub: str = "hub", code: int = 0) -> str:
        """Run a command as one of them."""
        folder = self.root / name / hub
        folder.mkdir(parents=True, exist_ok=True)
        home = str(self.root / name / "config")
        done = call(folder, *arguments, environ={"XW_NAME": name, "XDG_CONFIG_HOME": home})
        assert done.code == code, done
        return done.out

    def join(self, name: str, hub: str = "hub") -> None:
        """Make a mailbox."""
        self.run(name, "init", "--name", name, "--hub", str(self.root / hub), hub=hub)

    def key_file(self, name: str, hub: str = "hub") -> Path:
        """Return the file of a private key."""
        hub_id = (self.root / hub / layout.HUB_ID).read_text().strip()
        return self.root / name / "config/xw/keys" / hub_id / name

    def sent(self, name: str, to: str, hub: str = "hub") -> list[bytes]:
        """Send some tasks; their files."""
        for number in range(GENUINE):
            self.run(name, "send", "task", f"genuine {number}", "--to", to, hub=hub)
        files = sorted((self.root / hub / name / "sent").iterdir())
        return [file.read_bytes() for file in files if f'"to": ["{to}"]' in file.read_text()]

    def check(self) -> dict[str, dict[str, Any]]:
        """Return what bob is shown, by id."""
        shown = json.loads(self.run("bob", "check", "--all", "--json"))["messages"]
        return {one["id"]: one for one in shown}


@pytest.fixture
def people(tmp_path: Path) -> People:
    """alice, bob, carol, eve and tea on a hub; alice and bob on another one too, she with the same key."""
    made = People(tmp_path)
    for name in ("alice", "bob", "carol", "eve", "tea"):
        made.join(name)
    for name in ("eve",):
        key = made.key_file(name)
        key.write_text(private_text(EVE))  # the one that the spoofs use
        (made.hub / name / layout.KEY).write_text(f"{EVE.public}\n")
    for name in ("alice", "bob"):
        made.join(name, "other")
    made.key_file("alice", "other").write_text(made.key_file("alice").read_text())
    return made


def test_a_thousand_spoofs(people: People) -> None:
    """None is shown as verified; each is shown as what it is, or set aside; genuine mail stays verified."""
    genuine = {to: people.sent("alice", to) for to in ("bob", "carol")}
    people.run("eve", "send", "info", "hello", "--to", "bob")
    people.run("tea", "send", "info", "hello", "--to", "bob")
    shown = people.check()
    assert Counter(one["sender_status"] for one in shown.values()) == {
        "verified, first seen": 3,
        "verified": GENUINE - 1,
    }
    key = read(str(people.key_file("alice")))
    scene = Scene(people.hub, genuine, people.sent("alice", "bob", "other"), key, seed=16)
    spoofs = [way(scene) for _ in range(ROUNDS) for way in WAYS]
    assert len(spoofs) >= 1000
    expected = {spoof.name.partition(".")[0]: spoof for spoof in spoofs}
    again = people.check()
    words = {message_id: one["sender_status"] for message_id, one in again.items()}
    for message_id, spoof in expected.items():
        assert words.get(message_id) == spoof.word, (spoof, again.get(message_id))
    left = {message_id: word for message_id, word in words.items() if message_id not in expected}
    assert left == {message_id: one["sender_status"] for message_id, one in shown.items()}


def test_a_swapped_attachment_shows(people: People, tmp_path: Path) -> None:
    """The signed text has the hash of each file: another file is named as a problem."""
    file = tmp_path / "plan.txt"
    file.write_text("the plan")
    attached = ("--attach", str(file), "--json")
    sent = json.loads(people.run("alice", "send", "task", "see", "--to", "bob", *attached))
    (people.hub / "bob/attachments" / sent["id"] / "plan.txt").write_text("the trap")
    opened = json.loads(people.run("bob", "read", sent["id"], "--json"))
    assert opened["sender_status"].startswith("verified")
    assert opened["files"][0]["problem"] == "its bytes are not those that were sent"


def test_a_changed_card_and_key_change_nothing(people: People) -> None:
    """Whoever writes to alice's folder on the hub makes nobody take another key for hers."""
    people.run("alice", "send", "info", "one", "--to", "bob")
    people.check()
    (people.hub / "alice" / layout.KEY).write_text(f"{EVE.public}\n")
    card = people.hub / "alice" / layout.CARD
    card.write_text(json.dumps({**json.loads(card.read_text()), "key": str(EVE.public)}))
    scene = Scene(people.hub, {"bob": [], "carol": []}, [], EVE, seed=1)
    forged = scene.write(scene.fields(), EVE).partition(".")[0]
    people.run("alice", "send", "info", "two", "--to", "bob")
    words = [one["sender_status"] for one in people.check().values()]
    assert sorted(words) == ["NEW KEY", "verified", "verified, first seen"]
    assert people.check()[forged]["sender_status"] == "NEW KEY"


def test_removed_mail_does_not_come_back(people: People) -> None:
    """A copy of mail that bob has handled, and gc has removed, is no second task."""
    people.run("alice", "send", "task", "pay once", "--to", "bob")
    (token,) = people.check()
    name = f"{token}.task.alice.json"
    data = (people.hub / "bob/inbox/pending" / name).read_bytes()
    people.run("bob", "done", token)
    people.run("bob", "gc", "--days", "0")
    assert not list((people.hub / "bob/inbox/done").iterdir())
    (people.hub / "bob/inbox/pending" / name).write_bytes(data)
    (shown,) = people.check().values()
    assert shown["sender_status"] == "FORGED"


def test_another_hub_id_verifies_nobody(people: People) -> None:
    """With a new id, nothing would be known of anybody: it counts only once bob has run `init` again."""
    people.run("alice", "send", "info", "one", "--to", "bob")
    people.check()
    (people.hub / layout.HUB_ID).write_text("b" * 26 + "\n")
    (people.hub / "alice" / layout.KEY).write_text(f"{EVE.public}\n")
    scene = Scene(people.hub, {"bob": [], "carol": []}, [], EVE, seed=1)
    scene.write(scene.fields(), EVE)
    assert {one["sender_status"] for one in people.check().values()} == {"NEW KEY"}


def test_handled_mail_does_not_come_back(people: People) -> None:
    """A copy of it in `pending/` is no new mail, while it is in `done/`, and after gc has removed it."""
    people.run("alice", "send", "task", "pay once", "--to", "bob")
    (token,) = people.check()
    name = f"{token}.task.alice.json"
    data = (people.hub / "bob/inbox/pending" / name).read_bytes()
    people.run("bob", "done", token)
    (people.hub / "bob/inbox/pending" / name).write_bytes(data)
    (shown,) = people.check().values()
    assert (shown["sender_status"], "done" in shown["sender_note"]) == ("FORGED", True)
    people.run("bob", "done", token)
    assert people.check() == {}
