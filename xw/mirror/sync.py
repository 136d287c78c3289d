"""Sync a mirror and its hub: decide, then act.

`plan` decides from two listings; `sync` acts, in few round trips. Every action may be repeated, so the next
sync completes an interrupted one.
"""

from collections.abc import Sequence
from typing import Literal

from xw import clock, layout, outbox
from xw.errors import (
    Damaged,
    Moved,
    Newer,
    NotFound,
    Resting,
    Unreachable,
    Unreadable,
    XwError,
    explain,
    unforeseen,
)
from xw.files.batch import is_file
from xw.hub.contract import Hub, Move, Progress, Survey
from xw.hub.handover import shown
from xw.hub.sighting import Sighting
from xw.layout import INBOX, STATES
from xw.mailbox import Mailbox
from xw.message import STRAY, Attachment, Message, decode, parse_object
from xw.mirror.mirror import Mirror
from xw.mirror.notes import MOVES
from xw.mirror.plan import Advance, Fetch, Listing, Settle, plan
from xw.mirror.recognise import recognise
from xw.named_tuple import NamedTuple
from xw.signing.line import signer_of
from xw.words import State

Peers = Literal["all", "recent", "none"]
"""The peers to update: all, those with recent mail, or none, which saves a round trip."""

_TIMEOUT_S = 60.0  # time for another sync of this mirror to finish


class Report(NamedTuple):
    """The result of a sync: names of moved files, the outbox, and problems by name.

    `mirrored` is False for a mailbox on its hub, where only the outbox travels.
    """

    fetched: tuple[str, ...]
    settled: tuple[str, ...]
    advanced: tuple[str, ...]
    flushed: outbox.Flushed
    problems: tuple[tuple[str, str], ...]
    mirrored: bool = True


def sync(
    mirror: Mirror,
    progress: Progress | None = None,
    peers: Peers = "recent",
    timeout: float = _TIMEOUT_S,
    limit: float | None = None,
) -> Report:
    """Sync a mirror and its hub, both ways, and update the information about `peers`.

    Raise Busy if another sync of the mirror takes more than `timeout` seconds; Unreachable or Refused if the
    hub cannot be reached, NotFound if it has no mailbox for the owner. Completed steps stay done. Finding the
    hub's new place, or the hub that it is a copy of (Copied), takes at most `limit` seconds.
    """
    mailbox, notes = mirror.mailbox, mirror.notes
    with mailbox.files.locked(mailbox.at(layout.SYNC_LOCK), timeout):
        try:
            for _ in range(MOVES):
                try:
                    return _sync(mirror, progress or _silent, peers, limit)
                except Moved as moved:
                    mirror.follow(moved, limit)
            raise Unreachable(f"the hub {mirror.url} has moved in a circle")
        except NotFound:  # the hub exists, and serves other instances of this mirror
            raise
        except XwError as error:
            # With --offline nobody has asked the hub; one that is only closed to this process can be read.
            if not (mirror.offline or mirror.closed()):
                why = error.why if isinstance(error, Resting) else str(error)
                notes.failed(why, mailbox.owner, error)
            raise


def _sync(mirror: Mirror, progress: Progress, peers: Peers, limit: float | None) -> Report:
    hub = mirror.remote()
    run = _Run(mirror, hub, progress)
    recognise(mirror, hub, run.troubles, limit, thorough=peers == "all")
    if run.pull(peers).nameless:
        recognise(mirror, hub, run.troubles, limit, again=True)
    mirror.notes.collected(mirror.mailbox.owner, run.missing)  # fresh, even if the hub takes nothing
    closed = mirror.closed()
    if closed:
        run.remember()
        raise Unreachable(closed)
    report = run.push()
    run.remember()
    return report


def _silent(name: str, done: int, whole: int) -> None:
    """Ignore progress."""


class _Run:
    """A single sync of a single mailbox."""

    def __init__(self, mirror: Mirror, hub: Hub, progress: Progress) -> None:
        self._outgoing = mirror
        self._notes = mirror.notes
        self._mirror = mirror.mailbox
        self._owner = mirror.mailbox.owner
        self._hub = hub
        self._progress = hub.progress = progress
        self._problems: list[tuple[str, str]] = []
        self._settles: list[Settle] = []
        self._peers: tuple[dict[str, Sighting], dict[str, Sighting]] = {}, {}
        self._fetched: list[str] = []
        self._advanced: list[str] = []
        self.troubles: list[str] = []  # with the hub itself
        self._signers: set[str] = set()  # the senders of fetched mail whose keys are not known here
        self.missing: list[tuple[str, str]] = []  # messages that are on the hub and not here, with the reason

    def pull(self, peers: Peers) -> Survey:
        """Apply the hub's changes here; return its survey."""
        found = self._survey(peers)
        mine = _states(self._mirror)
        self._drop_returned([name for name in mine if name not in found.states], mine)
        actions = plan(mine, found.states)
        self._settles = [action for action in actions if isinstance(action, Settle)]
        self._fetched = self._fetch([action for action in actions if isinstance(action, Fetch)])
        self._look_at_signers()
        later = [action for action in actions if isinstance(action, Advance)]
        self._advanced = [action.name for action in later if self._advance(action)]
        return found

    def _drop_returned(self, lacking: Sequence[str], mine: Listing) -> None:
        """Fail open mail that an unregistration has returned to its senders; this is another mailbox."""
        still_open = [name for name in lacking if mine[name] in ("pending", "processing")]
        if not still_open:
            return
        left = self._hub.held(self._owner, still_open).unregistered
        for name in still_open:
            if clock.from_stamp(layout.time_of(name)) / clock.SECOND < left:
                why = f"{self._owner} was unregistered, and its mail went back to the senders"
                self._mirror.fail(name, "gone", why, mine[name])

    def push(self) -> Report:
        """Apply the local changes on the hub; return the report of the whole sync."""
        # Send mail first: a move that the hub refuses must not delay it.
        flushed = outbox.flush(self._mirror, self._outgoing)
        self._notes.drop_interest(self._owner, {to for to, _ in flushed.returned})
        if flushed.delivered:
            self._notes.note_caution(self._hub.caution())
        settled = self._settle()
        self._show_presence()
        return Report(
            tuple(self._fetched),
            tuple(settled),
            tuple(self._advanced),
            flushed,
            tuple([(self._hub.url, trouble) for trouble in self.troubles] + self._problems + self.missing),
        )

    def _survey(self, peers: Peers) -> Survey:
        """Return the owner's messages on the hub, and the peers."""
        before = self._notes.sightings()
        if peers == "all":
            names = set(before)
        else:
            names = set(self._notes.interesting(self._owner)) if peers == "recent" else set()
        known = {name: before.get(name, Sighting(name)) for name in names}
        found = self._hub.survey(self._owner, known, peers == "all")
        for name in found.strays:
            self._set_aside("pending", name, STRAY)
        rest = {name: seen for name, seen in before.items() if name not in names}
        self._peers = before, rest | {seen.name: seen for seen in found.peers}
        return found

    def remember(self) -> None:
        """Store the sightings of peers if they have changed."""
        before, after = self._peers
        if after != before:
            self._notes.remember(after, self._hub.now())

    def _fetch(self, actions: Sequence[Fetch]) -> list[str]:
        fetched = []
        wanted = [(action.state, action.name) for action in actions]
        for action, data in zip(actions, self._hub.fetch(self._owner, wanted), strict=True):
            if data is None:
                continue  # it has moved; the next sync sees where
            try:
                if isinstance(data, Exception):
                    raise data
                if self._keep(action, data):
                    fetched.append(action.name)
                    self._note_signer(action.name, data)
                self._progress(action.name, len(data), len(data))
            except Unreadable as error:
                self._leave(action.name, str(error))
            except Damaged as error:
                self._set_aside(action.state, action.name, str(error))
            except (XwError, OSError):
                raise
            except Exception as bug:  # noqa: BLE001  # one message must not keep the others on the hub
                self._leave(action.name, unforeseen(bug))
        self._notes.add_interest(self._owner, {layout.sender_of(name) for name in fetched})
        return fetched

    def _note_signer(self, name: str, data: bytes) -> None:
        """Note the sender of a message if its key is not among those seen on the hub."""
        from xw.trust import published

        sender = layout.sender_of(name)
        key = signer_of(data)
        seen = self._peers[1].get(sender)
        if key is not None and (seen is None or key not in published.keys(seen.keys)):
            self._signers.add(sender)

    def _look_at_signers(self) -> None:
        """Update the senders of fetched mail that is signed with keys not known here."""
        if not self._signers:
            return
        before, after = self._peers
        found = self._hub.survey(
            self._owner, {name: after.get(name, Sighting(name)) for name in self._signers}
        )
        self._peers = before, after | {seen.name: seen for seen in found.peers}

    def _set_aside(self, state: State, name: str, reason: str) -> None:
        """Move a file that is not mail to `failed/` on the hub, or leave it if that fails."""
        try:
            if self._hub.set_aside(self._owner, state, name, reason):
                self.missing.append((name, f"set aside on the hub: {reason}"))
        except OSError as error:
            self._leave(name, f"{reason}, and cannot be set aside: {explain(error)}")

    def _leave(self, name: str, reason: str) -> None:
        self.missing.append((name, f"left on the hub: {reason}"))

    def _keep(self, action: Fetch, data: bytes) -> bool:
        """Make a message from the hub durable here, after its files."""
        try:
            message = decode(action.name, data)
        except Newer as error:
            self._problems.append((action.name, str(error)))  # stored all the same: `check` reports it
        else:
            if self._mirror.owner not in message.to:
                raise Damaged(f"it is addressed to {', '.join(message.to)}, not to {self._mirror.owner}")
            for file in message.attachments:
                self._bring(message, message.id, file)
            for file in message.attached:
                self._bring(message, message.attached_to, file, added=True)
        return self._mirror.accept(action.name, data, action.state)

    def _bring(self, message: Message, folder: str, file: Attachment, added: bool = False) -> None:
        """Copy an attachment here, unless it is here as it was sent; its hash must match the message.

        A file `added` to an earlier message replaces no local file.
        """
        if self._mirror.has(folder, file):
            return
        if added and is_file(self._mirror.files, self._mirror.attachment(folder, file.name)):
            self._problems.append((message.file_name, f"its file {file.name} would replace another one"))
            return
        try:
            pieces = self._hub.attachment(self._owner, folder, file.name)
            staged = self._mirror.stage(shown(pieces, file, self._progress))
        except (FileNotFoundError, Damaged) as error:
            self._problems.append((message.file_name, f"its file {file.name} cannot be fetched: {error}"))
            return  # the message is readable without it; `read` reports it as missing
        if (staged.size, staged.sha256) == (file.size, file.sha256):
            self._mirror.place(staged, folder, file.name)
        else:
            self._mirror.files.remove(staged.path)
            self._problems.append((message.file_name, f"its file {file.name} is damaged on the hub"))

    def _settle(self) -> list[str]:
        """Apply local moves on the hub; failed messages take their reason along."""
        moves = [self._move(action) for action in self._settles]
        for move, error in zip(moves, self._hub.settle(self._owner, moves), strict=True):
            if isinstance(error, OSError):
                raise error
            if error is not None:  # one message must not delay the others
                self._problems.append((move.name, str(error)))
        return [move.name for move in moves]

    def _move(self, action: Settle) -> Move:
        note = self._mirror.why(action.name) if action.state == "failed" else {}
        return Move(*action, reason=note.get("reason", ""), kind=note.get("kind", ""))

    def _advance(self, action: Advance) -> bool:
        """Move the local copy like the hub's; return True if that was done."""
        try:
            return self._move_on(action)
        except (XwError, OSError):
            raise
        except Exception as bug:  # noqa: BLE001  # one message must not delay the others
            self._problems.append((action.name, unforeseen(bug)))
            return False

    def _move_on(self, action: Advance) -> bool:
        if action.state == "failed":
            note = self._hub.why(self._owner, action.name)
            return self._mirror.quarantine(
                action.source, action.name, note.get("reason", "failed"), note.get("kind", "failed")
            )
        if action.state == "processing":
            return self._mirror.start(action.name)
        if action.source == "failed":  # failed here, while another machine of this name has done it
            return self._mirror.move("failed", action.state, action.name)
        return self._mirror.settle(action.name, action.state)

    def _show_presence(self) -> None:
        """Put the local presence on the hub, unless it is there already."""
        path = f"{self._owner}/{layout.PRESENCE}"
        try:
            written = self._mirror.files.stat(path).mtime
            if written == self._notes.state(self._owner).shown:
                return
            data = self._mirror.files.read(path, layout.MESSAGE_LIMIT)
            parse_object(data)  # only a valid presence leaves this machine
        except (FileNotFoundError, Damaged):
            return
        self._hub.show(self._owner, data)
        self._notes.shown(self._owner, written)


def _states(mailbox: Mailbox) -> dict[str, State]:
    return layout.furthest([mailbox.files.list_folder(mailbox.at(INBOX[state])) for state in STATES])
