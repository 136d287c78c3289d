"""Each step of `LocalFiles` that promises durability syncs what it changed, and after it has changed it.

By what the process asks of the kernel: no power cut shows a missing sync for certain, since a later sync of
anything on the same disk may commit it too.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xw.files.local import LocalFiles

_CHANGES = ("link", "rename", "unlink", "mkdir", "rmdir")

# A step, and the folders that must be synced after its last change.
STEPS: dict[str, tuple[Callable[[LocalFiles], object], set[str]]] = {
    "publish": (lambda files: files.publish(b"x", "tmp", ["a/new", "b/new"]), {"a", "b"}),
    "publish apart": (
        lambda files: files.publish(b"x", "tmp", ["a/new", "b/new"], separate_files=True),
        {"a", "b"},
    ),
    "publish again": (lambda files: files.publish(b"old", "tmp", ["a/old"]), {"a"}),
    "replace": (lambda files: files.replace(b"x", "tmp", "a/old"), {"a"}),
    "replace a new one": (lambda files: files.replace(b"x", "tmp", "a/new"), {"a"}),
    "store": (lambda files: files.store([b"x", b"y"], "tmp/new"), {"tmp"}),
    "move": (lambda files: files.move("a/old", "b/old"), {"a", "b"}),
    "remove": (lambda files: files.remove("a/old"), {"a"}),
    "remove_folder": (lambda files: files.remove_folder("a/deep"), {"a"}),
    "remove_empty_folder": (lambda files: files.remove_empty_folder("a/deep"), {"a"}),
    "make_folder": (lambda files: files.make_folder("a/new"), {"a"}),
    "make_folder again": (lambda files: files.make_folder("a/deep"), {"a"}),
    "make_folder, two": (lambda files: files.make_folder("a/one/two"), {"a", "a/one"}),
    "sync": (lambda files: files.sync("a"), {"a"}),
}
# Those that write a file, which must be synced before it gets the name that others read.
WRITING = ("publish", "publish apart", "replace", "replace a new one", "store")


class Kernel:
    """The requests to the kernel, in order: names of changes, and synced paths."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.asked: list[str] = []
        self.synced_files = 0
        for name in _CHANGES:
            patch.setattr(os, name, self._noting(name, getattr(os, name)))
        patch.setattr(os, "fsync", self._syncing(os.fsync))

    def _noting(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **options: Any) -> Any:
            done = real(*arguments, **options)
            self.asked.append(name)
            return done

        return noted

    def _syncing(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def noted(handle: int) -> None:
            path = os.readlink(f"/proc/self/fd/{handle}")
            if os.path.isdir(path):
                self.asked.append(f"sync {os.path.relpath(path, self.root)}")
            else:
                self.asked.append("sync a file")
            real(handle)

        return noted

    def synced_last(self) -> set[str]:
        """Return the folders synced after the last change that gave or took a name."""
        last = max(
            (index for index, one in enumerate(self.asked) if one in _CHANGES and one != "unlink"), default=-1
        )
        if last < 0:
            last = max((index for index, one in enumerate(self.asked) if one in _CHANGES), default=-1)
        return {one.partition(" ")[2] for one in self.asked[last + 1 :] if one.startswith("sync ")}


@pytest.fixture(params=[True, False], ids=["links", "no links"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> LocalFiles:
    made = LocalFiles(str(tmp_path), links=request.param)
    for folder in ("tmp", "a", "b", "a/deep"):
        made.make_folder(folder)
    made.replace(b"old", "tmp", "a/old")
    return made


@pytest.mark.parametrize("step", STEPS)
def test_the_folders_are_synced_after_the_change(
    files: LocalFiles, tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every folder in which a name came or went is synced afterwards."""
    act, expected = STEPS[step]
    with monkeypatch.context() as patch:
        kernel = Kernel(tmp_path, patch)
        act(files)
    assert expected <= _folders(kernel), kernel.asked


def _folders(kernel: Kernel) -> set[str]:
    """Return the folders synced after their last change."""
    if kernel.asked.count("mkdir") > 1:  # each folder above is synced once the one below it is there
        return {one.partition(" ")[2] for one in kernel.asked if one.startswith("sync ")}
    return kernel.synced_last()


@pytest.mark.parametrize("step", WRITING)
def test_a_file_is_synced_before_it_has_its_name(
    files: LocalFiles, tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All bytes are on the disk before anybody can read them under the name."""
    with monkeypatch.context() as patch:
        kernel = Kernel(tmp_path, patch)
        STEPS[step][0](files)
    named = [index for index, one in enumerate(kernel.asked) if one in ("link", "rename")]
    synced = [index for index, one in enumerate(kernel.asked) if one == "sync a file"]
    assert synced, kernel.asked
    assert not named or min(synced) < min(named), kernel.asked
    if files._links and step.startswith("publish"):
        assert max(synced) < min(named), kernel.asked  # all are written before the first is seen


def test_the_targets_folder_is_synced_first(
    files: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut between the two syncs of a move, the file is found in both folders, never in none."""
    with monkeypatch.context() as patch:
        kernel = Kernel(tmp_path, patch)
        files.move("a/old", "b/old")
    assert [one for one in kernel.asked if one.startswith("sync ")] == ["sync b", "sync a"]
