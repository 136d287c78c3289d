"""The seam above the files: what a hub must do to carry mail, both ways.

`Hub` is the only way in which anything above it learns of, or changes, what
other machines see. It speaks of names, states, bytes and times; never of
paths, files or mailboxes. `Outgoing` is the half of it that senders use, and
that a mirror offers as well.

Implementations: `directory.DirectoryHub` (a directory), `ssh.SshHub` (one on
another host) and the hub of the tests in `tests/hub/`, which keeps no files at
all. `schemes` has a line for each; `tests/hub/` runs one suite against each.

What holds for every method:

- Raise `errors.Unreachable` if the hub itself cannot be reached, its child
  `errors.Moved` if it lies elsewhere now, and `errors.Refused` if it does not
  let this machine in.
- A call that raised may be repeated, and so may one whose answer was lost.
- Whoever delivers keeps the message until the hub has acknowledged it. Of a
  message, the furthest state wins: nothing moves back.
- Those that take several items cost a few round trips in all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple, Protocol

from xw.errors import Damaged, Unreadable, XwError
from xw.finding import Finding
from xw.hub.sighting import Peer, Sighting
from xw.message import Attachment
from xw.sweep import Swept
from xw.words import State

Progress = Callable[
    [str, int, int], None
]  # a file's name (a message's when it is there), bytes so far, bytes in all
Claim = Literal["won", "ours", "lost"]
Part = Literal["sent", "heard"]


class Parcel(NamedTuple):
    """A message to be delivered to one recipient, with its attachments.

    `read` returns an attachment's bytes in pieces; it raises Damaged if the sender
    no longer has them as they were sent. They belong below the id `folder`:
    that of the message, or of an earlier one for files that `xw attach` adds.
    """

    to: str
    name: str
    data: bytes
    sender: str
    folder: str
    files: tuple[Attachment, ...]
    read: Callable[[Attachment], Iterator[bytes]]


class Located(NamedTuple):
    """Where a delivered message lies: its state, and since when in seconds by the hub's clock."""

    state: State
    since: float


class Survey(NamedTuple):
    """What a mailbox holds: the state of each message by file name, and the peers asked about.

    `strays` are names among the pending messages that no message can have. `nameless` is True where the hub
    was seen to have no id; only if all instances were asked for.
    """

    states: Mapping[str, State]
    peers: tuple[Sighting, ...] = ()
    strays: tuple[str, ...] = ()
    nameless: bool = False


class Move(NamedTuple):
    """A message to be moved on. A failed one gets the `reason`, and the `kind` of failure, as its note."""

    name: str
    source: State
    state: State
    reason: str = ""
    kind: str = ""


class Limits(NamedTuple):
    """What a hub offers: `look_again_s`, between two looks while busy and while idle, where it cannot push.

    `no_coordinator` says why no room can be run from here; empty if it can.
    """

    look_again_s: tuple[float, float]
    no_coordinator: str = ""


class Publisher(Protocol):
    """Publishes to recipients and to the sender's own copies as one act, because their files lie together."""

    def takes(self, to: str) -> bool:
        """Return True if mail for this recipient can be published now, False if it must wait.

        Raise Refused if this process is root and would bring mail to another user's private mailbox.
        """

    def bring(self, to: str, folder: str, file: Attachment, added: bool) -> str | None:
        """Copy an attachment of the sender's to a recipient, durable; return why that cannot be.

        A file that is `added` to an earlier message replaces none.
        """

    def publish(
        self,
        name: str,
        data: bytes,
        to: Sequence[str],
        own: Sequence[str],
        *,
        own_first: bool,
        separate: bool,
    ) -> None:
        """Make a message appear with each recipient and in each of the sender's `own` folders.

        Durable, in the order recipients, `own`, or the other way round with `own_first`; each copy is a
        file of its own if `separate`. As `Files.publish` otherwise.
        """


class Rooms(Protocol):
    """The rooms of a hub: what each is, and its record, for whoever makes, lists or follows one.

    `sent` are the messages that a room has sent, `heard` those that it took.
    """

    def names(self) -> list[str]:
        """Return the names of all rooms, closed ones too, sorted."""

    def exists(self, name: str) -> bool:
        """Return whether there is a room of this name, open or closed."""

    def make(self, name: str, card: Mapping[str, object], definition: bytes) -> None:
        """Register a room with its definition, durable; harmless when repeated with the same one.

        Raise FileExistsError if it has another definition: of two at once, one wins.
        """

    def close(self, name: str) -> None:
        """Take a room off the hub: its record stays, mail to it fails at once. Harmless when repeated."""

    def definition(self, name: str) -> bytes:
        """Return a room's definition. Raise FileNotFoundError, Damaged or another OSError."""

    def is_open(self, name: str) -> bool:
        """Return False once a room is closed, and has answered all mail that came before that."""

    def record(self, name: str, part: Part) -> list[str]:
        """Return the names of the messages in a part of a room's record, oldest first."""

    def read(self, name: str, part: Part, messages: Sequence[str]) -> Iterator[bytes | OSError | Damaged]:
        """Yield the bytes of messages of a room's record, or what is wrong with each, in few round trips."""

    def pending(self, name: str) -> int:
        """Return how many messages wait for a room."""

    def runs(self, name: str) -> bool | None:
        """Return whether a coordinator runs a room; None if that cannot be told from here."""


class Outgoing(Protocol):
    """The half of a hub that senders use."""

    url: str

    def instances(self) -> list[str]:
        """Return the names registered, sorted."""

    def everyone(self) -> list[str]:
        """Return the names that a broadcast goes to, sorted: all that are registered but rooms."""

    def knows(self, name: str) -> bool:
        """Return whether an instance is registered."""

    def peer(self, name: str) -> Peer:
        """Return what the hub shows of an instance. Raise NotFound if it is not registered."""

    def peers(self) -> list[Peer]:
        """Return what the hub shows of every instance, sorted by name; one that is damaged hides no other."""

    def publisher(self, owner: str) -> Publisher | None:
        """Return how to publish for the owner of a mailbox that lies on the hub; None where mail travels."""

    def deliver(self, parcels: Sequence[Parcel]) -> list[XwError | None]:
        """Make each parcel durable and pending with its recipient; return an outcome for each, in order.

        None: it is there, now or from an earlier try, in whatever state.
        NotFound: no such instance; Refused: never; both are permanent. Any
        other error: not now. After an error, later parcels to the same
        recipient are not tried and have the same outcome, so that none overtakes.
        Raise if the hub itself is unavailable.
        """

    def locate(self, to: str, name: str) -> Located | None:
        """Return where a message lies in a recipient's mailbox; None where it is not."""

    def now(self) -> float:
        """Return the time by the hub's clock, in seconds."""

    def limits(self) -> Limits:
        """Return what the hub offers; without asking it."""

    def rooms(self) -> Rooms:
        """Return the rooms. Raise Refused, with the reason, if this kind of hub keeps none."""


class Hub(Outgoing, Protocol):
    """A place that instances share."""

    progress: Progress | None
    """Hears how far attachments have come that are being delivered."""

    def identity(self, known: str = "") -> str:
        """Return the hub's id, made once and then the same for all who ask.

        Where it has none, `known` becomes it, which a mirror remembers of a hub that was restored from an
        older backup; else a new one. Empty where it has none and cannot be written.
        """

    def leave_mark(self, mark: str) -> None:
        """Let `has_mark` return True for a mark, a random word of hexadecimal digits, by whatever URL.

        Raise OSError if the hub cannot be written. A mark that nobody removes is gone after a day or more.
        """

    def has_mark(self, mark: str) -> bool:
        """Return True if a mark was left on this hub. Raise Moved if the hub lies elsewhere now."""

    def remove_mark(self, mark: str) -> None:
        """Remove a mark; harmless where it is gone."""

    def register(self, name: str, card: Mapping[str, object], first: bool = False) -> bool:
        """Register an instance, or replace its card; return True if it is new. Durable; may be repeated.

        With `first` nothing is replaced: raise FileExistsError if there is such an instance. Of two at
        once, one wins.
        """

    # Taking: what is done for the owner of a mailbox, from the machine where its mirror lies

    def survey(self, owner: str, known: Mapping[str, Sighting], everyone: bool = False) -> Survey:
        """Return the state of each message of a mailbox, and what the hub shows of the peers in `known`.

        What did not change of a peer since is taken from `known`. With `everyone` all
        instances are shown, known or not. Raise NotFound if the hub has no mailbox for the owner.
        """

    def fetch(
        self, owner: str, messages: Sequence[tuple[State, str]]
    ) -> Iterator[bytes | Unreadable | Damaged | None]:
        """Yield the bytes of each message, given as its state and its name.

        In place of them None, if it has moved on; Unreadable, if it may be readable later; or Damaged.
        """

    def attachment(self, owner: str, folder: str, name: str) -> Iterator[bytes]:
        """Yield an attachment in pieces. Raise FileNotFoundError, Damaged, or Unreadable."""

    def settle(self, owner: str, moves: Sequence[Move]) -> list[XwError | OSError | None]:
        """Move messages on, durable; return None for each that moved, or that somebody else has moved."""

    def claim(self, owner: str, name: str, token: bytes) -> Claim:
        """Take a message from pending to processing for the machine that alone has this token.

        Of several machines one has `won`. Asked again, also after a crash or a lost answer, it gets
        `ours` until the message is settled (or for a day, if the hub sweeps); the others have `lost`.
        """

    def set_aside(self, owner: str, state: State, name: str, reason: str) -> bool:
        """Move something that is no mail to failed, with the reason; False if it is gone. OSError."""

    def why(self, owner: str, name: str) -> Mapping[str, str]:
        """Return the note of a failed message: reason, kind, at; empty where none can be read."""

    # Keeping

    def show(self, owner: str, presence: bytes) -> None:
        """Replace what peers are shown of an instance's presence."""

    def sweep(self, owner: str, days: int, dry_run: bool) -> Swept:
        """Remove what was handled more than so many days ago, and its attachments; see `xw gc`."""

    def pushes(self, owners: Sequence[str]) -> Iterator[None]:
        """Yield whenever something may have changed for one of the owners, first when the watch begins.

        Blocks in between. Ends where the hub cannot push, when the connection breaks, or with `close`.
        """

    def findings(self, owner: str) -> Iterator[Finding]:
        """Yield what `xw doctor` reports of the way to the hub and of a mailbox on it."""

    # The connection, if there is one

    def closed(self, owner: str) -> str:
        """Return why this process may not change an instance's mail on the hub; empty where it may try."""

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """While it is entered, end whatever this thread asks of the hub in so many seconds. Unreachable."""

    def connect(self) -> None:
        """Have a connection, within the limits of each of its steps."""

    def ping(self) -> None:
        """Return once the hub answers."""

    def close(self) -> None:
        """Let the connection go; the next call makes another. May be called from another thread."""
