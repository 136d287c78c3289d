"""Why a message that seems to answer a question, or to report its failure, does not count.

`asking` and `waiting` leave such a message in the inbox, report it, and go on.
"""

from collections.abc import Iterable
from contextlib import suppress

from xw import failure, layout
from xw.errors import XwError
from xw.instance import Instance
from xw.message import Message

_THERE = ("pending", "processing", "done")


class Doubts:
    """The messages about one question, a file name, that do not count; `asked` are its recipients."""

    def __init__(self, instance: Instance, question: str, asked: tuple[str, ...]) -> None:
        self._instance = instance
        self._question = question
        self._asked = asked
        self._left: list[str] = []

    def about(self, message: Message) -> str:
        """Return a sentence that a message, as `Mailbox.judged` returns it, is left; empty if it counts."""
        why = self._why(message)
        if not why:
            return ""
        self._left.append(f"{message.short} from {message.sender} ({message.status or 'unsigned'})")
        return f"{message.short}, as if from {message.sender}, is left pending: {why}"

    def _why(self, message: Message) -> str:
        status = message.status
        if status and status.is_alarming:
            # An older bridge of an instance that signs elsewhere: its failure ends the wait, with the word.
            fails = failure.is_empty(message) or failure.read(message) is not None
            older = not message.is_signed and message.sender in self._asked
            return "" if fails and older else str(status)
        if message.sender != layout.POSTMASTER or not self._asked:
            return ""
        found = failure.read(message)
        if found is None:
            return "postmaster answers no question"
        if status and status.is_verified:
            return ""
        returned = (found.to,) if found.to in self._asked else self._asked
        return "it is unsigned, and the hub still has the question" if self._has(returned) else ""

    def _has(self, recipients: Iterable[str]) -> bool:
        """Return True if the hub has the question for each of these, who may still answer it."""
        with suppress(XwError, OSError):  # the hub is away, or knows the recipient no more
            located = [self._instance.hub.locate(to, self._question) for to in recipients]
            return all(found is not None and found.state in _THERE for found in located)
        return False

    @property
    def note(self) -> str:
        """What an error about a missing answer adds; empty if there was no such message."""
        return f"; left in the inbox: {', '.join(self._left)}" if self._left else ""
