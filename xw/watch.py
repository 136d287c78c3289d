"""Wake-ups: something may have changed in a folder, so look again.

A wake-up carries no mail. It comes from the kernel through watchdog, and every few seconds anyway, because
the kernel's queue can overflow. Names with a leading dot wake nobody: they are xw's own notes and locks, and
code that writes a note into a folder it watches would wake itself for ever.
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

# watchdog logs the normal end of a watch on stderr.
logging.getLogger("watchdog").setLevel(logging.CRITICAL)

RESCAN_S = 5.0
# Used without a kernel watch: a user has 128 inotify instances by default, and many agents use them up.
_POLL_S = 0.5
_USED_UP = (errno.EMFILE, errno.ENOSPC)


class Arrivals:
    """Wakes its caller when a file without a leading dot appears in one of the folders (absolute paths).

    A context manager. The watch begins on entering, so a caller that enters, looks, then waits misses
    nothing. Without a kernel watch, it wakes twice a second. Raise FileNotFoundError if a folder is missing.
    """

    def __init__(self, folders: Sequence[str], rescan: float = RESCAN_S) -> None:
        self._rescan = rescan
        self._woken = Event()
        self._observer = _observer()
        self._polls = False
        self._folders: set[str] = set()
        for folder in folders:
            self.also(folder)
        self._woken.clear()  # the caller looks before it waits

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
        """Watch another folder too; harmless if it is watched already.

        The next `wait` then returns at once: something may have arrived there before.
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
        """Return True if something may have arrived since the last call, False after `timeout` seconds.

        Returns after the rescan time at the latest.
        """
        woken = self._woken.wait(self._rescan if timeout is None else max(0.0, min(timeout, self._rescan)))
        self._woken.clear()
        return woken

    def _do_without(self, error: OSError) -> None:
        """Poll from now on if the kernel has no watch left; else raise the error with the folder's name."""
        if error.errno not in _USED_UP:
            gone = next((folder for folder in sorted(self._folders) if not os.path.isdir(folder)), None)
            raise OSError(error.errno, error.strerror or str(error), gone) from None
        self._polls = True
        self._rescan = min(self._rescan, _POLL_S)
        self._observer.unschedule_all()
        if self._observer.is_alive():
            self._observer.stop()

    def wake(self) -> None:
        """End the current or next `wait`; may be called from a signal handler or another thread."""
        self._woken.set()


class _Handler(FileSystemEventHandler):
    def __init__(self, woken: Event) -> None:
        self._woken = woken

    def on_any_event(self, event: FileSystemEvent) -> None:
        # A deleted folder is the watched folder itself, whatever its name.
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
        """Asks the kernel for arrivals only.

        If it also asked for departures, watchdog would hold each back for half a second to pair it with an
        arrival, and delay all later events; claimed messages leave `pending/` all the time.
        """

        def get_event_mask_from_filter(self) -> Mask:
            return Mask(
                InotifyConstants.IN_CREATE | InotifyConstants.IN_MOVED_TO | InotifyConstants.IN_DELETE_SELF
            )

    return BaseObserver(Incoming)
