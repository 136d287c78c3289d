"""The messages that a turn's lines were: by them readers see who said a line. `coordinator` asks for them.

The signature that counts is the author's, over the very bytes that it sent; so the whole file travels, as a
text in the turn's own field. An attachment would cost a turn two durable files and two folders, and each
member on another host a round trip; an older xw would show it as a file to open.
"""

import json
from collections.abc import Sequence

from xw import layout, relayed
from xw.errors import Damaged
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.message import Fields
from xw.rooms.scene import Line

_MOST = 150_000  # bytes of originals in one turn, as JSON: with its lines, a message has 1 MiB


def of(mailbox: Mailbox, lines: Sequence[Line]) -> Fields:
    """Return the turn's field with the originals of its lines, the newest first if not all fit.

    It is empty if no line has one that can be read and fits.
    """
    found: list[str | None] = []
    left = _MOST
    for line in reversed(lines):
        text = _text(mailbox, line) if line.original and line.author != mailbox.owner else None
        needed = 0 if text is None else len(json.dumps(text, ensure_ascii=False).encode())
        found.append(text if needed <= left else None)
        left -= needed if needed <= left else 0
    return {relayed.ORIGINALS: found[::-1]} if any(found) else {}


def _text(mailbox: Mailbox, line: Line) -> str | None:
    try:
        data = mailbox.files.read(mailbox.at(INBOX["done"], line.original), relayed.LONGEST)
    except (OSError, Damaged):
        return None  # removed or damaged since: then the room's word alone counts
    # It was parsed when the room took it: the hash in its name says whether it is still the same.
    return data.decode() if layout.digest(data) == layout.short_id(line.original) else None
