"""Wake-ups: something may have changed in a folder, look again.

A wake-up carries no mail. It comes from the kernel through watchdog, and every
few seconds anyway, because the kernel's queue can overflow. Names with a leading
dot wake nobody: they are xw's own notes and locks, and a part that keeps a note
in a folder which it watches would wake itself for ever.
"""

import errno
import logging
import os
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
# Where the kernel gives no watch: a user has 128 inotify instances by default, and many agents use them up.
_POLL_S = 0.5
_USED_UP = (errno.EMFILE, errno.ENOSPC)


class Arrivals:
    """Wakes its caller when a file without a leading dot appears in one of the folders (absolute paths).

    A context manager. The watch is on when it is entered, so a caller that
    enters, looks, then waits misses nothing. Where the kernel has no watch left,
    it wakes twice a second instead. FileNotFoundError for a folder that is gone.
    """

    def __init__(self, folders: Sequence[str], rescan: float = RESCAN_S) -> None:
        self._rescan = rescan
        self._woken = Event()
        self._observer = _observer()
        self._polls = False
        self._folders: set[str] = set()
        for folder in folders:
            self.also(folder)
        self._woken.clear()  # the caller looks first anyway

    def __enter__(self) -> "Arrivals":
        try:
            self._observer.start()
        except OSError as error:
            self._do_without(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._polls:
            self._observer.stop()
            self._observer.join()

    def also(self, folder: str) -> None:
        """Watch another folder as well; harmless where it is watched already.

        The next `wait` returns at once then: something may have arrived there before.
        """
        if folder in self._folders or self._polls:
            return
        self._folders.add(folder)
        try:
            self._observer.schedule(_Handler(self._woken), folder, event_filter=_EVENTS)
        except OSError as error:
            self._do_without(error)
        self._woken.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Return True when something may have arrived since the last call, False after `timeout` seconds.

        After the rescan time at the latest.
        """
        woken = self._woken.wait(self._rescan if timeout is None else max(0.0, min(timeout, self._rescan)))
        self._woken.clear()
        return woken

    def _do_without(self, error: OSError) -> None:
        """Poll from now on, where that is the kernel's limit; else say which folder is at fault."""
        if error.errno not in _USED_UP:
            gone = next((folder for folder in sorted(self._folders) if not os.path.isdir(folder)), None)
            raise OSError(error.errno, error.strerror or str(error), gone) from None
        self._polls = True
        self._rescan = min(self._rescan, _POLL_S)
        self._observer.unschedule_all()
        if self._observer.is_alive():
            self._observer.stop()

    def wake(self) -> None:
        """End the present or next `wait`; may be called from a signal handler or another thread."""
        self._woken.set()


class _Handler(FileSystemEventHandler):
    def __init__(self, woken: Event) -> None:
        self._woken = woken

    def on_any_event(self, event: FileSystemEvent) -> None:
        # A folder that is deleted is the watched one itself, whatever its name.
        name = os.path.basename(os.fsdecode(event.dest_path or event.src_path))
        if isinstance(event, DirDeletedEvent) or not name.startswith("."):
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
        pair it with an arrival, and all later events with it; messages
        that are claimed leave `pending/` all the time.
        """

        def get_event_mask_from_filter(self) -> Mask:
            return Mask(
                InotifyConstants.IN_CREATE | InotifyConstants.IN_MOVED_TO | InotifyConstants.IN_DELETE_SELF
            )

    return BaseObserver(Incoming)
