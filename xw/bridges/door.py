"""Decide which mail a bridge may show now: by its owner's choice, or a hold. For `loop` and `announce`.

Under `start` and `turn` a bridge shows what waited at a moment: when it started, when its program began a new
session, and under `turn` when a turn that somebody else began had ended. Mail that comes later waits for the
next such moment, so nothing interrupts a task.
"""

from collections.abc import Collection

from xw import delivery, presence
from xw.bridges.chat import BLOCKED_S, Chat, Hearing, Remembering, Turning, why_not_ready
from xw.errors import XwError
from xw.instance import Instance
from xw.layout import INBOX
from xw.words import Delivery

LOOK_S = BLOCKED_S
"""Seconds between two looks while mail waits for its moment: at xw.json, a hold, and the program."""


class Door:
    """The moments of one bridge. Not thread-safe, except for `value`."""

    def __init__(self, instance: Instance, chat: Chat) -> None:
        self._mailbox = instance.mailbox
        self._owner = delivery.Followed(instance)
        self._chat = chat
        self._memory = ""
        self._waited: frozenset[str] | None = None  # at the last such moment
        self._place = ""  # in the conversation that the chat hears
        self._busy = False
        self._turn: str | None = None  # the program's last one

    @property
    def value(self) -> Delivery:
        """The value in force for a bridge."""
        return self._now().value

    def _now(self) -> delivery.Effective:
        chosen = self._owner.config.instances.get(self._mailbox.owner, {}).get("delivery")
        return delivery.decide(chosen, launched=False, bridged=True)

    def admitted(self) -> tuple[Collection[str] | None, str]:
        """Return the names of the messages that may be shown now, None for all, and why others may not."""
        new = self._is_new_session()
        if self._waited is None and not new and self.value == "push":
            self._waited = frozenset()  # all mail is shown: to list a large folder once more has no use
        elif new or self._waited is None:
            self._open()
        if delivery.held(self._mailbox):
            return (), delivery.on_hold(self._mailbox.owner)
        now = self._now()
        if now.value == "push":
            return None, ""
        return () if now.value == "asked" else self._waited or (), delivery.reason(now)

    def turn_ended(self) -> bool:
        """Return True, and admit what waits, if somebody else's turn has ended since the last look.

        Call this only while mail waits. Under another value than `turn` it looks at nothing.
        """
        if self.value != "turn" or delivery.held(self._mailbox):
            self.rest()
            return False
        hears = isinstance(self._chat, Hearing) and self._chat.hears
        by_ear = hears and not isinstance(self._chat, Turning)
        ended = self._heard() if by_ear else self._became_ready()
        if ended:
            self._open()
        return ended

    def rest(self) -> None:
        """Forget the last look: no mail waits, or the bridge itself has taken a turn."""
        self._place, self._busy, self._turn = "", False, None

    def _open(self) -> None:
        box = self._mailbox
        self._waited = frozenset([*box.names(INBOX["pending"]), *box.names(INBOX["processing"])])

    def _is_new_session(self) -> bool:
        memory = self._chat.memory if isinstance(self._chat, Remembering) else ""
        if memory in ("", presence.NO_MEMORY, self._memory):
            return False
        self._memory = memory
        return True

    def _heard(self) -> bool:
        assert isinstance(self._chat, Hearing)
        try:
            found = self._chat.overhear(self._place) if self._place else None
            self._place = found.place if found else self._place or self._chat.here()
        except XwError:  # the program is away or busy: ask again
            return False
        return found is not None

    def _became_ready(self) -> bool:
        """Return True if the chat is ready, and was busy at the last look or has taken a turn since."""
        busy, turn = self._busy, self._turn
        self._turn = self._last_turn()  # first: a turn that begins meanwhile shows at the next look
        self._busy = why_not_ready(self._chat) is not None
        passed = turn is not None and self._turn not in (None, turn)
        return (busy or passed) and not self._busy

    def _last_turn(self) -> str | None:
        try:
            return self._chat.last_turn() if isinstance(self._chat, Turning) else None
        except (XwError, OSError):  # the program is away: ask again
            return self._turn
