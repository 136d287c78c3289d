"""A model of a disk that loses unsynced data: the worst that a power cut may leave.

It is fed with the system calls of a run. At a cut, each unsynced change of a folder may have reached the disk
or not, in any combination, and an unsynced file may be empty or cut in half. Two things are taken for
granted, as in every journaling file system: an fsync that returned 0 holds, and a rename never takes a file
from its old folder without putting it into the new one (it may be in both).

Changes in `inbox/tmp/` are not varied, because nobody ever reads there.
"""

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.guarantees.traced import Call

_MOST = 1 << 14  # combinations at one cut; more would mean that hardly anything is synced
_SCRATCH = "/inbox/tmp"
_CREATE = "O_CREAT"


class File:
    """Bytes as programs see them, and as they are safe on the disk (None: never synced)."""

    def __init__(self, data: bytes, synced: bytes | None = None) -> None:
        self.data = data
        self.synced = synced


class Folder:
    """Names as programs see them, and as they are safe on the disk."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.names: dict[str, File | Folder] = {}
        self.synced: dict[str, File | Folder] = {}


class Change:
    """A name that was given or taken away (`node` None); `needs` is the other half of a rename."""

    def __init__(self, folder: Folder, name: str, node: File | Folder | None, needs: "Change | None" = None):
        self.folder = folder
        self.name = name
        self.node = node
        self.needs = needs

    def apply(self, names: dict[str, File | Folder]) -> None:
        """Carry it out on a folder's names."""
        if self.node is None:
            names.pop(self.name, None)
        else:
            names[self.name] = self.node


class Disk:
    """A disk that holds what lies in a directory, all of it synced, and then takes calls."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._top = _load(root)
        self._changes: list[Change] = []  # not yet safe, oldest first
        self._handles: dict[int, File | Folder] = {}

    def take(self, call: Call) -> None:
        """Carry out a call as the program saw it. Calls on other files, and failed ones, do nothing."""
        if call.result is None or call.result < 0:
            return
        if call.fd is not None:
            self._on_handle(call)
            return
        if call.name == "openat":
            self._handles.pop(call.result, None)
        if not all(path.startswith(self._root + "/") or path == self._root for path in call.paths[:1]):
            return
        if not call.paths:
            return
        if call.name == "openat":
            self._open(call)
        elif call.act == "link":
            self._give(call.paths[1], self._find(call.paths[0]))
        elif call.act == "rename":
            node = self._find(call.paths[0])
            added = self._give(call.paths[1], node)
            self._take_away(call.paths[0], added)
        elif call.act in ("unlink", "rmdir"):
            self._take_away(call.paths[0], None)
        elif call.act == "mkdir":
            self._give(call.paths[0], Folder(call.paths[0]))
        else:
            assert call.name in ("chmod", "fchmodat", "utimensat"), f"the model does not know {call.name}"

    def restart(self) -> None:
        """Forget the handles of the process, which has ended."""
        self._handles.clear()

    def cuts(self) -> Iterator[dict[str, bytes]]:
        """Yield the trees that a power cut now may leave: path below the root → bytes."""
        changes = [change for change in self._changes if not change.folder.path.endswith(_SCRATCH)]
        assert 2 ** len(changes) <= _MOST, f"{len(changes)} unsynced changes: {[c.name for c in changes]}"
        scratch = [change for change in self._changes if change.folder.path.endswith(_SCRATCH)]
        for kept in _subsets(changes):
            alive = {id(change) for change in [*kept, *scratch]}
            if any(change.needs in self._changes and id(change.needs) not in alive for change in kept):
                continue  # a file gone from its old folder and not in its new one
            names = _overlaid(self._top, [change for change in self._changes if id(change) in alive])
            for data in ("lost", "torn", "whole"):
                tree: dict[str, bytes] = {}
                if _write_out(self._top, names, data, "", tree) or data == "whole":
                    yield tree

    def _on_handle(self, call: Call) -> None:
        node = self._handles.get(call.fd if call.fd is not None else -1)
        if node is None:
            return
        if isinstance(node, File):
            if call.name == "write":
                node.data += call.data
            elif call.name == "pwrite64":
                node.data = call.data  # only the note in a lock file
            elif call.name in ("fsync", "fdatasync"):
                node.synced = node.data
        elif call.name == "fsync":
            for change in [change for change in self._changes if change.folder is node]:
                self._settle(change)

    def _settle(self, change: Change) -> None:
        """Make a change safe, the other half of its rename before it."""
        if change not in self._changes:
            return
        if change.needs:
            self._settle(change.needs)
        change.apply(change.folder.synced)
        self._changes.remove(change)

    def _open(self, call: Call) -> None:
        assert call.result is not None
        folder, name = self._parent(call.paths[0])
        node = folder.names.get(name) if name else folder
        if node is None:
            assert _CREATE in call.arguments, call
            node = File(b"")
            self._give(call.paths[0], node)
        elif "O_TRUNC" in call.arguments and isinstance(node, File):
            node.data, node.synced = b"", None  # what was there may be gone at once
        self._handles[call.result] = node

    def _give(self, path: str, node: File | Folder) -> Change:
        folder, name = self._parent(path)
        change = Change(folder, name, node)
        change.apply(folder.names)
        self._changes.append(change)
        return change

    def _take_away(self, path: str, needs: Change | None) -> None:
        folder, name = self._parent(path)
        change = Change(folder, name, None, needs)
        change.apply(folder.names)
        self._changes.append(change)

    def _find(self, path: str) -> File | Folder:
        folder, name = self._parent(path)
        return folder.names[name]

    def _parent(self, path: str) -> tuple[Folder, str]:
        parts = os.path.relpath(path, self._root).split("/")
        folder = self._top
        if parts == ["."]:
            return folder, ""
        for part in parts[:-1]:
            below = folder.names[part]
            assert isinstance(below, Folder), path
            folder = below
        return folder, parts[-1]


def _load(path: Path) -> Folder:
    folder = Folder(str(path))
    for entry in os.scandir(path):
        below = path / entry.name
        if entry.is_dir(follow_symlinks=False):
            folder.names[entry.name] = _load(below)
        else:
            data = below.read_bytes() if entry.is_file(follow_symlinks=False) else b""
            folder.names[entry.name] = File(data, data)
    folder.synced = dict(folder.names)
    return folder


def _subsets(changes: Sequence[Change]) -> Iterator[tuple[Change, ...]]:
    """All subsets, the smallest first: nothing having reached the disk is the likeliest to hurt."""
    for count in range(len(changes) + 1):
        yield from itertools.combinations(changes, count)


def _overlaid(top: Folder, changes: Sequence[Change]) -> dict[int, dict[str, File | Folder]]:
    """Return the folders' names, by folder, with some changes added to the safe ones."""
    names: dict[int, dict[str, File | Folder]] = {}
    for change in changes:
        change.apply(names.setdefault(id(change.folder), dict(change.folder.synced)))
    return names


def _write_out(
    folder: Folder, overlaid: dict[int, dict[str, File | Folder]], data: str, at: str, tree: dict[str, bytes]
) -> bool:
    """Put a folder's files into `tree`; whether any of them was not safe."""
    varied = False
    for name, node in overlaid.get(id(folder), folder.synced).items():
        path = f"{at}{name}"
        if isinstance(node, Folder):
            varied |= _write_out(node, overlaid, data, f"{path}/", tree)
        elif node.synced == node.data or data == "whole":
            tree[path] = node.data
        else:
            varied = True
            tree[path] = node.synced or b"" if data == "lost" else node.data[: len(node.data) // 2]
    return varied
