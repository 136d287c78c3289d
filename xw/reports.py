"""Reports of which only the sender's latest counts: STATUS_UPDATE, HEARTBEAT, CONTEXT_COMPACTION.

Tells which earlier report a later one makes needless. Whoever shows mail asks:
`check`, `watch`, bridges; moving it to `done/` is `Mailbox.supersede`.
"""

from xw.message import Message


class Reports:
    """The reports that were shown, of each sender and kind the latest."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, str], Message] = {}

    def superseded(self, message: Message) -> Message | None:
        """Note a message that is shown; return the report that is needless now, which may be the message."""
        if message.report is None:
            return None
        key = (message.sender, message.report)
        before = self._latest.get(key)
        if before is not None and before.id > message.id:
            return message
        self._latest[key] = message
        return before
