"""What an installation made anew, so that its removal leaves no trace: one note per program and place."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from xw import config, layout
from xw.errors import Damaged
from xw.files.local import LocalFiles
from xw.message import parse_object

_LIMIT = 1024 * 1024
_LOCK, _PATIENCE_S = "lock", 10.0


class Receipt(NamedTuple):
    """The program, the project's folder (empty: the user's), and what was made: files, folders, containers.

    `made` has the paths of JSON containers for each file.
    """

    program: str
    project: str
    files: tuple[str, ...] = ()
    created: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    made: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def joined(self, other: "Receipt") -> "Receipt":
        """Return this receipt with what another installation made in the files of both."""
        files = set(self.files) & set(other.files)
        return self._replace(
            created=tuple({*self.created, *(path for path in other.created if path in files)}),
            folders=tuple({*self.folders, *other.folders}),
            made=tuple({*self.made, *(one for one in other.made if one[0] in files)}),
        )


def load(program: str, project: str) -> Receipt | None:
    """Return the receipt of an installation; None if there is none, or it is damaged."""
    return _read(_name(program, project))


def save(receipt: Receipt) -> None:
    """Keep a receipt, durably. Raise OSError."""
    folder = config.receipts()
    os.makedirs(folder, mode=0o700, exist_ok=True)
    data = json.dumps({"format": 1, **receipt._asdict()}, indent=1) + "\n"
    LocalFiles(folder).replace(data.encode(), "", _name(receipt.program, receipt.project))


def forget(receipt: Receipt) -> None:
    """Remove a receipt."""
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(config.receipts(), _name(receipt.program, receipt.project)))


@contextmanager
def locked() -> Iterator[None]:
    """Let one process at a time write settings and receipts. Raise Busy, OSError."""
    folder = config.receipts()
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with LocalFiles(folder).locked(_LOCK, _PATIENCE_S):
        yield


def all_receipts() -> list[Receipt]:
    """Return every receipt of this user; damaged ones are left out."""
    with suppress(FileNotFoundError):
        found = [_read(name) for name in sorted(os.listdir(config.receipts())) if name.endswith(".json")]
        return [receipt for receipt in found if receipt]
    return []


def _read(name: str) -> Receipt | None:
    try:
        noted = parse_object(LocalFiles(config.receipts()).read(name, _LIMIT))
        lists = {key: tuple(map(str, noted.get(key, ()))) for key in ("files", "created", "folders")}  # type: ignore[call-overload]
        made = tuple((str(path), tuple(map(str, keys))) for path, keys in noted.get("made", ()))  # type: ignore[attr-defined]
        return Receipt(str(noted["program"]), str(noted["project"]), **lists, made=made)
    except (OSError, Damaged, KeyError, TypeError, ValueError):
        return None  # `recovered` finds most of it in the files


def _name(program: str, project: str) -> str:
    return f"{program}-{layout.digest(os.fsencode(project))}.json"
