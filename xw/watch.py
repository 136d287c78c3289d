"""Wake-ups: something may have changed in a folder, look again.

A wake-up carries no mail. It comes from the kernel through watchdog, and every
few seconds anyway, because the kernel's queue can overflow (FACTS).
"""

import logging
import sys
from collections.abc import Sequence
from threading import Event
from types import TracebackType

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

# It says on stderr that a watch which is being closed is closed.
logging.getLogger("watchdog").setLevel(logging.CRITICAL)

RESCAN_S = 5.0


class Arrivals:
    """Wakes its caller when a file appears in one of the folders (absolute paths).

    A context manager. The watch is on when it is entered, so a caller that
    enters, looks, then waits misses nothing.
    """

    def __init__(self, folders: Sequence[str], rescan: float = RESCAN_S) -> None:
        self._rescan = rescan
        self._woken = Event()
        self._observer = _observer()
        self._folders: set[str] = set()
        for folder in folders:
            self.also(folder)
        self._woken.clear()  # the caller looks first anyway

    def __enter__(self) -> "Arrivals":
        self._observer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._observer.stop()
        self._observer.join()

    def also(self, folder: str) -> None:
        """Watch another folder as well; harmless where it is watched already.

        The next `wait` returns at once then: something may have arrived there before.
        """
        if folder not in self._folders:
            self._folders.add(folder)
            self._observer.schedule(_Handler(self._woken), folder, event_filter=_EVENTS)
            self._woken.set()

    def wait(self, timeout: float | None = None) -> None:
        """Return when something may have arrived since the last call, after the rescan time or `timeout`."""
        self._woken.wait(self._rescan if timeout is None else max(0.0, min(timeout, self._rescan)))
        self._woken.clear()

    def wake(self) -> None:
        """End the present or next `wait`; may be called from a signal handler or another thread."""
        self._woken.set()


class _Handler(FileSystemEventHandler):
    def __init__(self, woken: Event) -> None:
        self._woken = woken

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002  # watchdog's signature
        self._woken.set()


_EVENTS: list[type[FileSystemEvent]] = [FileCreatedEvent, FileMovedEvent, DirCreatedEvent, DirDeletedEvent]


def _observer() -> BaseObserver:
    if not sys.platform.startswith("linux"):
        return Observer()
    from watchdog.observers.inotify import InotifyEmitter
    from watchdog.observers.inotify_c import InotifyConstants, Mask

    class Incoming(InotifyEmitter):
        """Asks the kernel for arrivals alone.

        With departures, watchdog holds each of them back for half a second to
        pair it with an arrival, and all later events with it (FACTS); messages
        that are claimed leave `pending/` all the time.
        """

        def get_event_mask_from_filter(self) -> Mask:
            return Mask(
                InotifyConstants.IN_CREATE | InotifyConstants.IN_MOVED_TO | InotifyConstants.IN_DELETE_SELF
            )

    return BaseObserver(Incoming)
