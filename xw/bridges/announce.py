"""`--notify`: announce new mail in a chat, for agents that can run `xw` themselves.

The announcer claims nothing and answers nothing. Each announcement is a paid turn, so it is noted on disk
first, and no message is announced twice.
"""

import json
from collections.abc import Callable

from xw import layout, presence
from xw.backoff import Pause
from xw.bridges import present
from xw.bridges.chat import BLOCKED_S, Chat, ChatGone, NotPresented, why_not_ready
from xw.bridges.frame import notice
from xw.errors import Damaged, XwError, unforeseen
from xw.instance import Instance
from xw.message import Message

_NOTE = f"{layout.BRIDGE}/announced.json"
_LIMIT = 64 * 1024 * 1024
_AT_ONCE = 5  # messages in one turn; the next turn has the others


class Announcer:
    """Announces an instance's pending mail in a chat. Not thread-safe; one per instance."""

    def __init__(
        self, instance: Instance, chat: Chat, tell: Callable[[str], None] = lambda text: None
    ) -> None:
        self._instance = instance
        self._mailbox = instance.mailbox
        self._chat = chat
        self._tell = tell
        self._unshown = present.Unshown(tell)
        self._pause = Pause(0.02, 0.5)
        self._rest = Pause(0.02, BLOCKED_S)
        self._shown: tuple[str, str] | None = None
        self._waits_for = ""
        self._mailbox.files.make_folder(self._mailbox.at(layout.BRIDGE))
        self._announced = self._load()

    @property
    def doing(self) -> presence.Doing:
        """Return the status and the task for the instance's presence."""
        if self._waits_for:
            return presence.Doing("alive", waits_for=self._waits_for)
        return presence.Doing("busy" if self._shown else "idle")

    def step(self) -> float | None:
        """Do the next step; see `Bridge.step`."""
        if self._shown and not self._ended(*self._shown):
            return self._pause.longer()
        self._shown = None
        names = self._mailbox.pending()
        known = self._announced | self._unshown.names
        fresh = [name for name in names if name not in known]
        if not any(map(present.wants_turn, fresh)):
            self._waits_for = ""
            return None
        reason = why_not_ready(self._chat)
        if reason and reason != self._waits_for:
            self._tell(f"mail waits: {reason}")
        self._waits_for = reason or ""
        if reason:
            return self._rest.longer()
        self._rest.reset()
        return self._announce(names, fresh)

    def _announce(self, names: list[str], fresh: list[str]) -> float:
        now = self._instance.now()
        # Requests first: they are the reason to disturb the agent.
        fresh.sort(key=lambda name: (not present.wants_turn(name), name))
        found = list(present.readable(self._instance, fresh[:_AT_ONCE], self._unshown))
        mail = [one for one in found if not one.expired(now)]
        before = self._announced
        # Not what cannot be read now: it is announced once a later bridge can.
        after = before.intersection(names).union(fresh[:_AT_ONCE]) - self._unshown.names
        notices = {one.short: text for one in mail if (text := self._notice(one))}
        text = "\n".join(notices.values())
        if not notices:
            self._store(after)
            return 0.0
        mark = self._chat.mark()  # the caller handles ChatGone, and retries ever less often
        try:
            self._store(after)
            self._chat.present(mark, text)
        except (NotPresented, ChatGone) as error:
            self._tell(f"not announced, will retry: {error}")
            self._store(before)
            return self._pause.longer()
        except XwError as error:
            self._tell(f"may or may not have been announced: {error}")
            return 0.0
        self._tell(f"announced {', '.join(notices)}")
        self._shown = (mark, text)
        self._pause.reset()
        return 0.0

    def _notice(self, message: Message) -> str:
        """Return the text that announces a message; empty after a bug, which must not stop other mail."""
        try:
            return notice(present.as_mail(self._instance, message))
        except (XwError, OSError):
            raise
        except Exception as bug:  # noqa: BLE001  # as the docstring says
            self._tell(f"not announced: {message.file_name}: {unforeseen(bug)}")
            return ""

    def _ended(self, mark: str, text: str) -> bool:
        """Return True once the chat's turn is over; its answer is for the person in front of it."""
        try:
            return self._chat.capture(mark, text) is not None
        except XwError:
            return True

    def _load(self) -> frozenset[str]:
        try:
            found = json.loads(self._mailbox.files.read(self._mailbox.at(_NOTE), _LIMIT))
        except (FileNotFoundError, ValueError, RecursionError, Damaged):
            return frozenset()  # nothing noted yet; a torn note at worst repeats an announcement
        return frozenset(map(str, found)) if isinstance(found, list) else frozenset()

    def _store(self, announced: frozenset[str]) -> None:
        data = json.dumps(sorted(announced)).encode()
        self._mailbox.files.replace(data, self._mailbox.at(layout.SCRATCH), self._mailbox.at(_NOTE))
        self._announced = announced
