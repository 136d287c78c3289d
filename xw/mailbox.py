"""One instance's mailbox: its folders, and the moves of messages between them.

A message's state is the folder it lies in, and nothing else records it. Works
on any `Files`, whole within a hub or as a mirror of one. Sending is `post`'s
part; this module only keeps what was sent.
"""

import errno
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

from xw import clock, ids, layout
from xw.attachments import Attachments
from xw.errors import Damaged, NoMessage, NotFound, Unreadable, XwError, explain, is_general, unforeseen
from xw.layout import INBOX, in_order
from xw.message import STRAY, Message, decode, parse_object
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from xw.failure import Kind
    from xw.files.contract import Files
    from xw.words import Kept, State

# Where an id that is to be acted on is looked for: what is open wins over what was settled.
RECEIVED = ((INBOX["pending"], INBOX["processing"]), (INBOX["done"], INBOX["failed"]))
RECEIVED_FIRST = (*RECEIVED, None)


class Place(NamedTuple):
    """Where a message lies: a state of the inbox, `sent` or `outbox/<to>`, and its file name."""

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
    """The mailbox of `owner`, at `<owner>/` in `files`; with `mirror`, a copy of the one on a hub."""

    def __init__(self, files: "Files", owner: str, mirror: bool = False) -> None:
        super().__init__(files, owner)
        self._mirror = mirror

    def make(self) -> None:
        """Make all folders that are missing."""
        # From the top, so that each is durable, also where an earlier try died half-way.
        above = (self.owner, self.at("inbox"), self.at(layout.OUTBOX))
        self.files.make_folders([*above, *map(self.at, layout.FOLDERS)])

    # Looking

    def names(self, folder: str) -> list[str]:
        """The messages in a folder, oldest first; other names are left out."""
        return sorted(filter(layout.is_message, self.files.list_folder(self.at(folder))))

    def pending(self, strays: list[tuple[str, NoMessage]] | None = None) -> list[str]:
        """Return the pending messages, oldest first; move files without a message's name to `failed/` before.

        Each is added to `strays` with the reason: Unreadable for one that cannot be moved, and stays.
        """
        pending = self.at(INBOX["pending"])
        names = in_order(self.files.list_folder(pending), self.files.list_folder(pending))
        mail = [name for name in names if layout.is_message(name)]
        if len(mail) < len(names):
            for name in sorted(set(names).difference(mail)):
                left = self._put_away(name, Damaged(STRAY))
                if left and strays is not None:
                    strays.append((name, left))
        # A server that crashed between its link and its unlink left a name in both: the furthest counts.
        further = self.files.list_folder(self.at(INBOX["processing"]))
        return sorted(set(mail).difference(further))

    def read(self, place: Place) -> Message:
        """Return the message at a place. NoMessage (which of them says why), FileNotFoundError, OSError."""
        data = self.files.read(self.at(*place), layout.MESSAGE_LIMIT)
        try:
            message = decode(place.name, data)
        except XwError:
            raise
        except Exception as bug:  # it hides no other message; whoever reads it names it
            raise Unreadable(unforeseen(bug)) from bug
        if place.folder.startswith("inbox/") and self.owner not in message.to:
            raise Damaged(f"it is addressed to {', '.join(message.to)}, not to {self.owner}")
        return message

    def glance(self, place: Place) -> Message | None:
        """Return the message at a place; None where it is gone, or cannot be read: `check` reports that."""
        with suppress(OSError, NoMessage):
            return self.read(place)
        return None

    def arrived(self, place: Place) -> Message | None:
        """Return the message at a place for who waits for mail; None as `glance`.

        A mirror's damaged copy is moved away, so that the next sync fetches another.
        """
        try:
            return self.read(place)
        except Damaged as error:
            if self._mirror and place.folder == INBOX["pending"]:
                with suppress(OSError):
                    self.quarantine("pending", place.name, str(error))
        except (OSError, NoMessage):
            pass  # it is gone, or cannot be read now: `check` reports that
        return None

    def read_each(self, folder: str, names: Iterable[str]) -> Iterator[Message | tuple[str, NoMessage]]:
        """The messages `names` in `folder`; in place of one that cannot be read, its name and why.

        In `pending`, what is damaged goes to `failed/` and is named once; what
        cannot be read, or is of a newer format, stays. A file that has gone meanwhile is left out.
        """
        for name in names:
            try:
                yield self.read(Place(folder, name))
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
                if folder != INBOX["pending"]:
                    yield name, error
                elif left := self._put_away(name, error):
                    yield name, left

    def _put_away(self, name: str, damage: Damaged) -> NoMessage | None:
        """Move a file that is no mail from `pending/` to `failed/`; return why, or Unreadable if it cannot.

        None where it is gone.
        """
        try:
            return damage if self.quarantine("pending", name, str(damage)) else None
        except OSError as error:  # another user's folder, a full disk: it must hide no mail
            return Unreadable(f"{damage}; it cannot be moved to failed/: {error.strerror}")

    def find(self, token: str, *groups: Iterable[str] | None) -> Place:
        """Return the one message that `token` names: whole id, file name or a prefix of the short id.

        Looks in each group of folders in turn, and the first that holds one
        that fits decides; None is the group of what was sent. Without `groups`,
        in all folders at once. NotFound where there is none, or several: then it lists them.
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
            f"no message {token!r} in the mailbox of {self.owner}: `xw check` and `xw log` list what there is"
        )

    def _fitting(self, text: str, folders: Iterable[str]) -> dict[str, Place]:
        """Return the messages in some folders that fit an id or the start of a short id, by their ids."""
        found: dict[str, Place] = {}
        whole = len(text) > len("k7f3q2m9")
        for folder in folders:
            for name in self.names(folder):
                message_id = name.partition(".")[0]
                if (message_id.lower() == text) if whole else layout.short_id(name).startswith(text):
                    found.setdefault(message_id, Place(folder, name))
            if len(found) == 1 and len(text) >= len("k7f3q2m9"):
                break  # a whole short id: not worth a look at 100,000 older files
        return found

    def state_of(self, name: str) -> "State | None":
        """The furthest state in which a message of the inbox lies, or None.

        Looks in the order a message takes, so that one which moves on meanwhile is not missed.
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
            with suppress(PermissionError):  # another user's folder hides no other message
                if self.outbox(peer):
                    yield f"{layout.OUTBOX}/{peer}"

    # Moving

    def start(self, name: str) -> bool:
        """Move a message from `pending` to `processing`; False where another was first.

        What it means for the hub, `Carrier.claim` decides.
        """
        return self.move("pending", "processing", name)

    def settle(self, name: str, state: "State" = "done") -> bool:
        """Move a message from `pending` or `processing` to `done` or `failed`; False if it is in neither."""
        # Both, in this order: one that is claimed in between is found in the second.
        moved = self.move("pending", state, name)
        try:
            moved = self.move("processing", state, name) or moved
        except OSError:
            if not moved:
                raise  # else it is settled already: at most a second link to it is left there
        if not moved and self._exists(INBOX[state], name):
            # Whoever moved it may have died before the sync, and this call acknowledges the move.
            for folder in (state, "processing", "pending"):
                self.files.sync(self.at(INBOX[folder]))
        return moved

    def fail(self, name: str, kind: "Kind", reason: str, source: "State" = "pending") -> bool:
        """Move a message to `failed` with the reason beside it."""
        return self.quarantine(source, name, reason, kind)

    def expire(self, message: Message, now: int) -> bool:
        """Move a pending info that has expired to `failed`; False where it has not, or cannot be moved."""
        if message.type != "info" or not message.expired(now):
            return False
        try:
            self.fail(message.file_name, "expired", f"it expired at {message.expires}, before it was shown")
        except OSError:
            return False  # a full or read-only disk: it stays, and is shown as expired
        return True

    def supersede(self, message: Message) -> bool:
        """Move a report to `done`, since a later one of its kind is shown; False where it cannot be moved."""
        try:
            self.settle(message.file_name)
        except OSError:
            return False
        return True

    def quarantine(self, source: "State", name: str, reason: str, kind: str = "damaged") -> bool:
        """Move whatever has this name in `source` to `failed/`, untouched, with a note that says why.

        False where it is gone. The note is `<name>.why.json`; where the name is
        taken there or too long, the file gets another and the note says which it had.
        `kind` is one of `failure.Kind`, or what a newer xw noted on the other side of a mirror.
        A damaged copy in a mirror says nothing about the message: it goes to the
        scratch folder, and the next sync fetches another.
        """
        if self._mirror and kind == "damaged":
            return self._rename(self.at(INBOX[source], name), self.at(layout.SCRATCH, os.urandom(12).hex()))
        return self._set_aside(INBOX[source], name, INBOX["failed"], {"reason": reason, "kind": kind})

    def refuse(self, peer: str, name: str, reason: str) -> bool:
        """Move a message for `peer`, which no hub will take, from the outbox to `outbox/failed/`."""
        note = {"reason": reason, "kind": "refused", "to": peer}
        return self._set_aside(f"{layout.OUTBOX}/{peer}", name, layout.REFUSED, note)

    def _set_aside(self, source: str, name: str, folder: str, note: dict[str, str]) -> bool:
        kept, count = name, 1
        # What is named like a note would be overwritten by one.
        while len(os.fsencode(kept)) > 240 or kept.endswith(layout.WHY) or self._exists(folder, kept):
            count += 1
            plain = "".join(c if c.isascii() and c.isprintable() else "_" for c in name[:120])
            kept = f"{plain}.{layout.digest(os.fsencode(name))}.{count}"
        note = note | {"at": clock.rfc3339(int(self.files.now() * clock.SECOND))}
        if kept != name:
            note["name"] = name.encode(errors="backslashreplace").decode()  # it may be no text at all
        data = (json.dumps(note, indent=2) + "\n").encode()
        # The note first: a dead letter without its reason would be a riddle.
        self.files.replace(data, self.at(layout.SCRATCH), self.at(folder, kept + layout.WHY))
        try:
            self.files.move(self.at(source, name), self.at(folder, kept))
        except FileNotFoundError:
            if not self._exists(folder, kept):
                self.files.remove(self.at(folder, kept + layout.WHY))
            return False
        except OSError:
            with suppress(OSError):  # a note of what is not there would be a riddle
                if not self._exists(folder, kept):
                    self.files.remove(self.at(folder, kept + layout.WHY))
            raise
        return True

    def why(self, name: str) -> dict[str, str]:
        """The note beside a dead letter: reason, kind, at; empty where there is none to be read."""
        return self._note(INBOX["failed"], name + layout.WHY)

    def _note(self, folder: str, name: str) -> dict[str, str]:
        try:
            note = parse_object(self.files.read(self.at(folder, name), layout.MESSAGE_LIMIT))
        except (FileNotFoundError, PermissionError, Damaged):
            return {}
        return {key: str(value) for key, value in note.items()}

    def accept(self, name: str, data: bytes, state: "State" = "pending") -> bool:
        """Publish a message into a state, durable; False where it has been here before, in any state.

        FileExistsError where that one has other bytes.
        """
        state_now = self.state_of(name)
        if state_now is None:
            self.files.publish(data, self.at(layout.SCRATCH), [self.at(INBOX[state], name)])
            return True
        try:
            same = self.files.read(self.at(INBOX[state_now], name), layout.MESSAGE_LIMIT) == data
        except FileNotFoundError:
            return self.accept(name, data, state)  # it has moved on, which it can do at most three times
        except Damaged:
            same = False
        if not same:
            raise FileExistsError(errno.EEXIST, "another message has this name", name)
        # The caller will drop its copy, and whoever published this one may have died before the sync.
        self.files.sync(self.at(INBOX[state_now]))
        return False

    def move(self, source: "State", target: "State", name: str) -> bool:
        """Move a message from one state to another; False where it is not there."""
        return self._rename(self.at(INBOX[source], name), self.at(INBOX[target], name))

    def _rename(self, source: str, target: str) -> bool:
        try:
            self.files.move(source, target)
        except FileNotFoundError:
            return False
        return True

    def _exists(self, folder: str, name: str) -> bool:
        try:
            self.files.stat(self.at(folder, name))
        except FileNotFoundError:
            return False
        return True

    # What was sent

    def waiting_for(self) -> list[str]:
        """Return the peers for whom messages wait in the outbox, or may: their folder cannot be listed."""
        return list(filter(self._may_wait, self.outboxes()))

    def _may_wait(self, peer: str) -> bool:
        try:
            return bool(self.outbox(peer))
        except PermissionError:
            return True

    def outboxes(self) -> list[str]:
        """The peers for whom something has waited in the outbox: it has a folder for each."""
        return sorted(
            filter(layout.is_name, set(self.files.list_folder(self.at(layout.OUTBOX))) - {"failed"})
        )

    def outbox(self, peer: str) -> list[str]:
        """The messages that wait to be delivered to a peer, oldest first."""
        folder = f"{layout.OUTBOX}/{peer}"
        try:
            return self.names(folder)
        except (FileNotFoundError, NotADirectoryError):  # what is no folder holds no mail; `doctor` names it
            return []
        except PermissionError:
            if self.files.foreign(self.at(folder)):
                return []  # another user put it there, without any of the owner's mail
            raise

    def refused(self, name: str) -> set[str]:
        """The peers for whom a message lies in `outbox/failed/`."""
        notes = [note for note in self.files.list_folder(self.at(layout.REFUSED)) if note.startswith(name)]
        return {self._note(layout.REFUSED, note).get("to", "") for note in notes if note.endswith(layout.WHY)}
