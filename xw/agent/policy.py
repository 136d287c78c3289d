"""When an Agent syncs, what it reports, and which of its threads acts.

The one place that decides, for every face: a verb that needs news calls
`refresh` before it looks, one that sends gives `travel` what it sent.
"""

from _thread import RLock  # `threading` is too slow for the start-up path
from collections import deque
from contextlib import contextmanager

from xw.errors import explain

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import TypeVar

    from xw.errors import XwError
    from xw.instance import Instance
    from xw.post import Sent

    Report = Callable[[str], None]
    _Item = TypeVar("_Item")

_NOTES = 100
"""How many notes are kept where nobody is reported to."""


class Policy:
    """One instance, its lock, and what there was to report."""

    def __init__(self, instance: "Instance", report: "Report | None") -> None:
        self.instance = instance
        self.notes: deque[str] = deque(maxlen=_NOTES)
        self._report = report
        self._lock = RLock()
        self._closed = False
        self._url = instance.hub.url  # a sync may find the hub elsewhere
        _opened(self._url)

    def close(self) -> None:
        """Let the connection to the hub go, once no other Agent of this process uses it."""
        with self._lock:
            if not self._closed:
                self._closed = True
                if _closed(self._url):
                    self.instance.carrier.close()

    def refresh(self, peers: bool = False) -> None:
        """Sync a mirror, within the limit of automatic syncs, and report why that failed.

        With `peers` what is known of all peers is brought up to date as well.
        """
        self.tell(self.instance.carrier.refresh(peers=peers))

    def travel(self, sent: "Sent") -> "Sent":
        """Sync a mirror after a send; return where the message is now. Raise Returned."""
        sent, problem = self.instance.carrier.after_send(sent)
        self.tell(problem)
        if sent.returned:
            from xw.agent.values import returned

            raise returned(self.instance.hub.instances(), sent)
        return sent

    def tell(self, text: str | None) -> None:
        """Report a sentence, if there is one."""
        if text and self._report:
            self._report(text)
        elif text:
            self.notes.append(text)

    def missing(self, name: str, error: "XwError") -> None:
        """Report that a message is missing from a transcript."""
        self.tell(f"left out: {name}: {error}")

    def tell_of_stranded(self, hub: str | None) -> None:
        """Report mirrors with unsent mail that are not in use, but for those of other projects."""
        from xw.actions.stranded import stranded

        for mirror in stranded(self.instance.config, hub, root=self.instance.root):
            if not mirror.others:
                self.tell(f"{mirror.what}: {mirror.fix}")

    # Threads

    @contextmanager
    def acting(self) -> "Iterator[None]":
        """Hold the lock; raise a disk's OSError as an XwError."""
        with self._lock:
            try:
                yield
            except OSError as error:
                raise explain(error) from error

    @contextmanager
    def asleep(self) -> "Iterator[None]":
        """Let other threads act while this one, which holds the lock, sleeps."""
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()

    def each(self, found: "Generator[_Item, None, None]") -> "Generator[_Item, None, None]":
        """Yield what a generator yields; it holds the lock while it looks, and not while the caller acts."""
        try:
            while True:
                with self.acting():
                    item = next(found, None)
                if item is None:
                    return
                yield item
        finally:
            found.close()


# Agents of one process share the connection to a host, so that the last one closes it.
_using: dict[str, int] = {}
_using_lock = RLock()


def _opened(url: str) -> None:
    with _using_lock:
        _using[url] = _using.get(url, 0) + 1


def _closed(url: str) -> bool:
    """Return True if no other Agent uses the hub any more."""
    with _using_lock:
        _using[url] -= 1
        return not _using[url]
