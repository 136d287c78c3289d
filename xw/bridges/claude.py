"""The claude chat: a running session of Claude Code, through its inbox socket and the journal of its hooks.

A text goes into the socket (`claude_sessions`), where it touches neither a half-typed draft nor an open
dialog, and reaches the model marked as another session's. Nothing comes back through the socket. What became
of it is in the session's journal (`xw.journal`), which the hooks of `xw launch` or `xw install` write:
UserPromptSubmit notes the text, Stop the answer (`claude_turns`). Where the journal has nothing, Claude
Code's own transcript decides (`claude_transcript`): it tells Esc, an API error and a killed hook apart.

The target is `auto`, a process id or a session id (`claude_target`). Options: `timeout` (seconds for an
answer), `hear` (`own`, the default: what people type in the program's own window goes to the room of its last
turn; `no`), `run` (the run directory of `xw launch`).
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from xw.bridges import claude_sessions, claude_transcript, claude_turns, steady
from xw.bridges.chat import (
    ChatFailed,
    ChatGone,
    Found,
    NoAnswer,
    NotPresented,
    Overheard,
    Reply,
    Uncertain,
    Unusable,
)
from xw.bridges.claude_sessions import Session
from xw.bridges.claude_target import PROGRAM, Target
from xw.bridges.claude_transcript import Ended
from xw.bridges.kinds import AUTO, check_options, run_of, seconds
from xw.bridges.own_files import mailbox_of
from xw.bridges.provider_errors import error_in
from xw.errors import Usage, XwError
from xw.journal import Event, Journal
from xw.mailbox import Mailbox

ARRIVES_S = 30.0
"""Limit for a text that Claude Code has read to show in the journal, on a busy machine."""
QUIET_S = 5.0
"""A session that is idle for this long with a text but no answer has ended the turn without one."""
STILL_S = 2.0
"""A session that reads its socket and stays idle for this long has no text before it."""

_OURS = re.compile(r"\[(mail|part) \w{4,}[ \]]|<task-notification>")
"""The beginning of what a bridge or a waker presents; all else is typed in the program's own window."""
_MANY = 20  # events after which the place of a listener moves on


class ClaudeChat:
    """One session of Claude Code of an instance; which one, each text decides anew."""

    limit = 0
    """87 kB were seen to arrive whole, and nothing sets a limit."""

    def __init__(
        self,
        mailbox: Mailbox,
        target: str = AUTO,
        *,
        run: str = "",
        timeout_s: float = 1800.0,
        hears: bool = True,
        clock: Callable[[], float] = steady.seconds,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._mailbox = mailbox
        self._target = Target(mailbox, target, run)
        self._timeout_s = timeout_s
        self._hears = hears
        self._clock = clock
        self._sleep = sleep
        self._since: dict[str, tuple[object, float]] = {}
        self._foreign = ("", "")
        """A process that refused a text in words that xw does not know, and these words."""

    @property
    def hears(self) -> bool:
        """Return True unless the user does not want it."""
        return self._hears

    @property
    def memory(self) -> str:
        """Return the session's id: a new one, also by `/clear`, knows nothing of before."""
        with suppress(XwError, OSError):
            return self._target.find().id
        return ""

    def last_turn(self) -> str:
        """Return the session, and the number of what its hooks noted last; see `Turning`."""
        session = self._target.find()
        return f"{session.id} {self._journal(session.id).last()}"

    def unusable(self) -> str | None:
        """Return why nothing can go into the session, busy or not: it has no hooks, or is not there."""
        try:
            return self._closed(self._target.find())
        except ChatGone as error:
            return str(error)

    def ready(self) -> str | None:
        """Return None while the session is idle; raise Unusable if it can never be used. See `Chat.ready`."""
        try:
            session = self._target.find()
        except ChatGone as error:
            return str(error)
        return self._closed(session) or (None if session.is_idle else session.state)

    def _closed(self, session: Session) -> str | None:
        """Return why nothing may go into a session's socket now, or None. Raise Unusable if it never may."""
        process, said = self._foreign
        if session.process == process:
            raise Unusable(f"{said}: {claude_sessions.FALLBACK}")
        return claude_sessions.closed(session)

    def mark(self) -> str:
        """Return the session, its process, and the end of its journal."""
        session = self._target.find()
        noted = {"session": session.id, "process": session.process, "changed": session.changed}
        return json.dumps({**noted, "event": self._journal(session.id).last(), "at": round(self._clock(), 3)})

    def present(self, mark: str, text: str) -> None:
        """Put the text into the socket, and wait until the journal has it; see `Chat.present`."""
        noted = json.loads(mark)
        session = self._now(noted)
        if session is None or session.process != noted["process"]:
            raise ChatGone(f"Claude Code (process {noted['process']}) has ended")
        reason = claude_sessions.closed(session)
        if reason:
            raise ChatGone(reason)
        try:
            claude_sessions.put(session, text, self._token(session))
        except Uncertain as error:
            if self.seen(mark, text) is False:
                if isinstance(error, claude_sessions.Spoke):
                    self._foreign = session.process, str(error)
                raise NotPresented(str(error)) from error
            if not self._taken(noted, text):
                raise
        self._wait_for_prompt(noted, text)

    def _wait_for_prompt(self, noted: Mapping[str, Any], text: str) -> None:
        """Return once the text is noted, or held. Raise NotPresented or Uncertain otherwise."""
        if self._arrives(noted, text):
            return
        now = self._now(noted)
        if (now is not None and not now.is_idle) or self._taken(noted, text):
            return
        if now is None and self._prompt(noted, text) is None:
            raise NotPresented("Claude Code ended before it took the text")
        raise Uncertain("Claude Code read the text, but neither its hooks nor its transcript have noted it")

    def _arrives(self, noted: Mapping[str, Any], text: str) -> bool:
        """Wait until the journal has the text; return False at the limit, or at once under a dialog."""
        end = self._clock() + ARRIVES_S
        while self._prompt(noted, text) is None:
            now = self._now(noted)
            # A dialog may stay open for days; Claude Code holds the text meanwhile.
            if now is None or now.status == "waiting" or self._clock() >= end:
                return False
            self._sleep(0.02)
        return True

    def seen(self, mark: str, text: str) -> bool | None:
        """Return True if the journal or the transcript has the text; see `Chat.seen`."""
        noted = json.loads(mark)
        if self._taken(noted, text):
            return True
        session = self._now(noted)
        if session is None or session.process != noted["process"]:
            # What a session holds ends with its process.
            return self._taken(noted, text)
        if not session.is_idle or not claude_sessions.probe(session):
            return None
        end = self._clock() + STILL_S
        while self._clock() < end:
            self._sleep(0.05)
            if self._taken(noted, text):
                return True
            if self._now(noted) != session:
                return None
        return False

    def capture(self, mark: str, text: str) -> Reply | None:
        """Return the answer that the journal has for the text, once its turn is over; see `Chat.capture`."""
        noted = json.loads(mark)
        now = self._now(noted)
        events, asked = self._events(noted, text)
        answered = claude_turns.answer(events, asked) if asked else None
        if asked and answered:
            idle = now is None or (now.is_idle and now.changed != noted["changed"])
            # Idle before and after the look at the journal: no Stop of this turn came in between.
            same = idle and self._now(noted) == now
            if same or claude_turns.is_over(events, answered):
                return self._reply(noted, asked, answered)
        elif now is None or (now.is_idle and self._is_quiet("answer", now, asked)):
            return self._without_answer(noted, text, asked, now)
        if self._clock() - noted["at"] > self._timeout_s:
            doing = f"; it is {now.state}" if now else ""
            raise NoAnswer(f"Claude Code: no answer within {self._timeout_s:g} s{doing}")
        return None

    def _reply(self, noted: Mapping[str, Any], asked: Event, answered: Event) -> Reply:
        if not claude_turns.is_own(asked, answered):
            # A turn that ended without its Stop is followed by somebody else's prompt and answer.
            ended = claude_transcript.ended(self._transcript(noted["session"]), asked.turn)
            if ended:
                return _outcome(ended)
        return _outcome(Ended("answered", answered.text))

    def _without_answer(
        self, noted: Mapping[str, Any], text: str, asked: Event | None, now: Session | None
    ) -> Reply:
        """Return the answer that only the transcript has, or raise why there is none."""
        path = self._transcript(noted["session"])
        taken = claude_transcript.taken(path, text)
        turn = asked.turn if asked else taken.turn if taken else ""
        ended = claude_transcript.ended(path, turn) if turn else None
        if ended:
            return _outcome(ended)
        if now is None or now.process != noted["process"]:
            raise ChatGone("Claude Code ended before it answered")
        if now.id != noted["session"]:
            raise ChatFailed("Claude Code: its conversation was cleared before it answered")
        raise ChatFailed(
            "Claude Code: the turn ended without an answer" if turn else "Claude Code lost the text"
        )

    def _is_quiet(self, what: str, now: Session, asked: Event | None) -> bool:
        """Return True once the session has been idle for long, by this object's own looks."""
        state = (now.process, now.id, now.changed, asked)
        if what not in self._since or self._since[what][0] != state:
            self._since[what] = (state, self._clock())
        return self._clock() - self._since[what][1] >= (QUIET_S if asked else ARRIVES_S)

    def close(self) -> None:
        """Do nothing: each text has its own connection."""

    # What people type

    def here(self) -> str:
        """Return the end of the session's journal."""
        session = self._target.find()
        return json.dumps({"session": session.id, "event": self._journal(session.id).last()})

    def overhear(self, place: str) -> Overheard | None:
        """Return the first finished exchange that a person began; see `Hearing.overhear`."""
        noted = json.loads(place)
        session = self._target.find()
        if session.id != noted["session"]:
            return Overheard("", "", json.dumps({"session": session.id, "event": 0}))
        kept = self._journal(session.id)
        events = kept.events(noted["event"])
        typed = [one for one in events if one.kind == "prompt" and not _OURS.match(one.text)]
        if not typed:
            moved = json.dumps({**noted, "event": events[-1].number if events else 0})
            return Overheard("", "", moved) if session.is_idle and len(events) > _MANY else None
        events = kept.events()  # the prompt that began its turn may be before the place
        answered = claude_turns.own_answer(events, typed[0])
        idle = session.is_idle and self._target.find() == session
        if answered and not claude_turns.came_within(events, typed[0]):
            over = idle or claude_turns.is_over(events, answered)
        else:
            over = idle and self._is_quiet("overheard", session, typed[0])
        if not over:
            return None
        answer = answered.text if answered and not error_in((PROGRAM,), answered.text) else ""
        return Overheard(typed[0].text.strip(), answer, json.dumps({**noted, "event": typed[0].number}))

    # What is noted

    def _now(self, noted: Mapping[str, Any]) -> Session | None:
        return self._target.now(noted["session"], noted["process"])

    def _journal(self, session: str) -> Journal:
        return Journal(self._mailbox, PROGRAM, session)

    def _transcript(self, session: str) -> str:
        noted = self._journal(session).session()
        return noted.transcript if noted else ""

    def _token(self, session: Session) -> str:
        noted = self._journal(session.id).session()
        return noted.token if noted and noted.socket == session.socket else ""

    def _prompt(self, noted: Mapping[str, Any], text: str) -> Event | None:
        return self._events(noted, text)[1]

    def _events(self, noted: Mapping[str, Any], text: str) -> tuple[list[Event], Event | None]:
        """Return the events since a mark, and the one of the text's prompt.

        A `/clear` at the same moment puts the text into the process's next session.
        """
        events = self._journal(noted["session"]).events(noted["event"])
        asked = claude_turns.prompt(events, text)
        if asked is None:
            now = self._now(noted)
            if now and now.id != noted["session"]:
                later = self._journal(now.id).events()
                found = claude_turns.prompt(later, text)
                if found:
                    return later, found
        return events, asked

    def _taken(self, noted: Mapping[str, Any], text: str) -> bool:
        """Return True if a text certainly went in, and is not lost with a process that held it."""
        if self._prompt(noted, text):
            return True
        now = self._now(noted)
        for session in {noted["session"], now.id if now else noted["session"]}:
            taken = claude_transcript.taken(self._transcript(session), text)
            if taken and (taken.shown or (now is not None and now.process == noted["process"])):
                return True
        return False


def _outcome(ended: Ended) -> Reply:
    """Return the answer with which a turn ended. Raise ChatFailed if it has none."""
    if ended.how == "interrupted":
        raise ChatFailed("Claude Code: interrupted in its own window before it answered")
    error = ended.text if ended.how == "error" else error_in((PROGRAM,), ended.text)
    if error:
        raise ChatFailed(f"Claude Code: {error}", ended.text)
    return Reply(ended.text)


def discover(options: Mapping[str, str]) -> list[Found]:  # noqa: ARG001 (its files show all sessions)
    """Return the user's sessions of Claude Code, with their states."""
    return [
        Found(
            str(session.pid),
            "claude",
            claude_sessions.unfit(session) or claude_sessions.closed(session) or session.state,
            place=session.name,
            directory=session.cwd,
            agent=session.agent,
        )
        for session in claude_sessions.living(claude_sessions.folders())
    ]


OPTIONS = ("timeout", "hear", "run")


def open_chat(target: str, options: Mapping[str, str], state: Path) -> ClaudeChat:
    """Return a chat with the session at `target`: `auto`, a process id, or a session id."""
    check_options(options, OPTIONS)
    hear = options.get("hear", "own")
    if hear not in ("own", "no"):
        raise Usage(f"invalid value {hear!r} for option hear: use own or no")
    return ClaudeChat(
        mailbox_of(state),
        target,
        run=run_of(options),
        timeout_s=seconds(options, "timeout", 1800.0),
        hears=hear == "own",
    )
