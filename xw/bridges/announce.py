"""`--notify`: tells a chat that there is mail, for agents that can run `xw` themselves.

Claims nothing and answers nothing. What was announced is noted on disk first,
so that no mail is announced twice: each announcement is a paid turn.
"""

import json
from collections.abc import Callable

from xw import layout, presence
from xw.bridges import present
from xw.bridges.chat import Chat, ChatGone, NotPresented, why_not_ready
from xw.bridges.frame import notice
from xw.bridges.pace import BLOCKED_S, Pause
from xw.errors import Damaged, XwError, unforeseen
from xw.instance import Instance
from xw.message import Message

_NOTE = f"{layout.BRIDGE}/announced.json"
_LIMIT = 64 * 1024 * 1024
_AT_ONCE = 5  # in one turn; what is more comes with the next


class Announcer:
    """Announces an instance's pending mail in a chat. Not thread-safe; one per instance."""

    def __init__(
        self, instance: Instance, chat: Chat, tell: Callable[[str], None] = lambda text: None
    ) -> None:
        self._instance = instance
        self._mailbox = instance.mailbox
        self._chat = chat
        self._tell = tell
        self._pause = Pause(0.02, 0.5)
        self._rest = Pause(0.02, BLOCKED_S)
        self._shown: tuple[str, str] | None = None
        self._waits_for = ""
        self._mailbox.files.make_folder(self._mailbox.at(layout.BRIDGE))
        self._announced = self._load()

    @property
    def doing(self) -> tuple[str, str]:
        """Status and task for the instance's presence."""
        if self._waits_for:
            return "alive", f"{presence.WAITS}{self._waits_for}"
        return ("busy", "") if self._shown else ("idle", "")

    def step(self) -> float | None:
        """Do what can be done now; see `Bridge.step`."""
        if self._shown and not self._ended(*self._shown):
            return self._pause.longer()
        self._shown = None
        names = self._mailbox.pending()
        fresh = [name for name in names if name not in self._announced]
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
        # What asks for something first: it is why the agent is disturbed.
        fresh.sort(key=lambda name: (not present.wants_turn(name), name))
        mail = [one for one in present.readable(self._instance, fresh[:_AT_ONCE]) if not one.expired(now)]
        before = self._announced
        notices = {one.short: text for one in mail if (text := self._notice(one))}
        text = "\n".join(notices.values())
        if not notices:
            self._store(before.intersection(names).union(fresh[:_AT_ONCE]))
            return 0.0
        mark = self._chat.mark()  # a ChatGone is for the caller, who tries less and less often
        try:
            self._store(before.intersection(names).union(fresh[:_AT_ONCE]))
            self._chat.present(mark, text)
        except (NotPresented, ChatGone) as error:
            self._tell(f"not announced, will try again: {error}")
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
        """The line that announces a message; empty where that brings out a fault: it keeps no other."""
        try:
            return notice(present.as_mail(self._instance, message))
        except (XwError, OSError):
            raise
        except Exception as bug:  # noqa: BLE001  # as the docstring says
            self._tell(f"not announced: {message.file_name}: {unforeseen(bug)}")
            return ""

    def _ended(self, mark: str, text: str) -> bool:
        """Return whether the chat's turn is over. Its answer is for the person in front of it, not for us."""
        try:
            return self._chat.capture(mark, text) is not None
        except XwError:
            return True

    def _load(self) -> frozenset[str]:
        try:
            found = json.loads(self._mailbox.files.read(self._mailbox.at(_NOTE), _LIMIT))
        except (FileNotFoundError, ValueError, RecursionError, Damaged):
            return frozenset()  # none yet; a torn note would at worst announce again
        return frozenset(map(str, found)) if isinstance(found, list) else frozenset()

    def _store(self, announced: frozenset[str]) -> None:
        data = json.dumps(sorted(announced)).encode()
        self._mailbox.files.replace(data, self._mailbox.at(layout.SCRATCH), self._mailbox.at(_NOTE))
        self._announced = announced
