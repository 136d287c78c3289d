"""`--notify`: announce new mail in a chat, for agents that can run `xw` themselves.

The announcer claims nothing and answers nothing. Each announcement is a paid turn, so `bridge/announced.json`
notes it before it is made:

    announced   the pending messages that were
    ringing     an announcement that is about to go in, or has: only the chat can tell
    doubts      how often a message was in an announcement of which nobody can tell

One of which nobody can tell is made once more, when the chat's input is empty; then it counts as made.
"""

import json
from collections.abc import Callable
from typing import NamedTuple

from xw import clock, delivery, layout, presence
from xw.backoff import Pause
from xw.bridges import present
from xw.bridges.chat import BLOCKED_S, Chat, ChatGone, NotPresented, Routine, why_not_ready
from xw.bridges.door import LOOK_S, Door
from xw.bridges.frame import notice
from xw.bridges.pace import Limits, Pace
from xw.errors import Damaged, XwError, unforeseen
from xw.instance import Instance
from xw.message import Message
from xw.unconfirmed import Unconfirmed
from xw.words import Status

_NOTE = f"{layout.BRIDGE}/announced.json"
_LIMIT = 64 * 1024 * 1024
_NAMED = 5  # messages to name in one announcement; of more, one is named and all are counted
_RINGS = 2


class _Ring(NamedTuple):
    """An announcement on its way: its messages, the kind of chat, and what the chat knows it by."""

    names: tuple[str, ...]
    chat: str
    mark: str
    text: str


class _Noted(NamedTuple):
    """The file's content."""

    announced: frozenset[str] = frozenset()
    ringing: _Ring | None = None
    doubts: dict[str, int] = {}  # noqa: RUF012  # never changed


class Announcer:
    """Announces an instance's pending mail in a chat. Not thread-safe; one per instance."""

    def __init__(
        self,
        instance: Instance,
        chat: Chat,
        tell: Callable[[str], None] = lambda text: None,
        limits: Limits = Limits(),  # noqa: B008  # frozen
    ) -> None:
        self._instance = instance
        self._mailbox = instance.mailbox
        self._chat = chat
        self._tell = tell
        self._unshown = present.Unshown(tell)
        self._door = Door(instance, chat)
        self._unconfirmed = Unconfirmed(instance)
        self._pace = Pace(instance, limits)
        self._pause = Pause(0.02, 0.5)
        self._rest = Pause(0.02, BLOCKED_S)
        self._shown: tuple[str, str] | None = None
        self._waits_for = ""
        self._asking: list[str] = []  # the pending messages that are worth a turn
        self._mailbox.files.make_folder(self._mailbox.at(layout.BRIDGE))
        self._noted = self._load()

    @property
    def doing(self) -> presence.Doing:
        """Return the status, the reason why mail is not announced, and how many messages wait."""
        note = "; ".join(filter(None, (self._pace.used, self._waiting(), self._unconfirmed.note)))
        if self._waits_for:
            status: Status = "idle" if delivery.by_choice(self._waits_for) else "alive"
            return presence.Doing(status, "", self._waits_for, note, self._door.value)
        return presence.Doing("busy" if self._shown else "idle", note=note, delivery=self._door.value)

    def _waiting(self) -> str:
        """Return how many messages wait, and whether they were announced."""
        noted = self._noted
        doubtful = sum(noted.doubts.get(name, 0) >= _RINGS for name in self._asking)
        new = sum(name not in noted.announced for name in self._asking)
        if not self._asking:
            return ""
        told = (
            f"{new} not announced"
            if new
            else f"{doubtful} perhaps not announced"
            if doubtful
            else "announced"
        )
        return f"{len(self._asking)} wait, {told}"

    def step(self) -> float | None:
        """Do the next step; see `Bridge.step`."""
        if self._shown and not self._ended(*self._shown):
            return self._pause.longer()
        if self._shown:
            self._door.rest()  # the program was busy with the announcement
        self._shown = None
        names = self._confirmed()
        self._asking = [
            name for name in names if delivery.wants_turn(name) and name not in self._unshown.names
        ]
        ring = self._noted.ringing
        admitted, closed = self._admit(names)
        if closed and not ring and not self._fresh(admitted):
            return max(self._wait(closed), LOOK_S)
        reason = why_not_ready(self._chat) if ring or self._fresh(names) else None
        if ring and not self._resolve(ring, names, reason):
            return self._wait(f"an announcement may not have arrived, and {reason}")
        fresh = self._fresh(admitted)
        if not fresh:
            self._waits_for = ""
            return LOOK_S if self._unconfirmed.note else None
        if reason:
            return self._wait(reason)
        delay = self._pace.delay_notice()
        if delay:
            left = (delay.until - self._instance.now()) / clock.SECOND
            return max(self._wait(delay.reason), left)
        self._waits_for = ""
        self._rest.reset()
        return self._announce(names, fresh)

    def _confirmed(self) -> list[str]:
        """Return the pending messages that may be announced, and report those that must wait."""
        names = self._unconfirmed.without(self._mailbox.pending())
        if news := self._unconfirmed.news():
            self._tell(news)
        return names

    def _admit(self, names: list[str]) -> tuple[list[str], str]:
        """Return the messages that may be announced now, and why others wait, empty if none does."""
        admitted, why = self._door.admitted()
        if admitted is None or not self._fresh([name for name in names if name not in admitted]):
            self._door.rest()
            return names, ""
        if self._door.turn_ended():
            return names, ""
        return [name for name in names if name in admitted], why

    def _fresh(self, names: list[str]) -> list[str]:
        """Return the messages to announce, those that ask for a turn first; none if no such one is new."""
        known = self._noted.announced | self._unshown.names
        fresh = [name for name in names if name not in known]
        asking = [name for name in fresh if delivery.wants_turn(name)]
        return asking + [name for name in fresh if not delivery.wants_turn(name)] if asking else []

    def _wait(self, reason: str) -> float:
        if reason != self._waits_for:
            self._tell(Routine(f"mail waits: {reason}"))
        self._waits_for = reason
        return self._rest.longer()

    def _resolve(self, ring: _Ring, names: list[str], reason: str | None) -> bool:
        """Decide whether an announcement went in; return False as long as nobody can tell."""
        ours = ring.chat == type(self._chat).__name__
        seen = self._chat.seen(ring.mark, ring.text) if ours else None
        if seen is None and reason and not set(names).isdisjoint(ring.names):
            return False
        doubts = dict(self._noted.doubts)
        made = set(ring.names) if seen else set()
        if seen is None:
            doubts |= {name: doubts.get(name, 0) + 1 for name in ring.names}
            made = {name for name in ring.names if doubts[name] >= _RINGS}
            self._tell(
                "an announcement may not have arrived, " + ("and is not repeated" if made else "will retry")
            )
        self._store(_Noted(self._noted.announced | made, None, doubts), names)
        return True

    def _announce(self, names: list[str], fresh: list[str]) -> float:
        now = self._instance.now()
        found = list(present.readable(self._instance, fresh[:_NAMED], self._unshown))
        mail = [one for one in found if not one.expired(now)]
        # Not what cannot be read now: it is announced once a later bridge can.
        told = tuple(name for name in fresh if name not in self._unshown.names)
        after = self._noted._replace(announced=self._noted.announced.union(told))
        many = len(fresh) > _NAMED
        notices = {one.short: text for one in mail if (text := self._notice(one, len(names), not many))}
        if many:
            notices = dict(list(notices.items())[:1])
        if not notices:
            # Of many, the ones behind may be sound: only what was read is settled.
            read = self._noted.announced.union(set(fresh[:_NAMED]) - self._unshown.names)
            self._store(self._noted._replace(announced=read), names)
            return 0.0
        text = "\n".join(notices.values())
        mark = self._chat.mark()  # the caller handles ChatGone, and retries ever less often
        before = self._noted
        self._pace.spend_notice()
        self._store(before._replace(ringing=_Ring(told, type(self._chat).__name__, mark, text)), names)
        try:
            self._chat.present(mark, text)
        except (NotPresented, ChatGone) as error:
            self._tell(f"not announced, will retry: {error}")
            self._store(before, names)
            return self._pause.longer()
        except XwError as error:
            self._tell(f"may or may not have been announced: {error}")
            return 0.0
        self._store(after, names)
        more = f" and {len(fresh) - 1} more" if many else ""
        self._tell(Routine(f"announced {', '.join(notices)}{more}"))
        self._shown = (mark, text)
        self._pause.reset()
        return 0.0

    def _notice(self, message: Message, pending: int, alone: bool) -> str:
        """Return the text that announces a message; empty after a bug, which must not stop other mail."""
        try:
            return notice(present.as_mail(self._instance, message), pending, alone)
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

    def _load(self) -> _Noted:
        try:
            found = json.loads(self._mailbox.files.read(self._mailbox.at(_NOTE), _LIMIT))
            if isinstance(found, list):
                return _Noted(frozenset(map(str, found)))  # as written by versions that never repeated one
            ring = found["ringing"]
            return _Noted(
                frozenset(map(str, found["announced"])),
                ring
                and _Ring(tuple(map(str, ring["names"])), *(str(ring[key]) for key in _Ring._fields[1:])),
                {str(name): int(count) for name, count in found["doubts"].items()},
            )
        except (FileNotFoundError, Damaged, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return _Noted()  # nothing noted yet; a torn note at worst repeats an announcement

    def _store(self, noted: _Noted, names: list[str]) -> None:
        """Write the note durably, without the messages that are not pending any more."""
        announced, left = noted.announced.intersection(names), set(names)
        doubts = {name: count for name, count in noted.doubts.items() if name in left}
        ring = noted.ringing and noted.ringing._asdict()
        data = json.dumps({"announced": sorted(announced), "ringing": ring, "doubts": doubts}).encode()
        self._mailbox.files.replace(data, self._mailbox.at(layout.SCRATCH), self._mailbox.at(_NOTE))
        self._noted = _Noted(announced, noted.ringing, doubts)
