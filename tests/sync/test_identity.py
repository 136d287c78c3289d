"""A mirror knows its hub by its id: noted once, given back where a hub has lost it, and free of charge."""

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from tests.sync.conftest import Join
from tests.sync.machines import Machine
from xw import layout
from xw.errors import Unreachable
from xw.files.contract import Files
from xw.hub.directory import DirectoryHub
from xw.mirror import recognise
from xw.mirror.notes import About
from xw.mirror.sync import sync


def about(machine: Machine) -> About:
    return machine.hub.notes.about()


def files_of(machine: Machine) -> Files:
    """Return the hub's files, as a machine reaches them."""
    there = machine.hub.hub
    assert isinstance(there, DirectoryHub)
    return there.files


def test_a_first_sync_notes_the_id(alice: Machine, bob: Machine, hub: DirectoryHub) -> None:
    """Both machines note the same id, that of the hub's file, with the URL."""
    identity = hub.identity()
    assert len(identity) == 26
    assert about(alice) == about(bob) == About(identity, (alice.hub.url,))


def test_nothing_to_do_costs_one_round_trip(alice: Machine) -> None:
    """Once the id is noted, no sync asks for it."""
    before = alice.cost()
    (Path(alice.mailbox.files.root) / "mirror.json").unlink()
    assert alice.cost("recent") > 1
    assert alice.cost("recent") == 1
    assert alice.cost() == before


def test_a_hub_that_was_restored(alice: Machine, hub: DirectoryHub) -> None:
    """An id that an older backup did not have is put back by the next sync that the user asks for."""
    identity = hub.identity()
    hub.files.remove(layout.HUB_ID)
    alice.sync()
    assert hub.identity() == identity
    assert about(alice).id == identity


def test_two_first_syncs_at_once(join: Join, hub: DirectoryHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """If two syncs make the id at once, the first wins, and the other takes its id."""
    alice = join("alice", "east")
    hub.files.remove(layout.HUB_ID)
    alice.mailbox.files.remove("mirror.json")
    files = files_of(alice)
    faster = files.publish

    def late(data: bytes, scratch: str, targets: list[str]) -> None:
        if targets == [layout.HUB_ID]:
            hub.identity()
        faster(data, scratch, targets)

    monkeypatch.setattr(files, "publish", late)
    alice.sync()
    assert about(alice).id == hub.identity()


@pytest.mark.parametrize("text", [b"", b"no id\n", b"x" * 100, b"\xff\xfe"])
def test_what_is_no_id(alice: Machine, hub: DirectoryHub, text: bytes) -> None:
    """An invalid id stays where it is and is ignored: mail travels, and the known id is kept."""
    identity = about(alice).id
    hub.files.replace(text, "", layout.HUB_ID)
    alice.send("bob", "all the same")
    assert alice.sync().flushed.delivered
    assert about(alice).id == identity


def test_a_hub_without_an_id_that_cannot_be_written(
    alice: Machine, hub: DirectoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked once, then again when the user syncs: an automatic sync costs what it did."""
    hub.files.remove(layout.HUB_ID)
    alice.mailbox.files.remove("mirror.json")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", layout.HUB_ID)

    with monkeypatch.context() as patch:
        patch.setattr(files_of(alice), "publish", refuse)
        sync(alice.hub)
        assert about(alice).id == ""
        assert alice.cost("recent") == 1
    alice.sync()
    assert about(alice).id == hub.identity() != ""


def test_what_a_later_version_notes_is_kept(alice: Machine) -> None:
    """Keys of `mirror.json` that this version does not know survive."""
    path = Path(alice.mailbox.files.root) / "mirror.json"
    noted = json.loads(path.read_text())
    path.write_text(json.dumps({"more": [1], "urls": noted["urls"]}))
    alice.sync()
    assert json.loads(path.read_text()) == {"more": [1], **noted}


class Away:
    """A hub that does not answer."""

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """Limit nothing."""
        return nullcontext()

    def has_mark(self, mark: str) -> bool:
        """Fail."""
        raise Unreachable("no answer")


@pytest.mark.parametrize(("took", "limit"), [(0.1, 2.5), (20.0, None)])
def test_an_old_url_that_is_away(
    hub: DirectoryHub, monkeypatch: pytest.MonkeyPatch, took: float, limit: float | None
) -> None:
    """Where it fails by itself, the hub has moved; the mark is gone in any case."""
    monkeypatch.setattr(recognise, "open_hub", lambda url, key: Away())
    monkeypatch.setattr("xw.mirror.recognise.time.monotonic", iter([0.0, took]).__next__)
    assert recognise.judge(hub, "ssh://old/hub", limit) == "away"
    assert [name for name in hub.files.list_folder("") if name.startswith(layout.HUB_MARK)] == []


def test_in_haste(hub: DirectoryHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an automatic sync's limit ends the question, nobody knows: nothing is sent, and sync decides."""
    monkeypatch.setattr(recognise, "open_hub", lambda url, key: Away())
    monkeypatch.setattr("xw.mirror.recognise.time.monotonic", iter([0.0, 2.5]).__next__)
    with pytest.raises(Unreachable, match="`xw sync`"):
        recognise.judge(hub, "ssh://old/hub", 2.5)


def test_a_hub_that_cannot_be_written(hub: DirectoryHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no mark can be left, nobody can tell."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "hub.mark")

    monkeypatch.setattr(hub.files, "replace", refuse)
    with pytest.raises(recognise.Untold, match="Permission denied"):
        recognise.judge(hub, "ssh://old/hub", None)
