"""A thread that waits for mail, for the server to notify its clients.

It sleeps in the kernel's watch until mail arrives, and after an error of the hub for longer and longer. It is
started only for an instance that is told of mail as it arrives.
"""

import time
from collections.abc import Callable
from threading import Lock, Thread

from xw import Message
from xw.backoff import Pause
from xw.errors import XwError
from xw.mcp.shared_agent import SharedAgent

_FIRST_S, _LAST_S = 5.0, 60.0  # between two tries after an error


class Arrivals:
    """The messages that nobody was notified of yet. Any thread may call any method."""

    def __init__(self, shared: SharedAgent, wake: Callable[[], None]) -> None:
        self._shared = shared
        self._wake = wake
        self._lock = Lock()
        self._thread: Thread | None = None
        self._seen: set[str] = set()
        self._new: list[Message] = []

    def start(self) -> None:
        """Begin to wait for mail; harmless if it does already."""
        with self._lock:
            if self._thread is None:
                # A daemon: it ends with the process, which nothing must hold up.
                self._thread = Thread(target=self._run, name="arrivals", daemon=True)
                self._thread.start()

    def take(self) -> list[Message]:
        """Return the messages that came since the last call, each once in the life of this object."""
        with self._lock:
            new, self._new = self._new, []
            return new

    def waiting(self) -> bool:
        """Return True if `take` would return messages."""
        return bool(self._new)

    def _run(self) -> None:
        pause = Pause(_FIRST_S, _LAST_S)
        while True:
            try:
                for message in self._shared.agent().arrivals():
                    pause.reset()
                    self._put(message)
            except XwError as error:  # the tools report it to whoever uses them
                self._shared.failed(error)
            time.sleep(pause.longer())

    def _put(self, message: Message) -> None:
        with self._lock:
            if message.id in self._seen:
                return
            self._seen.add(message.id)
            self._new.append(message)
        self._wake()
