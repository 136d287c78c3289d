"""The seam above the files: what a hub must do to carry mail.

Implementations: `directory.DirectoryHub` (a directory, on any `Files`),
`remote.RemoteHub` (what a mirror knows of one on another host), and the hub of
the tests in `tests/hub/`, which keeps no files at all. `tests/hub/` runs one
suite against the first and the last, `tests/sync/` tests the second.

A hub knows instances by name. Whoever delivers keeps the message until the hub
has said that it is durable there; delivering it again is then harmless.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from xw import clock, layout
from xw.errors import XwError
from xw.mailbox import Mailbox
from xw.message import Attachment
from xw.words import BridgeState, Shown, State

if TYPE_CHECKING:
    from xw.shapes import upkeep

Progress = Callable[
    [str, int, int], None
]  # a file's name (a message's when it is there), bytes so far, bytes in all


class Peer(NamedTuple):
    """What a hub shows of an instance.

    `oldest` is the file name of the oldest pending message, `seen` the time of
    its last sign of life in seconds by the hub's clock, `age` the seconds since
    then. `status` is `-` where it never said. `bridge` is the kind of the bridge
    that runs, or died; `waits_for` is why it holds mail back.
    """

    name: str
    kind: str
    description: str
    capabilities: tuple[str, ...]
    model: str
    status: Shown
    task: str
    progress: str
    pending: int
    oldest: str | None
    seen: float | None
    age: float | None
    bridge: str = ""
    bridge_state: BridgeState = "none"
    waits_for: str = ""

    @property
    def bridge_runs(self) -> bool:
        """Whether a bridge takes its mail to a chat, as far as its heartbeats tell."""
        return self.bridge_state in ("runs", "waits")

    def to_json(self) -> "upkeep.Peer":
        """Return it for programs."""
        told = self._asdict()
        told["oldest"] = self.oldest and layout.id_of(self.oldest)
        told["seen"] = None if self.seen is None else clock.rfc3339(int(self.seen * clock.SECOND))
        told["age_s"] = told.pop("age")
        return cast("upkeep.Peer", told)


class Parcel(NamedTuple):
    """A message to be delivered to one recipient; its attachments lie in the sender's mailbox.

    `files` lie below `attachments/<folder>/`, `folder` is the id of the message
    that they belong to.
    """

    to: str
    name: str
    data: bytes
    source: Mailbox
    folder: str
    files: tuple[Attachment, ...]


class Located(NamedTuple):
    """Where a delivered message lies: its state, and since when in seconds by the hub's clock."""

    state: State
    since: float


class Hub(Protocol):
    """A place that instances share. `errors.Unreachable` from any method when it cannot be reached."""

    url: str

    def instances(self) -> list[str]:
        """The names registered, sorted."""

    def everyone(self) -> list[str]:
        """Return the names that a broadcast goes to, sorted: all that are registered but rooms."""

    def knows(self, name: str) -> bool:
        """Whether an instance is registered."""

    def peer(self, name: str) -> Peer:
        """What the hub shows of an instance. NotFound."""

    def register(self, name: str, card: Mapping[str, object], first: bool = False) -> bool:
        """Register an instance, or replace its card; True if it is new. Durable; may be repeated.

        With `first` nothing is replaced: FileExistsError where there is such an instance. Of two at
        once, one wins.
        """

    def pending_of(self, to: str, sender: Mailbox) -> str | None:
        """Where the sender may publish straight into a recipient's `pending/`, as a path of its own files.

        None when the mail has to travel, or when the recipient's folder cannot be written now. Refused where
        this process is root and would bring mail to another user's private mailbox.
        """

    def deliver(self, parcels: Sequence[Parcel]) -> list[XwError | None]:
        """Make each parcel durable in its recipient's `pending/`; an outcome for each, in order.

        None: it is there, now or from an earlier try, in whatever state.
        NotFound: no such instance; Refused: never; both are for good. Any
        other error: not now. After an error, later parcels to the same
        recipient are not tried and have the same outcome, so that none overtakes.
        What ails the hub as a whole is raised.
        """

    def locate(self, to: str, name: str) -> Located | None:
        """Where a message lies in a recipient's mailbox; None where it is not."""

    def now(self) -> float:
        """The time by the hub's clock, in seconds."""
