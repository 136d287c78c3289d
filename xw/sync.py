"""Keeping a mirror and its hub in step: decide, then act.

`plan` decides from two listings; `sync` acts, in few round trips. Every action
may be repeated, so the next sync completes one that was cut off anywhere.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from xw import layout, post
from xw.errors import Damaged, Newer, Refused, Unreadable, XwError, explain, unforeseen
from xw.files.batch import is_file
from xw.hub.contract import Hub, Progress
from xw.hub.directory import DirectoryHub, shown
from xw.hub.remote import RemoteHub
from xw.hub.sighting import Sighting, pending_folders, see
from xw.layout import INBOX, RANK, STATES, in_order
from xw.mailbox import Mailbox
from xw.message import STRAY, Attachment, Message, decode, parse_object
from xw.plan import Advance, Fetch, Listing, Settle, plan
from xw.words import State

_PATIENCE = 60.0  # for another sync of this mirror to finish


class Report(NamedTuple):
    """What a sync did: file names moved, the outbox, who is on the hub, and what went wrong by name."""

    fetched: tuple[str, ...]
    settled: tuple[str, ...]
    advanced: tuple[str, ...]
    flushed: post.Flushed
    seen: tuple[Sighting, ...]
    problems: tuple[tuple[str, str], ...]


def sync(
    mailbox: Mailbox,
    hub: RemoteHub,
    progress: Progress | None = None,
    peers: bool = True,
    patience: float = _PATIENCE,
    seen: Sequence[Sighting] = (),
) -> Report:
    """Bring a mirror and its hub in step, both ways; without `peers`, the mail alone.

    `seen` are the peers that a sync of another mailbox has just looked at: then this one need not.
    Busy where another sync of the mirror takes more than `patience` seconds;
    Unreachable or Refused where the hub cannot be had; what was done by then stays done.
    """
    with mailbox.files.locked(mailbox.at(layout.SYNC_LOCK), patience):
        try:
            far = hub.far()
            run = _Run(mailbox, far, progress or _silent, seen)
            run.collect(hub.sightings() if peers else None)
            hub.collected(mailbox.owner, run.missing)  # fresh, also where the hub takes nothing
            closed = hub.closed(mailbox.owner)
            report = None if closed else run.tell()
            if peers:
                hub.remember(run.seen, far.now())
        except XwError as error:
            hub.failed(str(error))
            raise
        if report is None:
            raise Refused(closed)
        return report


def claim(mailbox: Mailbox, hub: Hub, name: str) -> bool:
    """Take a message from `pending` to `processing` for this machine; False where another was first.

    Of a mirror's message the hub decides, so that of two machines with one name
    one wins. Unreachable: nobody knows yet; ask again. Asking again gives the
    same answer, also after a crash or a lost answer, until the message is
    settled (or for a day, should the hub's `gc` run).
    """
    if not isinstance(hub, RemoteHub):
        return mailbox.claim(name)
    mine = hub.machine()
    if not hub.asked(lambda far: _claim_there(far.mailbox(mailbox.owner), name, mine)):
        return False
    return mailbox.claim(name) or mailbox.state_of(name) == "processing"  # a sync may have been faster


def holds(mailbox: Mailbox, hub: Hub, name: str) -> bool:
    """Whether a message that this machine has tried to claim is its own; on a mirror the hub says so.

    For who goes on after a crash, or after a `claim` that raised. Unreachable.
    """
    return not isinstance(hub, RemoteHub) or claim(mailbox, hub, name)


def _claim_there(far: Mailbox, name: str, mine: bytes) -> bool:
    """Claim on the hub. A note that one machine alone can make tells whose a claim with a lost answer is."""
    note = far.at(layout.SCRATCH, f"{name}.claim")
    try:
        held = far.files.read(note, layout.MESSAGE_LIMIT)
    except FileNotFoundError:
        held = b""
        try:
            far.files.publish(mine, far.at(layout.SCRATCH), [note])
        except FileExistsError:
            return False
    if held and held != mine:
        return False
    if far.claim(name):
        return True
    if held and far.state_of(name) == "processing":
        return True  # by an earlier try of this machine
    far.files.remove(note)
    return False


def _silent(name: str, done: int, whole: int) -> None:
    """No progress is shown."""


class _Run:
    """One sync of one mailbox."""

    def __init__(
        self, mailbox: Mailbox, hub: DirectoryHub, progress: Progress, seen: Sequence[Sighting] = ()
    ) -> None:
        self._mirror = mailbox
        self._hub = hub
        self._far = hub.mailbox(mailbox.owner)
        self._progress = hub.progress = progress
        self._problems: list[tuple[str, str]] = []
        self.seen = list(seen)
        self._settles: list[Settle] = []
        self._fetched: list[str] = []
        self._advanced: list[str] = []
        self.missing: list[tuple[str, str]] = []  # what lies on the hub and not here, and why

    def collect(self, before: Mapping[str, Sighting] | None) -> None:
        """Do here what the hub shows."""
        far, found = self._survey(before)
        self.seen = found or self.seen
        actions = plan(_states(_names(self._mirror)), far)
        self._settles = [action for action in actions if isinstance(action, Settle)]
        self._fetched = self._fetch([action for action in actions if isinstance(action, Fetch)])
        later = [action for action in actions if isinstance(action, Advance)]
        self._advanced = [action.name for action in later if self._advance(action)]

    def tell(self) -> Report:
        """Do on the hub what was done here; what all of it came to."""
        # What is sent first: a move that the hub refuses must not hold it back.
        flushed = post.flush(self._mirror, self._hub)
        settled = self._settle(self._settles)
        self._show_presence(next((one for one in self.seen if one.name == self._mirror.owner), None))
        return Report(
            tuple(self._fetched),
            tuple(settled),
            tuple(self._advanced),
            flushed,
            tuple(self.seen),
            tuple(self._problems + self.missing),
        )

    def _survey(self, before: Mapping[str, Sighting] | None) -> tuple[Listing, list[Sighting]]:
        """The owner's messages on the hub, and everybody there unless `before` is None."""
        files, known = self._hub.files, sorted(before or ())
        own = [self._far.at(INBOX[state]) for state in STATES]
        # `pending/` twice, as `in_order` wants it, and before the states that its messages move on to.
        listed = files.names_of(["", own[0], *own, *pending_folders(known)])
        top, first, *folders = [_must(names) for names in listed[: 2 + len(own)]]
        folders[0] = in_order(first, folders[0])
        for name in folders[0]:
            if not layout.is_message(name):
                self._set_aside("pending", name, STRAY)
        if before is None:
            return _states(folders), []
        seen = see(files, known, before, listed[2 + len(own) :])
        new = [
            name for name in sorted(top) if layout.is_name(name) and name not in (*layout.RESERVED, *known)
        ]
        return _states(folders), sorted(seen + (see(files, new, {}) if new else []))

    def _fetch(self, actions: Sequence[Fetch]) -> list[str]:
        paths = [self._far.at(INBOX[action.state], action.name) for action in actions]
        fetched = []
        for action, data in zip(actions, self._hub.files.read_all(paths, layout.MESSAGE_LIMIT), strict=True):
            if isinstance(data, FileNotFoundError):
                continue  # it has moved on since; the next sync sees where
            if isinstance(data, OSError):  # its permissions, or the disk there: it may be readable later
                self._leave(action.name, str(explain(data)))
                continue
            try:
                if isinstance(data, Damaged):
                    raise data
                if self._keep(action, data):
                    fetched.append(action.name)
                self._progress(action.name, len(data), len(data))
            except Unreadable as error:
                self._leave(action.name, str(error))
            except Damaged as error:
                self._set_aside(action.state, action.name, str(error))
            except (XwError, OSError):
                raise
            except Exception as bug:  # noqa: BLE001  # one message must not keep all others on the hub
                self._leave(action.name, unforeseen(bug))
        return fetched

    def _set_aside(self, state: State, name: str, reason: str) -> None:
        """Move what is no mail to `failed/` on the hub; where that cannot be, it is left."""
        try:
            if self._far.quarantine(state, name, reason):
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
            self._problems.append((action.name, str(error)))  # kept all the same: `check` reports it
        else:
            if self._mirror.owner not in message.to:
                raise Damaged(f"it is addressed to {', '.join(message.to)}, not to {self._mirror.owner}")
            for file in message.attachments:
                self._bring(message, message.id, file)
            for file in message.attached:
                self._bring(message, message.attached_to, file, added=True)
        return self._mirror.accept(action.name, data, action.state)

    def _bring(self, message: Message, folder: str, file: Attachment, added: bool = False) -> None:
        """Copy an attachment here, unless it is here as it was sent; its hash must be the message's.

        A file that was `added` to an earlier message replaces none that is here.
        """
        if self._mirror.has(folder, file):
            return
        if added and is_file(self._mirror.files, self._mirror.attachment(folder, file.name)):
            self._problems.append((message.file_name, f"its file {file.name} would replace another one"))
            return
        try:
            pieces = self._hub.files.chunks(self._far.attachment(folder, file.name))
            staged = self._mirror.stage(shown(pieces, file, self._progress))
        except (FileNotFoundError, Damaged) as error:
            self._problems.append((message.file_name, f"its file {file.name} cannot be had: {error}"))
            return  # the message is worth reading without it; `read` says that it is missing
        except PermissionError as error:
            raise Unreadable(str(explain(error))) from None  # the message waits for it on the hub
        if (staged.size, staged.sha256) == (file.size, file.sha256):
            self._mirror.place(staged, folder, file.name)
        else:
            self._mirror.files.remove(staged.path)
            self._problems.append((message.file_name, f"its file {file.name} is damaged on the hub"))

    def _settle(self, actions: Sequence[Settle]) -> list[str]:
        """Do on the hub what was done here; failed ones take their reason along."""
        moves = []
        for action in actions:
            if action.state == "failed":
                self._fail_there(action)
            else:
                target = self._far.at(INBOX[action.state], action.name)
                moves.append((self._far.at(INBOX[action.source], action.name), target))
        for error in self._hub.files.move_all(moves):
            # Gone from there: another machine settled it meanwhile, which the next sync sees.
            if error is not None and not isinstance(error, FileNotFoundError):
                raise error
        return [action.name for action in actions]

    def _fail_there(self, action: Settle) -> None:
        """Move a message to `failed/` on the hub, its reason beside it."""
        try:
            note = self._mirror.why(action.name)
            self._far.quarantine(
                action.source, action.name, note.get("reason", "failed"), note.get("kind", "failed")
            )
        except (XwError, OSError):
            raise
        except Exception as bug:  # noqa: BLE001  # one message must not hold the others back
            self._problems.append((action.name, unforeseen(bug)))

    def _advance(self, action: Advance) -> bool:
        """Do here what was done to the hub's copy; whether that was done."""
        try:
            return self._move_on(action)
        except (XwError, OSError):
            raise
        except Exception as bug:  # noqa: BLE001  # one message must not hold the others back
            self._problems.append((action.name, unforeseen(bug)))
            return False

    def _move_on(self, action: Advance) -> bool:
        if action.state == "failed":
            note = self._far.why(action.name)
            return self._mirror.quarantine(
                action.source, action.name, note.get("reason", "failed"), note.get("kind", "failed")
            )
        if action.state == "processing":
            return self._mirror.claim(action.name)
        if action.source == "failed":  # here, while another machine of this name has done it
            return self._mirror.move("failed", action.state, action.name)
        return self._mirror.settle(action.name, action.state)

    def _show_presence(self, there: Sighting | None) -> None:
        """Put the presence that was written here on the hub, if it is later than the one there."""
        if there is None:
            return
        path = f"{self._mirror.owner}/{layout.PRESENCE}"
        try:
            written = self._mirror.files.look(path).mtime
            data = self._mirror.files.read(path, layout.MESSAGE_LIMIT)
            parse_object(data)  # nothing but a presence leaves this machine under its name
        except (FileNotFoundError, Damaged):
            return
        skew = self._hub.now() - self._mirror.files.now()
        if written + skew > there.presence_at + 1:  # SFTP tells times in whole seconds
            self._hub.files.replace(data, self._far.at(layout.SCRATCH), path)


def _names(mailbox: Mailbox) -> list[list[str]]:
    return [mailbox.files.names(mailbox.at(INBOX[state])) for state in STATES]


def _states(folders: Sequence[Sequence[str]]) -> dict[str, State]:
    """The furthest state of each message in the folders of `STATES`."""
    states: dict[str, State] = {}
    for state, names in zip(STATES, folders, strict=True):
        for name in names:
            if layout.is_message(name) and RANK[state] >= RANK[states.get(name, "pending")]:
                states[name] = state
    return states


def _must(names: list[str] | OSError) -> list[str]:
    if isinstance(names, OSError):
        raise names
    return names
