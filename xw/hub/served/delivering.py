"""Take a member's mail: the server's `deliver`, with its checks, limits and audit.

A call announces a number of parcels, which follow, each in a frame: its recipient, its name, its bytes. All
else is read from the message itself. The server asks for each file that the recipient lacks (WANT), and the
client sends it. Used by `server`.
"""

import errno
import os
from collections.abc import Iterator

from xw import layout
from xw.errors import Closed, NotFound, Refused, Unreadable, XwError
from xw.files.batch import is_file
from xw.files.local import LocalFiles
from xw.hub.contract import Parcel
from xw.hub.directory import DirectoryHub
from xw.hub.served import audit, frames, guard
from xw.hub.served import protocol as words
from xw.hub.served.audit import Who
from xw.hub.served.frames import Broken, Channel, Frame
from xw.hub.served.guard import Asked
from xw.hub.served.limits import Limits, Used, pending_from, until
from xw.hub.served.uploads import Cut, Upload
from xw.message import Attachment, Message
from xw.named_tuple import NamedTuple

_SLACK = 1 << 20  # bytes of the disk that a file leaves


class _Letter(NamedTuple):
    """A parcel as it came in."""

    to: str
    name: str
    data: bytes


class Deliveries:
    """A member's deliveries to the hub."""

    def __init__(
        self, hub: DirectoryHub, notes: LocalFiles, who: Who, channel: Channel, limits: Limits, used: Used
    ) -> None:
        self._hub = hub
        self._notes = notes
        self._who = who
        self._channel = channel
        self._limits = limits
        self._used = used
        self._arrived = 0  # bytes of files
        self._to_come = 0  # bytes of a file that was asked for, and one more for its end

    def deliver(self, asked: Asked, frame: Frame) -> object:  # noqa: ARG002  # as all calls
        """Read the parcels, deliver those that may be, and return an outcome for each."""
        letters = self._letters(asked.number("count", words.PARCELS))
        held: dict[str, XwError] = {}
        pending: dict[str, int] = {}
        outcomes: list[XwError | None] = []
        for index, letter in enumerate(letters):
            error = held.get(letter.to) or self._try(index, letter, pending)
            if error and not isinstance(error, (NotFound, Refused)):
                held[letter.to] = error
            outcomes.append(error)
        return [error and words.error_to_json(error) for error in outcomes]

    def _try(self, index: int, letter: _Letter, pending: dict[str, int]) -> XwError | None:
        """Deliver one if it need not wait; return its outcome."""
        try:
            error = self._late(letter, pending)
            if error is None:
                error = self._deliver(index, letter)
                pending[letter.to] += error is None
        except OSError as full:  # of what is used, or the audit; it passes, and a repetition is harmless
            return XwError(f"on the hub's host: {full.strerror or full}: this waits in the outbox")
        return error

    def _letters(self, count: int) -> list[_Letter]:
        """Read the parcels. Raise Broken, or Refused once all are read."""
        found, size, wrong = [], 0, None
        for _ in range(count):
            frame = self._channel.frame()
            size += len(frame.data)
            if frame.kind != frames.ITEM or size > words.PARCEL_BYTES + frames.DATA_LIMIT:
                raise Broken("a parcel is missing, or they are too large")
            asked = Asked(self._who.member, frame.head)
            try:
                found.append(_Letter(asked.name("to"), asked.message(), frame.data))
            except Refused as error:
                wrong = error
        if wrong:
            raise wrong
        return found

    def _late(self, letter: _Letter, pending: dict[str, int]) -> XwError | None:
        """Return why a parcel must wait, or None; such an error is temporary, and leaves no line behind."""
        me, to = self._who.member, letter.to
        if late := self._used.take({"messages": 1, "bytes": len(letter.data)}):
            return self._over(*late)
        if to not in pending:
            pending[to] = pending_from(self._notes, to, me)
        if to != me and pending[to] >= self._limits.pending:
            return XwError(
                f"{self._limits.pending:,} messages of {me} are pending at {to}: "
                f"this waits in the outbox until {to} has handled some"
            )
        return None

    def _over(self, what: str, seconds: float) -> XwError:
        """Return the error for a parcel above a rate, of `messages` or `bytes`."""
        return XwError(
            f"{self._who.member} has sent more {what} than this hub takes from one member: "
            f"this waits in the outbox, and goes out after {until(seconds)}"
        )

    def _deliver(self, index: int, letter: _Letter) -> XwError | None:
        """Deliver one, and note it in the audit; return its outcome."""
        files: tuple[Attachment, ...] = ()
        try:
            message = guard.letter(
                self._who.member, letter.to, letter.name, letter.data, self._limits.file_bytes
            )
            folder, files = message.files
            self._check_files(letter.to, message)
            error = self._deliver_files(index, letter, folder, files)
        except (Refused, NotFound) as refused:
            error = refused
        except Unreadable as newer:
            error = XwError(f"the hub's host cannot read it: {newer}")
        audit.note(self._notes, self._who, letter.to, letter.name, len(letter.data), files, error)
        return error

    def _check_files(self, to: str, message: Message) -> None:
        """Raise Refused if a message's files would lie where the member may put none."""
        folder, files = message.files
        if not files:
            return
        target = self._hub.mailbox(to)
        if folder != message.id and not self._has_sent(to, folder):
            raise Refused(f"{to} has no message {folder} of {self._who.member}'s to attach files to")
        for file in files:
            # An id has 40 bits of a hash: with patience another's can be made, and so its files be reached.
            if is_file(target.files, target.attachment(folder, file.name)) and not target.has(folder, file):
                raise Refused(f"{to} has another file {file.name} in {layout.ATTACHMENTS}/{folder}/")

    def _has_sent(self, to: str, message_id: str) -> bool:
        names = [str(layout.FileName(message_id, kind, self._who.member)) for kind in layout.TYPES]
        folders = [f"{to}/{layout.INBOX[state]}" for state in layout.STATES]
        looks = self._hub.files.stat_all([f"{folder}/{name}" for folder in folders for name in names])
        return any(not isinstance(look, OSError) and look.kind == "file" for look in looks)

    def _deliver_files(
        self, index: int, letter: _Letter, folder: str, files: tuple[Attachment, ...]
    ) -> XwError | None:
        """Deliver a parcel, whose files count as they arrive."""
        whole, self._arrived = sum(file.size for file in files), 0
        if whole and (late := self._used.take({"bytes": whole})):
            return self._over(*late)
        upload = Upload(lambda file, start: self._ask(index, file, start))
        part = upload.part if files else None
        parcel = Parcel(
            letter.to, letter.name, letter.data, self._who.member, folder, files, upload.read, part
        )
        try:
            (error,) = self._hub.deliver([parcel])
        finally:
            self._drain()
            if whole > self._arrived:
                self._used.give_back("bytes", whole - self._arrived)
        if error is None or isinstance(error, (Closed, NotFound, Refused)):
            return error
        return XwError(f"on the hub's host: {error}")

    def _ask(self, index: int, file: Attachment, start: int) -> Iterator[bytes]:
        """Ask the client for a file's bytes from `start` on, and yield them."""
        space = os.statvfs(self._notes.root)
        if space.f_bavail * space.f_frsize < file.size - start + _SLACK:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"the file {file.name}")
        self._to_come = max(0, file.size - start) + 1
        self._channel.tell(frames.WANT, {"parcel": index, "file": file.name, "from": start})
        while piece := self._piece():
            yield piece

    def _piece(self) -> bytes:
        """Return the next bytes of the file that was asked for; none at its end."""
        try:
            frame = self._channel.frame()
            if frame.kind != frames.BYTES or len(frame.data) >= self._to_come:
                raise Broken("a piece of a file is missing, or too large")
        except Broken as error:
            self._to_come = 0
            raise Cut(str(error)) from None
        self._to_come -= len(frame.data)
        self._arrived += len(frame.data)
        if not frame.data:
            self._to_come = 0
        if "error" in frame.head:
            raise words.error_from_json(frame.head["error"], self._who.member, "")
        return frame.data

    def _drain(self) -> None:
        """Read the rest of a file that could not be written to its end."""
        while self._to_come:
            try:
                self._piece()
            except Cut:
                raise
            except (XwError, OSError):
                return
