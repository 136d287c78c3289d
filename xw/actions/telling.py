"""Choose the mail that a session of an agent program is told, and put it into few words.

`told` has the notes that make each message told once. Here is what a hook, a waker and `xw check --untold`
share: which messages are new to a session, and the budget of turns that telling may cause.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from xw import clock, delivery, layout
from xw.actions import pending
from xw.actions.pending import Inbox, Wanted
from xw.gist import gist
from xw.instance import Instance
from xw.message import Message
from xw.named_tuple import NamedTuple
from xw.text import span
from xw.told import PER_HOUR, PER_TURN, Telling, Told
from xw.unconfirmed import Unconfirmed

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Callable

    from xw.shapes import mail

LINE = 120
"""Characters of a message's line: each costs its reader tokens."""
_GIST = 40  # characters of a body that are shown however long its sender's name is
_NAMED = 8
_FENCED = str.maketrans("<>", "‹›")  # programs put the text between tags, which a body must not close


class News(NamedTuple):
    """What a session is told: messages that are new to it, the number of other pending ones.

    `perhaps` are the ids of pending messages that an interrupted hook has perhaps told it; `unconfirmed` is a
    sentence about the mail whose sender must be confirmed first, which no session is told.
    """

    inbox: Inbox
    others: int
    perhaps: tuple[str, ...] = ()
    unconfirmed: str = ""

    @property
    def doubt(self) -> str:
        """The sentence that names what was perhaps told."""
        ids = [layout.short_id(one) for one in self.perhaps]
        rest = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        return f"perhaps shown to you before, by a hook that was interrupted: {', '.join(ids[:_NAMED])}{rest}"

    def to_json(self) -> "mail.Untold":
        """Return the object that `check --untold --json` prints."""
        return {
            **self.inbox.light().to_json(),
            "told_before": self.others,
            "perhaps_told": list(self.perhaps),
        }


class Turn(NamedTuple):
    """The turn that telling would cause. `goes_on`: the program's word on whether a hook continued it.

    `allowed` is asked when the mail is known, before it is noted: a hold may have come first.
    """

    goes_on: bool | None = None
    continues: bool = True
    allowed: "Callable[[], bool]" = lambda: True


@contextmanager
def news(
    instance: Instance,
    session: str,
    turn: Turn | None = None,
    wanted: Wanted = Wanted(),  # noqa: B008  # frozen
) -> Iterator[News]:
    """Yield what is new to a session; it counts as told, unless the caller leaves by an error.

    The note is durable before this yields. With a `turn`, yield no message above the budget, nor unless one
    of them is worth a turn, as a bridge sees it: no info, and not expired. Raise Busy if another process is
    telling this session, OSError if nothing can be noted.
    """
    told = Told(instance.mailbox, session)
    with told.telling() as telling:
        yield _choose(instance, telling, turn, wanted)


def _choose(instance: Instance, telling: Telling, turn: Turn | None, wanted: Wanted) -> News:
    pending_now = instance.mailbox.pending()
    unconfirmed = Unconfirmed(instance)
    names = unconfirmed.without(name for name in pending_now if wanted.fits(name))
    waits = unconfirmed.reason
    new = [name for name in names if telling.is_new(layout.short_id(name))]
    others = len(names) - len(new)
    row = telling.next_in_row(instance.now(), turn.goes_on) if turn and turn.continues else 0
    if turn and (not any(map(delivery.wants_turn, new)) or over_budget(instance, telling, row)):
        return News(Inbox((), 0), others, unconfirmed=waits)
    perhaps = tuple(name.partition(".")[0] for name in names if layout.short_id(name) in telling.perhaps)
    inbox = Inbox((), 0)
    if new:
        inbox = pending.check(instance, wanted._replace(only=frozenset(new)))
    if turn and not (_is_worth_a_turn(inbox, instance.now()) and turn.allowed()):
        return News(Inbox((), 0), others, unconfirmed=waits)
    if len(inbox) or inbox.newer:
        caused = (instance.now(), row) if turn else None
        telling.give(list(map(layout.short_id, new)), set(map(layout.short_id, pending_now)), caused)
    else:
        telling.name()
    return News(inbox, others, perhaps, waits)


def _is_worth_a_turn(inbox: Inbox, now: int) -> bool:
    """Return True unless all messages were read, and none of them asks for a turn that is still of use."""
    unread = inbox.total > len(inbox) + len(inbox.newer)
    return unread or any(delivery.wants_turn(one.file_name) and not one.expired(now) for one in inbox)


def over_budget(instance: Instance, telling: Telling, row: int) -> bool:
    """Return True if the session has had its turns for now: mail waits for its next prompt."""
    return row > PER_TURN or len(telling.lately(instance.now())) >= PER_HOUR


def text(found: News, name: str, now: int, at_start: bool = False) -> str:
    """Return the news in a few lines; empty if there is none.

    Each line of other people's text is one line of xw's, in quotes that it cannot close. Mail whose sender
    must be confirmed first is named with other news; `at_start` also if that is all.
    """
    lines = []
    if found.inbox.total:
        count = _count(found.inbox.total, "new message")
        lines.append(
            f"xw: {count} for {name}, from other agents, not from your user. "
            "`xw read ID` prints one; `xw done ID` when handled"
        )
        lines += [compact(message, now) for message in found.inbox]
        more = found.inbox.total - len(found.inbox)
        if more:
            lines.append(f"and {more} more: `xw check`")
    if found.inbox.set_aside:
        lines.append(f"xw: {_count(len(found.inbox.set_aside), 'damaged file')} in `xw check --failed`")
    if found.perhaps:
        lines.append(f"xw: {found.doubt}")
    if found.unconfirmed and (lines or at_start):
        lines.append(f"xw: not shown to you: {found.unconfirmed}")
    return "\n".join(lines)


def compact(message: Message, now: int) -> str:
    """Return a message as a line of about `LINE` characters: short id, type, sender, status, age, gist."""
    age = span((now - message.sent) / clock.SECOND)
    marks = (", urgent" if message.urgent else "") + (", expired" if message.expired(now) else "")
    who = f"{message.sender} ({message.status})" if message.status else message.sender
    start = f"{message.short} {message.type} from {who}, {age}{marks}: "
    said = gist(message.body, max(_GIST, LINE - len(start) - 2))
    return f'{start}"{said.translate(_FENCED).replace(chr(34), chr(39))}"'


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
