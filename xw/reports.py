"""Reports that the sender's latest one replaces: STATUS_UPDATE, HEARTBEAT, CONTEXT_COMPACTION.

Finds the earlier report that a later one replaces, for code that shows mail: `check`, `watch`, bridges.
`Mailbox.supersede` moves it to `done/`.
"""

from xw.message import Message


class Reports:
    """The reports shown so far: the latest of each sender and kind."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, str], Message] = {}

    def superseded(self, message: Message) -> Message | None:
        """Record a message that is shown; return the report that it outdates, which may be this message."""
        status = message.status
        if message.report is None or (status and (status.is_alarming or status.waits)):
            return None  # a report that its sender may not have written must not put its own away
        key = (message.sender, message.report)
        before = self._latest.get(key)
        if before is not None and before.id > message.id:
            return message
        self._latest[key] = message
        return before
