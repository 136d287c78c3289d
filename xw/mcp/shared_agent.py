"""The Agent of a server, shared by all its calls, and what it reports during each of them.

Opened on first use and again after a hub was unreachable, so that a server started too early, or one whose
hub moved, serves the next call without a restart.
"""

from collections.abc import Callable
from threading import Lock, local

from xw.agent import Agent, Options, open_with
from xw.agent.functions import may_show
from xw.errors import Unreachable, XwError
from xw.words import Moment


class SharedAgent:
    """Where a server's threads get the Agent. Any thread may call any method."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._opened: tuple[Agent, Callable[[Moment], bool]] | None = None
        self._lock = Lock()
        self._heard = local()  # an Agent reports in the thread that calls it

    def agent(self) -> Agent:
        """Return the Agent. Raise the errors of `xw.open`."""
        return self._open()[0]

    def may_notify(self) -> bool:
        """Return True if clients may be told of mail as it arrives."""
        try:
            return self._open()[1]("idle")
        except (XwError, OSError):
            return False  # nothing arrives at a hub that cannot be reached

    def failed(self, error: Exception) -> None:
        """Open the Agent again at the next call if an error shows that its hub may be elsewhere now."""
        if isinstance(error, Unreachable):
            with self._lock:
                self._opened = None

    def listen(self) -> list[str]:
        """Return a list that gets what the Agent reports from now on to this thread."""
        notes: list[str] = []
        self._heard.notes = notes
        return notes

    def _open(self) -> "tuple[Agent, Callable[[Moment], bool]]":
        with self._lock:
            if self._opened is None:
                agent = open_with(self._options, self._report)
                # At once: it follows edits of xw.json from now on.
                self._opened = agent, may_show(agent)
            return self._opened

    def _report(self, text: str) -> None:
        notes = getattr(self._heard, "notes", None)
        if notes is not None:  # nobody reads the reports of a thread that only waits
            notes.append(text)
