"""The verbs that wait: ask, wait, arrivals, work. They hold an Agent's lock only while they read.

The result counts as handled, or as seen, once it was shown: on leaving a context without an error.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from xw import clock
from xw.actions import asking, claiming, inbox, waited, waiting
from xw.actions.absence import absences
from xw.actions.asking import Asked
from xw.actions.claiming import Worked
from xw.actions.waiting import Wanted
from xw.agent.policy import Policy
from xw.agent.values import left_out
from xw.errors import XwError, cause
from xw.message import Message
from xw.mirror.holding import Holder, Process
from xw.post import Sent


@contextmanager
def question(
    policy: Policy, to: Sequence[str], body: str, timeout: float, sent: Callable[[Sent], None]
) -> Iterator[Asked]:
    """Yield the answer to a question; see `Agent.question`."""

    def announce(question: Sent) -> None:
        question = policy.travel(question)
        sent(question)
        for sentence in absences(policy.instance, question.delivered + question.waiting):
            policy.tell(sentence)

    with policy.acting():
        policy.learn_peers(to)
        policy.tell_of_others()
        try:
            asked = asking.ask(policy.instance, list(to), body, timeout, announce, policy.tell, policy.asleep)
        except waiting.NoAnswer as error:
            _settle(policy, error.notices)
            raise
    reply = asked.reply
    if reply.expired(clock.now()):
        policy.tell(f"the answer {reply.short} came too late: it expired at {reply.expires}")
    yield asked
    with policy.acting():
        _settle(policy, [reply, *asked.notices])


def _settle(policy: Policy, messages: Sequence[Message]) -> None:
    """Mark messages as done that the caller has got; report it if that fails."""
    try:
        inbox.done(policy.instance, [message.id for message in messages])
    except (XwError, OSError) as error:
        policy.tell(
            f"{', '.join(message.short for message in messages)} cannot be marked done: {cause(error)}"
        )


@contextmanager
def awaited(
    policy: Policy, re: str | None, new: bool, timeout: float | None, wanted: Wanted
) -> Iterator[Message]:
    """Yield the message waited for; see `Agent.awaited`."""
    mailbox = policy.instance.mailbox
    with policy.acting():
        # Before the sync: the mail that it fetches is new, and no earlier call has seen it.
        passed = waited.seen(mailbox) if new else None
        # With `re`, other answers are read but not shown, so they stay new.
        looked_at = set(passed) if re is not None and passed is not None else passed
        policy.refresh()
        policy.tell_of_others()
    try:
        with policy.acting():
            message = waiting.wait(
                policy.instance, re, timeout, looked_at, policy.asleep, wanted, policy.tell
            )
        yield message
        if passed is not None:
            passed.add(message.file_name)
    finally:
        if passed is not None:
            with policy.acting():
                waited.note(mailbox, passed)


def arrivals(policy: Policy, wanted: Wanted, claim: bool) -> Generator[Message, None, None]:
    """Yield pending messages, then new ones; see `Agent.arrivals`."""
    report = partial(_report, policy)
    if not claim:
        yield from policy.each(waiting.arrivals(policy.instance, report, policy.tell, wanted, policy.asleep))
        return
    with _process(policy, "watch") as process:
        found = claiming.arrivals(policy.instance, process, report, policy.tell, wanted, policy.asleep)
        yield from policy.each(found)


def work(policy: Policy, command: str, wanted: Wanted) -> Generator[Worked, None, None]:
    """Claim messages and run a command for each; see `Agent.work`."""
    instance, report = policy.instance, partial(_report, policy)
    with _process(policy, "exec") as process:
        found = claiming.arrivals(instance, process, report, policy.tell, wanted, policy.asleep)
        yield from policy.each(claiming.work(instance, command, process, found, policy.asleep))


@contextmanager
def _process(policy: Policy, kind: Holder) -> Iterator[Process]:
    """Be a holder of claims."""
    with ExitStack() as stack:
        with policy.acting():
            process = stack.enter_context(Process(policy.instance.mailbox, kind))
        yield process


def _report(policy: Policy, name: str, error: XwError) -> None:
    policy.tell(left_out(name, error))
