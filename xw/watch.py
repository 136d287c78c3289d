"""Wake-ups: something may have changed in a folder, so look again.

A wake-up carries no mail. It comes from the kernel through watchdog, and every few seconds anyway, because
the kernel's queue can overflow. Names with a leading dot wake nobody: they are xw's own notes and locks, and
code that writes a note into a folder it watches would wake itself for ever.
"""

import errno
import logging
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Event, Lock
from types import TracebackType
from typing import NamedTuple
from weakref import WeakSet

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
_POLL_S = 0.5
"""Between two looks at the folders' times without a kernel watch."""
# No file handle, watch or thread is left, a sandbox refuses the call, the kernel lacks it: only a missing
# folder is an error. macOS raises SystemError.
_UNUSABLE = (OSError, RuntimeError, SystemError)
_MISSING = (errno.ENOENT, errno.ENOTDIR)


class Arrivals:
    """Wakes its caller when a file without a leading dot appears in one of the folders (absolute paths).

    A context manager. The watch begins on entering, so a caller that enters, looks, then waits misses
    nothing. Without a kernel watch, it looks at the folders twice a second. Raise FileNotFoundError if a
    folder is missing.
    """

    def __init__(self, folders: Sequence[str], rescan: float = RESCAN_S) -> None:
        self._rescan = rescan
        self._woken = _Woken()
        self._polls = False
        self._seen: dict[str, _Look | None] = {}  # the folders, when polling
        self._folders: set[str] = set()
        self._observer: BaseObserver | None = None
        try:
            self._observer = _observer(self._woken)
        except _UNUSABLE as error:
            self._do_without(error)
        for folder in folders:
            self.also(folder)
        self._woken.clear()  # the caller looks before it waits

    def __enter__(self) -> "Arrivals":
        if self._observer:
            try:
                self._observer.start()
            except _UNUSABLE as error:
                self._do_without(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._observer and not self._polls:
            self._observer.stop()
            self._observer.join()

    def also(self, folder: str) -> None:
        """Watch another folder too; harmless if it is watched already.

        The next `wait` then returns at once: something may have arrived there before.
        """
        if folder in self._folders:
            return
        self._folders.add(folder)
        if self._polls:
            self._seen[folder] = _look(folder)
        elif self._observer:
            try:
                self._observer.schedule(_Handler(self._woken), folder, event_filter=_EVENTS)
            except _UNUSABLE as error:
                self._do_without(error)
        self._woken.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Return True if something may have arrived since the last call, False after `timeout` seconds.

        Returns after the rescan time at the latest.
        """
        left = self._rescan if timeout is None else max(0.0, min(timeout, self._rescan))
        ends = time.monotonic() + left
        if not self._polls and _is_broken():
            self._do_without(OSError(errno.EIO, "the kernel's watch has ended"))
            self._woken.set()  # nobody watched until now
        while True:
            woken = self._woken.wait(min(left, _POLL_S) if self._polls else left)
            self._woken.clear()
            left = ends - time.monotonic()
            woken = woken or (self._polls and self._has_changed())
            if woken or not self._polls or left <= 0:
                return woken

    def ticket(self) -> object:
        """Return a value that is another one once something may have arrived; the rescan time counts too."""
        return self._woken.count, time.monotonic() // (_POLL_S if self._polls else self._rescan)

    def _do_without(self, error: Exception) -> None:
        """Poll from now on. Raise FileNotFoundError with the folder's name if one is missing."""
        if isinstance(error, OSError) and error.errno in _MISSING:
            gone = next((folder for folder in sorted(self._folders) if not os.path.isdir(folder)), None)
            raise OSError(error.errno, error.strerror or str(error), gone) from None
        self._polls = True
        self._seen = {folder: _look(folder) for folder in self._folders}
        if self._observer:
            with suppress(*_UNUSABLE):  # the kernel's watch is of no use in any case
                self._observer.unschedule_all()
            if self._observer.is_alive():
                self._observer.stop()

    def _has_changed(self) -> bool:
        """Look at the folders; return True if one has a new name without a leading dot, or is gone."""
        changed = False
        for folder, before in self._seen.items():
            self._seen[folder] = now = _look(folder, before)
            changed = changed or now is None or before is None or not now.names <= before.names
        return changed

    def wake(self) -> None:
        """End the current or next `wait`; may be called from a signal handler or another thread."""
        self._woken.set()


class _Woken(Event):
    """An event that counts how often it was set."""

    count = 0

    def set(self) -> None:
        self.count += 1
        super().set()


class _Handler(FileSystemEventHandler):
    def __init__(self, woken: Event) -> None:
        self._woken = woken

    def on_any_event(self, event: FileSystemEvent) -> None:
        # A deleted folder is the watched folder itself, whatever its name.
        name = os.path.basename(os.fsdecode(event.dest_path or event.src_path))
        if isinstance(event, DirDeletedEvent) or not name.startswith("."):
            self._woken.set()


_EVENTS: list[type[FileSystemEvent]] = [FileCreatedEvent, FileMovedEvent, DirCreatedEvent, DirDeletedEvent]


class _Look(NamedTuple):
    """A folder's time, and its names without a leading dot."""

    time_ns: int
    names: frozenset[str]


def _look(folder: str, before: _Look | None = None) -> _Look | None:
    """Return a folder's names, listed only if its time has changed; None if it cannot be listed."""
    try:
        at = os.stat(folder).st_mtime_ns
        if before and before.time_ns == at:
            return before
        return _Look(at, frozenset(name for name in os.listdir(folder) if not name.startswith(".")))
    except OSError:
        return None  # the caller's own look raises the error


if sys.platform.startswith("linux"):
    from watchdog.observers.inotify import InotifyEmitter
    from watchdog.observers.inotify_c import (
        CallbackId,
        InotifyConstants,
        InotifyFD,
        Mask,
        WatchCallback,
        WatchDescriptor,
    )

    class _Incoming(InotifyEmitter):
        """Asks the kernel for arrivals only.

        If it also asked for departures, watchdog would hold each back for half a second to pair it with an
        arrival, and delay all later events; claimed messages leave `pending/` all the time.
        """

        def get_event_mask_from_filter(self) -> Mask:
            return Mask(
                InotifyConstants.IN_CREATE | InotifyConstants.IN_MOVED_TO | InotifyConstants.IN_DELETE_SELF
            )

    class _Reader(InotifyFD):
        """The process's one handle of inotify: a user has 128 of them by default.

        If the kernel refuses to be read, it wakes everybody and ends without a traceback.
        """

        shared: "_Reader | None" = None
        lock = Lock()

        def __init__(self) -> None:
            super().__init__()
            self.wakes: WeakSet[Event] = WeakSet()
            self.broken = False

        # watchdog takes EACCES for success.
        @classmethod
        def _create_inotify_fd(cls) -> int:
            return _unless_refused(super()._create_inotify_fd())

        def add_callback(
            self, path: bytes, mask: Mask, callback: WatchCallback, id_: CallbackId
        ) -> WatchDescriptor:
            return WatchDescriptor(_unless_refused(super().add_callback(path, mask, callback, id_)))

        def run(self) -> None:
            try:
                super().run()
            except OSError:
                self.broken = True
                for event in list(self.wakes):
                    event.set()

    def _unless_refused(result: int) -> int:
        if result == -1:
            raise PermissionError(errno.EACCES, "inotify is refused")
        return result

    def _observer(woken: Event) -> BaseObserver:
        with _Reader.lock:
            if _Reader.shared is None or _Reader.shared.broken:
                reader = _Reader()
                reader.start()
                _Reader.shared = reader
            _Reader.shared.wakes.add(woken)
            return BaseObserver(_Incoming, inotify_fd=_Reader.shared)

    def _is_broken() -> bool:
        return _Reader.shared is not None and _Reader.shared.broken

else:

    def _observer(woken: Event) -> BaseObserver:  # noqa: ARG001  # macOS reports no broken watch
        return Observer()

    def _is_broken() -> bool:
        return False
