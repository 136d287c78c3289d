"""A link in the middle of a path is never followed: nothing outside the root is read, made or moved."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from xw.files.local import LocalFiles


class Scene(NamedTuple):
    """Files whose folder `box/in` is a link to `victim`, which lies outside the root."""

    files: LocalFiles
    victim: Path


def _locked(files: LocalFiles) -> None:
    with files.locked("box/in/.lock", timeout=0):
        pass


def _locked_briefly(files: LocalFiles) -> None:
    with files.locked_briefly("box/in/.lock", timeout=0):
        pass


OPERATIONS: dict[str, Callable[[LocalFiles], object]] = {
    "names": lambda files: files.list_folder("box/in"),
    "names below": lambda files: files.list_folder("box/in/deep"),
    "look": lambda files: files.stat("box/in/old"),
    "stat_all": lambda files: _raised(files.stat_all(["box/tmp", "box/in/old"])[1]),
    "read": lambda files: files.read("box/in/old", 100),
    "read_all": lambda files: _raised(next(iter(files.read_all(["box/in/old"], 100)))),
    "read_chunks": lambda files: list(files.read_chunks("box/in/old")),
    "publish": lambda files: files.publish(b"new", "box/tmp", ["box/in/new"]),
    "publish to several": lambda files: files.publish(b"new", "box/tmp", ["box/out/new", "box/in/new"]),
    "publish the same": lambda files: files.publish(b"old", "box/tmp", ["box/in/old"]),
    "publish by way of": lambda files: files.publish(b"new", "box/in", ["box/out/new"]),
    "replace": lambda files: files.replace(b"new", "box/tmp", "box/in/old"),
    "replace by way of": lambda files: files.replace(b"new", "box/in", "box/out/mine"),
    "store": lambda files: files.store([b"new"], "box/in/new"),
    "move in": lambda files: files.move("box/out/mine", "box/in/old"),
    "move out": lambda files: files.move("box/in/old", "box/out/old"),
    "remove": lambda files: files.remove("box/in/old"),
    "remove_folder": lambda files: files.remove_folder("box/in/deep"),
    "remove_folder the link": lambda files: files.remove_folder("box/in"),
    "remove_empty_folder": lambda files: files.remove_empty_folder("box/in/deep"),
    "remove_empty_folder the link": lambda files: files.remove_empty_folder("box/in"),
    "make_folder": lambda files: files.make_folder("box/in/new"),
    "make_folder on it": lambda files: files.make_folder("box/in"),
    "make_folder far below": lambda files: files.make_folder("box/in/deep/er/new"),
    "sync": lambda files: files.sync("box/in"),
    "locked": _locked,
    "locked_briefly": _locked_briefly,
    "held": lambda files: files.held("box/in/old"),
}


def _raised(outcome: object) -> object:
    assert isinstance(outcome, OSError)
    raise outcome


@pytest.fixture(params=["with links", "without links"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    files = LocalFiles(str(tmp_path / "hub"), links=request.param == "with links")
    for folder in ("", "box/tmp", "box/out"):
        files.make_folder(folder)
    files.store([b"mine"], "box/out/mine")
    victim = tmp_path / "victim"
    (victim / "deep").mkdir(parents=True)
    (victim / "old").write_bytes(b"old")
    (victim / "deep/er").write_bytes(b"er")
    (tmp_path / "hub/box/in").symlink_to(victim)
    return Scene(files, victim)


def _tree(folder: Path) -> Iterator[tuple[str, bytes, int]]:
    for path in sorted(folder.rglob("*")):
        yield str(path), path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_operation_goes_through_a_link(scene: Scene, name: str) -> None:
    """Each operation fails and names a path, the victim's tree stays, and what the root holds stays too."""
    before = [*_tree(scene.victim), *_tree(Path(scene.files.path("box/out")))]
    with pytest.raises(OSError, match=r"box/in") as raised:
        OPERATIONS[name](scene.files)
    assert not isinstance(raised.value, FileNotFoundError)  # which callers take for an absence
    assert [*_tree(scene.victim), *_tree(Path(scene.files.path("box/out")))] == before
    assert scene.files.list_folder("box/tmp") == []


def test_no_name_can_be_made_behind_a_link(scene: Scene) -> None:
    """A folder that is a link is not writable."""
    assert not scene.files.writable("box/in")
    assert not scene.files.writable("box/in/deep")
    assert scene.files.writable("box/out")


def test_every_part_of_a_path_counts(tmp_path: Path) -> None:
    """The first folder below the root may be a link no more than the last; the error says what it is."""
    files = LocalFiles(str(tmp_path / "hub"))
    files.make_folder("")
    (tmp_path / "victim/in/deep").mkdir(parents=True)
    (tmp_path / "hub/box").symlink_to(tmp_path / "victim")
    for path in ("box/one", "box/in/one", "box/in/deep/one"):
        with pytest.raises(NotADirectoryError, match=r"symbolic link.*hub/box'"):
            files.store([b"new"], path)
    assert sorted(os.listdir(tmp_path / "victim/in/deep")) == []


def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    """The user named it, so it is followed, and so are the links above it."""
    (tmp_path / "really/here").mkdir(parents=True)
    (tmp_path / "above").symlink_to(tmp_path / "really")
    (tmp_path / "above/root").symlink_to(tmp_path / "really/here")
    files = LocalFiles(str(tmp_path / "above/root"))
    files.make_folder("")
    files.make_folder("box")
    files.replace(b"text", "box", "box/one")
    files.replace(b"text", "", "top")
    assert files.read("box/one", 10) == files.read("top", 10) == b"text"
    assert sorted(os.listdir(tmp_path / "really/here")) == ["box", "top"]


def test_no_handle_is_left_open(scene: Scene) -> None:
    """Neither success nor failure leaves a handle open."""
    before = sorted(os.listdir("/proc/self/fd"))
    for name in OPERATIONS:
        with pytest.raises(OSError):  # noqa: PT011  # which one is the other tests' matter
            OPERATIONS[name](scene.files)
    scene.files.replace(b"new", "box/tmp", "box/out/mine")
    assert list(scene.files.read_all(["box/out/mine"], 10)) == [b"new"]
    assert sorted(os.listdir("/proc/self/fd")) == before
