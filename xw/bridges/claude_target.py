"""The session of Claude Code that a bridge's target names: one of the instance, whose hooks keep its journal.

`auto` is the last session of the instance that was noted; a process id or a session's id names one. A session
that `xw launch` started in the bridge's own run comes before all others. Called by `claude`.
"""

import time

from xw import journal
from xw.bridges import claude_sessions, steady
from xw.bridges.chat import ChatGone, Unusable
from xw.bridges.claude_sessions import Session
from xw.bridges.kinds import AUTO
from xw.journal import AgentSession
from xw.mailbox import Mailbox

PROGRAM = "claude"
STARTS_S = 60.0
"""Time for a new session's first hook, behind the dialogs of its start; after that it has none."""

SETTLES_S = 20.0
"""Time for a launched program to make its session, unless a dialog is open."""

_REMEDY = "start it by `xw launch`, or run `xw install claude` and start it again"


class Target:
    """The target as the user named it; which session that is may change with each look."""

    def __init__(self, mailbox: Mailbox, name: str, run: str = "") -> None:
        self._mailbox = mailbox
        self._name = name
        self._run = run
        self._made = steady.seconds()

    def find(self) -> Session:
        """Return the session that takes mail now. Raise ChatGone, or Unusable if it never can."""
        noted = journal.sessions(self._mailbox, PROGRAM)
        noted.sort(key=lambda one: not (self._run and one.run == self._run))
        for one in noted:
            session = _living(one)
            if session and self._means(session, one):
                reason = claude_sessions.unfit(session)
                if reason:
                    raise Unusable(reason)
                return session
        raise self._missing()

    def now(self, session: str, process: str) -> Session | None:
        """Return the present state of this process, or of this session in a later one; None if both ended."""
        found = claude_sessions.of_process(_number(process))
        if found and found.process == process:
            return found
        noted = [one for one in journal.sessions(self._mailbox, PROGRAM) if one.id == session]
        return _living(noted[0]) if noted else None

    def _means(self, session: Session, noted: AgentSession) -> bool:
        """Return True if the target names this session."""
        if self._name == AUTO or (self._run and noted.run == self._run):
            return True
        return self._name in (str(session.pid), session.id)

    def _missing(self) -> ChatGone | Unusable:
        """Return why there is no session with a journal."""
        name = self._mailbox.owner
        pid = int(self._name) if self._name.isdigit() else 0
        found = claude_sessions.living(claude_sessions.folders(pid))
        without = [
            session
            for session in found
            if (session.agent == name if self._name == AUTO else self._name in (str(session.pid), session.id))
        ]
        if not without and self._run:
            late = steady.seconds() - self._made >= SETTLES_S
            return ChatGone(
                "claude has no session yet: look at its terminal" if late else "claude is starting"
            )
        if not without:
            which = f"of {name}" if self._name == AUTO else self._name
            return ChatGone(f"no session of Claude Code {which} is running: {_REMEDY}")
        session = without[0]
        reason = claude_sessions.unfit(session)
        if reason:
            return Unusable(reason)
        which = f"the session of Claude Code in process {session.pid}"
        if self._run or time.time() - session.started / 1000 < STARTS_S:
            return ChatGone(f"{which} has not started yet: a dialog may be open in its window")
        return Unusable(f"{which} has no hooks of xw for {name}, so its answers cannot be known: {_REMEDY}")


def _living(noted: AgentSession) -> Session | None:
    """Return the session as its process shows it; None if that has another by now."""
    session = claude_sessions.of_process(_number(noted.process))
    return session if session and session.id == noted.id else None


def _number(process: str) -> int:
    return int(process.partition("-")[0])
