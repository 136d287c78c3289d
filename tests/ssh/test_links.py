"""Over SFTP too, nothing is written, made or moved behind a folder that is a link; the root may be one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.ssh.server import ServerLink
from xw.files import Publication
from xw.files.sftp import SftpFiles


class Scene(NamedTuple):
    """Files whose folder `box/in` is a link to `victim`, which lies outside the root; and the root's path."""

    files: SftpFiles
    victim: Path
    root: Path


@pytest.fixture(params=["with links", "without links"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    link = ServerLink()
    root, victim = tmp_path / "hub", tmp_path / "victim"
    (tmp_path / "real").mkdir()
    root.symlink_to(tmp_path / "real")
    files = SftpFiles(link, str(root), links=request.param == "with links")
    files.make_folders(["box/tmp", "box/out"])
    files.publish(b"mine", "box/tmp", ["box/out/mine"])
    files.publish(b"sent", "box/tmp", ["box/out/sent"])
    (victim / "deep").mkdir(parents=True)
    (victim / "old").write_bytes(b"old")
    (root / "box/in").symlink_to(victim)
    yield Scene(files, victim, root)
    link.close()


OPERATIONS: dict[str, Callable[[SftpFiles], object]] = {
    "names": lambda files: files.list_folder("box/in"),
    "publish": lambda files: files.publish(b"new", "box/tmp", ["box/in/new"]),
    "publish to several": lambda files: files.publish(b"new", "box/tmp", ["box/out/new", "box/in/new"]),
    "publish far below": lambda files: files.publish(b"new", "box/tmp", ["box/in/deep/new"]),
    "publish by way of": lambda files: files.publish(b"new", "box/in", ["box/out/new"]),
    "replace": lambda files: files.replace(b"new", "box/tmp", "box/in/old"),
    "replace by way of": lambda files: files.replace(b"new", "box/in", "box/out/mine"),
    "store": lambda files: files.store([b"new"], "box/in/new"),
    "store far below": lambda files: files.store([b"new"], "box/in/deep/new"),
    "move in": lambda files: files.move("box/out/sent", "box/in/new"),
    "move out": lambda files: files.move("box/in/old", "box/out/old"),
    "remove_folder the link": lambda files: files.remove_folder("box/in"),
    "make_folder": lambda files: files.make_folder("box/in/new"),
    "make_folder on it": lambda files: files.make_folder("box/in"),
    "make_folder far below": lambda files: files.make_folder("box/in/deep/er/new"),
}


def test_a_move_onto_itself(scene: Scene) -> None:
    """If a link makes both names one file, the move is refused and the file stays."""
    (scene.root / "box/alias").symlink_to(scene.root / "box/out")
    with pytest.raises(NotADirectoryError):
        scene.files.move("box/out/sent", "box/alias/sent")
    assert (scene.root / "box/out/sent").read_bytes() == b"sent"


def tree(folder: Path) -> list[tuple[str, bytes]]:
    return [(str(path), path.read_bytes() if path.is_file() else b"") for path in sorted(folder.rglob("*"))]


@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_goes_through_a_link(scene: Scene, name: str) -> None:
    """Each operation fails and names the link; the victim's tree stays, and so does what the root holds."""
    before = [*tree(scene.victim), *tree(scene.root / "box/out")]
    with pytest.raises(NotADirectoryError) as raised:
        OPERATIONS[name](scene.files)
    assert str(raised.value.filename).endswith("box/in")
    assert [*tree(scene.victim), *tree(scene.root / "box/out")] == before
    assert scene.files.list_folder("box/tmp") == []


def test_of_several_only_what_lies_behind_it_fails(scene: Scene) -> None:
    """The other files of the same batch arrive, in as many round trips as without a link."""
    items = [Publication(b"x", "box/tmp", (target,)) for target in ("box/in/1", "box/out/2")]
    before = scene.files.round_trips
    outcomes = scene.files.publish_all(items)
    assert scene.files.round_trips - before == 2
    assert isinstance(outcomes[0], NotADirectoryError)
    assert outcomes[1] is None
    assert (scene.root / "box/out/2").read_bytes() == b"x"
    assert not (scene.victim / "1").exists()


def test_a_link_that_leads_nowhere(scene: Scene) -> None:
    """No folder is made at a link's target."""
    (scene.root / "box/lost").symlink_to(scene.root.parent / "nowhere")
    with pytest.raises(NotADirectoryError):
        scene.files.make_folder("box/lost")
    assert not (scene.root.parent / "nowhere").exists()
