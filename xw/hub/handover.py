"""Copy attachments into a mailbox, before the message that lists them."""

from collections.abc import Callable, Iterable, Iterator

from xw import layout
from xw.attachments import part_name
from xw.errors import Damaged
from xw.files.batch import is_file
from xw.files.contract import Part
from xw.hub.contract import Progress
from xw.mailbox import Mailbox
from xw.message import Attachment

_WORTH_KEEPING = 128 * 1024  # bytes of a file; a smaller one is sent again as a whole


def hand_over(
    read: Callable[[Attachment], Iterator[bytes]],
    target: Mailbox,
    message_id: str,
    file: Attachment,
    progress: Progress | None = None,
    *,
    added: bool = False,
    part: Callable[[str], Part] | None = None,
) -> str | None:
    """Copy an attachment, read by `read`, into a mailbox, durable, unless it is there as it was sent.

    Return None, or the reason if that is impossible: the sender's copy is gone or has changed, or a file
    `added` to a message (`xw attach`) would replace another one.
    """
    lies = f"its file {file.name} in {layout.ATTACHMENTS}/{message_id}/"
    if target.has(message_id, file):
        target.files.sync(target.at(layout.ATTACHMENTS, message_id))
        target.files.sync(target.at(layout.ATTACHMENTS))
        return None
    if added and is_file(target.files, target.attachment(message_id, file.name)):
        return f"{lies} has the name of another file that {target.owner} has: attach it by another name"

    def pieces() -> Iterator[bytes]:
        return shown(read(file), file, progress) if progress else read(file)

    try:
        if part and file.size >= _WORTH_KEEPING:
            known = part(target.at(layout.SCRATCH, part_name(message_id, file.sha256)))
            staged = target.stage_part(pieces, message_id, file.sha256, known)
        else:
            staged = target.stage(pieces())
    except Damaged as error:
        return f"{lies} is not as it was sent: {error}"
    if (staged.size, staged.sha256) != (file.size, file.sha256):
        target.files.remove(staged.path)
        return f"{lies} is not as it was sent: its bytes have changed"
    target.place(staged, message_id, file.name)
    return None


def shown(pieces: Iterable[bytes], file: Attachment, progress: Progress) -> Iterator[bytes]:
    """Yield an attachment's chunks, and report progress as they pass."""
    done = 0
    for piece in pieces:
        done += len(piece)
        progress(file.name, done, file.size)
        yield piece
