"""Messages that are ready to travel."""

import itertools

from tests.hub.stages import Stage
from xw import layout
from xw.hub.contract import Parcel
from xw.mailbox import Mailbox
from xw.message import encode

_times = itertools.count(1_795_239_012_000_000)


def parcel(
    mailbox: Mailbox, to: str, body: str = "hello", files: tuple[tuple[str, bytes], ...] = ()
) -> Parcel:
    """Return a message from the mailbox's owner, ready to travel, after adding its files to the mailbox."""
    fields: dict[str, object] = {"from": mailbox.owner, "type": "info", "to": [to], "body": body}
    if files:
        fields["attachments"] = [
            {"name": file, "size": len(content), "sha256": layout.new_sha256(content).hexdigest()}
            for file, content in files
        ]
    name, data = encode(fields, next(_times))
    message_id = name.partition(".")[0]
    kept = [mailbox.keep_attachment(message_id, file, [content]) for file, content in files]
    return Parcel(to, name, data, mailbox.owner, message_id, tuple(kept), mailbox.reader(message_id))


def state_of(stage: Stage, sent: Parcel) -> str | None:
    """Return a message's state on the hub."""
    located = stage.hub.locate(sent.to, sent.name)
    return located.state if located else None
