"""Where bytes live: one contract (`contract.py`), and one file for each kind of place."""

from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from xw.words import FileKind


class Stat(NamedTuple):
    """A path's attributes: `kind` (file, folder, link or other), `size` in bytes, `mtime` in seconds."""

    kind: "FileKind"
    size: int
    mtime: float
    mode: int


class Publication(NamedTuple):
    """Data to publish under each of `targets`, written first in the folder `scratch`.

    `moved_to` are names to which others may move it at once; a file there counts as published. With
    `separate_files`, each target is a file of its own, with its own mtime.
    """

    data: bytes
    scratch: str
    targets: tuple[str, ...]
    moved_to: tuple[str, ...] = ()
    separate_files: bool = False
