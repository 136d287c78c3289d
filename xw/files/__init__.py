"""Where bytes live: one contract (`contract.py`), one file for each kind of place."""

from xw.record import NamedTuple

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from xw.words import FileKind


class Stat(NamedTuple):
    """The attributes of a path: `kind` (file, folder, link or other), `size` in bytes, `mtime` in seconds."""

    kind: "FileKind"
    size: int
    mtime: float
    mode: int


class Publication(NamedTuple):
    """Data to make appear under each of `targets`, written first in the folder `scratch`.

    `moved_to` is where others may move it at once: found there, it was published. With `apart`
    each target is a file of its own, with an mtime of its own.
    """

    data: bytes
    scratch: str
    targets: tuple[str, ...]
    moved_to: tuple[str, ...] = ()
    separate_files: bool = False
