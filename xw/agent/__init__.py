"""One instance's verbs, for programs and for every face: when to sync, how long, what to report of a hub.

    with xw.open("alice") as agent:
        agent.send("bob", "task", "Check the build")

`xw.open` gives an `Agent`; `docs/python-api.md` is its whole description. The verbs themselves are in
`actions`, which do not know when to sync. Beside this module: `policy` (when to sync), `waiting`, `notify`
and `rooms` (verbs of their kinds), `values` (what the verbs return) and `process` (what needs no instance,
or serves one for ever). Agents call `check`, `read`, `send`, `reply` and `done` all the time, so each method
imports what it needs.
"""

import os
from contextlib import contextmanager

from xw import clock
from xw.agent.policy import Policy
from xw.config import here, not_followed, worktree
from xw.instance import Options as Options
from xw.instance import open_instance
from xw.message import Message

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from typing import Self

    from xw.actions.asking import Asked
    from xw.actions.inbox import Done, Enclosed, Opened
    from xw.actions.pending import Inbox
    from xw.actions.setup import Synced, Who
    from xw.actions.transcript import Line
    from xw.agent.notify import Notify
    from xw.agent.policy import Report
    from xw.agent.rooms import Rooms
    from xw.agent.values import DeadLetters, Findings, Peers, Prompt, Thread, Trace
    from xw.hub.contract import Progress
    from xw.instance import Instance
    from xw.post import Sent
    from xw.sweep import Swept

    Names = str | Sequence[str]


def open(
    name: str | None = None,
    *,
    hub: str | None = None,
    config: str | None = None,
    offline: bool = False,
    timeout: float | None = None,
    report: "Report | None" = None,
) -> "Agent":
    """Return the Agent that acts for an instance; `xw.open`.

    `name`, `hub` and `config` are what `--as`, `--hub` and `--config` are to the command line; without them
    the environment (`XW_NAME`, `XW_HUB`, `XW_CONFIG`) and `xw.json` decide. `offline` keeps off the network.
    An automatic sync takes at most `timeout` seconds (default: `offline_s` in `xw.json`). `report` is called
    with each sentence that a person should read, such as why the mail shown is old; without it they are kept
    in `Agent.notes`. Raise Usage, NotFound (no such mailbox) or Unreachable (no such hub).
    """
    agent = open_with(Options(name, hub, config, offline, timeout), report)
    agent._policy.hold()
    return agent


def open_with(options: Options, report: "Report | None" = None) -> "Agent":
    """Return the Agent that the command line's common options name, for one call: nobody closes it."""
    agent = Agent(open_instance(options), options, report)
    folder = here(needed=False)
    if not (agent.config and folder.startswith(agent._instance.config.folder)):
        why = not_followed(worktree(folder))
        if why and not (options.config or os.environ.get("XW_CONFIG")):
            agent._policy.tell(f"{why}; {agent.config or 'no xw.json'} is in force")
    return agent


class Agent:
    """All verbs for one instance. Made by `xw.open`; a context manager.

    Any thread may call any method: one lock lets them act one after another, and a method that waits
    (`ask`, `wait`, `arrivals`, `log`) holds it only while it looks. On a hub elsewhere a method syncs where
    the command of the same name does. Every error is an `xw.XwError`.
    """

    def __init__(self, instance: "Instance", options: Options, report: "Report | None" = None) -> None:
        self._policy = Policy(instance, report)
        self._instance = instance
        self._options = options

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection to the hub go, once no other Agent of this process uses it."""
        self._policy.close()

    @property
    def name(self) -> str:
        """The instance's name."""
        return self._instance.name

    @property
    def hub(self) -> str:
        """The hub's URL; its path where it is a directory."""
        return self._instance.hub.url

    @property
    def config(self) -> str | None:
        """The path of the configuration in force; None where there is no file."""
        return self._instance.config.path

    @property
    def kind(self) -> str:
        """What the instance is, as `xw.json` has it: agent, human or room; empty where it does not say."""
        return str(self._instance.config.instances.get(self.name, {}).get("kind") or "")

    @property
    def notes(self) -> tuple[str, ...]:
        """What there was to report, oldest first, the last 100; empty where `report` is called instead."""
        return tuple(self._policy.notes)

    # Sending

    def send(
        self,
        to: "Names",
        type: str,
        body: str,
        *,
        re: str | Message | None = None,
        attach: "Names" = (),
        expires: str | None = None,
    ) -> "Sent":
        """Send a message; return once it is durable for each recipient.

        `to` is a name or several, `all` for agents and people; empty for the sender of the message that `re`
        names, else the only peer. `type` is task, question, reply or info. `attach` are paths; `expires` is
        `2h`, `3d`, a date or a time. Raise NotFound, Usage or Refused, then nothing was sent; or Returned
        where a hub elsewhere would not take it for some, as its `sent` tells.
        """
        from xw.actions import sending

        names = _listed(to)
        at = None if expires is None else clock.rfc3339(clock.when(expires, clock.now(), future=True))
        with self._policy.acting():
            if not re:
                self._policy.learn_peers(names)
            answered = None if re is None else _token(re)
            return self._policy.travel(
                sending.send(self._instance, type, body, names, answered, _listed(attach), at)
            )

    def reply(self, message: str | Message, body: str, *, attach: "Names" = ()) -> "Sent":
        """Answer a message, which stays pending until it is done. Raise as `send`."""
        return self.send((), "reply", body, re=message, attach=attach)

    def attach(self, message: str | Message, *paths: str) -> "Sent":
        """Add files to a message that the instance sent; return the `info` that tells its recipients."""
        from xw.actions import sending

        with self._policy.acting():
            return self._policy.travel(sending.attach(self._instance, _token(message), paths))

    def retry(self, message: str | Message) -> "Sent":
        """Send a dead letter again, as a new message."""
        from xw.actions import sending

        with self._policy.acting():
            return self._policy.travel(sending.retry(self._instance, _token(message)))

    def ask(self, to: "Names", body: str, *, timeout: float = 60.0) -> Message:
        """Send a question, wait for its answer and return it; the answer is marked as done.

        Raise NoAnswer as soon as none of those asked will answer, TimedOut after `timeout` seconds, and as
        `send`.
        """
        with self.question(to, body, timeout=timeout) as asked:
            return asked.reply

    @contextmanager
    def question(
        self,
        to: "Names",
        body: str,
        *,
        timeout: float = 60.0,
        sent: "Callable[[Sent], None]" = lambda sent: None,
    ) -> "Iterator[Asked]":
        """Enter with the answer to a question, which is marked as done on leaving without an error.

        `sent` is called once the question is durable. Raise as `ask`.
        """
        from xw.agent import waiting

        with waiting.question(self._policy, _listed(to), body, timeout, sent) as asked:
            yield asked

    # Receiving

    def check(
        self,
        *,
        all: bool = False,
        limit: int | None = None,
        type: str | None = None,
        sender: str | None = None,
        newest: bool = False,
    ) -> "Inbox":
        """Return pending messages: 20, `limit` or `all`, of one type or sender, chosen by priority.

        With `newest`, the newest are chosen. Either way they are oldest first.
        """
        from xw.actions import pending

        wanted = pending.Wanted(pending.most(all, limit), type, sender, newest)
        with self._policy.acting():
            self._policy.refresh()
            return pending.check(self._instance, wanted)

    def dead_letters(
        self,
        *,
        all: bool = False,
        limit: int | None = None,
        type: str | None = None,
        sender: str | None = None,
    ) -> "DeadLetters":
        """Return the newest 20, `limit` or `all` dead letters, oldest first, each with its reason."""
        from xw.actions import inbox, pending
        from xw.agent.values import DeadLetters

        most = pending.most(all, limit)
        with self._policy.acting():
            self._policy.refresh()
            letters, total = inbox.dead_letters(self._instance, most, type, sender)
        return DeadLetters(tuple(letters), total)

    def read(self, message: str | Message) -> "Opened":
        """Return a message, wherever it lies, with its files. Raise NotFound or Damaged."""
        from xw.actions import inbox

        with self._policy.acting():
            return inbox.read(self._instance, _token(message))

    def thread(self, message: str | Message) -> "Thread":
        """Return a message's whole thread, oldest first, each as `read` does. Raise as `read`."""
        from xw.actions.inbox import Opened
        from xw.agent.values import Thread

        first = self.read(message).message
        lines = self.log(thread=first)
        return Thread(Opened(line.message, line.place, self.files(line.message)) for line in lines)

    def files(self, message: Message) -> "tuple[Enclosed, ...]":
        """Return the attachments of a message, each with its path here, and its problem if it has one."""
        from xw.actions import inbox

        with self._policy.acting():
            return inbox.enclosed(self._instance, message)

    def done(self, *messages: str | Message) -> "Done":
        """Mark messages as handled. Raise Unfinished after the others are done, where one is not."""
        from xw.actions import inbox

        with self._policy.acting():
            finished = inbox.done(self._instance, [_token(message) for message in messages])
            self._policy.refresh()
        if any(one.error for one in finished):
            from xw.agent.values import Unfinished

            raise Unfinished(finished)
        return finished

    # Waiting

    def wait(
        self, *, re: str | Message | None = None, new: bool = False, timeout: float | None = None
    ) -> Message:
        """Return the oldest pending message, waiting for it if need be; with `re`, the answer to that one.

        With `new`, pass over what the last such call on this machine has seen. Raise TimedOut after
        `timeout` seconds; without it, wait for ever.
        """
        with self.awaited(re=re, new=new, timeout=timeout) as message:
            return message

    @contextmanager
    def awaited(
        self, *, re: str | Message | None = None, new: bool = False, timeout: float | None = None
    ) -> "Iterator[Message]":
        """Enter with what `wait` returns; `new` counts it as seen only on leaving without an error."""
        from xw.agent import waiting

        answered = None if re is None else _token(re)
        with waiting.awaited(self._policy, answered, new, timeout) as message:
            yield message

    def arrivals(self, types: "Names" = ()) -> "Generator[Message, None, None]":
        """Yield each pending message once, oldest first, then each as it arrives. Endless.

        With `types`, only messages of these types. It sleeps until there is something to look at.
        """
        from xw.agent import waiting

        yield from waiting.arrivals(self._policy, _listed(types))

    # Looking

    def log(
        self,
        *,
        thread: str | Message | None = None,
        peer: str | None = None,
        grep: str | None = None,
        since: str | None = None,
        follow: bool = False,
    ) -> "Generator[Line, None, None]":
        """Yield the messages received and sent, oldest first, each with where it lies.

        Only those of a thread, from or to a peer, whose body contains `grep`, since `2h`, `3d` or a date.
        With `follow`, go on as messages come and go, endless.
        """
        from xw.actions import transcript

        earliest = None if since is None else clock.when(since, clock.now(), future=False)
        chosen = transcript.Selection(None if thread is None else _token(thread), peer, grep, earliest)
        if follow:
            found = transcript.follow(self._instance, chosen, self._policy.missing, self._policy.asleep)
        else:
            found = transcript.log(self._instance, chosen, self._policy.missing)
        yield from self._policy.each(found)

    def trace(self, message: str | Message) -> "Trace":
        """Return where each recipient's copy of a message is that the instance sent."""
        from xw.actions import transcript
        from xw.agent.values import Trace

        with self._policy.acting():
            self._policy.refresh()
            found, recipients = transcript.trace(self._instance, _token(message))
            return Trace(found, tuple(recipients))

    def who(self) -> "Who":
        """Return the instance's name, hub and configuration, and how much mail is pending."""
        from xw.actions import setup

        with self._policy.acting():
            self._policy.refresh()
            return setup.who(self._instance)

    def peers(self) -> "Peers":
        """Return the other instances on the hub."""
        from xw.actions import setup
        from xw.agent.values import Peers

        with self._policy.acting():
            self._policy.refresh(peers=True)
            return Peers(setup.peers(self._instance))

    def prompt(self) -> "Prompt":
        """Return the instructions for the instance's system prompt, a text."""
        from xw.actions import setup
        from xw.agent.values import Prompt

        with self._policy.acting():
            return Prompt(setup.prompt(self._instance))

    # Upkeep

    def sync(self, *, adopt: str | None = None, progress: "Progress | None" = None) -> "Synced":
        """Deliver the outbox, collect mail, write the peers into `xw.json`, however long it takes.

        With `adopt`, first take the unsent mail of the mirror in that folder. `progress` is called with a
        file's name, the bytes so far and the bytes in all. Raise Unreachable or Refused.
        """
        from xw.actions import mirrors, setup, stranded

        with self._policy.acting():
            problems: list[str] = []
            taken = 0 if adopt is None else stranded.adopt(self._instance, adopt, problems)
            for problem in problems:
                self._policy.tell(problem)
            try:
                done = setup.sync(self._instance, progress)
                return done._replace(adopted=taken, not_adopted=tuple(problems))
            finally:
                mirrors.note(self._instance)
                self._policy.tell_of_stranded(self._options.hub)

    def gc(self, days: int | None = None, *, dry_run: bool = False) -> "Swept":
        """Remove mail that was handled or sent more than `days` days ago (default: `retention_days`).

        Return what was removed, or would be with `dry_run`; with `busy` set, another gc runs.
        """
        from xw.actions.gc import gc

        kept = self._instance.config.retention_days if days is None else days
        with self._policy.acting():
            return gc(self._instance, kept, dry_run)

    def doctor(self) -> "Findings":
        """Return everything that doctor looked at: what is sound, and what is wrong and how to fix it."""
        from xw.agent.process import doctor

        with self._policy.acting():
            return doctor(self._resolved())

    @property
    def notify(self) -> "Notify":
        """The verbs of `xw notify`: status, handoff, compaction, error, heartbeat."""
        from xw.agent.notify import Notify

        return Notify(self._policy)

    @property
    def rooms(self) -> "Rooms":
        """The verbs of `xw room`: create, list, show, say, join, leave, pause, resume, close, run, log."""
        from xw.agent.rooms import Rooms

        return Rooms(self._resolved(), self._policy.tell, self._policy)

    def _resolved(self) -> Options:
        """Return the options that name this instance wherever the process is meanwhile."""
        return self._options._replace(name=self.name, hub=self.hub, config=self.config)


def _listed(names: "Names") -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _token(message: str | Message) -> str:
    return message.id if isinstance(message, Message) else message
