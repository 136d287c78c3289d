"""The verbs that wait: ask, wait, arrivals. They hold an Agent's lock only while they read.

The result counts as handled, or as seen, once it was shown: on leaving a context without an error.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager

from xw import clock, layout
from xw.actions import asking, inbox, waited, waiting
from xw.actions.absence import absences
from xw.actions.asking import Asked
from xw.agent.policy import Policy
from xw.agent.values import left_out
from xw.errors import XwError
from xw.message import Message
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
        try:
            asked = asking.ask(policy.instance, list(to), body, timeout, announce, policy.tell, policy.asleep)
        except asking.NoAnswer as error:
            inbox.done(policy.instance, [notice.id for notice in error.notices])
            raise
    reply = asked.reply
    if reply.expired(clock.now()):
        policy.tell(f"the answer {reply.short} came too late: it expired at {reply.expires}")
    yield asked
    with policy.acting():
        inbox.done(policy.instance, [reply.id, *(notice.id for notice in asked.notices)])


@contextmanager
def awaited(policy: Policy, re: str | None, new: bool, timeout: float | None) -> Iterator[Message]:
    """Yield the message waited for; see `Agent.awaited`."""
    mailbox = policy.instance.mailbox
    with policy.acting():
        # Before the sync: the mail that it fetches is new, and no earlier call has seen it.
        passed = waited.seen(mailbox) if new else None
        # With `re`, other answers are read but not shown, so they stay new.
        looked_at = set(passed) if re is not None and passed is not None else passed
        policy.refresh()
    try:
        with policy.acting():
            message = waiting.wait(policy.instance, re, timeout, looked_at, policy.asleep)
        yield message
        if passed is not None:
            passed.add(message.file_name)
    finally:
        if passed is not None:
            with policy.acting():
                waited.note(mailbox, passed)


def arrivals(policy: Policy, types: Sequence[str]) -> Generator[Message, None, None]:
    """Yield pending messages, then new ones; see `Agent.arrivals`."""

    def report(name: str, error: XwError) -> None:
        policy.tell(left_out(name, error))

    wanted = types or layout.TYPES
    yield from policy.each(waiting.arrivals(policy.instance, report, wanted, policy.asleep))
