"""One instance's mailbox: its folders, and the moves of messages between them.

A message's state is its folder, and nothing else records it. Works on any `Files`, on a hub or as a mirror of
one. `post` sends; this module only stores what was sent.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from xw import ids, layout
from xw.attachments import Attachments
from xw.errors import Damaged, NoMessage, NotFound, Unreadable, XwError, explain, is_general, unforeseen
from xw.layout import INBOX, in_order
from xw.message import STRAY, Message, decode, parse_object, unsigned
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from xw.failure import Kind
    from xw.files.contract import Files
    from xw.sender_status import SenderStatus
    from xw.words import Kept, State

OPEN = (INBOX["pending"], INBOX["processing"])
# The order in which to search for an id to act on: open messages win over settled ones.
RECEIVED = (OPEN, (INBOX["done"], INBOX["failed"]))
RECEIVED_FIRST = (*RECEIVED, None)
ARRIVED = (*OPEN, INBOX["done"])
"""The folders of received mail, in the order in which messages move."""
_MARKS = (b'"urgent"', b'"priority"')  # as field names; in a body, JSON escapes the quotes


class Place(NamedTuple):
    """A message's place: a state of the inbox, `sent` or `outbox/<to>`, and its file name."""

    folder: str
    name: str

    @property
    def state(self) -> "Kept":
        """`pending` … `failed`, `sent`, or `outbox`."""
        for state in layout.STATES:
            if self.folder == INBOX[state]:
                return state
        return "sent" if self.folder == layout.SENT else "outbox"


class Mailbox(Attachments):
    """The mailbox of `owner`, at `<owner>/` in `files`; with `mirror`, a copy of a hub's mailbox."""

    def __init__(self, files: "Files", owner: str, mirror: bool = False) -> None:
        super().__init__(files, owner)
        self._mirror = mirror
        self.sign: Callable[[bytes], bytes] = unsigned
        """Adds the owner's signature to a message's file. `instance` sets it, and `judge`."""
        self.judge: Callable[[Message, str], SenderStatus] | None = None
        self.note_removal: Callable[[Iterable[bytes]], None] | None = None
        """Notes the signed messages that gc will remove, so that a copy of one shows as that."""

    def make(self) -> None:
        """Make all missing folders."""
        # From the top, so that each is durable even if an earlier try died half-way.
        above = (self.owner, self.at("inbox"), self.at(layout.OUTBOX))
        self.files.make_folders([*above, *map(self.at, layout.FOLDERS)])

    # Reading

    def names(self, folder: str) -> list[str]:
        """Return the messages in a folder, oldest first; other names are left out."""
        return sorted(filter(layout.is_message, self.files.list_folder(self.at(folder))))

    def pending(self, strays: list[tuple[str, NoMessage]] | None = None) -> list[str]:
        """Return the pending messages, oldest first, after moving files with other names to `failed/`.

        Add each such file to `strays` with the reason: Unreadable if it cannot be moved, and stays. Hidden
        files stay: `.DS_Store` or `.nfs…` would come back for ever.
        """
        pending = self.at(INBOX["pending"])
        names = in_order(self.files.list_folder(pending), self.files.list_folder(pending))
        mail = [name for name in names if layout.is_message(name)]
        if len(mail) < len(names):
            others = [name for name in sorted(set(names).difference(mail)) if not layout.is_hidden(name)]
            found = self._put_away([(name, Damaged(STRAY)) for name in others])
            if strays is not None:
                strays += found
        # A server that crashed between its link and its unlink leaves a name in both: the furthest counts.
        further = self.files.list_folder(self.at(INBOX["processing"]))
        return sorted(set(mail).difference(further))

    def claimed(self) -> list[str]:
        """Return the file names of the claimed messages that are not a bridge's, oldest first."""
        names = set(self.files.list_folder(self.at(INBOX["processing"])))
        return sorted(name for name in names if layout.is_message(name) and name + layout.TURN not in names)

    def read(self, place: Place) -> Message:
        """Return the message at a place. Raise a kind of NoMessage, FileNotFoundError or OSError."""
        data = self.files.read(self.at(*place), layout.MESSAGE_LIMIT)
        try:
            message = decode(place.name, data)
        except XwError:
            raise
        except Exception as bug:  # one message must not hide the others: the caller reports it
            raise Unreadable(unforeseen(bug)) from bug
        if place.folder.startswith("inbox/") and self.owner not in message.to:
            raise Damaged(f"it is addressed to {', '.join(message.to)}, not to {self.owner}")
        return message

    def judged(self, message: Message, folder: str = INBOX["pending"]) -> Message:
        """Return a message of a folder with the status of its sender, for whoever shows it.

        The body of a room's turn has the status of each line's author, too.
        """
        judge = self.judge
        if judge is None:
            return message
        found = message._replace(status=judge(message, folder))
        if "room" not in message.fields and message.body.isascii() and "(" not in message.body:
            return found  # without the import of what follows
        from xw import relayed

        return relayed.marked(found, lambda one: judge(one, "")) if relayed.concerns(found) else found

    def glance(self, place: Place) -> Message | None:
        """Return the message at a place; None if it is gone or unreadable, which `check` reports."""
        with suppress(OSError, NoMessage):
            return self.read(place)
        return None

    def arrived(self, place: Place) -> Message | None:
        """Return the message at a place for a caller that waits for mail; None as in `glance`.

        A mirror's damaged copy is moved away, so that the next sync fetches another.
        """
        try:
            return self.read(place)
        except Damaged as error:
            if self._mirror and place.folder == INBOX["pending"]:
                with suppress(OSError):
                    self.quarantine("pending", place.name, str(error))
        except (OSError, NoMessage):
            pass  # it is gone, or unreadable now: `check` reports that
        return None

    def marked(self, names: Sequence[str]) -> Iterator[tuple[str, int, Message | None]]:
        """Yield each pending message's name and size, and the message if it sets its priority or urgency."""
        folder = INBOX["pending"]
        paths = [self.at(folder, name) for name in names]
        # Searching a file's bytes takes a third of the time of parsing it.
        for name, data in zip(names, self.files.read_all(paths, layout.MESSAGE_LIMIT), strict=True):
            if not isinstance(data, bytes):
                yield name, 0, None
                continue
            marked = any(mark in data for mark in _MARKS)
            yield name, len(data), self.glance(Place(folder, name)) if marked else None

    def read_each(self, folder: str, names: Iterable[str]) -> Iterator[Message | tuple[str, NoMessage]]:
        """Yield the messages `names` in `folder`; for an unreadable one, its name and the reason.

        In `pending`, a damaged file goes to `failed/` and is yielded once; an unreadable one, or one of a
        newer format, stays. A file that is gone is left out.
        """
        damaged: list[tuple[str, Damaged]] = []
        for name in names:
            try:
                message = self.read(Place(folder, name))
            except FileNotFoundError:
                continue
            except PermissionError as error:
                yield name, Unreadable(f"{error.strerror}: check its owner and mode")
            except OSError as error:
                if is_general(error):
                    raise
                yield name, Unreadable(str(explain(error)))
            except Unreadable as error:
                yield name, error
            except Damaged as error:
                if folder == INBOX["pending"]:
                    damaged.append((name, error))
                else:
                    yield name, error
            else:
                if damaged:
                    yield from self._put_away(damaged)
                    damaged = []
                yield message
        if damaged:
            yield from self._put_away(damaged)

    def _put_away(self, files: Sequence[tuple[str, Damaged]]) -> list[tuple[str, NoMessage]]:
        """Move files that are not mail from `pending/` to `failed/`, at once; return each with the reason.

        Those that cannot be moved have Unreadable; those that are gone are left out.
        """
        found: list[tuple[str, NoMessage]] = []
        moved = self._quarantine("pending", [(name, str(damage)) for name, damage in files])
        for (name, damage), outcome in zip(files, moved, strict=True):
            if outcome is None:
                found.append((name, damage))
            elif not isinstance(outcome, FileNotFoundError):
                # Another user's folder, a full disk: they must hide no mail.
                left = f"{damage}; it cannot be moved to failed/: {outcome.strerror}"
                found.append((name, Unreadable(left)))
        return found

    def find(self, token: str, *groups: Iterable[str] | None) -> Place:
        """Return the only message that `token` names: a whole id, a file name or a prefix of the short id.

        Search each group of folders in turn, up to the first with a match; None is the group of sent mail.
        Without `groups`, search all folders at once. Raise NotFound if there is no match, or if there are
        several, which it lists.
        """
        text = ids.wanted(token)
        for folders in groups or (self._all_folders(),):
            found = self._fitting(text, self._sent_folders() if folders is None else folders)
            if len(found) > 1:
                listed = ", ".join(sorted(place.name for place in found.values())[:8])
                raise NotFound(f"{token!r} fits {len(found)} messages ({listed}): give more of the id")
            if found:
                return found.popitem()[1]
        raise NotFound(
            f"no message {token!r} in the mailbox of {self.owner}: `xw check` and `xw log` list the messages",
            "check",
            "log",
        )

    def _fitting(self, text: str, folders: Iterable[str]) -> dict[str, Place]:
        """Return the messages in some folders that match an id or the start of a short id, by their ids."""
        found: dict[str, Place] = {}
        whole = len(text) > len("k7f3q2m9")
        for folder in folders:
            for name in self.names(folder):
                message_id = name.partition(".")[0]
                if (message_id.lower() == text) if whole else layout.short_id(name).startswith(text):
                    found.setdefault(message_id, Place(folder, name))
            if len(found) == 1 and len(text) >= len("k7f3q2m9"):
                break  # a whole short id: skip up to 100,000 older files
        return found

    def state_of(self, name: str) -> "State | None":
        """Return the furthest state of a message in the inbox, or None.

        Searches in the order in which messages move, so that a message that moves meanwhile is not missed.
        """
        state: State | None = None
        for candidate in layout.STATES:
            try:
                self.files.stat(self.at(INBOX[candidate], name))
            except FileNotFoundError:
                continue
            if state is None or layout.RANK[candidate] > layout.RANK[state]:
                state = candidate
        return state

    def _all_folders(self) -> Iterator[str]:
        yield from INBOX.values()
        yield from self._sent_folders()

    def _sent_folders(self) -> Iterator[str]:
        yield layout.SENT
        for peer in self.outboxes():
            with suppress(PermissionError):  # another user's folder must not hide other messages
                if self.outbox(peer):
                    yield f"{layout.OUTBOX}/{peer}"

    # Moving

    def start(self, name: str) -> bool:
        """Move a message from `pending` to `processing`; return False if another process was first.

        `Carrier.claim` decides what this means for the hub.
        """
        return self.move("pending", "processing", name)

    def settle(self, name: str, state: "State" = "done") -> bool:
        """Move a message from `pending` or `processing` to `done` or `failed`; return False if in neither."""
        # Both, in this order: a message claimed in between is found in the second.
        moved = self.move("pending", state, name)
        try:
            if self.move("processing", state, name):
                moved = True
                with suppress(OSError):  # the note about its holder, if there is one, has lost its message
                    self.files.remove(self.at(INBOX["processing"], name + layout.HELD))
        except OSError:
            if not moved:
                raise  # else it is settled already, with at most a second link left in `pending`
        if not moved and self.exists(INBOX[state], name):
            # This call acknowledges the move, but its maker may have died before the sync.
            for folder in (state, "processing", "pending"):
                self.files.sync(self.at(INBOX[folder]))
        return moved

    def fail(self, name: str, kind: "Kind", reason: str, source: "State" = "pending") -> bool:
        """Move a message to `failed`, with the reason beside it."""
        return self.quarantine(source, name, reason, kind)

    def expire(self, message: Message, now: int, source: "State" = "pending") -> bool:
        """Move an expired info to `failed`; return False if it has not expired, or cannot be moved."""
        if message.type != "info" or not message.expired(now):
            return False
        try:
            reason = f"it expired at {message.expires}, before it was shown"
            self.fail(message.file_name, "expired", reason, source)
        except OSError:
            return False  # a full or read-only disk: it stays, and is shown as expired
        return True

    def supersede(self, message: Message) -> bool:
        """Move a report that a later one replaces to `done`; return False if it cannot be moved."""
        try:
            self.settle(message.file_name)
        except OSError:
            return False
        return True

    def quarantine(self, source: "State", name: str, reason: str, kind: str = "damaged") -> bool:
        """Move a file with any name from `source` to `failed/`, unchanged, with a note that has the reason.

        Return False if it is gone. The note is `<name>.why.json`; if that name is taken or too long, the file
        gets another name and the note has the original. `kind` is one of `failure.Kind`, or a newer xw's on
        the other side of a mirror. A damaged copy in a mirror proves nothing about the message: it goes to
        the scratch folder, and the next sync fetches another.
        """
        return _moved(*self._quarantine(source, [(name, reason)], kind))

    def _quarantine(
        self, source: "State", files: Sequence[tuple[str, str]], kind: str = "damaged"
    ) -> list[OSError | None]:
        """Move files, each with its reason, as `quarantine` does; return each file's error."""
        if self._mirror and kind == "damaged":
            scratch = [self.at(layout.SCRATCH, os.urandom(12).hex()) for _ in files]
            there = [self.at(INBOX[source], name) for name, _ in files]
            return self.files.move_all(list(zip(there, scratch, strict=True)))
        from xw.set_aside import set_aside  # imported here: reading and sending mail never needs it

        notes = [(name, {"reason": reason, "kind": kind}) for name, reason in files]
        return set_aside(self, INBOX[source], INBOX["failed"], notes)

    def refuse(self, peer: str, name: str, reason: str) -> bool:
        """Move a message for `peer` that no hub will take from the outbox to `outbox/failed/`."""
        from xw.set_aside import set_aside

        note = {"reason": reason, "kind": "refused", "to": peer}
        return _moved(*set_aside(self, f"{layout.OUTBOX}/{peer}", layout.REFUSED, [(name, note)]))

    def why(self, name: str) -> dict[str, str]:
        """Return the note beside a dead letter: reason, kind, at; empty if it cannot be read."""
        return self._note(INBOX["failed"], name + layout.WHY)

    def _note(self, folder: str, name: str) -> dict[str, str]:
        try:
            note = parse_object(self.files.read(self.at(folder, name), layout.MESSAGE_LIMIT))
        except (FileNotFoundError, PermissionError, Damaged):
            return {}
        return {key: str(value) for key, value in note.items()}

    def accept(self, name: str, data: bytes, state: "State" = "pending") -> bool:
        """Publish a message into a state, durable; return False if it is in the inbox already, in any state.

        Raise FileExistsError if that one has other bytes.
        """
        state_now = self.state_of(name)
        if state_now is None:
            self.files.publish(data, self.at(layout.SCRATCH), [self.at(INBOX[state], name)])
            return True
        try:
            same = self.files.read(self.at(INBOX[state_now], name), layout.MESSAGE_LIMIT) == data
        except FileNotFoundError:
            return self.accept(name, data, state)  # it has moved, which happens at most three times
        except Damaged:
            same = False
        if not same:
            raise FileExistsError(errno.EEXIST, "another message has this name", name)
        # The caller will remove its copy, but the publisher of this one may have died before the sync.
        self.files.sync(self.at(INBOX[state_now]))
        return False

    def move(self, source: "State", target: "State", name: str) -> bool:
        """Move a message from one state to another; return False if it is not there."""
        return self._rename(self.at(INBOX[source], name), self.at(INBOX[target], name))

    def _rename(self, source: str, target: str) -> bool:
        try:
            self.files.move(source, target)
        except FileNotFoundError:
            return False
        return True

    # Sent mail

    def waiting_for(self) -> list[str]:
        """Return the peers with messages in the outbox, and those whose folder cannot be listed."""
        return list(filter(self._may_wait, self.outboxes()))

    def _may_wait(self, peer: str) -> bool:
        try:
            return bool(self.outbox(peer))
        except PermissionError:
            return True

    def outboxes(self) -> list[str]:
        """Return the peers that have a folder in the outbox."""
        return sorted(
            filter(layout.is_name, set(self.files.list_folder(self.at(layout.OUTBOX))) - {"failed"})
        )

    def outbox(self, peer: str) -> list[str]:
        """Return the messages that wait to be delivered to a peer, oldest first."""
        folder = f"{layout.OUTBOX}/{peer}"
        try:
            return self.names(folder)
        except (FileNotFoundError, NotADirectoryError):  # not a folder: it has no mail, and `doctor` names it
            return []
        except PermissionError:
            if self.files.foreign(self.at(folder)):
                return []  # another user put it there, without any of the owner's mail
            raise

    def refused(self, name: str) -> set[str]:
        """Return the peers whose copy of a message is in `outbox/failed/`."""
        notes = [note for note in self.files.list_folder(self.at(layout.REFUSED)) if note.startswith(name)]
        return {self._note(layout.REFUSED, note).get("to", "") for note in notes if note.endswith(layout.WHY)}


def _moved(error: OSError | None) -> bool:
    """Return True if a move succeeded, False if its file is gone; raise another error."""
    if error is None or isinstance(error, FileNotFoundError):
        return error is None
    raise error
