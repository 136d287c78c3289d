"""Claim received mail, and work on it: claim, release, fail, and `watch --claim`.

`mirror/holding` has the notes that show who holds a claim, `mirror/carrier` the claim itself.
"""

import json
import os
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, NamedTuple

from xw import layout, post, sessions
from xw.actions.inbox import not_received
from xw.actions.lookup import open_named
from xw.actions.transcript import Asleep, LeftOut
from xw.actions.waiting import ANY, Lookout, Wanted
from xw.bridges import answer, turn
from xw.errors import Moved, NoMessage, NotFound, Refused, Usage, XwError, explain
from xw.failure import Kind
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import RECEIVED_FIRST, Place
from xw.message import Message
from xw.mirror import holding
from xw.mirror.holding import Hold, Process
from xw.unconfirmed import LOOK_S, Unconfirmed

if TYPE_CHECKING:
    from xw.shapes import mail
    from xw.words import WorkState

REASON_LIMIT = 2000
"""Characters of the reason of `fail`."""

OURS = "XW_CLAIM"
"""In the environment of a command of `watch --claim --exec`: the lock of the process that started it."""

# What a shell returns for a command that it cannot run: then no other message can be worked on either.
_CANNOT_RUN = (126, 127)
# The outer shell records the exit code in the lock file, which it has inherited, even if xw was killed.
_RECORDING = 'sh -c "$1"; code=$?; echo "$2 $code" >> "/dev/fd/$3"; exit $code'

Tell = Callable[[str], None]


class Step(NamedTuple):
    """The result of `claim`, `release` or `fail`: `moved` is False if it was so before.

    `name` is the message's file name, `message` its content or None, `notice` the id of the info to its
    sender.
    """

    name: str
    message: Message | None
    moved: bool
    notice: str | None = None

    def to_json(self) -> "mail.Step":
        """Return the object that `--json` prints."""
        found = layout.FileName(*self.name.removesuffix(".json").split("."))  # type: ignore[arg-type]  # one of TYPES
        about = self.message.about() if self.message else None
        return {
            "format": 1,
            "id": found.id,
            "type": found.type,
            "from": found.sender,
            "first_line": about["first_line"] if about else None,
            "moved": self.moved,
            "notice": self.notice,
        }


class Worked(NamedTuple):
    """A message for which a command was run, its exit code, and what became of it.

    `state` is the message's state now; `released` if nobody holds it.
    """

    message: Message
    code: int
    state: "WorkState"

    def to_json(self) -> "mail.Worked":
        """Return the object that `--json` prints."""
        return {**self.message.to_json(), "exit_code": self.code, "became": self.state}


def claim(instance: Instance, token: str) -> Step:
    """Claim a pending message, or one that nobody holds any more; it is held until it is settled or released.

    Of several callers one succeeds, also under one name. Raise Refused if somebody else holds it or it has
    expired, NotFound if it is settled.
    """
    mailbox = instance.mailbox
    place, message = open_named(mailbox, token, *RECEIVED_FIRST)
    _must_be_open(instance, place, "claim")
    name = message.file_name
    if _is_ours(instance, name):
        return Step(name, message, False)
    if message.expired(instance.now()):
        raise Refused(
            f"{message.short} expired at {message.expires}: `xw fail {message.short} WHY` tells its sender"
        )
    holder = holding.take(mailbox, instance.carrier, name, Hold("claim", by=sessions.acting()), ask=True)
    if holder:
        if _is_ours(instance, name):  # two calls at once
            return Step(name, message, False)
        raise Refused(f"{message.short} is not yours to claim: {holder}")
    return Step(name, message, True)


def release(instance: Instance, token: str) -> Step:
    """Let go of a claim: the message stays in `processing/`, and the next to claim it resumes it.

    Raise Refused if a running bridge or command works on it, or a bridge has begun to show it.
    """
    mailbox = instance.mailbox
    place, message = open_named(mailbox, token, *RECEIVED_FIRST)
    _must_be_open(instance, place, "release")
    name = message.file_name
    if place.state == "pending":
        return Step(name, message, False)
    with holding.locked(mailbox):
        now = holding.standing(mailbox, name)
        if now == "bridge":
            _take_from_bridge(instance, message)
        if now == "exec" and not _is_ours(instance, name):
            raise Refused(f"a command of `xw watch --claim --exec` works on {message.short}: stop it first")
        holding.save(mailbox, name, Hold("free"))
        if now == "bridge":
            holding.remove_turn(mailbox, name)
    if not instance.carrier.release(name):
        holding.drop(mailbox, name)
        raise Refused(f"{message.short} is not yours to release: another machine of this name holds it")
    return Step(name, message, now != "free")


def _take_from_bridge(instance: Instance, message: Message) -> None:
    """Raise Refused unless a bridge's turn can be given up: it has ended, and has shown nothing."""
    mailbox = instance.mailbox
    if mailbox.files.held(mailbox.at(layout.BRIDGE_LOCK)):
        raise Refused(f"a bridge holds {message.short}: stop it first")
    stages = {left.name: left.stage for left in turn.load_all(mailbox)}
    if stages.get(message.file_name, turn.CLAIMED) != turn.CLAIMED:
        raise Refused(
            f"a bridge has begun to show {message.short}: start it again to continue, or `xw fail "
            f"{message.short} WHY`"
        )


def fail(instance: Instance, token: str, why: str) -> Step:
    """Move a message that this instance cannot handle to `failed/`, and tell its sender why.

    Raise Usage for an empty or too long reason, NotFound if the message is settled.
    """
    reason = " ".join(why.split())
    if not reason:
        raise Usage('the reason is missing: `xw fail ID "WHY"`; nothing was changed')
    if len(reason) > REASON_LIMIT:
        raise Usage(
            f"the reason has {len(reason):,} characters, and {REASON_LIMIT:,} at most are sent: "
            "`xw reply ID --file FILE` sends a long text; nothing was changed"
        )
    mailbox = instance.mailbox
    place = mailbox.find(token, *RECEIVED_FIRST)
    if place.state == "failed":
        return Step(place.name, mailbox.glance(place), False)
    _must_be_open(instance, place, "fail")
    message = mailbox.glance(place)  # an unreadable message can fail too
    return fail_as(instance, place.name, message, "failed", reason)


def fail_as(instance: Instance, name: str, message: Message | None, kind: Kind, reason: str) -> Step:
    """Fail a message, and tell its sender once, even if an earlier call was killed between the two."""
    mailbox = instance.mailbox
    about = message or answer.unreadable(name)
    with holding.locked(mailbox):
        before = holding.load(mailbox, name) or Hold("claim")
        letter = before.letter
        if letter:
            reason = before.reason
            post.complete(mailbox, instance.hub, letter, before.data.encode())
        elif about:
            letter = _tell_sender(instance, name, about, kind, reason, before)
        moved = mailbox.fail(name, kind, reason, "processing") or mailbox.fail(name, kind, reason)
        holding.drop(mailbox, name)
    return Step(name, message, moved, letter.partition(".")[0] or None)


def _tell_sender(instance: Instance, name: str, about: Message, kind: Kind, reason: str, before: Hold) -> str:
    """Send the notice to a message's sender, after noting its bytes beside the message; return its name."""

    def note(letter: str, data: bytes) -> None:
        holding.save(
            instance.mailbox, name, before._replace(reason=reason, letter=letter, data=data.decode())
        )

    try:
        draft = answer.failure_notice(instance, about, {about.sender}, kind, reason)
        if draft:
            return post.send(instance.mailbox, instance.hub, draft, instance.now, note).name
    except (NotFound, Refused, Usage):
        pass  # its sender cannot be told; `trace` shows it the reason
    return ""


def arrivals(
    instance: Instance,
    process: Process,
    left_out: LeftOut,
    tell: Tell,
    wanted: Wanted = ANY,
    asleep: Asleep = nullcontext,
) -> Generator[Message, None, None]:
    """Claim and yield each message that is wanted, oldest first, then each new one. Endless.

    Also yields each that was released, or whose holder has ended. Expired messages fail as `expired`. Those
    whose sender must be confirmed first stay as they are, and `tell` gets a sentence about them.
    """
    mailbox, told = instance.mailbox, set[str]()
    unconfirmed = Unconfirmed(instance)
    with Lookout(instance, asleep) as lookout:
        while True:
            try:
                unconfirmed.freed()
                for name, message in _open(instance, process, wanted, left_out):
                    if unconfirmed.waits(message):
                        continue
                    before = holding.load(mailbox, name)
                    code = holding.ended(mailbox, name)
                    if before and before.letter:  # an `xw fail` was killed
                        fail_as(instance, name, message, "failed", before.reason)
                    elif holding.take(mailbox, instance.carrier, name, process.note):
                        continue
                    elif code:
                        fail_as(instance, name, message, "failed", _ended_with(code))
                    elif message.expired(instance.now()):
                        reason = f"it expired at {message.expires}, before it was handled"
                        fail_as(instance, name, message, "expired", reason)
                    else:
                        process.given.add(name)
                        yield message
                told.clear()
                unconfirmed.forget([*mailbox.names(INBOX["pending"]), *mailbox.names(INBOX["processing"])])
                if news := unconfirmed.news():
                    tell(news)
            except (FileNotFoundError, Moved):
                raise  # the hub is gone, or elsewhere
            except (XwError, OSError) as error:  # a hub that is away, a full disk: try again later
                reason = str(explain(error))
                if reason not in told:
                    told.add(reason)
                    tell(f"cannot claim, will retry: {reason}")
            process.given.intersection_update(mailbox.claimed())
            process.declined.intersection_update(process.given)
            lookout.wait(None, LOOK_S if unconfirmed.note else float("inf"))


def _open(
    instance: Instance, process: Process, wanted: Wanted, left_out: LeftOut
) -> Iterator[tuple[str, Message]]:
    """Yield the messages that this process may claim, or has claimed without learning of it."""
    mailbox = instance.mailbox
    strays: list[tuple[str, NoMessage]] = []
    pending = mailbox.pending(strays)
    for stray in strays:
        left_out(*stray)
    free = holding.free(mailbox, process)
    for name in sorted({*free, *pending}):
        if wanted.fits(name):
            folder = INBOX["processing"] if name in free else INBOX["pending"]
            for item in mailbox.read_each(folder, [name]):
                if isinstance(item, Message):
                    yield name, mailbox.judged(item, folder)
                else:
                    left_out(*item)


def work(
    instance: Instance,
    command: str,
    process: Process,
    found: Iterator[Message],
    asleep: Asleep = nullcontext,
) -> Generator[Worked, None, None]:
    """Run a shell command for each message claimed by `arrivals`, and settle it by the exit code.

    0 means done, any other code failed, and its sender is told. A message that the command has settled or
    released itself is left alone. Raise XwError if the shell cannot run the command; the message is released.
    """
    mailbox = instance.mailbox
    for message in found:
        name = message.file_name
        with asleep():
            code = _run(command, message, process)
        if mailbox.state_of(name) == "processing" and holding.load(mailbox, name) == process.note:
            if code in _CANNOT_RUN:
                with holding.locked(mailbox):
                    holding.save(mailbox, name, Hold("free"))
                instance.carrier.release(name)
                raise XwError(f"the command cannot be run (exit code {code}): {message.short} is released")
            if code:
                fail_as(instance, name, message, "failed", _ended_with(code))
            else:
                mailbox.settle(name)
            instance.carrier.refresh(mail=False)
        state: WorkState = mailbox.state_of(name) or "done"
        if state == "processing" and holding.standing(mailbox, name) == "free":
            process.declined.add(name)  # for another process to resume, or a later one
            state = "released"
        yield Worked(message, code, state)


def _run(command: str, message: Message, process: Process) -> int:
    environ = {
        **os.environ,
        "XW_ID": message.id,
        "XW_TYPE": message.type,
        "XW_FROM": message.sender,
        OURS: process.note.lock,
    }
    handle = process.handle
    words = ["sh", "-c", _RECORDING, "xw", command, message.file_name, str(handle)]
    data = json.dumps(message.to_json()).encode()
    ended = subprocess.run(words, env=environ, input=data, pass_fds=[handle], check=False)
    return ended.returncode if ended.returncode >= 0 else 128 - ended.returncode


def _ended_with(code: int) -> str:
    return f"the command for it ended with {code}"


def _is_ours(instance: Instance, name: str) -> bool:
    """Return True if this session, or the command that this process runs in, holds a message already."""
    mailbox = instance.mailbox
    with suppress(FileNotFoundError):
        mailbox.files.stat(mailbox.at(INBOX["processing"], name))
        now, found = holding.standing(mailbox, name), holding.load(mailbox, name)
        if found is None:
            return False
        if now == "exec":
            return found.lock == os.environ.get(OURS)
        return now == "claim" and found.by == sessions.acting()
    return False


def _must_be_open(instance: Instance, place: Place, act: str) -> None:
    """Raise NotFound unless a message is pending or claimed."""
    short = layout.short_id(place.name)
    if place.state in (layout.SENT, layout.OUTBOX):
        raise not_received(instance.mailbox, place, f"{act} it")
    if place.state == "done":
        raise NotFound(f"{short} was done before: there is nothing to {act}")
    if place.state == "failed":
        raise NotFound(f"{short} is a dead letter: `xw check --failed` shows the reason")
