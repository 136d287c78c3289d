"""How many turns a bridge takes: a rate per sender and minute, and a budget per day. Mail beyond it waits.

Hops end a chain of automatic answers, not its cost: two agents that ask two questions in each turn reach
thousands of turns within eight hops. So mail that automatic answers led to has a rate from the start.

`bridge/pace.json` keeps the counts, noted before a turn begins, so that a restart gives nothing back. A day
is one of this machine's clock, in UTC. Called by `loop` and `announce`, which ask before each turn.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

from xw import clock, layout, post
from xw.errors import Damaged, Usage
from xw.instance import Instance
from xw.message import Message
from xw.post import Draft

PER_MINUTE, PER_DAY = "per-minute", "per-day"
OPTIONS = (PER_MINUTE, PER_DAY)
AUTOMATIC = 10
"""Turns in a minute for one sender's mail that automatic answers led to, unless the option says otherwise."""

_MINUTE = 60 * clock.SECOND
_DAY = 24 * 60 * _MINUTE
_TOLD_FOR = 10 * _MINUTE  # a sender is told again of the rate only after this time
_NOTE = f"{layout.BRIDGE}/pace.json"
_LIMIT = 16 * 1024 * 1024
_DAYS = 7  # the clock may go back over midnight
_NOTICES = ""  # stands for the sender of a notice, which names the mail of several


class Limits(NamedTuple):
    """Turns in a minute for the mail of one sender, and in a day for all; 0 for any number.

    Without `per_minute`, only mail that automatic answers led to is limited.
    """

    per_minute: int | None = None
    per_day: int = 0


class Delay(NamedTuple):
    """Why mail waits, for the owner and for its sender, and until when (microseconds)."""

    reason: str
    to_sender: str
    until: int


def limits(options: Mapping[str, str]) -> Limits:
    """Return the limits that a bridge's options set. Raise Usage for a value that is not a whole number."""
    per_minute = _number(options, PER_MINUTE)
    return Limits(per_minute, _number(options, PER_DAY) or 0)


def _number(options: Mapping[str, str], name: str) -> int | None:
    given = options.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 6):
        raise Usage(f"invalid value {given!r} for option {name}: give a whole number, 0 for no limit")
    return int(given)


class Pace:
    """The turns that an instance's bridges have taken. Not thread-safe; one per bridge."""

    def __init__(self, instance: Instance, limits: Limits = Limits()) -> None:  # noqa: B008  # frozen
        self._instance = instance
        self._mailbox = instance.mailbox
        self._limits = limits
        self._days: dict[str, int] = {}
        self._turns: dict[str, list[int]] = {}  # by sender, within the last minute
        self._told: dict[str, str] = {}
        self._load()

    @property
    def used(self) -> str:
        """The turns of today and their limit, for peers; empty without a limit."""
        most = self._limits.per_day
        return f"{self._today():,} of {most:,} turns today" if most else ""

    def delay(self, message: Message) -> Delay | None:
        """Return why a message must wait now, or None."""
        return self._over_budget() or self._over_rate(message.sender, self._rate(message))

    def delay_notice(self) -> Delay | None:
        """Return why a notice of new mail must wait now, or None; all notices have one rate."""
        return self._over_budget() or self._over_rate(_NOTICES, self._notices())

    def spend(self, message: Message) -> None:
        """Note durably that a turn begins."""
        self._spend(message.sender, self._rate(message))

    def spend_notice(self) -> None:
        """Note durably that a turn with a notice begins."""
        self._spend(_NOTICES, self._notices())

    def tell(self, message: Message, delay: Delay) -> bool:
        """Tell a message's sender that its mail waits; once a day, or in ten minutes. Return False if told.

        Rooms are not told: they give the next turn only after this one's answer.
        """
        name, now = message.sender, self._instance.now()
        over_budget = bool(self._over_budget())
        key, period = (f"{name} day", self._day()) if over_budget else (f"{name} rate", str(now // _TOLD_FOR))
        if self._told.get(key) == period or _is_of_room(message) or name == self._instance.name:
            return False
        self._told[key] = period
        self._store()  # first: a sender that is told twice has a reason to complain
        if self._instance.hub.knows(name):
            body = (
                f"{delay.to_sender}; {message.short} waits in {self._instance.name}'s inbox, nothing is lost."
            )
            draft = Draft("info", (name,), body, None, message.thread or message.id)
            draft = draft._replace(more={"hops": message.answered_hops})
            post.send(self._mailbox, self._instance.hub, draft, self._instance.now)
        return True

    def _over_budget(self) -> Delay | None:
        most, now = self._limits.per_day, self._instance.now()
        if not most or self._today() < most:
            return None
        until = (now // _DAY + 1) * _DAY
        at = f"{clock.rfc3339(until)[:16]}Z"
        reason = f"all {most:,} turns of today are used, until {at}"
        told = f"The bridge of {self._instance.name} has used its {most:,} turns of today, until {at}"
        return Delay(reason, told, until)

    def _over_rate(self, sender: str, most: int) -> Delay | None:
        now = self._instance.now()
        lately = self._lately(sender, now)
        if not most or len(lately) < most:
            return None
        reason = f"{most} turns a minute for {sender or 'notices'} are used"
        told = f"The bridge of {self._instance.name} takes {most} turns a minute for your mail"
        return Delay(reason, told, lately[-most] + _MINUTE)

    def _rate(self, message: Message) -> int:
        if _is_of_room(message):
            return 0  # a room has limits of its own
        if self._limits.per_minute is not None:
            return self._limits.per_minute
        return AUTOMATIC if message.hops else 0

    def _notices(self) -> int:
        return AUTOMATIC if self._limits.per_minute is None else self._limits.per_minute

    def _spend(self, sender: str, rate: int) -> None:
        if not rate and not self._limits.per_day:
            return
        now = self._instance.now()
        if rate:
            self._turns[sender] = [*self._lately(sender, now), now]
        used = self._today() + 1
        self._days.pop(self._day(), None)
        self._days[self._day()] = used  # the last, which is kept whatever the clock showed before
        self._store()

    def _lately(self, sender: str, now: int) -> list[int]:
        # Times ahead of the clock are from before it was set back.
        return [at for at in self._turns.get(sender, []) if now - _MINUTE < at <= now]

    def _day(self) -> str:
        return clock.rfc3339(self._instance.now())[:10]

    def _today(self) -> int:
        return self._days.get(self._day(), 0)

    def _load(self) -> None:
        try:
            found = json.loads(self._mailbox.files.read(self._mailbox.at(_NOTE), _LIMIT))
            self._days = {str(day): int(count) for day, count in found["days"].items()}
            self._turns = {str(name): [int(at) for at in times] for name, times in found["turns"].items()}
            self._told = {str(key): str(period) for key, period in found["told"].items()}
        except (OSError, Damaged, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return  # nothing noted yet, or in a form that this version does not know

    def _store(self) -> None:
        now = self._instance.now()
        self._days = dict(list(self._days.items())[-_DAYS:])
        turns = {name: lately for name in self._turns if (lately := self._lately(name, now))}
        current = (self._day(), str(now // _TOLD_FOR))
        self._told = {key: period for key, period in self._told.items() if period in current}
        self._turns = turns
        data = json.dumps({"days": self._days, "turns": turns, "told": self._told}, indent=2).encode()
        self._mailbox.files.make_folder(self._mailbox.at(layout.BRIDGE))
        self._mailbox.files.replace(data, self._mailbox.at(layout.SCRATCH), self._mailbox.at(_NOTE))


def _is_of_room(message: Message) -> bool:
    return message.fields.get("room") == message.sender
