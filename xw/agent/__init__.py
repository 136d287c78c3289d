"""One instance's verbs, for programs and for every face: they sync when needed, and report problems.

    with xw.open("alice") as agent:
        agent.send("bob", "task", "Check the build")

`xw.open` returns an `Agent`; `docs/python-api.md` describes it in full. The verbs themselves are in
`actions`, which never sync. Beside this module: `policy` (when to sync), `waiting`, `notify` and `rooms`
(groups of verbs), `values` (results and errors) and `functions` (what needs no instance, or serves one
for ever). Agents call `check`, `read`, `send`, `reply` and `done` all the time, so each method imports only
what it needs.
"""

import os
from contextlib import contextmanager

from xw import clock, layout
from xw.agent.policy import (
    Policy,
    function,
    names,
    optional,
    path,
    paths,
    seconds,
    several,
    texts,
    token,
    whole,
)
from xw.config import here, not_followed, worktree
from xw.errors import Usage
from xw.instance import Options as Options
from xw.instance import open_instance
from xw.message import Message

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from typing import Self

    from xw.actions.asking import Asked
    from xw.actions.claiming import Step, Worked
    from xw.actions.grouping import Groups
    from xw.actions.hold import Held
    from xw.actions.inbox import Done, Enclosed, Opened
    from xw.actions.pending import Inbox
    from xw.actions.recalling import Recall
    from xw.actions.resending import Resends
    from xw.actions.setup import Synced, Who
    from xw.actions.telling import News
    from xw.actions.transcript import Line
    from xw.actions.unregistering import Left
    from xw.actions.waiting import Wanted
    from xw.agent.notify import Notify
    from xw.agent.policy import Named, Names, Path, Paths, Report
    from xw.agent.rooms import Rooms
    from xw.agent.values import DeadLetters, Findings, Peers, Prompt, Thread, Trace
    from xw.hub.contract import Progress
    from xw.instance import Instance
    from xw.post import Sent
    from xw.sweep import Swept


def open(
    name: str | None = None,
    *,
    hub: str | None = None,
    config: "Path | None" = None,
    offline: bool = False,
    timeout: float | None = None,
    report: "Report | None" = None,
) -> "Agent":
    """Return an Agent that acts for an instance; public as `xw.open`.

    `name`, `hub` and `config` correspond to `--as`, `--hub` and `--config`; without them the environment
    (`XW_NAME`, `XW_HUB`, `XW_CONFIG`) and `xw.json` decide. `offline` prevents all network access. An
    automatic sync takes at most `timeout` seconds (default: `offline_s` in `xw.json`). `report` is called
    with each sentence for a person, such as why the shown mail is old; without it, `Agent.notes` collects
    them. Raise Usage, NotFound (no such mailbox) or Unreachable (no such hub).
    """
    optional(name=name, hub=hub)
    if timeout is not None:
        seconds(timeout=timeout)
    if report is not None:
        function(report=report)
    file = None if config is None else path("config", config)
    agent = open_with(Options(name, hub, file, offline, timeout), report)
    agent._policy.hold()
    return agent


def open_with(options: Options, report: "Report | None" = None) -> "Agent":
    """Return the Agent for the command line's common options."""
    agent = Agent(open_instance(options), options, report)
    folder = here(needed=False)
    if not (agent.config and folder.startswith(agent._instance.config.folder)):
        why = not_followed(worktree(folder))
        if why and not (options.config or os.environ.get("XW_CONFIG")):
            agent._policy.tell(f"{why}; {agent.config or 'no xw.json'} is in force")
    return agent


class Agent:
    """All verbs for one instance. Made by `xw.open`; a context manager.

    Any thread may call any method. One lock lets them act one after another; a method that waits (`ask`,
    `wait`, `arrivals`, `log`) holds it only while it reads. On a remote hub, a method syncs when the command
    of the same name does. Every error is an `xw.XwError`.
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
        """Release the connection to the hub, once no other Agent of this process uses it."""
        self._policy.close()

    @property
    def name(self) -> str:
        """The instance's name."""
        return self._instance.name

    @property
    def hub(self) -> str:
        """The hub's URL, or its path if it is a directory."""
        return self._instance.hub.url

    @property
    def config(self) -> str | None:
        """The path of the configuration in force, or None."""
        return self._instance.config.path

    @property
    def kind(self) -> str:
        """The instance's kind in `xw.json`: agent, human or room; empty if not given."""
        return str(self._instance.config.instances.get(self.name, {}).get("kind") or "")

    @property
    def notes(self) -> tuple[str, ...]:
        """The last 100 reports, oldest first; empty if `report` gets them instead."""
        return tuple(self._policy.notes)

    # Sending

    def send(
        self,
        to: "Names",
        type: str,
        body: str,
        *,
        re: "Named | None" = None,
        attach: "Paths" = (),
        expires: str | None = None,
        urgent: bool = False,
        any: bool = False,
    ) -> "Sent":
        """Send a message; return once it is durable for each recipient.

        `to` is a name or several, `@NAME` for those with a group or capability, or `all` for agents and
        people; with `any`, one of them gets it: an idle one, or that with the shortest queue. If `to` is
        empty, the recipient is the sender of the message that `re` names, or else the only peer. `type` is
        task, question, reply or info. `attach` are paths; `expires` is `2h`, `3d`, a date or a time. An
        `urgent` message is shown before older mail. Raise NotFound, Usage or Refused if nothing was sent;
        Returned if a remote hub refused it for some recipients, who are in its `sent`.
        """
        from xw.actions import sending

        texts(type=type, body=body)
        optional(expires=expires)
        recipients, files = names("to", to), paths("attach", attach)
        answered = None if re is None else token("re", re)
        at = None if expires is None else clock.rfc3339(clock.when(expires, clock.now(), future=True))
        with self._policy.acting():
            if recipients or answered is None:
                self._policy.learn_peers(() if any else recipients)
            sent = self._policy.travel(
                sending.send(
                    self._instance,
                    type,
                    body,
                    recipients,
                    answered,
                    files,
                    at,
                    {"urgent": True} if urgent else None,
                    any_one=any and bool(to),
                )
            )
            self._policy.tell_of_gone(sent.delivered + sent.waiting)
            return sent

    def reply(self, message: "Named", body: str, *, attach: "Paths" = ()) -> "Sent":
        """Answer a message, which stays pending until it is done. Raises the same errors as `send`."""
        return self.send((), "reply", body, re=token("message", message), attach=attach)

    def attach(self, message: "Named", *files: "Path") -> "Sent":
        """Add files to a message that this instance sent; return the `info` to its recipients."""
        from xw.actions import sending

        found, added = token("message", message), paths("files", files)
        if not added:
            raise Usage("no file to attach: name one; nothing was sent")
        with self._policy.acting():
            return self._policy.travel(sending.attach(self._instance, found, added))

    def retry(self, message: "Named") -> "Sent":
        """Send a dead letter again, as a new message."""
        from xw.actions import sending

        found = token("message", message)
        with self._policy.acting():
            return self._policy.travel(sending.retry(self._instance, found))

    def recall(self, message: "Named") -> "Recall":
        """Withdraw a sent message from the recipients who have not claimed or handled it.

        Return the result for each; `errors` has the reasons of those who still have it.
        """
        from xw.actions import recalling

        found = token("message", message)
        with self._policy.acting():
            return recalling.recall(self._instance, found)

    def resend(
        self, *messages: "Named", force: "Named | Iterable[Named]" = (), dry_run: bool = False
    ) -> "Resends":
        """Send messages again, with the same bytes, to the recipients whose hub has lost them.

        What may have been handled is left, unless it is in `force`; what is there is never sent. Return the
        result for each recipient. Raise Unreachable.
        """
        from xw.actions import resending

        found, forced = [token("messages", message) for message in messages], several("force", force)
        if not (found or forced):
            raise Usage("no message to send again: name one; `xw sync --repair` looks at all")
        with self._policy.acting():
            self._policy.refresh(mail=False)
            return resending.resend(self._instance, found, forced, dry_run)

    def ask(self, to: "Names", body: str, *, timeout: float = 60.0) -> Message:
        """Send a question, wait for its first answer, mark it as done and return it.

        `to` is as in `send`, but one instance with a group or capability is asked, not all of them. Raise
        NoAnswer as soon as no recipient will answer, TimedOut after `timeout` seconds; `asked` of both is the
        question's id. Raise an error of `send` if nothing was sent.
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
        """Yield the first answer to a question; leaving without an error marks it as done.

        `sent` is called once the question is durable. Raises the same errors as `ask`.
        """
        from xw.agent import waiting

        recipients = names("to", to)
        texts(body=body)
        seconds(timeout=timeout)
        function(sent=sent)
        with waiting.question(self._policy, recipients, body, timeout, sent) as asked:
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
        """Return pending messages, oldest first: 20, `limit` or `all`, of one type or sender.

        They are chosen by priority, or with `newest` by age.
        """
        from xw.actions import pending

        _check_choice(limit, type, sender)
        wanted = pending.Wanted(pending.most(all, limit), type, sender, newest)
        with self._policy.acting():
            self._policy.refresh()
            self._policy.tell_of_others()
            return pending.check(self._instance, wanted)

    @contextmanager
    def untold(
        self,
        session: str,
        *,
        all: bool = False,
        limit: int | None = None,
        type: str | None = None,
        sender: str | None = None,
        newest: bool = False,
    ) -> "Iterator[News]":
        """Yield the pending messages that a session of an agent program was not told yet, as `check` chooses.

        They count as told, for its hooks too, unless the block raises. Raise Busy while another process is
        telling this session.
        """
        from xw.actions import pending, telling

        texts(session=session)
        _check_choice(limit, type, sender)
        if not session:
            raise Usage("the session is empty: give its id")
        wanted = pending.Wanted(pending.most(all, limit), type, sender, newest)
        with self._policy.acting():
            self._policy.refresh()
            with telling.news(self._instance, session, wanted=wanted) as found:
                yield found

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

        _check_choice(limit, type, sender)
        most = pending.most(all, limit)
        with self._policy.acting():
            self._policy.refresh()
            letters, total = inbox.dead_letters(self._instance, most, type, sender)
        return DeadLetters(tuple(letters), total)

    def read(self, message: "Named") -> "Opened":
        """Return a message from any folder, with its files. Raise NotFound or Damaged."""
        from xw.actions import inbox

        found = token("message", message)
        with self._policy.acting():
            opened = inbox.read(self._instance, found)
            self._policy.note_read(opened.message)
            return opened

    def thread(self, message: "Named") -> "Thread":
        """Return a message's whole thread, oldest first, each as `read` returns it. Errors as in `read`."""
        from xw.actions.inbox import Opened
        from xw.agent.values import Thread

        first = self.read(message).message
        lines = self.log(thread=first)
        return Thread(Opened(line.message, line.place, self.files(line.message)) for line in lines)

    def files(self, message: "Named") -> "tuple[Enclosed, ...]":
        """Return a message's attachments, each with its local path and its problem, if any."""
        from xw.actions import inbox

        if not isinstance(message, Message):
            return self.read(message).enclosed
        with self._policy.acting():
            return inbox.enclosed(self._instance, message)

    def done(self, *messages: "Named") -> "Done":
        """Mark messages as done. Raise Unfinished, after marking the others, if one cannot be."""
        from xw.actions import inbox

        found = [token("messages", message) for message in messages]
        with self._policy.acting():
            finished = inbox.done(self._instance, found)
            self._policy.refresh()
        if any(one.error for one in finished):
            from xw.agent.values import Unfinished

            raise Unfinished(finished)
        return finished

    def claim(self, message: "Named") -> "Step":
        """Claim a message, so that no other process works on it; it is not an error to have it already.

        Raise Refused if another holds it or it has expired, NotFound if it is settled, Unreachable if a
        remote hub cannot be asked.
        """
        from xw.actions import claiming

        found = token("message", message)
        with self._policy.acting():
            return claiming.claim(self._instance, found)

    def release(self, message: "Named") -> "Step":
        """Let go of a claim: the message stays in `processing/`, and the next to claim it resumes it."""
        from xw.actions import claiming

        found = token("message", message)
        with self._policy.acting():
            return claiming.release(self._instance, found)

    def fail(self, message: "Named", why: str) -> "Step":
        """Move a message that cannot be handled to `failed/`, and tell its sender why: its `ask` ends."""
        from xw.actions import claiming

        found = token("message", message)
        texts(why=why)
        with self._policy.acting():
            step = claiming.fail(self._instance, found, why)
            self._policy.refresh(mail=False)
        return step

    # Waiting

    def wait(
        self,
        *,
        re: "Named | None" = None,
        new: bool = False,
        timeout: float | None = None,
        type: str | None = None,
        sender: str | None = None,
    ) -> Message:
        """Return the oldest pending message, or with `re` the answer to that message; wait if there is none.

        With `new`, skip the messages that the last such call on this machine saw; with `type` or `sender`,
        skip others. Raise NoAnswer if all recipients of `re` have reported a failure, TimedOut after
        `timeout` seconds; without it, wait for ever.
        """
        with self.awaited(re=re, new=new, timeout=timeout, type=type, sender=sender) as message:
            return message

    @contextmanager
    def awaited(
        self,
        *,
        re: "Named | None" = None,
        new: bool = False,
        timeout: float | None = None,
        type: str | None = None,
        sender: str | None = None,
    ) -> "Iterator[Message]":
        """Yield the result of `wait`; with `new`, only leaving without an error counts it as seen."""
        from xw.agent import waiting

        answered = None if re is None else token("re", re)
        if timeout is not None:
            seconds(timeout=timeout)
        wanted = _wanted(() if type is None else (type,), sender)
        with waiting.awaited(self._policy, answered, new, timeout, wanted) as message:
            yield message

    def arrivals(
        self, types: "Names" = (), *, sender: str | None = None, claim: bool = False
    ) -> "Generator[Message, None, None]":
        """Yield each pending message once, oldest first, then each new one. Endless.

        With `types` or `sender`, yield only such messages. With `claim`, claim each first: of several
        processes, one gets it, and holds it until it is settled or that process ends; then the next such
        process gets it. Sleeps until there is something to read.
        """
        from xw.agent import waiting

        return waiting.arrivals(self._policy, _wanted(names("types", types), sender), claim)

    def work(
        self, command: str, types: "Names" = (), *, sender: str | None = None
    ) -> "Generator[Worked, None, None]":
        """Claim each message, as `arrivals`, and run a shell command for it; yield each result. Endless.

        The command gets what `xw watch --exec` gives it. If it ends with 0, the message is done; with another
        code it fails, and its sender is told; what the command has settled or released itself stays.
        """
        from xw.agent import waiting

        texts(command=command)
        return waiting.work(self._policy, command, _wanted(names("types", types), sender))

    # Looking

    def log(
        self,
        *,
        thread: "Named | None" = None,
        peer: str | None = None,
        grep: str | None = None,
        since: str | None = None,
        follow: bool = False,
    ) -> "Generator[Line, None, None]":
        """Yield the received and sent messages, oldest first, each with its place.

        Arguments select a thread, a peer, bodies that contain `grep`, or a time: `2h`, `3d` or a date. With
        `follow`, continue with new messages, endlessly.
        """
        from xw.actions import transcript

        optional(peer=peer, grep=grep, since=since)
        earliest = None if since is None else clock.when(since, clock.now(), future=False)
        named = None if thread is None else token("thread", thread)
        chosen = transcript.Selection(named, peer, grep, earliest)
        if follow:
            found = transcript.follow(self._instance, chosen, self._policy.missing, self._policy.asleep)
        else:
            found = transcript.log(self._instance, chosen, self._policy.missing)
        return self._policy.each(found)

    def trace(self, message: "Named") -> "Trace":
        """Return the state of each recipient's copy of a message that this instance sent."""
        from xw.actions import transcript
        from xw.agent.values import Trace

        named = token("message", message)
        with self._policy.acting():
            self._policy.refresh()
            found, recipients = transcript.trace(self._instance, named)
            waiting = [one.to for one in recipients if one.where in ("pending", "outbox")]
            self._policy.tell_of_gone(waiting)
            return Trace(found, tuple(recipients))

    def who(self) -> "Who":
        """Return the instance's name, hub, configuration and number of pending messages."""
        from xw.actions import setup

        with self._policy.acting():
            self._policy.refresh()
            self._policy.tell_of_others(again=True)
            return setup.who(self._instance)

    def peers(self, which: str | None = None, *, limit: int | None = None) -> "Peers":
        """Return the other instances on the hub, those that are blocked or need help first.

        `which` is a name, or `@NAME` for those with this group or capability; `limit` is the most to return.
        Raise NotFound if there is none.
        """
        from xw.actions import addressing, setup
        from xw.agent.values import Peers

        optional(which=which)
        if limit is not None:
            whole(limit=limit)
        with self._policy.acting():
            self._policy.refresh(peers=True)
            found = setup.peers(self._instance)
            if which is not None:
                found = addressing.chosen(self._instance, which, found)
            return Peers.of(setup.some_peers(found, limit), len(found))

    def join(self, *groups: str) -> "Groups":
        """Join groups, each given as `@NAME`; others send to them by that. Return the instance's groups."""
        from xw.actions import grouping

        with self._policy.acting():
            return grouping.join(self._instance, names("groups", groups))

    def leave(self, *groups: str) -> "Groups":
        """Leave groups, each given as `@NAME`; return the instance's groups."""
        from xw.actions import grouping

        with self._policy.acting():
            return grouping.leave(self._instance, names("groups", groups))

    def hold(self) -> "Held":
        """Let no mail be shown to this instance by itself until `resume`; its own calls still show it."""
        from xw.actions import hold

        with self._policy.acting():
            held = hold.hold(self._instance)
            self._policy.refresh(mail=False)
            return held

    def resume(self) -> "Held":
        """Let mail be shown to this instance by itself again."""
        from xw.actions import hold

        with self._policy.acting():
            resumed = hold.resume(self._instance)
            self._policy.refresh(mail=False)
            return resumed

    def prompt(self) -> "Prompt":
        """Return the instructions for the instance's system prompt, as a text."""
        from xw.actions import instructions
        from xw.agent.values import Prompt

        with self._policy.acting():
            return Prompt(instructions.prompt(self._instance))

    # Upkeep

    def sync(
        self,
        *,
        adopt: "Path | None" = None,
        progress: "Progress | None" = None,
        repair: bool = False,
        force: "Named | Iterable[Named]" = (),
        dry_run: bool = False,
    ) -> "Synced":
        """Deliver the outbox, collect mail, and write the peers into `xw.json`, without a time limit.

        With `adopt`, first take the unsent mail of the mirror in that folder. With `repair`, then send all
        messages again that the hub has lost, as `resend` does with `force` and `dry_run`. `progress` is
        called with a file's name, the bytes so far and the total. Raise Unreachable or Refused.
        """
        from xw.actions import mirrors, resending, setup, stranded

        folder, forced = None if adopt is None else path("adopt", adopt), several("force", force)
        if (forced or dry_run) and not repair:
            raise Usage("`force` and `dry_run` belong to `repair`: nothing was sent; try `xw sync --repair`")
        if progress is not None:
            function(progress=progress)
        with self._policy.acting():
            problems: list[str] = []
            taken = 0 if folder is None else stranded.adopt(self._instance, folder, problems)
            for problem in problems:
                self._policy.tell(problem)
            try:
                done = setup.sync(self._instance, progress)
                repaired = resending.repair(self._instance, forced, dry_run) if repair else None
                return done._replace(adopted=taken, not_adopted=tuple(problems), repaired=repaired)
            finally:
                mirrors.note(self._instance)
                self._policy.tell_of_stranded(self._options.hub)

    def unregister(self, name: str) -> "Left":
        """Take an instance off the hub: its mail goes back to its senders, its mailbox is kept as an archive.

        Repeating it completes an interrupted call. Raise NotFound if there is no such instance; Refused while
        a bridge serves it, or if this user may not.
        """
        from xw.agent.functions import unregister

        texts(name=name)
        with self._policy.acting():
            return unregister(self._resolved(), name, True)

    def gc(self, days: int | None = None, *, dry_run: bool = False) -> "Swept":
        """Remove mail handled or sent more than `days` days ago (default: `retention_days`).

        Return what was removed, or with `dry_run` would be; `busy` is set if another gc runs.
        """
        from xw.actions.gc import gc

        kept = self._instance.config.retention_days if days is None else days
        whole(days=kept)
        with self._policy.acting():
            return gc(self._instance, kept, dry_run)

    def doctor(self) -> "Findings":
        """Return all findings: what is in order, what is wrong, and how to fix it."""
        from xw.agent.functions import doctor

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
        """Return options that name this instance, whatever the process's working directory becomes."""
        return self._options._replace(name=self.name, hub=self.hub, config=self.config)


def _check_choice(limit: int | None, type: str | None, sender: str | None) -> None:
    """Check the arguments that select mail."""
    optional(type=type, sender=sender)
    if limit is not None:
        whole(limit=limit)
    if type is not None:
        _check_type(type)


def _wanted(types: "Sequence[str]", sender: str | None) -> "Wanted":
    from xw.actions.waiting import Wanted

    optional(sender=sender)
    for type in types:
        _check_type(type)
    return Wanted(types or layout.TYPES, sender)


def _check_type(type: str) -> None:
    if layout.type_of(type) is None:
        raise Usage(f"unknown message type {type!r}: use {', '.join(layout.TYPES)}")
