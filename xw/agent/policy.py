"""When an Agent syncs, what it reports, and which of its threads acts.

The one place that decides, for every face: a verb that needs news calls
`refresh` before it looks, one that sends gives `travel` what it sent.
"""

from _thread import RLock  # `threading` is too slow for the start-up path
from collections import deque
from contextlib import contextmanager

from xw import layout
from xw.errors import explain

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from typing import TypeVar

    from xw.config import Config
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
        self._held = False
        self._url = instance.hub.url  # a sync may find the hub elsewhere

    def hold(self) -> None:
        """Keep the connection to the hub from being closed with another Agent, until `close`."""
        self._held = True
        with _using_lock:
            _using[self._url] = _using.get(self._url, 0) + 1

    def close(self) -> None:
        """Let the connection to the hub go, once no other Agent of this process uses it."""
        with self._lock:
            if self._held:
                self._held = False
                with _using_lock:
                    _using[self._url] -= 1
                if not _using[self._url]:
                    self.instance.carrier.close()

    def refresh(self, peers: bool = False) -> None:
        """Sync a mirror, within the limit of automatic syncs, and report why that failed.

        With `peers` what is known of all peers is brought up to date as well.
        """
        self.tell(self.instance.carrier.refresh(peers=peers))

    def learn_peers(self, to: "Sequence[str]") -> None:
        """Look who is on the hub now, where the recipients depend on it: nobody is named, or `all`."""
        from xw.actions import sending

        if not to or layout.EVERYONE in sending.split(to):
            self.refresh(peers=True)

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
        for sentence in of_stranded(self.instance.config, hub, self.instance.root):
            self.tell(sentence)

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


def of_stranded(found: "Config", hub: str | None, root: str = "") -> "Iterator[str]":
    """Yield a sentence for each unused mirror with unsent mail, but for those of other projects."""
    from xw.actions.stranded import stranded

    for mirror in stranded(found, hub, root=root):
        if not mirror.others:  # else their own project says it
            yield f"{mirror.what}: {mirror.fix}"


# Agents of one process share the connection to a host, so that the last one closes it. Those of the command
# line do not count: nobody closes them, and they end with their process.
_using: dict[str, int] = {}
_using_lock = RLock()
