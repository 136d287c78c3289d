"""Mail that is not shown or run by itself, because its owner requires senders to be confirmed.

Bridges, hooks, wakers and `watch` ask here, each with an object that lives as long as it does, and tell the
owner what waits. `xw check` and `xw read` show all mail: somebody asked. What waits holds back nothing else,
not even later mail of the name that it bears: nobody knows whether that instance wrote it.
"""

from xw import config, delivery
from xw.layout import INBOX
from xw.sender_status import FIRST_SEEN, REQUIRE, UNSIGNED, VERIFIED

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Iterable

    from xw.instance import Instance
    from xw.message import Message

LOOK_S = 3.0
"""While something waits, look again this often: `xw trust` wakes nobody."""
_NAMED = 5


class Unconfirmed:
    """The mail of an instance that waits for its sender to be confirmed. Not thread-safe."""

    def __init__(self, instance: "Instance") -> None:
        self._mailbox = instance.mailbox
        self._credentials = instance.credentials
        self._followed = delivery.Followed(instance)
        self._known: object = None
        self._waiting: dict[str, tuple[str, str]] = {}  # by file name: the sender, the status's word
        self._fine: set[str] = set()
        self._told = ""  # the note of which the owner was told

    @property
    def required(self) -> bool:
        """True if the owner requires senders to be confirmed, by xw.json as it is now."""
        self._credentials.config = self._followed.config
        return config.sender_policy(self._followed.config, self._mailbox.owner) == REQUIRE

    def waits(self, message: "Message") -> bool:
        """Return True if a message, as `Mailbox.judged` returns it, must not be shown by itself now."""
        status, name = message.status, message.file_name
        if not self.required or (status and status.is_verified and status.confirmed):
            self._waiting.pop(name, None)
            return False
        self._waiting[name] = (message.sender, status.word if status else UNSIGNED)
        return True

    def without(self, names: "Iterable[str]", folder: str = INBOX["pending"]) -> list[str]:
        """Return the messages of a folder, by their names, that may be shown by themselves now.

        Each is read once, and again after something has changed. What cannot be read is for the caller.
        """
        from xw.mailbox import Place

        names = list(names)
        freed = self.freed()
        self.forget(names)
        if not self.required:
            return names
        if freed:
            self._fine.clear()
        kept = []
        for name in names:
            if name not in self._fine and name not in self._waiting:
                message = self._mailbox.glance(Place(folder, name))
                if message and self.waits(self._mailbox.judged(message, folder)):
                    continue
                self._fine.add(name)
            if name not in self._waiting:
                kept.append(name)
        return kept

    def freed(self) -> list[str]:
        """Return the messages that must be judged again: a key was confirmed, or the policy has changed."""
        known = self.required, self._credentials.known_keys()
        if known == self._known:
            return []
        self._known = known
        self._credentials.forget()
        self._fine.clear()
        freed, self._waiting = list(self._waiting), {}
        return freed

    def forget(self, names: "Iterable[str]") -> None:
        """Forget the messages that are not among these: they are not pending any more."""
        left = set(names)
        self._waiting = {name: about for name, about in self._waiting.items() if name in left}
        self._fine.intersection_update(left)

    @property
    def reason(self) -> str:
        """A sentence about what waits; empty if nothing does."""
        if not self._waiting:
            return ""
        waiting = self._waiting.values()
        names = sorted({name for name, _ in waiting})
        named = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" * (len(names) > _NAMED))
        number = f"{len(waiting)} message{'s' * (len(waiting) > 1)} from {named}"
        # Not that of a new key: to confirm it is for a person who has read the reason in `check`.
        signed = sorted({name for name, word in waiting if word in (VERIFIED, FIRST_SEEN)})
        cure = f", `xw trust {signed[0]}`" if signed else ""
        return f"sender not confirmed{cure}: {number}, in `xw check`"

    @property
    def note(self) -> str:
        """The sentence for the owner that mail waits, with the reason; empty if none does."""
        return f"mail waits: {self.reason}" if self.reason else ""

    def news(self) -> str:
        """Return the note if it has changed since the last call, else an empty text."""
        before, self._told = self._told, self.note
        return self._told if self._told != before else ""
