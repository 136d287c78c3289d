"""A directory hub with a mirror in a worktree, whose agent may not write the hub: see `sandbox`."""

import subprocess
from contextlib import nullcontext, suppress

from xw import sandbox
from xw.files.local import LocalFiles
from xw.hub.directory import DirectoryHub, facts
from xw.hub.remote import RemoteHub

TYPE_CHECKING = False  # read as true by type checkers; `typing` is too slow for the start-up path
if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


class MirroredDirectory(RemoteHub):
    """A `RemoteHub` whose other side is a directory of this machine."""

    def __init__(self, url: str, memory: LocalFiles, patience: float, hint: str) -> None:
        super().__init__(url, memory, patience=patience)  # no network is needed, so never offline
        self.hint = hint
        self._pushing: subprocess.Popen[str] | None = None

    def far(self) -> DirectoryHub:
        """See `RemoteHub.far`."""
        if self._far is None:
            about = facts(LocalFiles(self.url), self.url)
            self._far = DirectoryHub(LocalFiles(self.url, group=about.group, links=about.links), self.url)
        return self._far

    def closed(self, name: str) -> str:
        """See `RemoteHub.closed`."""
        if sandbox.closed(f"{self.url}/{name}"):
            return f"{self.url} cannot be written from here: {self.hint}"
        return ""

    def root(self) -> str:
        """See `RemoteHub.root`."""
        return self.url

    def within(self, seconds: float) -> "AbstractContextManager[None]":  # noqa: ARG002  # a disk has no limit
        """See `RemoteHub.within`."""
        return nullcontext()

    def durable(self) -> bool:
        """See `RemoteHub.durable`."""
        return True

    def system(self) -> str:
        """See `RemoteHub.system`; of this machine nobody has to be told."""
        return ""

    def lines(self, command: str) -> "Iterator[str]":
        """See `RemoteHub.lines`."""
        self._pushing = subprocess.Popen(
            ["sh", "-c", command],
            cwd=self.url,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        with self._pushing as process:
            assert process.stdout
            yield from process.stdout

    def connect(self) -> None:
        """See `RemoteHub.connect`."""
        self.far()

    def close(self) -> None:
        """See `RemoteHub.close`."""
        self._far = None
        if self._pushing and self._pushing.stdin:
            with suppress(OSError):
                self._pushing.stdin.close()  # by which what pushes ends
