"""The attachments of one instance's messages: files in `attachments/<message id>/`.

A base of `Mailbox`. The message lists its files; this module writes them, durable, before the message is
published, and compares them with the list before they are shown.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from xw import layout
from xw.errors import Damaged, Refused, Usage, XwError
from xw.files.batch import is_file
from xw.message import Attachment, Message
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, Literal

    from xw.files.contract import Files, Part

    ProblemKind = Literal["missing", "unreadable", "no file", "altered", "unchecked"]

CHECKED = 64 * 1024 * 1024
"""Bytes of a message's attachments that are hashed before showing them."""
_KINDS = {"folder": "folder", "link": "symbolic link"}


class Problem(NamedTuple):
    """A problem with an attachment; `text` describes it for people. If `unchecked`, it may be intact."""

    kind: "ProblemKind"
    text: str

    def __str__(self) -> str:
        return self.text


def part_name(message_id: str, sha256: str) -> str:
    """Return the name of a scratch file that a later connection finds again."""
    return f"{message_id}-{sha256[:32]}{layout.PART}"


class Staged(NamedTuple):
    """A file in the scratch folder: its path there, its size in bytes, and its SHA-256 in hex."""

    path: str
    size: int
    sha256: str


class Attachments:
    """The attachments of `owner`, below `<owner>/` in `files`."""

    def __init__(self, files: "Files", owner: str) -> None:
        self.files = files
        self.owner = owner

    def at(self, folder: str, name: str = "") -> str:
        """Return the path of a folder in this mailbox, or of a name in it."""
        return f"{self.owner}/{folder}/{name}" if name else f"{self.owner}/{folder}"

    def exists(self, folder: str, name: str) -> bool:
        """Return True if a folder of this mailbox has something of this name."""
        try:
            self.files.stat(self.at(folder, name))
        except FileNotFoundError:
            return False
        return True

    def attachment(self, message_id: str, name: str) -> str:
        """Return the path of an attachment."""
        return self.at(f"{layout.ATTACHMENTS}/{message_id}", name)

    def attachment_names(self, message_id: str) -> set[str]:
        """Return the names of all files beside a message, listed by it or not."""
        try:
            return set(self.files.list_folder(self.at(layout.ATTACHMENTS, message_id)))
        except FileNotFoundError:
            return set()

    def keep_attachment(self, message_id: str, name: str, pieces: Iterable[bytes]) -> Attachment:
        """Write an attachment that a message lists, whole or not at all; durable."""
        staged = self.stage(pieces)
        self.place(staged, message_id, name)
        return Attachment(name, staged.size, staged.sha256)

    def keep_beside(self, message: Message, name: str, data: bytes) -> Attachment:
        """Write a file of our own beside a message's files, whole or not at all; durable.

        Its name is like `name`, but new; if an earlier call made a file with the same bytes, return that one.
        """
        taken = {file.name.lower() for file in (*message.attachments, *message.attached)}
        digest = layout.new_sha256(data).hexdigest()
        present = self.attachment_names(message.id)
        in_use = {one.lower() for one in present}
        while True:
            free = layout.attachment_name(name, taken)
            kept = Attachment(free, len(data), digest)
            if free.lower() not in in_use:
                self.place(self.stage([data]), message.id, free)
                return kept
            if free in present and self._holds(message.id, kept, data):
                return kept

    def _holds(self, message_id: str, file: Attachment, data: bytes) -> bool:
        try:
            return self.files.read(self.attachment(message_id, file.name), len(data)) == data
        except (FileNotFoundError, PermissionError, Damaged):
            return False

    def stage(self, pieces: Iterable[bytes]) -> Staged:
        """Write a file for a message that has no id yet into the scratch folder; durable."""
        path = self.at(layout.SCRATCH, os.urandom(12).hex())
        return Staged(path, *self.files.store(pieces, path))

    def stage_part(
        self, read: "Callable[[], Iterable[bytes]]", message_id: str, sha256: str, part: "Part"
    ) -> Staged:
        """Write a message's file as `stage` does; go on with what a cut connection has left. Durable."""
        path = self.at(layout.SCRATCH, part_name(message_id, sha256))
        return Staged(path, *self.files.resume(read, path, part))

    def place(self, staged: Staged, message_id: str, name: str) -> None:
        """Move a staged file to its message; atomic and durable."""
        folders = [self.at(layout.ATTACHMENTS, message_id), self.at(layout.ATTACHMENTS), self.owner]
        self.files.make_folder(folders[0])
        try:
            self.files.move(staged.path, self.attachment(message_id, name))
        except FileNotFoundError:
            # The mailbox was archived meanwhile: leave no half of one under its name.
            for folder in folders:
                with suppress(OSError):
                    if not is_file(self.files, f"{self.owner}/{layout.CARD}"):
                        self.files.remove_empty_folder(folder)
            raise

    def missing(self, message_id: str, files: Iterable[Attachment]) -> dict[str, Problem]:
        """Return the problems of attachments without reading their bytes: name → problem."""
        wrong: dict[str, Problem] = {}
        for file in files:
            try:
                look = self.files.stat(self.attachment(message_id, file.name))
            except FileNotFoundError:
                wrong[file.name] = Problem("missing", "missing")
                continue
            except OSError as error:
                wrong[file.name] = Problem("unreadable", f"cannot be read: {error.strerror}")
                continue
            if look.kind != "file":
                kind = _KINDS.get(look.kind, "device, socket or FIFO")
                wrong[file.name] = Problem("no file", f"is not a regular file but a {kind}")
            elif look.size != file.size:
                wrong[file.name] = Problem("altered", f"has {look.size} bytes, not {file.size}")
        return wrong

    def unsound(self, message_id: str, files: Iterable[Attachment]) -> dict[str, Problem]:
        """Return the problems of attachments, found by reading their bytes: name → problem. For showing them.

        Reads at most `CHECKED` bytes per message; a file beyond that is `unchecked`.
        """
        files = tuple(files)
        wrong = self.missing(message_id, files)
        left = CHECKED
        for file in files:
            if file.name in wrong:
                continue
            if file.size > left:
                wrong[file.name] = Problem("unchecked", "not checked: the files are larger than 64 MiB")
                continue
            left -= file.size
            problem = self._altered(message_id, file)
            if problem:
                wrong[file.name] = problem
        return wrong

    def has(self, message_id: str, file: Attachment) -> bool:
        """Return True if a file is here as it was sent; above `CHECKED` bytes, its size decides."""
        problem = self.unsound(message_id, [file]).get(file.name)
        return problem is None or problem.kind == "unchecked"

    def reader(self, message_id: str) -> "Callable[[Attachment], Iterator[bytes]]":
        """Return a function that yields an attachment's bytes; it raises Damaged if its size has changed."""

        def read(file: Attachment) -> Iterator[bytes]:
            wrong = self.missing(message_id, [file]).get(file.name)
            if wrong:
                raise Damaged(str(wrong))
            yield from self.files.read_chunks(self.attachment(message_id, file.name))

        return read

    def _altered(self, message_id: str, file: Attachment) -> Problem | None:
        hashed = layout.new_sha256()
        try:
            for piece in self.files.read_chunks(self.attachment(message_id, file.name)):
                hashed.update(piece)
        except Damaged as error:
            return Problem("no file", str(error))
        except OSError as error:
            return Problem("unreadable", f"cannot be read: {error.strerror}")
        if hashed.hexdigest() == file.sha256:
            return None
        return Problem("altered", "its bytes are not those that were sent")


def stage_files(
    mailbox: Attachments, paths: Sequence[str], taken: set[str] | None = None, sums: Sequence[str] = ()
) -> dict[str, Staged]:
    """Return durable copies of a user's files, by their later names. Raise Usage if one cannot be read.

    Raise Refused if `sums` is given, and a file's SHA-256 differs.
    """
    taken = set() if taken is None else taken
    staged: dict[str, Staged] = {}
    try:
        for path in paths:
            staged[layout.attachment_name(path, taken)] = mailbox.stage(_pieces(mailbox, path))
        for (name, file), wanted in zip(staged.items(), sums, strict=False):
            if file.sha256 != wanted:
                raise Refused(f"{name} changed while xw read it; nothing was sent")
    except (OSError, XwError):
        for file in staged.values():
            mailbox.files.remove(file.path)
        raise
    return staged


def _pieces(mailbox: Attachments, path: str) -> Iterator[bytes]:
    from xw.text import visible

    shown = visible(path, keep="")
    if os.environ.get("XW_CONFINED"):
        yield from _confined(mailbox, path, shown)
        return
    if path.startswith(f"{mailbox.files.root}/{mailbox.owner}/") and os.path.isfile(path):
        # Follow no link in a mailbox: whoever puts one there must not choose what is sent.
        try:
            yield from mailbox.files.read_chunks(path.removeprefix(f"{mailbox.files.root}/"))
        except Damaged as error:
            raise Usage(f"{shown}: {error}; nothing was sent") from None
        return
    if os.path.isdir(path):
        raise Usage(f"{shown} is a directory: attach an archive of it, or its files; nothing was sent")
    if not os.path.isfile(path):  # a FIFO would block for ever, and a device would never end
        what = "not a regular file: write it to one" if os.path.exists(path) else "no such file"
        raise Usage(f"{shown}: {what} to attach; nothing was sent")
    try:
        source = open(path, "rb")  # noqa: SIM115  # `_read` closes it
    except OSError as error:
        raise Usage(f"{shown}: {error.strerror}; nothing was sent") from None
    yield from _read(source)


def _confined(mailbox: Attachments, path: str, shown: str) -> "Iterator[bytes]":
    from xw import confined

    try:
        handle = confined.opened(path, f"{mailbox.files.root}/{mailbox.at(layout.ATTACHMENTS)}")
    except OSError as error:
        raise Usage(f"{shown}: {error.strerror}; nothing was sent") from None
    yield from _read(os.fdopen(handle, "rb"))


def _read(source: "BinaryIO") -> "Iterator[bytes]":
    with source:
        while piece := source.read(1 << 20):
            yield piece
