"""`xw sync --watch` where the hub cannot push: how often it looks, and what it tells."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

import pytest

from tests.sync.conftest import Join
from tests.sync.machines import Machine
from xw.hub.directory import DirectoryHub
from xw.layout import INBOX
from xw.mirror import watcher
from xw.mirror.watcher import MirrorWatcher


class Waits:
    """Stands in for `Arrivals`: notes how long each wait may be; acts and returns at once instead."""

    def __init__(self, acts: dict[int, Callable[[], object]]) -> None:
        self.lasted: list[float] = []
        self._acts = acts

    def __call__(self, folders: Sequence[str], rescan: float) -> "Waits":
        return self

    def __enter__(self) -> "Waits":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was watched."""

    def also(self, folder: str) -> None:
        """Nothing is watched."""

    def wake(self) -> None:
        """Nothing waits."""

    def wait(self, timeout: float) -> bool:
        self.lasted.append(timeout)
        self._acts.get(len(self.lasted), lambda: None)()
        return False


def run(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, acts: dict[int, Callable[[], object]], *more: Machine
) -> Waits:
    """Keep mirrors on a hub that cannot push until an act raises; it hears in `machine.told`."""
    waits = Waits(acts)
    monkeypatch.setattr(watcher, "Arrivals", waits)
    monkeypatch.setattr(watcher, "_PING_S", 60.0)
    monkeypatch.setattr(machine.hub.hub, "connect", lambda: None)
    monkeypatch.setattr(machine.hub.hub, "pushes", lambda owners: iter(()))
    watching = MirrorWatcher([one.hub for one in (machine, *more)], machine.told.append)
    with pytest.raises(StopIteration):
        watching.run()
    return waits


def _stop() -> None:
    raise StopIteration


def test_it_looks_less_often_while_nothing_happens(
    alice: Machine, bob: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From one second on the pauses grow to fifteen, and mail brings them back to one."""

    def news() -> None:
        alice.send("bob", "news")
        alice.sync()

    waits = run(bob, monkeypatch, {10: news, 12: _stop})
    idle, after = waits.lasted[:10], waits.lasted[10:]
    assert idle[:3] == [1.0, 1.5, 2.25]
    assert idle == sorted(idle)
    assert idle[-3:] == [15.0] * 3
    assert after == [1.0, 1.5]
    assert bob.bodies() == ["news"]


def test_a_trouble_that_lasts_is_told_once(
    alice: Machine, bob: Machine, hub: DirectoryHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that may not be read is named when that begins, not at every look."""
    sent = alice.send("bob", "shut")
    alice.sync()
    path = tmp_path / "hub" / hub.mailbox("bob").at(INBOX["pending"], sent.name)
    path.chmod(0)
    run(bob, monkeypatch, {3: lambda: path.chmod(0o600), 4: lambda: path.chmod(0), 6: _stop})
    assert [text.startswith(f"{sent.name}: left on the hub: ") for text in bob.told] == [True, False]


def test_a_broken_mailbox_holds_no_other_up(
    alice: Machine,
    bob: Machine,
    join: Join,
    hub: DirectoryHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mailbox that is gone from the hub is reported once, and the others' mail goes on."""
    hub.register("anna", {"name": "anna"})
    anna = join("anna", "east")
    shutil.rmtree(tmp_path / "hub/alice")

    def news() -> None:
        bob.send("anna", "news")
        bob.sync()

    run(alice, monkeypatch, {1: news, 3: _stop}, anna)
    assert ["has no mailbox for 'alice'" in text for text in alice.told if "alice: " in text] == [True]
    assert not any("unreachable since" in text for text in alice.told)
    assert anna.bodies() == ["news"]


def test_a_hub_that_is_gone_for_all_is_away(
    alice: Machine, join: Join, hub: DirectoryHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no mailbox can be reached, the hub counts as unreachable."""
    hub.register("anna", {"name": "anna"})
    anna = join("anna", "east")
    (tmp_path / "hub").rename(tmp_path / "moved")
    monkeypatch.setattr(watcher, "pauses", lambda: iter(()))
    run(alice, monkeypatch, {3: _stop}, anna)
    assert [text.startswith("unreachable since ") for text in alice.told if "since" in text] == [True]
