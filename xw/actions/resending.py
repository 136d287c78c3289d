"""Send mail again that a hub lost, as in a restore from an older backup: `resend`, `sync --repair`.

The same bytes go again, from `sent/`. A message goes by itself only if its recipient cannot have handled it:
the mailbox lacks it in every state, is known to have removed nothing so young, and has sent no answer to it.
All others need the sender's word (`force`), and what is there, or cannot be seen, is never sent.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, cast

from xw import layout, withdrawals
from xw.actions.lookup import not_sent
from xw.actions.transcript import Clocks, may_be_removed
from xw.batches import batches
from xw.errors import NoMessage, NotFound, Unreachable, XwError, explain
from xw.hub.contract import Held, Parcel
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import RECEIVED, Mailbox, Place
from xw.message import Attachment
from xw.words import Resending

if TYPE_CHECKING:
    from xw.shapes import mail

_ASKED = 100  # messages in one question to the hub: each answer comes within a command's time limit


class Resent(NamedTuple):
    """The result for one recipient (None: for all) of a sent message.

    It was `sent` again (with `dry_run`, would be), is `there` already, or is `left`; `reason` is its state
    there, or why it is left, or what was sent without. `--force` sends one that is `forceable`.
    """

    id: str
    to: str | None
    outcome: Resending
    reason: str = ""
    forceable: bool = False

    def to_json(self) -> "mail.Resent":
        """Return the object that `--json` prints."""
        return cast("mail.Resent", self._asdict())


class Resends(NamedTuple):
    """The results of `resend` or of a repair, oldest message first. With `dry_run`, nothing was sent."""

    messages: tuple[Resent, ...]
    dry_run: bool = False

    @property
    def errors(self) -> tuple[XwError, ...]:
        """The reasons why messages are left."""
        return tuple(
            XwError(
                f"{layout.short_id(one.id)}{f' {one.to}' if one.to else ''} was not sent again: {one.reason}"
            )
            for one in self.messages
            if one.outcome == "left"
        )

    def to_json(self) -> "mail.Resends":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "messages": [one.to_json() for one in self.messages],
            "dry_run": self.dry_run,
        }


class _Copy(NamedTuple):
    """A message in `sent/` without its text, which may be one of 100,000; `problem` if it cannot be read."""

    name: str
    to: tuple[str, ...] = ()
    sent: int = 0
    expired: bool = False
    folder: str = ""
    files: tuple[Attachment, ...] = ()
    problem: str = ""

    @property
    def id(self) -> str:
        return self.name.partition(".")[0]


def resend(
    instance: Instance, tokens: Sequence[str], force: Sequence[str] = (), dry_run: bool = False
) -> Resends:
    """Send messages again to the recipients who lost them; those in `force` even if that may be twice."""
    named = [_find(instance.mailbox, token) for token in tokens]
    forced = [_find(instance.mailbox, token) for token in force]
    return _resend(instance, dict.fromkeys([*named, *forced]), set(forced), dry_run)


def repair(instance: Instance, force: Sequence[str] = (), dry_run: bool = False) -> Resends:
    """Send all messages in `sent/` again that the hub has lost; list only those that it lacks."""
    forced = [_find(instance.mailbox, token) for token in force]
    names = dict.fromkeys([*instance.mailbox.names(layout.SENT), *forced])
    found = _resend(instance, names, set(forced), dry_run)
    return found._replace(messages=tuple(one for one in found.messages if one.outcome != "there"))


def _find(mailbox: Mailbox, token: str) -> str:
    """Return the file name of a message that this instance has sent."""
    place = mailbox.find(token, [layout.SENT], None, *RECEIVED)
    if place.folder in INBOX.values():
        raise not_sent(place, "`xw resend` repeats messages that you sent")
    return place.name


def _resend(instance: Instance, names: Iterable[str], forced: set[str], dry_run: bool) -> Resends:
    copies = [_copy(instance, name) for name in names]
    found = [Resent(copy.id, None, "left", copy.problem) for copy in copies if copy.problem]
    recipients = sorted({to for copy in copies for to in copy.to})
    with instance.carrier.alone():  # against a recall, a flush and another resend
        run = _Run(instance, forced, dry_run)
        for to in recipients:
            found += run.to_one(to, [copy for copy in copies if to in copy.to])
    return Resends(tuple(sorted(found, key=lambda one: (one.id, one.to or ""))), dry_run)


def _copy(instance: Instance, name: str) -> _Copy:
    try:
        message = instance.mailbox.read(Place(layout.SENT, name))
    except FileNotFoundError:
        return _Copy(name, problem=f"there is no copy in {layout.SENT}/")
    except (NoMessage, OSError) as error:
        return _Copy(name, problem=f"its copy in {layout.SENT}/ cannot be used: {explain(error)}")
    return _Copy(name, message.to, message.sent, message.expired(instance.now()), *message.files)


class _Run:
    """One call of `resend` or `repair`."""

    def __init__(self, instance: Instance, forced: set[str], dry_run: bool) -> None:
        self._instance = instance
        self._mailbox = instance.mailbox
        self._forced = forced
        self._dry_run = dry_run
        self._clocks = Clocks.of(instance)
        self._answered: set[tuple[str, str]] | None = None

    def to_one(self, to: str, copies: Sequence[_Copy]) -> Iterator[Resent]:
        """Yield the result for each copy that went to a recipient. Raise Unreachable."""
        try:
            held = self._held(to, [copy.name for copy in copies])
            waiting = self._mailbox.outbox(to)
        except Unreachable:
            raise
        except NotFound:
            yield from (Resent(copy.id, to, "left", "the hub has no mailbox for it") for copy in copies)
            return
        except (XwError, OSError) as error:
            why = f"nobody can see whether it is there: {explain(error)}"
            yield from (Resent(copy.id, to, "left", why) for copy in copies)
            return
        ready = []
        for copy in copies:
            state = held.states.get(copy.name)
            if state:
                yield Resent(copy.id, to, "there", state)
            elif copy.name in waiting:
                yield Resent(copy.id, to, "left", "it is in the outbox still: `xw sync` delivers it")
            elif waiting and waiting[0] < copy.name:
                yield Resent(copy.id, to, "left", "older mail waits in the outbox: `xw sync` first")
            elif (doubt := self._doubt(to, copy, held)) and copy.name not in self._forced:
                yield Resent(copy.id, to, "left", doubt, forceable=True)
            else:
                ready.append(copy)
        yield from self._send(to, ready)

    def _held(self, to: str, names: Sequence[str]) -> Held:
        parts = [names[start : start + _ASKED] for start in range(0, len(names), _ASKED)]
        answers = [self._instance.hub.held(to, part) for part in parts]
        states = {name: state for answer in answers for name, state in answer.states.items()}
        return Held(states, max(answer.kept_since for answer in answers))

    def _doubt(self, to: str, copy: _Copy, held: Held) -> str:
        """Return why a message that a mailbox lacks may not be lost; empty if it is."""
        if to in withdrawals.withdrawn(self._mailbox, copy.name):
            return "you withdrew it"
        if to in self._mailbox.refused(copy.name):
            return "the hub has refused it"
        if may_be_removed(self._instance, copy.sent, held.kept_since, self._clocks):
            return "it is older than the mail that the hub surely keeps: handled and removed, or lost"
        if copy.expired:
            return "it has expired"
        if (to, copy.id) in self._answers():
            return f"{to} has answered it"
        return ""

    def _answers(self) -> set[tuple[str, str]]:
        """Return sender and `re` of all received mail, read once: an answer shows that a message arrived."""
        if self._answered is None:
            self._answered = set()
            for folder in INBOX.values():
                for name in self._mailbox.names(folder):
                    message = self._mailbox.glance(Place(folder, name))
                    if message and message.re:
                        self._answered.add((message.sender, message.re))
        return self._answered

    def _send(self, to: str, copies: Sequence[_Copy]) -> Iterator[Resent]:
        """Deliver messages, oldest first; yield the result for each."""
        if self._dry_run:
            yield from (Resent(copy.id, to, "sent", self._parcel(to, copy)[1]) for copy in copies)
            return
        for batch in batches(
            (self._parcel(to, copy) for copy in sorted(copies)), lambda one: len(one[0].data)
        ):
            outcomes = self._instance.hub.deliver([parcel for parcel, _ in batch])
            for (parcel, without), error in zip(batch, outcomes, strict=True):
                if error is None:
                    self._sent(to, parcel.name)
                    yield Resent(parcel.name.partition(".")[0], to, "sent", without)
                else:
                    yield Resent(parcel.name.partition(".")[0], to, "left", str(error))

    def _parcel(self, to: str, copy: _Copy) -> tuple[Parcel, str]:
        """Return a message to deliver with the files that are still here, and a sentence about the others."""
        data = self._mailbox.files.read(self._mailbox.at(layout.SENT, copy.name), layout.MESSAGE_LIMIT)
        wrong = {
            name: problem
            for name, problem in self._mailbox.unsound(copy.folder, copy.files).items()
            if problem.kind != "unchecked"
        }
        files = tuple(file for file in copy.files if file.name not in wrong)
        without = "; ".join(f"without its file {name}, which {problem}" for name, problem in wrong.items())
        reader = self._mailbox.reader(copy.folder)
        return Parcel(to, copy.name, data, self._mailbox.owner, copy.folder, files, reader), without

    def _sent(self, to: str, name: str) -> None:
        """Forget that a message was withdrawn, now that it was sent again."""
        gone = withdrawals.withdrawn(self._mailbox, name)
        if to in gone:
            with suppress(OSError):  # it then only needs `--force` again
                withdrawals.note(self._mailbox, name, gone - {to})
