"""The seam above the files: the duties of a hub, which carries mail both ways.

Only through `Hub` does the code above it learn of, or change, what other
machines see. It deals in names, states, bytes and times; never in paths, files
or mailboxes. `Outgoing` is the half that senders use, and that a mirror offers
too.

Implementations: `directory.DirectoryHub` (a directory), `ssh.SshHub` (one on
another host), `served.client.ServedHub` (one that gives a key one mailbox) and
the hub of the tests in `tests/hub/`, which keeps no files at all. `schemes` has
a line for each scheme; `tests/hub/` runs one suite against each.

The rules for every method:

- Raise `errors.Unreachable` if the hub itself cannot be reached, its child
  `errors.Moved` if it is at another URL now, and `errors.Refused` if it does not
  let this machine in.
- A call that raised may be repeated, and so may one whose answer was lost.
- The sender keeps a message until the hub has acknowledged it. The furthest
  state of a message wins: nothing moves back.
- Methods that take several items cost a few round trips in all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple, Protocol

from xw.errors import Damaged, Unreadable, XwError
from xw.files.contract import Part as FilePart
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
Withdrawn = Literal[State, "withdrawn"]


class Parcel(NamedTuple):
    """A message for one recipient, with its attachments.

    `read` yields an attachment's bytes in chunks; it raises Damaged if the sender's file has changed. The
    attachments belong below the id `folder`: the message's own, or an earlier message's for files that `xw
    attach` adds. `part` returns what is known of a file that a cut connection has left at a path; None on
    a hub that no connection leads to.
    """

    to: str
    name: str
    data: bytes
    sender: str
    folder: str
    files: tuple[Attachment, ...]
    read: Callable[[Attachment], Iterator[bytes]]
    part: Callable[[str], FilePart] | None = None


class Located(NamedTuple):
    """A delivered message's state, and the time of its last move in seconds by the hub's clock."""

    state: State
    since: float


class Held(NamedTuple):
    """The messages that a recipient's mailbox holds, by file name, and what is known of the others.

    The mailbox still has all mail that its owner handled after `kept_since`, in seconds by the hub's clock.
    So a message sent later that it lacks never arrived, or was lost; an older one may have been removed, or
    was for an instance of this name that was unregistered, the last one at `unregistered` (0.0: none was).
    """

    states: Mapping[str, State]
    kept_since: float
    unregistered: float = 0.0


class Survey(NamedTuple):
    """A mailbox's content: the state of each message by file name, and the requested peers.

    `strays` are names among the pending messages that no message can have. `nameless` is True if the hub has
    no id, known only if all instances were requested.
    """

    states: Mapping[str, State]
    peers: tuple[Sighting, ...] = ()
    strays: tuple[str, ...] = ()
    nameless: bool = False


class Move(NamedTuple):
    """A message's next state. A failed one gets the `reason`, and the `kind` of failure, as its note."""

    name: str
    source: State
    state: State
    reason: str = ""
    kind: str = ""


class Limits(NamedTuple):
    """A hub's limits.

    `look_again_s` are the seconds between two looks, while busy and while idle, if it cannot push.
    `no_coordinator` is the reason why no room can run from here; empty if one can. Handled mail stays for at
    least `retention_days`, unless an owner removes it sooner (`Held.kept_since`). With `one_owner` each
    instance needs a connection of its own.
    """

    look_again_s: tuple[float, float]
    no_coordinator: str = ""
    retention_days: int = 30
    one_owner: bool = False


class Unregistered(NamedTuple):
    """An instance that was taken off the hub: where the hub keeps its mailbox, and the mail that went back.

    `returned` has (sender, file name). `archive` is empty if the hub keeps nothing.
    """

    name: str
    archive: str
    returned: tuple[tuple[str, str], ...]


class Publisher(Protocol):
    """Publishes to recipients and to the sender's own folders in one step: all are on one disk."""

    def takes(self, to: str) -> bool:
        """Return True if mail for this recipient can be published now, False if it must wait.

        Raise Refused if this process is root, and the recipient's private mailbox is another user's.
        """

    def bring(self, to: str, folder: str, file: Attachment, added: bool) -> str | None:
        """Copy one of the sender's attachments to a recipient, durable; return None, or why it is impossible.

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
        """Publish a message to each recipient and to each of the sender's `own` folders, durable.

        The order is recipients, then `own`, or the reverse with `own_first`; each copy is a separate file if
        `separate`. Otherwise like `Files.publish`.
        """


class Rooms(Protocol):
    """The rooms of a hub and their records, for code that makes, lists or follows a room.

    `sent` are the messages that a room has sent, `heard` those that it took.
    """

    def names(self) -> list[str]:
        """Return the names of all rooms, closed ones too, sorted."""

    def exists(self, name: str) -> bool:
        """Return True if there is a room of this name, open or closed."""

    def make(self, name: str, card: Mapping[str, object], definition: bytes) -> None:
        """Register a room with its definition, durable; repeating it with the same one is harmless.

        Raise FileExistsError if it has another definition: one of two simultaneous callers wins.
        """

    def close(self, name: str) -> None:
        """Take a room off the hub: its record stays, and mail to it fails at once. Harmless if repeated."""

    def reopen(self, name: str, card: Mapping[str, object]) -> None:
        """Put a closed room back on the hub, durable. Harmless if repeated."""

    def definition(self, name: str) -> bytes:
        """Return a room's definition. Raise FileNotFoundError, Damaged or another OSError."""

    def is_open(self, name: str) -> bool:
        """Return False once a room is closed and has answered all earlier mail."""

    def record(self, name: str, part: Part) -> list[str]:
        """Return the names of the messages in a part of a room's record, oldest first."""

    def read(self, name: str, part: Part, messages: Sequence[str]) -> Iterator[bytes | OSError | Damaged]:
        """Yield the bytes of messages in a room's record, or the error for each, in few round trips."""

    def pending(self, name: str) -> int:
        """Return the number of messages that wait for a room."""

    def runs(self, name: str) -> bool | None:
        """Return whether a coordinator runs a room; None if this machine cannot know."""


class Outgoing(Protocol):
    """The half of a hub that senders use."""

    url: str

    def instances(self) -> list[str]:
        """Return the registered names, sorted."""

    def knows(self, name: str) -> bool:
        """Return True if an instance is registered."""

    def peer(self, name: str) -> Peer:
        """Return an instance as the hub shows it. Raise NotFound if it is not registered."""

    def peers(self) -> list[Peer]:
        """Return every instance as the hub shows it, sorted by name; a damaged one does not hide others."""

    def keys(self, names: Sequence[str]) -> list[str]:
        """Return the keys that each instance publishes, as `trust.published` has them; empty for none."""

    def publisher(self, owner: str) -> Publisher | None:
        """Return a publisher for the owner of a mailbox on the hub; None if the owner's mail must travel."""

    def deliver(self, parcels: Sequence[Parcel]) -> list[XwError | None]:
        """Make each parcel durable and pending at its recipient; return an outcome for each, in order.

        None means that it is there, now or from an earlier try, in any state. NotFound (no such instance) and
        Refused are permanent. Any other error is temporary. After an error, later parcels to the same
        recipient are not tried and have the same outcome, so that none overtakes. Raise if the hub itself is
        unavailable.
        """

    def locate(self, to: str, name: str) -> Located | None:
        """Return a message's place in a recipient's mailbox, or None."""

    def held(self, to: str, names: Sequence[str]) -> Held:
        """Return which of these messages a recipient's mailbox holds, in any state.

        Raise NotFound if the hub has no mailbox for it, another XwError if a part of it cannot be seen.
        """

    def withdraw(self, to: str, name: str) -> Withdrawn | None:
        """Move a sender's message from a recipient's pending to failed, of kind `withdrawn`; durable.

        Return "withdrawn" if this or an earlier call did so, else the state that it has reached (processing,
        done, failed), or None if it is not there. Against a claim exactly one wins.
        """

    def why(self, owner: str, name: str) -> Mapping[str, str]:
        """Return the note of a failed message: reason, kind, at; empty if it cannot be read."""

    def now(self) -> float:
        """Return the time of the hub's clock, in seconds since the epoch."""

    def limits(self) -> Limits:
        """Return the hub's limits, without asking it."""

    def rooms(self) -> Rooms:
        """Return the rooms. Raise Refused, with the reason, if this kind of hub has none."""


class Hub(Outgoing, Protocol):
    """A place that instances share."""

    progress: Progress | None
    """Gets the progress of attachments during delivery."""

    def caution(self) -> str:
        """Return why acknowledged mail may not survive a power cut; empty if it does, as far as is known."""

    def identity(self, known: str = "") -> str:
        """Return the hub's id, made once and then the same for all.

        If it has none, `known` becomes its id, which a mirror remembers of a hub restored from an older
        backup; otherwise a new one. Empty if it has none and is not writable.
        """

    def renew_identity(self) -> str:
        """Give the hub a new id, so that it no longer counts as a copy; return it."""

    def group(self) -> str:
        """Return the Unix group that shares the hub, or "" if it is private; also for a moved hub."""

    def move_to(self, new: "Hub", tell: Callable[[str], None]) -> list[str]:
        """Move the hub's content to a new one, its id included; from then on take no mail.

        Later calls raise Moved with the new URL. Repeating it is harmless; after a crash, or with mail left
        behind, a repetition completes it. `tell` gets a line for each mailbox. Return a line for each thing
        that cannot be moved. Raise Refused if the hub cannot be moved there.
        """

    def leave_mark(self, mark: str) -> None:
        """Leave a mark, for which `has_mark` then returns True by any URL of this hub.

        A mark is a random word of hexadecimal digits. Raise OSError if the hub is not writable. A mark that
        nobody removes disappears after a day or more.
        """

    def has_mark(self, mark: str) -> bool:
        """Return True if a mark was left on this hub. Raise Moved if the hub is at another URL now."""

    def remove_mark(self, mark: str) -> None:
        """Remove a mark; harmless if it is gone."""

    def register(self, name: str, card: Mapping[str, object], first: bool = False) -> bool:
        """Register an instance, or replace its card; return True if it is new. Durable and repeatable.

        Fields of the old card that this version does not write, and its groups, stay. With `first` nothing is
        replaced: raise FileExistsError if the instance exists. One of two simultaneous callers wins.
        """

    def unregister(self, name: str) -> Unregistered:
        """Take an instance off the hub. Its name is free at once, for an empty mailbox; the old one is kept.

        Its pending and claimed mail goes back to its senders as infos from postmaster, and is failed.
        Repeating it completes an interrupted call. Raise NotFound if there is no such instance; Refused for a
        room, or while a bridge serves it.
        """

    def groups(self, name: str) -> tuple[str, ...] | None:
        """Return the groups on a card; None if it has no such field. Raise NotFound or Damaged."""

    def set_groups(self, name: str, groups: Sequence[str]) -> None:
        """Replace the groups on an instance's card, durable; the rest stays. Raises as `groups` does."""

    def add_key(self, name: str, line: str) -> None:
        """Add a line to the keys that an instance publishes, durable; harmless if it is there.

        Raise NotFound if there is no such instance. Of several first keys one wins, and the others follow it.
        """

    # Taking: for a mailbox's owner, from the machine with its mirror

    def survey(self, owner: str, known: Mapping[str, Sighting], everyone: bool = False) -> Survey:
        """Return the state of each message in a mailbox, and the peers in `known` as the hub shows them.

        Unchanged parts of a peer are taken from `known`. With `everyone`, include all instances. Raise
        NotFound if the hub has no mailbox for the owner.
        """

    def fetch(
        self, owner: str, messages: Sequence[tuple[State, str]]
    ) -> Iterator[bytes | Unreadable | Damaged | None]:
        """Yield the bytes of each message, given by state and name.

        Yield None for a message that has moved on, Unreadable if it may be readable later, or Damaged.
        """

    def attachment(self, owner: str, folder: str, name: str) -> Iterator[bytes]:
        """Yield an attachment's bytes in chunks. Raise FileNotFoundError, Damaged, or Unreadable."""

    def settle(self, owner: str, moves: Sequence[Move]) -> list[XwError | OSError | None]:
        """Move messages on, durable; return None for each that moved, or that another machine has moved."""

    def claim(self, owner: str, name: str, token: bytes) -> Claim:
        """Take a message from pending to processing for the machine that alone has this token.

        One of several machines gets `won`. A repeated call, even after a crash or a lost answer, returns
        `ours` until the message is settled or released; the other machines get `lost`.
        """

    def release(self, owner: str, name: str, token: bytes) -> bool:
        """Let go of a claim made with this token, or with none.

        The message stays in processing, and one of the next to claim it gets `won`. May be called again.
        Return False if the claim is another machine's, or there is none.
        """

    def set_aside(self, owner: str, state: State, name: str, reason: str) -> bool:
        """Move a file that is not mail to failed, with the reason; return False if it is gone.

        Raise OSError if it cannot be moved.
        """

    # Keeping

    def show(self, owner: str, presence: bytes) -> None:
        """Replace the presence that peers see."""

    def sweep(self, owner: str, days: int, dry_run: bool) -> Swept:
        """Remove mail handled more than `days` days ago, and its attachments; see `xw gc`."""

    def pushes(self, owners: Sequence[str]) -> Iterator[None]:
        """Yield when something may have changed for one of the owners, first when the watch begins.

        Blocks in between. Ends if the hub cannot push, when the connection breaks, or with `close`.
        """

    def findings(self, owner: str) -> Iterator[Finding]:
        """Yield `xw doctor`'s findings about the way to the hub and a mailbox on it.

        With an empty owner, yield one for each step of the way, and try to write; nothing needs to exist.
        """

    def peer_findings(self, owner: str) -> Iterator[Finding]:
        """Yield a finding for each other mailbox that is broken, with what its owner must do."""

    # The connection, if there is one

    def closed(self, owner: str) -> str:
        """Return why this process may not change an instance's mail on the hub; empty if it may try."""

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """While entered, limit this thread's calls to `seconds` in all; then they raise Unreachable."""

    def connect(self) -> None:
        """Connect, within the timeouts of each step.

        Raise Resting, without a connection, if it has refused this user and nothing has changed since.
        Without a limit (`within`) it is asked again sooner, as by a person.
        """

    def ping(self) -> None:
        """Return once the hub answers."""

    def close(self) -> None:
        """Close the connection; the next call opens another. May be called from another thread."""
